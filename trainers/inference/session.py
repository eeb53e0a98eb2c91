"""Snapshots as explorers ask them: opened with checks, each question answered in chunks by the capability it needs.

The operations and their arrays are those of the explorers' protocol. Long answers come in chunks with progress between
them, so that a drag can overtake.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainers import registry
from trainers.compiled import matmul
from trainers.config import RunConfig
from trainers.errors import CheckpointError, ConfigError, UserError
from trainers.families.interface import PROTOCOLS, Model
from trainers.inference import channels_last, images, interpolation, inversion, planes, points
from trainers.inference.loaded_model import Array, Chunk, LoadedModel, Query
from trainers.model_card import ModelCard
from trainers.storage import checkpoint
from trainers.training import resume, rng

_OTHER = "it belongs to another run"
_BESIDE_WEIGHTS = 16 << 20  # bytes: the header of the weights, and buffers that are not counted as parameters
Operation = Callable[[Query], Iterator[Chunk]]
_OPERATIONS: dict[str, tuple[Operation, tuple[str, ...]]] = {  # with the capabilities that each needs
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
}


def load(folder: Path, config: RunConfig) -> "InferenceSession":
    """Open a snapshot.

    Args:
        folder: Of the snapshot.
        config: Of its run.

    Raises:
        CheckpointError: if the snapshot is damaged or of another model.
    """
    told = checkpoint.load_card(folder)
    if told.family != config.model.name:
        raise CheckpointError(f"{folder}: is of the family '{told.family}', its run of '{config.model.name}'", _OTHER)
    family, options = registry.family(config.model.name), config.model_options()
    count = registry.parameter_count(family, options, told.image_shape)
    disagree = CheckpointError(f"{folder}: its weights and its run's config.json disagree about the model", _OTHER)
    if count != told.num_parameters:
        raise disagree
    arrays, card = checkpoint.load_snapshot(folder, max_weights_bytes=8 * count + _BESIDE_WEIGHTS)
    if card != told or count > sum(array.size for array in arrays.values()):  # before it is built
        raise disagree
    with rng.SkipInit():  # which would be half of the time that opening takes
        model: Model = registry.resolve(family.build)(options, card.image_shape)
    resume.load_weights(model, arrays)
    return InferenceSession(channels_last.to_channels_last(model.eval().requires_grad_(False)), card, config)


class InferenceSession:
    """A model with its weights, ready to be asked.

    Args:
        model: On the CPU.
        card: Of the snapshot.
        config: Of its run; names the data, which is read when it is first needed.
    """

    def __init__(self, model: Model, card: ModelCard, config: RunConfig) -> None:
        self.card = card
        self.config = config
        self.opened = LoadedModel(model, card, config)

    def answer(
        self, op: str, params: Mapping[str, Any] | None = None, arrays: Mapping[str, Any] | None = None
    ) -> Iterator[Chunk]:
        """Yield ("progress", fraction, message) between chunks of work, then ("result", arrays, meta).

        Where pictures or points hold values that are not finite, meta `not_finite` is their share.

        Raises:
            UserError: for an operation that is unknown, that this model has not, or that is asked wrongly.
        """
        if op not in _OPERATIONS:
            raise ConfigError(f"'{op[:40]}' is no operation", f"choose one of {', '.join(_OPERATIONS)}")
        question = Query(self.opened, params or {}, arrays or {})
        operation, needs = _OPERATIONS[op]
        if op == "manifold" and "origin" in question.arrays:  # a plane through more dimensions than two
            needs = ("plane",)
        for name in needs:
            capability = self.card.capability(name)
            if not capability.available:
                raise UserError(f"'{op}' is not available for this model", capability.reason)
            if not isinstance(self.opened.model, PROTOCOLS.get(name, Model)):
                raise UserError(f"'{op}' is not available for this model", f"its family does not implement '{name}'")
        for chunk in _multiplied_fast(operation(question)):
            yield _with_flaws(chunk, question)

    def ask(
        self, op: str, params: Mapping[str, Any] | None = None, arrays: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the result of an operation, arrays and meta, without the progress on the way.

        Raises:
            UserError: as `answer`.
        """
        *_, (_, result, meta) = self.answer(op, params, arrays)
        return result, meta  # type: ignore[return-value]


def _multiplied_fast(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Yield the same; the process's setting is another only while a chunk is worked out, not while its taker works."""
    while True:
        with matmul.prefer_onednn():
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def _with_flaws(chunk: Chunk, question: Query) -> Chunk:
    match chunk:
        case ("result", arrays, dict() as meta):
            return "result", arrays, {**question.flaws, **meta}
        case _:
            return chunk
