"""The large files of a run: images, snapshots and checkpoints, written by a background thread that also thins them."""

import errno
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.artifacts import images, retention
from genexplorer.runs.database import write
from genexplorer.runs.database.committer import Committer
from genexplorer.runs.database.sqlite import DISK_FULL_ERRNOS
from genexplorer.runs.sanitize import slug
from genexplorer.runs.status.heartbeat import Heartbeat
from trainers.config import RunConfig
from trainers.events import CheckpointReady, ImagesReady, SnapshotReady
from trainers.storage import checkpoint

DISK_RETRY_S = 1.0
MAX_PENDING_BYTES = 256 << 20
# A pending checkpoint with one of these reasons is never dropped for a newer one.
_REQUIRED_REASONS = ("requested", "stop", "end")


@dataclass
class Job:
    """One file or folder to write.

    Args:
        name: What it writes, for messages: "checkpoint 8,000".
        lane: A newer job may replace a pending one of the same lane.
        run: Does the work; raises OSError.
        on_failure: Called if it will not be done.
        size: Number of bytes of memory that it holds until it is done.
        droppable: Whether a newer job may replace it when memory is short.
        replaces: Whether it replaces droppable jobs even when memory is not short.
    """

    name: str
    lane: str
    run: Callable[[], None]
    on_failure: Callable[[OSError], None]
    size: int = 0
    droppable: bool = True
    replaces: bool = False


class FileWriter:
    """Does jobs in order, one at a time; waits while the disk is full and reports other failures.

    Args:
        on_problem: Called with what the disk refuses, and with "" when it no longer does.
        threaded: False does each job at once, in the caller's thread, and never waits. For tests.
    """

    def __init__(self, on_problem: Callable[[str], None], *, threaded: bool = True) -> None:
        self._on_problem = on_problem
        self._jobs: deque[Job] = deque()
        self._condition = threading.Condition()
        self._is_busy = False
        self._closing = False
        self._give_up_at = float("inf")
        self.gave_up = False
        self._thread = threading.Thread(target=self._work, name="run-files", daemon=True) if threaded else None
        if self._thread:
            self._thread.start()

    def submit(self, job: Job) -> None:
        """Add a job; blocks only when more than 256 MB are pending and none can be dropped."""
        if self._thread is None:
            self._execute(job)
            return
        with self._condition:
            # Drop older jobs of the lane: those that this one replaces, or as many as memory requires.
            for older in [older for older in self._jobs if older.lane == job.lane and older.droppable]:
                if job.replaces or self._pending_bytes() + job.size > MAX_PENDING_BYTES:
                    self._jobs.remove(older)
            self._condition.wait_for(lambda: not self._jobs or self._pending_bytes() + job.size <= MAX_PENDING_BYTES)
            self._jobs.append(job)
            self._condition.notify_all()

    def drain(self, patience_s: float = float("inf")) -> None:
        """Wait until no job is pending; wait for a full disk no longer than the patience."""
        with self._condition:
            self._give_up_at = time.monotonic() + patience_s
            self._condition.notify_all()
            self._condition.wait_for(lambda: not self._jobs and not self._is_busy)

    def give_up(self) -> None:
        """Stop waiting for a full disk, within a second. Takes no lock, so that a signal handler may call it."""
        self.gave_up = True

    def discard(self) -> None:
        """Drop pending jobs and end the thread."""
        with self._condition:
            self._jobs.clear()
            self._give_up_at = time.monotonic()
        self.close()

    def close(self) -> None:
        """End the thread after `drain`."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread:
            self._thread.join()

    def _work(self) -> None:
        """Do jobs until `close`; the body of the thread."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: bool(self._jobs) or self._closing)
                if not self._jobs:
                    return
                job = self._jobs.popleft()
                self._is_busy = True
                self._condition.notify_all()
            try:
                self._execute(job)
            finally:
                with self._condition:
                    self._is_busy = False
                    self._condition.notify_all()

    def _execute(self, job: Job) -> None:
        """Do a job; on a full disk, try again until the deadline of `drain` or `give_up`."""
        while True:
            try:
                job.run()
                self._on_problem("")
                return
            except OSError as error:
                if error.errno in DISK_FULL_ERRNOS and self._thread is not None:
                    self._on_problem(f"disk full: cannot write {job.name}")
                    # Wait a moment for space, then try again.
                    with self._condition:
                        remaining_s = self._give_up_at - time.monotonic()
                        if remaining_s > 0:
                            self._condition.wait(min(DISK_RETRY_S, remaining_s))
                    if not self.gave_up and time.monotonic() < self._give_up_at:
                        continue
                self._on_problem("")
                job.on_failure(error)
                return
            except Exception as error:
                job.on_failure(OSError(errno.EIO, f"{type(error).__name__}: {error}"))
                return

    def _pending_bytes(self) -> int:
        return sum(job.size for job in self._jobs)


