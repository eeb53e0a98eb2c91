"""The background thread that commits metrics and rows, so that the training never waits for the disk."""

import contextlib
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.database import write
from genexplorer.runs.database.sqlite import DISK_FULL_ERRNOS, as_user_or_os_error
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.heartbeat import Heartbeat, LiveRecord
from trainers.config import RunConfig
from trainers.errors import UserError
from trainers.events import Metrics, MetricSpec
from trainers.storage import atomic_files, fault_injection
from trainers.theory import best_template

COMMIT_INTERVAL_S = 0.35  # also the time between heartbeats
DISK_RETRY_S = 0.5


class PrimaryMetric:
    """Picks the run's primary metric, its family's objective such as the ELBO, from the reported metrics."""

    def __init__(self, config: RunConfig) -> None:
        self._specs: dict[str, MetricSpec] = {}
        self._quantity = ""  # without the package of its family, the quantity of the first declared objective
        with contextlib.suppress(UserError, ImportError, AttributeError):
            self._quantity = config.theory().objective_quantity

    def declare(self, specs: Iterable[MetricSpec]) -> None:
        """Add metric declarations."""
        self._specs.update({spec.name: spec for spec in specs})
        if not self._quantity:
            objectives = (spec.quantity for spec in self._specs.values() if spec.panel == "objective")
            self._quantity = next(objectives, "")

    def newest(self, values: Mapping[str, float], current_name: str) -> tuple[str, float] | None:
        """Return the primary metric's name and value in `values`, preferring test metrics of the EMA weights.

        None if it has no value, or only a train value while `current_name` is a test metric.
        """
        template = best_template(self._quantity, values) if self._quantity else None
        if template is None or (current_name.startswith("test/") and template.startswith("train/")):
            return None
        name = template.format(self._quantity)
        return name, values[name]

    def update(self, record: LiveRecord, batch: Iterable[Mapping[str, float]]) -> None:
        """Store the newest value of a batch of steps in the record."""
        last_of_each_kind = {tuple(values): values for values in batch}  # steps with and without an evaluation
        for values in last_of_each_kind.values():
            newest = self.newest(values, record.primary_metric)
            if newest:
                record.primary_metric, record.primary_value = newest

    def log_line(self, values: Mapping[str, float]) -> str:
        """Return a log line if the values include the primary metric on test data, else an empty string."""
        name = f"test/{self._quantity}_ema"
        if name not in values or not math.isfinite(values[name]):
            return ""
        spec = self._specs.get(name)
        title, unit = (spec.title, spec.unit) if spec else (name, "")
        number = f"{values[name]:,.2f}".replace("-", "−")
        return f"{title} {number} {unit}".strip()


class Committer:
    """Buffers metrics and rows and commits them in batches; a batch that the disk refuses stays buffered.

    Any thread may call its methods.

    Args:
        folder: The run folder.
        connection: The run's database, open for writing.
        attempt: Number of the attempt.
        heartbeat: Written after each commit; receives the primary metric and what keeps the run from being recorded.
        primary_metric: Picks the primary metric.
        clock: Returns the Unix time.
        on_commit: Called by the thread after each commit.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        attempt: int,
        heartbeat: Heartbeat,
        primary_metric: PrimaryMetric,
        clock: Callable[[], float] = time.time,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.attempt = attempt
        self.fatal: Exception | None = None  # the reason why recording cannot continue; the training should end
        self._folder = folder
        self._heartbeat = heartbeat
        self._primary_metric = primary_metric
        self._clock = clock
        self._on_commit = on_commit
        self._database = write.DatabaseWriter(connection, attempt)
        self._problems: dict[str, str] = {}
        self._buffer_lock, self._commit_lock = threading.Lock(), threading.Lock()
        self._specs: list[MetricSpec] = []
        self._ticks: deque[write.Tick] = deque()  # the training appends, the commit pops from the left: no lock
        self._rows: list[write.Row] = []
        self._close_event, self._wake_event = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def threaded(self) -> bool:
        """Whether the thread runs; without it the caller commits by `flush`."""
        return self._thread is not None

    @property
    def problem(self) -> str:
        """Why the run cannot be recorded, so that the training should pause; empty if it can."""
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
            self._wake_event.set()

    def add_event(self, table: str, step: int, values: Mapping[str, object], *, soon: bool = False) -> None:
        """Buffer a row of a table of events, with the attempt and the time; `soon` wakes the thread."""
        row = write.insert_row(table, {"attempt": self.attempt, "time": self._clock(), "step": step, **values})
        self.add_row(row, soon=soon)

    def log(self, message: str, *, severity: str = "info", step: int | None = None) -> None:
        """Buffer a line of the run's log; its step is the current one unless given."""
        step = self._heartbeat.record.step if step is None else step
        self.add_event("log", step, {"severity": severity, "message": message})

    def set_problem(self, source: str, problem: str) -> None:
        """Report why a part of the run cannot be recorded; "" when it is recorded again."""
        if self._problems.get(source, "") != problem:
            self._problems[source] = problem
            if problem or not self.problem:
                self.log(
                    problem or "disk space available again; recording resumed", severity="error" if problem else "info"
                )
            self._heartbeat.beat(self.problem)

    def flush(self) -> bool:
        """Commit the buffer. False if the disk refused; the buffer then stays."""
        with self._commit_lock:
            # Take the buffers; what the disk refuses is put back in front.
            with self._buffer_lock:
                specs, rows = self._specs, self._rows
                ticks = [self._ticks.popleft() for _ in range(len(self._ticks))]
                self._specs, self._rows = [], []
            if not (specs or ticks or rows):
                return True
            try:
                self._primary_metric.update(self._heartbeat.record, (tick.metrics.values for tick in ticks))
                fault_injection.interceptable_call("commit", lambda: self._database.write(specs, ticks, rows))
            except (OSError, sqlite3.Error) as error:
                with self._buffer_lock:
                    self._specs, self._rows = specs + self._specs, rows + self._rows
                    self._ticks.extendleft(reversed(ticks))
                # Show the failure in live.bin; a damaged database is fatal.
                cause = as_user_or_os_error(error) if isinstance(error, sqlite3.Error) else error
                if not isinstance(cause, OSError):
                    self.fatal = cause
                full = isinstance(cause, OSError) and cause.errno in DISK_FULL_ERRNOS
                problem = "disk full: cannot write metrics" if full else f"cannot write metrics: {one_line(cause, 120)}"
                if self._problems.get("database", "") != problem:
                    self._problems["database"] = problem  # not logged: the log is in the database
                    self._heartbeat.beat(self.problem)
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
        """Set aside the records of earlier attempts after a step; return the number of alerts that remain."""
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
            time.sleep(DISK_RETRY_S)
            committed = self.flush()
        self.stop()
        return committed

    def stop(self) -> None:
        """End the thread without a last commit."""
        self._close_event.set()
        self._wake_event.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._close_event.is_set():
            self._wake_event.wait(COMMIT_INTERVAL_S)
            self._wake_event.clear()
            try:
                self.flush()
            except Exception as error:
                self.fatal = error
            self._heartbeat.beat(self.problem)
            self._on_commit()
