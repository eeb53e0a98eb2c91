"""The background thread that commits metrics and rows, so that the training never waits for the disk."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.artifacts.file_writer import FULL
from genexplorer.runs.database import write
from genexplorer.runs.database.sqlite import as_user_or_os_error
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.headline import Headline
from genexplorer.runs.status.heartbeat import Heartbeat
from trainers.events import Metrics, MetricSpec
from trainers.storage import atomic_files

COMMIT_S = 0.35  # between commits, and between heartbeats
RETRY_S = 0.5


class Committer:
    """Buffers metrics and rows and commits them in batches; what the disk refuses stays buffered.

    Any thread may call its methods.

    Args:
        folder: The run folder.
        connection: The run's database, open for writing.
        attempt: Number of the attempt.
        heartbeat: Written after each commit; learns the headline metric and what keeps the run from being recorded.
        headline: Picks the headline metric.
        clock: Unix time.
        on_commit: Called by the thread after each commit.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        attempt: int,
        heartbeat: Heartbeat,
        headline: Headline,
        clock: Callable[[], float] = time.time,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.attempt = attempt
        self.fatal: Exception | None = None  # why recording cannot continue; the training should end
        self._folder = folder
        self._heartbeat = heartbeat
        self._headline = headline
        self._clock = clock
        self._on_commit = on_commit
        self._database = write.DatabaseWriter(connection, attempt)
        self._problems: dict[str, str] = {}
        self._buffer_lock, self._commit_lock = threading.Lock(), threading.Lock()
        self._specs: list[MetricSpec] = []
        self._ticks: deque[write.Tick] = deque()  # the training appends, the commit pops from the left: no lock
        self._rows: list[write.Row] = []
        self._closing, self._wake = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def threaded(self) -> bool:
        """Whether the thread runs; without it the caller commits by `flush`."""
        return self._thread is not None

    @property
    def problem(self) -> str:
        """What keeps the run from being recorded; empty if nothing does. The training should pause meanwhile."""
        return "; ".join(filter(None, self._problems.values()))

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="run-commits", daemon=True)
        self._thread.start()

    def add_metrics(self, event: Metrics) -> None:
        """Buffer the metrics of one step."""
        self._ticks.append(write.Tick(event, self._clock()))

    def declare(self, specs: Iterable[MetricSpec]) -> None:
        """Buffer declarations of metrics."""
        with self._buffer_lock:
            self._specs.extend(specs)

    def add_row(self, row: write.Row, *, soon: bool = False) -> None:
        """Buffer a row; `soon` wakes the thread."""
        with self._buffer_lock:
            self._rows.append(row)
        if soon:
            self._wake.set()

    def log(self, message: str, *, severity: str = "info", step: int | None = None) -> None:
        """Buffer a line of the run's log; its step is the current one unless given."""
        step = self._heartbeat.record.step if step is None else step
        self.add_row(write.log_row(self.attempt, self._clock(), step, severity, message))

    def set_problem(self, source: str, problem: str) -> None:
        """Report what keeps a part of the run from being recorded; "" when it is recorded again."""
        if self._problems.get(source, "") != problem:
            self._problems[source] = problem
            if problem or not self.problem:
                self.log(
                    problem or "disk space available again; recording resumed", severity="error" if problem else "info"
                )
            self._heartbeat.beat(self.problem)

    def flush(self) -> bool:
        """Commit what is buffered. False if the disk refused; it stays buffered then."""
        with self._commit_lock:
            with self._buffer_lock:
                specs, rows = self._specs, self._rows
                ticks = [self._ticks.popleft() for _ in range(len(self._ticks))]
                self._specs, self._rows = [], []
            if not (specs or ticks or rows):
                return True
            try:
                self._headline.update(self._heartbeat.record, (tick.metrics.values for tick in ticks))
                atomic_files.call("commit", lambda: self._database.write(specs, ticks, rows))
            except (OSError, sqlite3.Error) as error:
                with self._buffer_lock:
                    self._specs, self._rows = specs + self._specs, rows + self._rows
                    self._ticks.extendleft(reversed(ticks))
                self._report(error)
                return False
            if ticks:
                self._heartbeat.record.recorded_step = ticks[-1].metrics.step
        self.set_problem("database", "")
        return True

    def sync(self) -> bool:
        """Commit and force the commits to the disk, so that metrics outlive a checkpoint written after them."""
        if not self.flush():
            return False
        wal = self._folder / f"{layout.DATABASE}-wal"
        if wal.exists():
            atomic_files.sync_file(wal)
        return True

    def supersede(self, step: int) -> int:
        """Set aside what earlier attempts recorded after a step; return the number of alerts that remain."""
        self.flush()
        with self._commit_lock:
            return self._database.supersede(step)

    def finish(self, deadline: float, may_wait: Callable[[], bool]) -> bool:
        """Commit the last rows and end the thread; wait for a full disk until the deadline. True if all is committed.

        Args:
            deadline: Monotonic seconds.
            may_wait: Whether to keep waiting.
        """
        committed = self.flush()
        while not committed and not self.fatal and self._thread and time.monotonic() < deadline and may_wait():
            self._heartbeat.beat(self.problem)
            time.sleep(RETRY_S)
            committed = self.flush()
        self.stop()
        return committed

    def stop(self) -> None:
        """End the thread without a last commit."""
        self._closing.set()
        self._wake.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(COMMIT_S)
            self._wake.clear()
            try:
                self.flush()
            except Exception as error:
                self.fatal = error
            self._heartbeat.beat(self.problem)
            self._on_commit()

    def _report(self, error: Exception) -> None:
        """Show a failed commit in live.bin; a damaged database is fatal."""
        cause = as_user_or_os_error(error) if isinstance(error, sqlite3.Error) else error
        if not isinstance(cause, OSError):
            self.fatal = cause
        full = isinstance(cause, OSError) and cause.errno in FULL
        problem = "disk full: cannot write metrics" if full else f"cannot write metrics: {one_line(cause, 120)}"
        if self._problems.get("database", "") != problem:
            self._problems["database"] = problem  # not logged: the log is in the database
            self._heartbeat.beat(self.problem)
