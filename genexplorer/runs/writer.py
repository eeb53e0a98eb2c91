"""The one writer of a run: takes the training's events and makes them last, without making the training wait."""

import contextlib
import math
import sqlite3
import threading
import time
from collections import deque
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.artifacts.file_writer import FULL
from genexplorer.runs.artifacts.files import RunFiles
from genexplorer.runs.commands.control import Ack
from genexplorer.runs.commands.inbox import Inbox, PendingAcks
from genexplorer.runs.database import sqlite, write
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status import heartbeat, process_id
from genexplorer.runs.status.headline import Headline
from trainers.config import RunConfig
from trainers.events import (
    Alert,
    CheckpointReady,
    CommandApplied,
    Event,
    Finished,
    ImagesReady,
    Metrics,
    MetricSpec,
    Phase,
    SnapshotReady,
    Started,
)
from trainers.storage import atomic_files

NEWS_S = 5.0  # of training between lines on test figures
COMMIT_S = 0.35  # between commits, and between heartbeats
_STATE_OF_PHASE = {"paused": "paused", "stopping": "stopping"}
_LOGGED_PHASES = ("compiling", "paused", "stopping")


class RunWriter:
    """Records one attempt. The caller holds the run's lock.

    Args:
        folder: The run folder.
        config: The run's configuration.
        token: The launch that this attempt came from.
        threads: Threads that the attempt starts with.
        threaded: False writes everything at once in the caller's thread. For tests and made-up runs.
        start_time: The Unix time at which the attempt starts; now when None.
    Raises:
        DamagedRunError: if the run's database is damaged.
        OSError: if the disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        *,
        token: int = 0,
        threads: int = 0,
        threaded: bool = True,
        start_time: float | None = None,
    ) -> None:
        self.folder = folder
        self._clock_offset = 0.0 if start_time is None else start_time - time.time()
        self._connection = sqlite.open_for_writing(folder)
        self._live = heartbeat.LiveFile(folder / layout.LIVE)
        self.attempt = self._next_attempt()
        self._ledger = write.DatabaseWriter(self._connection, self.attempt)
        self._inbox = Inbox(folder, self.attempt)
        self._pending_acks = PendingAcks(lambda *command: self.acknowledge(command[0], command[1], step=command[2]))
        self._headline = Headline(config)
        self._buffer_lock, self._commit_lock, self._live_lock = threading.Lock(), threading.Lock(), threading.Lock()
        self._specs: list[MetricSpec] = []
        self._ticks: deque[write.Tick] = deque()  # the training appends, the clerk takes from the left: no lock
        self._newest: Metrics | None = None  # what live.bin may not say yet
        self._rows: list[write.Row] = []
        self._last_news_s = -NEWS_S
        self._problems: dict[str, str] = {}
        self.fatal: Exception | None = None  # why recording cannot go on; the training should end
        self._finished: Finished | None = None
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._begin(token, threads)
        self.files = RunFiles(folder, config, self, threaded=threaded)
        self._clerk = threading.Thread(target=self._keep_books, name="run-clerk", daemon=True) if threaded else None
        if self._clerk:
            self._clerk.start()

    @property
    def inbox(self) -> Inbox:
        """Where commands for this attempt arrive."""
        return self._inbox

    @property
    def problem(self) -> str:
        """What keeps the run from being recorded; empty while all is well. The training should pause meanwhile."""
        return "; ".join(filter(None, self._problems.values()))

    @property
    def record_of_now(self) -> heartbeat.LiveRecord:
        """What live.bin says. To be read only."""
        self._take_note()
        return self._live.record

    def now(self) -> float:
        """Return the Unix time of records."""
        return time.time() + self._clock_offset

    def record(self, event: Event) -> None:
        """Take one event; costs microseconds, as the writing is done by other threads.

        Events after `Finished` are ignored.
        """
        if self._finished is not None:
            return
        if isinstance(event, Metrics):
            self._take_metrics(event)
        else:
            self._take_note()
            self._take(event)
        if self._clerk is None:
            self.flush()
            self.beat()

    def _take(self, event: Event) -> None:
        match event:
            case Phase():
                self._take_phase(event)
            case ImagesReady():
                self.files.save_pictures(event)
            case SnapshotReady():
                self.files.save_snapshot(event)
            case CheckpointReady():
                self.files.save_state(event)
            case Alert():
                self._take_alert(event)
            case CommandApplied():
                self._take_change(event)
            case Started():
                self._take_started(event)
            case Finished():
                self._finished = event
                self._advance(event.step)
                self.set_state("stopping")

    def log(self, message: str, *, severity: str = "info", step: int | None = None) -> None:
        """Add a line for people."""
        at = self.record_of_now.step if step is None else step
        self.add_row(write.log_row(self.attempt, self.now(), at, severity, message))

    def add_row(self, row: write.Row) -> None:
        """Add a row to the next commit. For the threads of this package."""
        with self._buffer_lock:
            self._rows.append(row)

    def acknowledge(self, command_id: str, command: str, error: str = "", *, step: int | None = None) -> None:
        """Answer a command that the training never saw, or saw and told of by `CommandApplied`."""
        if not command_id:
            return
        at = self.record_of_now.step if step is None else step
        try:
            self._inbox.acknowledge(Ack(command_id, command, at, error, self.now()))
        except OSError as failure:
            self.log(f"could not answer the command '{command}': {failure.strerror}", severity="warning")

    def state_settled(self, step: int) -> None:
        """Take note that a step's state is saved, or that it was said that it could not be."""
        self._pending_acks.release(step)

    def set_problem(self, source: str, problem: str) -> None:
        """Say what keeps a part of the run from being recorded; "" when it goes on."""
        if self._problems.get(source, "") != problem:
            self._problems[source] = problem
            if problem or not self.problem:
                self.log(problem or "the disk takes data again", severity="error" if problem else "info")
            self.beat()

    def set_state(self, state: str, reason: str = "") -> None:
        """Change the run's state, with a row that says when."""
        if self._live.record.state != state:
            self._live.record.state = state
            self.add_row(write.transition_row(self.attempt, self.now(), self._live.record.step, state, reason))
            self._wake.set()

    def flush(self) -> bool:
        """Commit what is buffered. False if the disk refused; it stays buffered then."""
        with self._commit_lock:
            with self._buffer_lock:
                batch = self._specs, [self._ticks.popleft() for _ in range(len(self._ticks))], self._rows
                self._specs, self._rows = [], []
            if not any(batch):
                return True
            try:
                self._headline.keep(self._live.record, (tick.metrics.values for tick in batch[1]))
                atomic_files.call("commit", lambda: self._ledger.write(*batch))
            except (OSError, sqlite3.Error) as error:
                with self._buffer_lock:
                    self._specs, self._rows = batch[0] + self._specs, batch[2] + self._rows
                    self._ticks.extendleft(reversed(batch[1]))
                self._database_problem(error)
                return False
            if batch[1]:
                self._live.record.recorded_step = batch[1][-1].metrics.step
        self.set_problem("database", "")
        return True

    def beat(self) -> None:
        """Write live.bin with the next heartbeat."""
        self._take_note()
        with self._live_lock, contextlib.suppress(OSError):
            self._live.record.problem = self.problem
            self._live.write()

    def sync(self) -> bool:
        """Commit and force the commits to the disk, so that figures outlive a checkpoint made after them."""
        if not self.flush():
            return False
        wal = self.folder / f"{layout.DATABASE}-wal"
        if wal.exists():
            atomic_files.sync_file(wal)
        return True

    def close(self, outcome: str = "", reason: str = "", *, patience_s: float = math.inf) -> None:
        """End the attempt: write all that waits, make the database one file, say the outcome.

        Args:
            outcome: "succeeded", "stopped" or "failed"; that of `Finished` when empty.
            reason: One line; that of `Finished` when empty.
            patience_s: How long to wait for a full disk.
        """
        if self._closed.is_set():
            return
        finished = self._finished or Finished(self._live.record.step, "failed", "the training ended without a word")
        outcome, reason = outcome or finished.outcome, one_line(reason or finished.reason, 400)
        deadline = time.monotonic() + patience_s
        self.files.finish(patience_s)
        self._pending_acks.release(finished.step)
        reason = "; ".join(filter(None, (reason, self.files.unsaved)))
        self.add_row(write.ended_row(self.attempt, self.now(), outcome, reason))
        self.add_row(write.transition_row(self.attempt, self.now(), finished.step, outcome, reason))
        self.log(f"{outcome}: {reason}" if reason else outcome, severity="error" if outcome == "failed" else "info")
        saved = self._flush_patiently(deadline)
        if not saved:
            reason = "; ".join(filter(None, (reason, f"the last figures are not saved: {self.problem}")))
        self._stop_clerk()
        with contextlib.suppress(sqlite3.Error):
            sqlite.leave_wal(self._connection, patience_s=5.0 if saved else 0.0)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._say_the_end(outcome, reason)

    def abandon(self) -> None:
        """Let go without a last word, as a killed process would. For tests and made-up runs."""
        self._stop_clerk()
        self.files.close()
        with sqlite.reading(self.folder):  # not the last to leave, so that the write-ahead log stays as it is
            self._connection.close()
        self._live.close()

    def _next_attempt(self) -> int:
        row = self._connection.execute("SELECT coalesce(max(number), 0) FROM attempts").fetchone()
        return max(int(row[0]), self._live.record.attempt) + 1

    def _begin(self, token: int, threads: int) -> None:
        before, me = self._live.record, process_id.current()
        self._live.record = heartbeat.next_life(
            before, me, self.attempt, token=token, threads=threads, started=self.now()
        )
        if before.attempt:  # what its worker could not write: it was killed, or the disk was full
            outcome = before.state if math.isfinite(before.ended) else "lost"
            self.add_row(write.forgotten_row(before.attempt, before.updated, outcome, before.reason))
        self.add_row(write.attempt_row(self.attempt, self.now(), me.host, me.pid, threads))
        self.set_state("running")
        self.flush()
        self.beat()

    def _take_metrics(self, event: Metrics) -> None:
        """Take figures, at each step: what can wait for the clerk is left to `_take_note` and `flush`."""
        self._ticks.append(write.Tick(event, self.now()))
        self._newest = event
        news = self._headline.news(event.values)
        if news and event.elapsed_s - self._last_news_s >= NEWS_S:
            self._last_news_s = event.elapsed_s
            self.log(news, step=event.step)

    def _take_note(self) -> None:
        """Bring the live record up to the newest figures. Any thread may call; the last word is said by one alone."""
        if self._newest is not None:
            self._live.record.reach(self._newest)

    def _take_phase(self, event: Phase) -> None:
        record = self._live.record
        changed = record.phase != event.name
        record.phase, record.phase_detail = event.name, one_line(event.detail, 100)
        self._advance(event.step)
        if changed and event.name in _LOGGED_PHASES:
            self.log(f"{event.name} {event.detail}".strip(), step=event.step)
        if record.state in ("running", "paused") and event.name != "saving":  # a paused training saves when asked
            self.set_state(_STATE_OF_PHASE.get(event.name, "running"))

    def _take_alert(self, event: Alert) -> None:
        self._live.record.num_alerts += 1
        row = (self.attempt, self.now(), event.step, event.severity)
        self.add_row(write.alert_row(*row, event.code, event.message))
        self.add_row(write.log_row(*row, event.message))
        self._wake.set()

    def _take_change(self, event: CommandApplied) -> None:
        if event.command_id:  # what the worker does of itself is told in the log alone
            command = (event.command_id, event.command, event.path, event.value)
            self.add_row(write.change_row(self.attempt, event.step, self._live.record.elapsed_s, command, event.error))
        if event.command == "threads" and isinstance(event.value, int) and not event.error:
            self._live.record.threads = event.value
        said = f"{event.command.replace('_', ' ')} {event.path}".strip()
        said += f" = {event.value}" if event.value is not None else ""
        refused = f": {event.error}" if event.error else ""
        self.log(f"{said}{refused}", severity="warning" if event.error else "info", step=event.step)
        if event.command == "set" and event.command_id and not event.error:  # its state follows at once
            self._pending_acks.add(event.command_id, event.command, event.step)
        else:
            self.acknowledge(event.command_id, event.command, event.error)
        self._wake.set()

    def _take_started(self, event: Started) -> None:
        record = self._live.record
        if self.attempt > 1:
            self._go_on_from(event.step)
        record.step, record.device, record.threads = event.step, one_line(event.device, 32), event.threads
        record.total_steps = event.total_steps or -1
        with self._buffer_lock:
            self._specs.extend(event.metrics)
        self._headline.declare(event.metrics)
        self.add_row(
            write.started_row(
                self.attempt, event.step, event.device, event.threads, event.num_parameters, event.total_steps
            )
        )
        where = f"{event.device}, {event.threads} thread{'s' if event.threads != 1 else ''}, {event.precision} products"
        start = "started" if not event.step else f"goes on from step {event.step:,}"
        self.log(f"attempt {self.attempt} {start}: {event.num_parameters:,} parameters, {where}", step=event.step)
        self._wake.set()

    def _go_on_from(self, step: int) -> None:
        """Set aside what earlier attempts recorded after the step from which this one goes on."""
        self.flush()
        with self._commit_lock:
            self._ledger.supersede(step)
            alerts = self._connection.execute("SELECT count(*) FROM alerts WHERE superseded = 0").fetchone()[0]
        self._live.record.num_alerts = alerts
        self._live.record.recorded_step = min(self._live.record.recorded_step, step)
        self.files.go_on_from(step)

    def _advance(self, step: int) -> None:
        self._live.record.step = max(self._live.record.step, step)

    def _database_problem(self, error: Exception) -> None:
        known = sqlite.as_user_or_os_error(error) if isinstance(error, sqlite3.Error) else error
        if not isinstance(known, OSError):
            self.fatal = known
        full = isinstance(known, OSError) and known.errno in FULL
        said = "disk full: cannot write figures" if full else f"cannot write figures: {one_line(known, 120)}"
        if self._problems.get("database", "") != said:
            self._problems["database"] = said
            self.beat()

    def _keep_books(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(COMMIT_S)
            self._wake.clear()
            try:
                self.flush()
            except Exception as error:
                self.fatal = error
            self.beat()
            self._pending_acks.release_overdue()

    def _flush_patiently(self, deadline: float) -> bool:
        while not self.flush():
            self.beat()
            if self.fatal or self._clerk is None or time.monotonic() >= deadline or self.files.gave_up:
                return False
            time.sleep(0.5)
        return True

    def _stop_clerk(self) -> None:
        self._closed.set()
        self._wake.set()
        if self._clerk:
            self._clerk.join()

    def _say_the_end(self, outcome: str, reason: str) -> None:
        record = self.record_of_now
        record.state, record.reason, record.ended = outcome, reason, self.now()
        record.phase, record.phase_detail, record.problem, record.seconds_left = "", "", "", math.nan
        if outcome == "succeeded":
            record.progress = 1.0
        with self._live_lock, contextlib.suppress(OSError):
            self._live.write(sync=True)
        self._live.close()