class RunFiles(FileWriter):
    """Saves images, snapshots and checkpoints, which are too large for the database.

    Args:
        folder: The run folder.
        config: The run's configuration, for the disk budget of snapshots.
        committer: Receives rows, log lines and problems.
        heartbeat: Its record gets the newest snapshot and checkpoint.
        threaded: False writes at once, in the caller's thread.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        committer: Committer,
        heartbeat: Heartbeat,
        *,
        threaded: bool,
    ) -> None:
        self._committer = committer
        self._heartbeat = heartbeat
        self._snapshot_budget_bytes = config.execution.snapshot_budget_mb * 1_000_000
        self._images_folder = folder / layout.PICTURES
        self._snapshots_folder = folder / layout.SNAPSHOTS
        self._checkpoints_folder = folder / layout.CHECKPOINTS
        for parent in (self._snapshots_folder, self._checkpoints_folder):
            parent.mkdir(exist_ok=True)
            retention.clean_up_partial(parent)
        # Continue with what earlier attempts saved.
        steps = retention.steps(self._snapshots_folder, layout.CARD)
        self._snapshot_bytes = {
            step: retention.folder_bytes(layout.step_folder(self._snapshots_folder, step)) for step in steps
        }
        self._complete_steps: set[int] = set()  # steps whose checkpoint is known to be complete
        self._image_steps: dict[str, list[int]] = {}
        self.unsaved = ""  # the required checkpoint that could not be saved
        super().__init__(partial(committer.set_problem, "files"), threaded=threaded)

    def save_images(self, event: ImagesReady) -> None:
        """Write a PNG."""

        def write_images() -> None:
            image_kind = images.save(self._images_folder, event)
            height, width = event.images.shape[1:3]
            columns, rows = images.grid_shape(event)
            row = {"attempt": self._committer.attempt, "kind": image_kind, "step": event.step}
            row |= {"columns": columns, "rows": rows, "tile_height": height, "tile_width": width}
            self._committer.add_row(write.insert_row("pictures", row))
            # Thin the images of this kind.
            steps = self._image_steps.setdefault(image_kind, [])
            steps.append(event.step)
            for step in retention.select_for_removal(dict.fromkeys(steps, 0), 1, retention.MAX_IMAGES_PER_KIND):
                steps.remove(step)
                self._committer.add_row(write.delete_picture_row(image_kind, step))
                images.image_path(self._images_folder, image_kind, step).unlink(missing_ok=True)

        name = f"{slug(event.kind)} of step {event.step:,}"
        self.submit(Job(name, "pictures", write_images, self._log_failure(name), event.images.nbytes))

    def save_snapshot(self, event: SnapshotReady) -> None:
        """Write EMA weights for viewing."""

        def write_snapshot() -> None:
            folder = layout.step_folder(self._snapshots_folder, event.step)
            checkpoint.save_snapshot(folder, event.arrays, event.card)
            self._snapshot_bytes[event.step] = retention.folder_bytes(folder)
            self._heartbeat.record.snapshot_step = event.step
            retention.thin_snapshots(self._snapshots_folder, self._snapshot_bytes, self._snapshot_budget_bytes)

        name, size = f"snapshot {event.step:,}", _num_bytes(event.arrays)
        self.submit(Job(name, "snapshots", write_snapshot, self._log_failure(name), size, droppable=event.step > 0))

    def save_checkpoint(self, event: CheckpointReady) -> None:
        """Write the resumable state; a scheduled one that is still pending is replaced."""
        required = event.reason in _REQUIRED_REASONS

        def write_checkpoint() -> None:
            folder = layout.step_folder(self._checkpoints_folder, event.step)
            if not self._committer.sync():  # the metrics before it must not be lost when an attempt resumes from it
                raise OSError(errno.ENOSPC, "No space left on device", layout.DATABASE)
            checkpoint.save(folder, event.arrays, event.meta)
            self._complete_steps.add(event.step)
            self._heartbeat.record.checkpoint_step = event.step
            # Report it only now that it is saved; remove old ones last.
            size_kb = retention.folder_bytes(folder) / 1000
            size = f"{size_kb / 1000:,.1f} MB" if size_kb >= 1000 else f"{size_kb:,.0f} kB"
            self._committer.log(f"checkpoint {event.step:,} saved ({size})", step=event.step)
            retention.prune_checkpoints(self._checkpoints_folder, checkpoint.verify, self._complete_steps)

        def report_failure(error: OSError) -> None:
            message = f"checkpoint {event.step:,} could not be saved: {error.strerror or error}"
            self._committer.log(message, severity="error", step=event.step)
            if required:
                self.unsaved = message

        name, size = f"checkpoint {event.step:,}", _num_bytes(event.arrays)
        job = Job(name, "checkpoints", write_checkpoint, report_failure, size, droppable=not required, replaces=True)
        self.submit(job)

    def remove_after(self, step: int) -> None:
        """Remove the files that earlier attempts wrote after a step."""
        for parent in (self._snapshots_folder, self._checkpoints_folder):
            retention.remove_after(parent, step)
        self._snapshot_bytes = {saved: size for saved, size in self._snapshot_bytes.items() if saved <= step}
        for path in self._images_folder.glob("*/step-*.png"):
            digits = path.stem.removeprefix("step-")
            if digits.isdigit() and int(digits) > step:
                path.unlink(missing_ok=True)
        record = self._heartbeat.record
        record.snapshot_step = max(self._snapshot_bytes, default=-1)
        record.checkpoint_step = max(retention.steps(self._checkpoints_folder), default=-1)

    def _log_failure(self, name: str) -> Callable[[OSError], None]:
        return lambda error: self._committer.log(
            f"{name} could not be saved: {error.strerror or error}", severity="warning"
        )


def _num_bytes(arrays: Mapping[str, object]) -> int:
    return sum(int(getattr(array, "nbytes", 0)) for array in arrays.values())
