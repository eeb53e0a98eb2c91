"""The snapshots that an explorer has open: the last few, found by run and step."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from genexplorer.explore.protocol import Request
from genexplorer.runs import layout
from genexplorer.runs.artifacts.retention import size_of
from trainers import config as run_config
from trainers.config import RunConfig
from trainers.errors import CheckpointError
from trainers.inference.chunks import Chunk

KEPT = 6  # snapshots: enough to step to and fro
KEPT_BYTES = 1 << 30  # of their weights, fewer snapshots of large models; the one that is asked stays in any case
_MAX_CONFIG_BYTES = 1 << 20


class Explorable(Protocol):
    """A model that can be asked."""

    def answer(self, op: str, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        """Answer one operation of the protocol in chunks."""
        ...


Load = Callable[[Path, RunConfig], Explorable]
_Identity = tuple[str, int, int, int]  # run, step, and what changes when a resumed run writes the step anew


class ModelCache:
    """Opens snapshots and keeps the last few open.

    Args:
        load: `trainers.inference.session.load`, or a stand-in.
        kept: How many stay open.
        kept_bytes: How large their files may be together.
    """

    def __init__(self, load: Load, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        self._load = load
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._open: OrderedDict[_Identity, Explorable] = OrderedDict()
        self._sizes: dict[_Identity, int] = {}

    def work(self, request: Request) -> tuple[int, Iterator[Chunk]]:
        """Open the snapshot that a request asks for and begin to answer.

        Returns:
            Its step, and the chunks of the answer.
        Raises:
            UserError: if there is no such snapshot or it cannot be read.
        """
        step, model = self.open(Path(request.run), request.snapshot_step)
        return step, model.answer(request.op, request.params, request.arrays)

    def open(self, run: Path, step: int | None) -> tuple[int, Explorable]:
        """Return a snapshot's step and model.

        None is the newest. A step that is not there, as a training thins out its snapshots underneath, is answered by
        the nearest one; the answer says which.

        Raises:
            UserError: if there is no snapshot or it cannot be read.
        """
        nearest = _nearest(run, step)
        try:
            return nearest, self._at(run, nearest)
        except CheckpointError:
            again = _nearest(run, step)  # thinned away meanwhile
            if again == nearest:
                raise
            return again, self._at(run, again)

    def _at(self, run: Path, step: int) -> Explorable:
        folder = layout.step_folder(run / layout.SNAPSHOTS, step)
        try:
            facts = folder.stat()
        except OSError:
            raise CheckpointError(f"run '{run.name}' has lost its snapshot of step {step}", "ask again") from None
        identity = (str(run), step, facts.st_ino, facts.st_mtime_ns)
        model = self._open.get(identity)
        if model is None:
            size = size_of(folder)
            self._make_room(self._kept - 1, self._kept_bytes - size)
            model = self._load(folder, _config_of(run))
            self._open[identity], self._sizes[identity] = model, size
        self._open.move_to_end(identity)
        return model

    def _make_room(self, count: int, total_bytes: int) -> None:
        while self._open and (len(self._open) > count or sum(self._sizes.values()) > total_bytes):
            oldest, _ = self._open.popitem(last=False)
            del self._sizes[oldest]


def _nearest(run: Path, step: int | None) -> int:
    steps = _steps(run)
    if not steps:
        raise CheckpointError(f"run '{run.name}' has no snapshot yet", "the first comes as soon as training begins")
    return steps[-1] if step is None else min(steps, key=lambda known: abs(known - step))


def _steps(run: Path) -> list[int]:
    try:
        folders = list((run / layout.SNAPSHOTS).iterdir())
    except OSError:
        return []
    return sorted(step for step in map(layout.step_of, folders) if step is not None)


def _config_of(run: Path) -> RunConfig:
    try:
        with (run / layout.CONFIG).open("rb") as file:
            values = json.loads(file.read(_MAX_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError):
        raise CheckpointError(
            f"run '{run.name}' has no readable {layout.CONFIG}", "the run folder is damaged"
        ) from None
    if not isinstance(values, dict):
        raise CheckpointError(f"run '{run.name}': {layout.CONFIG} is not an object", "the run folder is damaged")
    return run_config.parse(values)
