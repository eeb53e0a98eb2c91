"""A run's large files: pictures, snapshots, checkpoints; written by one background thread, old ones thinned last."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from genexplorer.runs import layout
from genexplorer.runs.artifacts import images, retention, thinning
from genexplorer.runs.artifacts.file_writer import FileWriter, Job
from genexplorer.runs.database import write
from genexplorer.runs.sanitize import slug
from genexplorer.runs.status.heartbeat import LiveRecord
from trainers.config import RunConfig
from trainers.events import CheckpointReady, ImagesReady, SnapshotReady
from trainers.storage import checkpoint

_ASKED_TO_LAST = ("asked", "stop", "end")


class Books(Protocol):
    """What this module needs of the run's writer."""

    attempt: int

    @property
    def record_of_now(self) -> LiveRecord:
        """What live.bin says."""
        ...

    def add_row(self, row: write.Row) -> None:
        """Add a row to the next commit."""
        ...

    def log(self, message: str, *, severity: str = "info", step: int | None = None) -> None:
        """Add a line for people."""
        ...

    def sync(self) -> bool:
        """Force the figures to the disk."""
        ...

    def set_problem(self, source: str, problem: str) -> None:
        """Say what the disk refuses."""
        ...

    def flush(self) -> bool:
        """Commit what is buffered."""
        ...

    def state_settled(self, step: int) -> None:
        """Take note that a step's state is saved, or that it was said that it could not be."""
        ...


class RunFiles:
    """Saves what is too large for the database.

    Args:
        folder: The run folder.
        config: For the disk budget of snapshots.
        books: Where rows, lines and facts of live.bin go.
        threaded: False writes at once, in the caller's thread.
    """

    def __init__(self, folder: Path, config: RunConfig, books: Books, *, threaded: bool) -> None:
        self._folder = folder
        self._books = books
        self._budget = config.execution.snapshot_budget_mb * 1_000_000
        self._pictures = folder / layout.PICTURES
        self._snapshots = folder / layout.SNAPSHOTS
        self._checkpoints = folder / layout.CHECKPOINTS
        for parent in (self._snapshots, self._checkpoints):
            parent.mkdir(exist_ok=True)
            retention.tidy(parent)
        self._sizes = {s: retention.size_of(layout.step_folder(self._snapshots, s)) for s in self.snapshot_steps()}
        self._verified: set[int] = set()
        self._picture_steps: dict[str, list[int]] = {}
        self.unsaved = ""  # what was to last and could not be saved
        self._thread = FileWriter(partial(books.set_problem, "files"), threaded=threaded)

    def snapshot_steps(self) -> list[int]:
        """Return the steps that have a snapshot, ascending."""
        return retention.steps(self._snapshots, layout.CARD)

    def save_pictures(self, event: ImagesReady) -> None:
        """Write a PNG."""
        what = f"{slug(event.kind)} of step {event.step:,}"
        self._submit(what, "pictures", partial(self._write_pictures, event), size=event.images.nbytes)

    def save_snapshot(self, event: SnapshotReady) -> None:
        """Write weights for looking."""
        job = partial(self._write_snapshot, event)
        size = _bytes_of(event.arrays)
        self._submit(f"snapshot {event.step:,}", "snapshots", job, size=size, droppable=event.step > 0)

    def save_state(self, event: CheckpointReady) -> None:
        """Write the resumable state; a scheduled one that still waits is replaced."""
        lasting = event.reason in _ASKED_TO_LAST
        job = Job(
            what=f"checkpoint {event.step:,}",
            lane="checkpoints",
            run=partial(self._write_state, event),
            failed=partial(self._state_failed, event, lasting),
            size=_bytes_of(event.arrays),
            droppable=not lasting,
            replaces=True,
        )
        self._thread.submit(job)

    def go_on_from(self, step: int) -> None:
        """Remove what earlier attempts made after a step."""
        for parent in (self._snapshots, self._checkpoints):
            retention.remove_after(parent, step)
        self._sizes = {found: size for found, size in self._sizes.items() if found <= step}
        for path in self._pictures.glob("*/step-*.png"):
            found = path.stem.removeprefix("step-")
            if found.isdigit() and int(found) > step:
                path.unlink(missing_ok=True)
        record = self._books.record_of_now
        record.snapshot_step = max(self._sizes, default=-1)
        record.checkpoint_step = max(retention.steps(self._checkpoints), default=-1)

    def finish(self, patience_s: float) -> None:
        """Write all that waits and end the thread; give up on a full disk after the patience."""
        self._thread.drain(patience_s)
        self.close()

    def wait(self) -> None:
        """Return when all that waits is written."""
        self._thread.drain()

    @property
    def gave_up(self) -> bool:
        """Whether nothing waits for a full disk any more."""
        return self._thread.gave_up

    def give_up(self) -> None:
        """Stop waiting for a full disk. A signal's handler may call it."""
        self._thread.give_up()

    def close(self) -> None:
        """End the thread."""
        self._thread.close()

    def _submit(self, what: str, lane: str, work: Callable[[], None], *, size: int, droppable: bool = True) -> None:
        def failed(error: OSError) -> None:
            self._books.log(f"{what} could not be saved: {error.strerror or error}", severity="warning")

        self._thread.submit(Job(what, lane, work, failed, size, droppable))

    def _write_pictures(self, event: ImagesReady) -> None:
        kind = images.save(self._pictures, event)
        height, width = event.images.shape[1:3]
        grid = images.grid_of(event)
        self._books.add_row(write.picture_row(self._books.attempt, kind, event.step, grid, (height, width)))
        steps = self._picture_steps.setdefault(kind, [])
        steps.append(event.step)
        for step in thinning.to_remove(dict.fromkeys(steps, 0), 1, retention.MAX_PICTURES):
            steps.remove(step)
            self._books.add_row(write.picture_gone_row(kind, step))
            images.picture_path(self._pictures, kind, step).unlink(missing_ok=True)

    def _write_snapshot(self, event: SnapshotReady) -> None:
        folder = layout.step_folder(self._snapshots, event.step)
        checkpoint.save_snapshot(folder, event.arrays, event.card)
        self._sizes[event.step] = retention.size_of(folder)
        self._books.record_of_now.snapshot_step = event.step
        retention.thin_snapshots(self._snapshots, self._sizes, self._budget)

    def _write_state(self, event: CheckpointReady) -> None:
        folder = layout.step_folder(self._checkpoints, event.step)
        if not self._books.sync():
            raise OSError(28, "No space left on device", layout.DATABASE)
        checkpoint.save(folder, event.arrays, event.meta)
        self._verified.add(event.step)
        self._books.record_of_now.checkpoint_step = event.step
        size = retention.size_of(folder) / 1000
        said = f"{size / 1000:,.1f} MB" if size >= 1000 else f"{size:,.0f} kB"
        self._books.log(f"checkpoint {event.step:,} saved ({said})", step=event.step)
        self._books.state_settled(event.step)
        retention.prune_checkpoints(self._checkpoints, checkpoint.verify, self._verified)

    def _state_failed(self, event: CheckpointReady, lasting: bool, error: OSError) -> None:
        said = f"checkpoint {event.step:,} could not be saved: {error.strerror or error}"
        self._books.log(said, severity="error", step=event.step)
        self._books.state_settled(event.step)
        if lasting:
            self.unsaved = said


def _bytes_of(arrays: Mapping[str, object]) -> int:
    return sum(int(getattr(array, "nbytes", 0)) for array in arrays.values())
