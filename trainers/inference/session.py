"""An inference session: answers queries to one loaded model, in chunks, checked against its capabilities.

Operations, their parameters and their arrays are those of the explorer's protocol. Long operations yield progress
between chunks, so that a newer query can take their place.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainers.config import RunConfig
from trainers.errors import ConfigError, UserError
from trainers.families.interface import PROTOCOLS, Model
from trainers.inference import images, interpolation, inversion, onnx_export, planes, points
from trainers.inference.chunks import Chunk, Result
from trainers.inference.loaded_model import LoadedModel, load_model
from trainers.inference.query import Query
from trainers.numerics import matmul

Operation = Callable[[Query], Iterator[Chunk]]
_OPERATIONS: dict[str, tuple[Operation, tuple[str, ...]]] = {  # with the capabilities that each requires
    "describe": (images.describe, ()),
    "test_images": (images.test_images, ()),
    "decode": (images.decode, ("decode",)),
    "manifold": (planes.manifold, ("manifold",)),
    "sample": (images.sample, ("sample",)),
    "encode": (images.encode, ("encode",)),
    "encodings": (images.encodings, ("encode",)),
    "posterior": (images.posterior, ("encode",)),
    "nearest": (images.nearest, ("encode",)),
    "pipeline": (images.pipeline, ()),
    "interpolate": (interpolation.interpolate, ("decode",)),
    "invert": (inversion.invert, ("invert",)),
    "trace": (interpolation.trace, ("trace",)),
    "axes": (planes.axes, ("plane",)),
    "plane": (planes.plane, ("plane",)),
    "project": (planes.project, ("plane", "encode")),
    "critic": (points.critic, ("critic",)),
    "density": (points.density, ("density",)),
    "points": (points.points, ("density",)),
    "onnx": (onnx_export.onnx, ()),
}


def load(folder: Path, config: RunConfig) -> "InferenceSession":
    """Load a snapshot; see `load_model`.

    Raises:
        CheckpointError: if the snapshot is damaged or of another model.
    """
    return InferenceSession(load_model(folder, config))


class InferenceSession:
    """Answers queries to a loaded model.

    Args:
        loaded: The model.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.card = loaded.card

    def answer(
        self, op: str, params: Mapping[str, Any] | None = None, arrays: Mapping[str, Any] | None = None
    ) -> Iterator[Chunk]:
        """Yield `Progress` between chunks of work, then a `Result`.

        Meta `not_finite` is the fraction of values in images and points that are not finite, if there are any.

        Raises:
            UserError: if the operation is unknown, not available for this model, or its parameters are invalid.
        """
        if op not in _OPERATIONS:
            raise ConfigError(f"unknown operation '{op[:40]}'", f"choose one of {', '.join(_OPERATIONS)}")
        # Check the capabilities.
        query = Query(self.loaded, params or {}, arrays or {})
        operation, required = _OPERATIONS[op]
        if op == "manifold" and "origin" in query.arrays:  # a plane through more than two dimensions
            required = ("plane",)
        for name in required:
            capability = self.card.capability(name)
            if not capability.available:
                raise UserError(f"'{op}' is not available for this model", capability.reason)
            if not isinstance(self.loaded.model, PROTOCOLS.get(name, Model)):
                hint = f"its family '{self.card.family}' declares '{name}', but its model lacks the methods"
                raise UserError(f"'{op}' is not available for this model", hint)
        # Answer; the process-wide matmul backend is changed only while a chunk is computed, not for the consumer.
        chunks = operation(query)
        while True:
            with matmul.prefer_onednn():
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield replace(chunk, meta={**query.quality, **chunk.meta}) if isinstance(chunk, Result) else chunk

    def run(
        self, op: str, params: Mapping[str, Any] | None = None, arrays: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the arrays and the meta of an operation's result.

        Raises:
            UserError: as `answer`.
        """
        *_, result = self.answer(op, params, arrays)
        assert isinstance(result, Result)
        return dict(result.arrays), dict(result.meta)
