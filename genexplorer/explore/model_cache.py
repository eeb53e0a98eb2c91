"""Cache of the models of the last few snapshots, by run and step."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from genexplorer.explore.protocol import Request
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.status.run_status import read_config
from trainers.config import RunConfig
from trainers.errors import CheckpointError
from trainers.inference.chunks import Chunk

MAX_MODELS = 6
MAX_BYTES = 1 << 30  # of their weights: fewer snapshots of large models, but always the requested one


class Explorable(Protocol):
    """A model that computes operations."""

    def answer(self, op: str, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        """Compute one operation of the protocol in chunks."""
        ...


Load = Callable[[Path, RunConfig], Explorable]
_Identity = tuple[str, int, int, int]  # run, step, inode and mtime, which change when a resumed run rewrites the step


class ModelCache:
    """Loads models and keeps the last few.

    Args:
        load: `trainers.inference.session.load`, or a fake.
        max_models: How many stay loaded.
        max_bytes: The maximum size of their files together.
    """

    def __init__(self, load: Load, max_models: int = MAX_MODELS, max_bytes: int = MAX_BYTES) -> None:
        self._load = load
        self._max_models = max_models
        self._max_bytes = max_bytes
        self._models: OrderedDict[_Identity, Explorable] = OrderedDict()
        self._sizes: dict[_Identity, int] = {}

    def work(self, request: Request) -> tuple[int, Iterator[Chunk]]:
        """Load the requested snapshot and start the operation.

        Returns:
            Its step, and the chunks of the result.
        Raises:
            UserError: if there is no such snapshot or it cannot be read.
        """
        step, model = self.open(Path(request.run), request.snapshot_step)
        return step, model.answer(request.op, request.params, request.arrays)

    def open(self, run: Path, step: int | None) -> tuple[int, Explorable]:
        """Return a snapshot's step and model.

        None is the newest. A step that does not exist (training removes snapshots) is replaced by the nearest one.

        Raises:
            UserError: if there is no snapshot or it cannot be read.
        """
        nearest = _nearest(run, step)
        try:
            return nearest, self._at(run, nearest)
        except CheckpointError:
            remaining = _nearest(run, step)  # removed meanwhile
            if remaining == nearest:
                raise
            return remaining, self._at(run, remaining)

    def _at(self, run: Path, step: int) -> Explorable:
        folder = layout.step_folder(run / layout.SNAPSHOTS, step)
        try:
            info = folder.stat()
        except OSError:
            raise CheckpointError(f"run '{run.name}' has no snapshot of step {step} any more", "try again") from None
        identity = (str(run), step, info.st_ino, info.st_mtime_ns)
        model = self._models.get(identity)
        if model is None:
            config = read_config(run)
            config = config.with_options(config.model_options(), config.data_options())
            size = retention.size_of(folder)
            # Make room: drop the models that have not been used for the longest time.
            while self._models and (
                len(self._models) >= self._max_models or sum(self._sizes.values()) + size > self._max_bytes
            ):
                oldest, _ = self._models.popitem(last=False)
                del self._sizes[oldest]
            model = self._load(folder, config)
            self._models[identity], self._sizes[identity] = model, size
        self._models.move_to_end(identity)
        return model


def _nearest(run: Path, step: int | None) -> int:
    steps = retention.steps(run / layout.SNAPSHOTS)
    if not steps:
        raise CheckpointError(f"run '{run.name}' has no snapshot yet", "the first one is saved when training starts")
    return steps[-1] if step is None else min(steps, key=lambda existing: abs(existing - step))
