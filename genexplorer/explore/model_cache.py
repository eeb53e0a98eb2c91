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
MAX_WEIGHTS_BYTES = (
    1 << 30
)  # of all loaded models together, so that fewer large ones are cached; the requested one always is


class Explorable(Protocol):
    """A model that computes operations."""

    def answer(self, op: str, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        """Compute one operation of the protocol in chunks."""
        ...


Load = Callable[[Path, RunConfig], Explorable]
# Run, step, inode and mtime; the latter two change when a resumed run rewrites the snapshot of a step.
_SnapshotKey = tuple[str, int, int, int]


class ModelCache:
    """Loads models, and caches those that were used last.

    Args:
        load: `trainers.inference.session.load`, or a fake.
        max_models: The maximum number of cached models.
        max_bytes: The maximum size of the files of all cached models together.
    """

    def __init__(self, load: Load, max_models: int = MAX_MODELS, max_bytes: int = MAX_WEIGHTS_BYTES) -> None:
        self._load = load
        self._max_models = max_models
        self._max_bytes = max_bytes
        self._models: OrderedDict[_SnapshotKey, Explorable] = OrderedDict()
        self._sizes: dict[_SnapshotKey, int] = {}

    def start_operation(self, request: Request) -> tuple[int, Iterator[Chunk]]:
        """Load the requested snapshot and start the operation.

        Returns:
            The snapshot's step, and the chunks of the result.
        Raises:
            UserError: if there is no such snapshot or it cannot be read.
        """
        step, model = self.open(Path(request.run), request.snapshot_step)
        return step, model.answer(request.op, request.params, request.arrays)

    def open(self, run: Path, step: int | None) -> tuple[int, Explorable]:
        """Return the step and the model of a snapshot.

        None selects the newest one. If a step has none (training removes snapshots), the nearest one is loaded.

        Raises:
            UserError: if there is no snapshot or it cannot be read.
        """
        nearest = _nearest_step(run, step)
        try:
            return nearest, self._load_step(run, nearest)
        except CheckpointError:
            remaining = _nearest_step(run, step)  # removed meanwhile
            if remaining == nearest:
                raise
            return remaining, self._load_step(run, remaining)

    def _load_step(self, run: Path, step: int) -> Explorable:
        folder = layout.step_folder(run / layout.SNAPSHOTS, step)
        try:
            info = folder.stat()
        except OSError:
            raise CheckpointError(f"run '{run.name}' has no snapshot of step {step} any more", "try again") from None
        key = (str(run), step, info.st_ino, info.st_mtime_ns)
        model = self._models.get(key)
        if model is None:
            config = read_config(run)
            config = config.with_options(config.model_options(), config.data_options())
            size = retention.folder_bytes(folder)
            # Make room: drop the models that have not been used for the longest time.
            while self._models and (
                len(self._models) >= self._max_models or sum(self._sizes.values()) + size > self._max_bytes
            ):
                oldest, _ = self._models.popitem(last=False)
                del self._sizes[oldest]
            model = self._load(folder, config)
            self._models[key], self._sizes[key] = model, size
        self._models.move_to_end(key)
        return model


def _nearest_step(run: Path, step: int | None) -> int:
    steps = retention.steps(run / layout.SNAPSHOTS)
    if not steps:
        raise CheckpointError(f"run '{run.name}' has no snapshot yet", "the first one is saved when training starts")
    return steps[-1] if step is None else min(steps, key=lambda existing: abs(existing - step))
