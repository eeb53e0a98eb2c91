"""The one writer of a run: records the events of one attempt in the run folder."""

import contextlib
import math
import sqlite3
import time
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.artifacts.files import RunFiles
from genexplorer.runs.commands.control import Ack
from genexplorer.runs.commands.inbox import Inbox
from genexplorer.runs.database import sqlite, write
from genexplorer.runs.database.committer import Committer, PrimaryMetric
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.settings import ChangeRecorder
from genexplorer.runs.status import process_id
from genexplorer.runs.status.heartbeat import Heartbeat
from trainers import events
from trainers.config import RunConfig
from trainers.presets import LENGTHS

PRIMARY_LOG_S = 5.0  # of training between log lines with the primary metric
_STATE_OF_PHASE = {"paused": "paused", "stopping": "stopping"}
_LOGGED_PHASES = ("decoding", "compiling", "paused", "stopping")


class RunWriter:
    """Records one attempt. The caller holds the run's lock.

    Metrics and rows go to the database (`committer`), images, snapshots and checkpoints to files (`files`), the
    current state to live.bin (`heartbeat`).

    Args:
        folder: The run folder.
        config: The run's configuration.
        token: Identifies the launch of this attempt.
        threads: Threads that the attempt starts with.
        threaded: False writes everything at once in the caller's thread. For tests and fake runs.
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
        self.heartbeat = Heartbeat(folder / layout.LIVE)
        self.attempt = max(write.last_attempt(self._connection), self.heartbeat.record.attempt) + 1
        self.inbox = Inbox(folder, self.attempt)
        self._changes = ChangeRecorder(folder, self.acknowledge, self._report_changes)
        self._primary_metric = PrimaryMetric(config)
        self._last_log_s = -PRIMARY_LOG_S
        self._finished: events.Finished | None = None
        self._closed = False
        self.committer = Committer(
            folder,
            self._connection,
            self.attempt,
            self.heartbeat,
            self._primary_metric,
            self.now,
            self._changes.retry,
        )
        previous, process = self.heartbeat.record, process_id.current()
        self.heartbeat.begin(process, self.attempt, token=token, threads=threads, started=self.now())
        # Complete what the worker before could not write: it was killed, or the disk was full.
        if previous.attempt:
            outcome = previous.state if math.isfinite(previous.ended) else "lost"
            values = {"ended": previous.updated, "outcome": outcome, "reason": previous.reason}
            self.committer.add_row(write.update_attempt_row(previous.attempt, values, unless_ended=True))
        row = {"number": self.attempt, "started": self.now(), "host": process.host, "pid": process.pid}
        row |= {"first_step": -1, "device": "", "threads": threads, "num_parameters": 0, "outcome": "", "reason": ""}
        self.committer.add_row(write.insert_row("attempts", row))
        if (mode := sqlite.journal_mode(self._connection)) != "wal":
            self.log(f"metrics are recorded with a rollback journal ({mode}): WAL does not work on this file system")
        self._set_state("running")
        self.flush()
        self.files = RunFiles(folder, config, self.committer, self.heartbeat, threaded=threaded)
        if threaded:
            self.committer.start()

    def now(self) -> float:
        """Return the Unix time of records."""
        return time.time() + self._clock_offset

    def record(self, event: events.Event) -> None:
        """Record one event in microseconds, as other threads do the writing; events after `Finished` are ignored."""
        if self._finished is not None:
            return
        # Large events go to the file writer, small ones to the database.
        match event:
            case events.Metrics():
                self.record_metrics(event)
            case events.Phase():
                self._record_phase(event)
            case events.ImagesReady():
                self.files.save_images(event)
            case events.SnapshotReady():
                self.files.save_snapshot(event)
            case events.CheckpointReady():
                self.files.save_checkpoint(event)
            case events.Alert():
                self.heartbeat.record.num_alerts += 1
                texts = {"severity": event.severity, "message": event.message}
                self.committer.add_event("alerts", event.step, {"code": event.code, **texts})
                self.committer.add_event("log", event.step, texts, soon=True)
            case events.CommandApplied():
                self._record_command(event)
            case events.Started():
                self._record_start(event)
            case events.Finished():
                self._finished = event
                self._advance(event.step)
                self._set_state("stopping")
        if not self.committer.threaded:
            self.flush()

    def record_metrics(self, event: events.Metrics) -> None:
        """Buffer the metrics of one step. Called at each step: all that can wait is left to the commit."""
        self.committer.add_metrics(event)
        self.heartbeat.newest_metrics = event
        line = self._primary_metric.log_line(event.values)
        if line and event.elapsed_s - self._last_log_s >= PRIMARY_LOG_S:
            self._last_log_s = event.elapsed_s
            self.log(line, step=event.step)

    def flush(self) -> bool:
        """Commit the buffer and write live.bin. False if the disk refused; the buffer then stays."""
        committed = self.committer.flush()
        self.heartbeat.beat(self.committer.problem)
        return committed

    def log(self, message: str, *, severity: str = "info", step: int | None = None) -> None:
        """Add a line to the run's log; its step is the current one unless given."""
        self.committer.log(message, severity=severity, step=step)

    def acknowledge(self, command_id: str, command: str, step: int, error: str = "") -> None:
        """Acknowledge a command."""
        if not command_id:
            return
        try:
            self.inbox.acknowledge(Ack(command_id, command, step, error, self.now()))
        except OSError as failure:
            self.log(f"could not acknowledge the command '{command}': {failure.strerror}", severity="warning")

    def close(self, outcome: str = "", reason: str = "", *, patience_s: float = math.inf) -> None:
        """End the attempt: write all that is buffered, make the database one file, record the outcome.

        Args:
            outcome: "succeeded", "stopped" or "failed"; that of `Finished` when empty.
            reason: One line; that of `Finished` when empty.
            patience_s: How long to wait for a full disk.
        """
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + patience_s
        record = self.heartbeat.record
        finished = self._finished or events.Finished(
            record.step, "failed", "the training ended without an error message"
        )
        outcome, reason = outcome or finished.outcome, one_line(reason or finished.reason, 400)
        # Files first: what could not be saved is part of the reason.
        self.files.drain(patience_s)
        self.files.close()
        self._changes.retry()
        reason = "; ".join(filter(None, (reason, self.files.unsaved)))
        values = {"ended": self.now(), "outcome": outcome, "reason": reason}
        self.committer.add_row(write.update_attempt_row(self.attempt, values))
        self.committer.add_event("transitions", finished.step, {"state": outcome, "reason": reason})
        self.log(f"{outcome}: {reason}" if reason else outcome, severity="error" if outcome == "failed" else "info")
        # Then the last rows. The journal is deleted so that the database is one file.
        committed = self.committer.finish(deadline, lambda: not self.files.gave_up)
        if not committed:
            reason = "; ".join(filter(None, (reason, f"the last metrics are not saved: {self.committer.problem}")))
        with contextlib.suppress(sqlite3.Error):
            sqlite.leave_wal(self._connection, patience_s=5.0 if committed else 0.0)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self.heartbeat.finish(outcome, reason, self.now())

    def discard(self, reason: str) -> None:
        """Close without writing another file, as the run folder is gone; a folder that was moved gets the outcome.

        Args:
            reason: One line.
        """
        self._closed = True
        self.files.discard()
        self.committer.stop()
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self.heartbeat.finish("failed", reason, self.now())

    def abandon(self) -> None:
        """Close without recording an outcome, as if killed. For tests and fake runs."""
        self._closed = True
        self.committer.stop()
        self.files.close()
        with sqlite.open_for_reading(self.folder):  # not the last to close, so that the write-ahead log stays
            self._connection.close()
        self.heartbeat.close()

    def _set_state(self, state: str) -> None:
        record = self.heartbeat.record
        if record.state != state:
            record.state = state
            self.committer.add_event("transitions", record.step, {"state": state, "reason": ""}, soon=True)

    def _advance(self, step: int) -> None:
        record = self.heartbeat.record
        record.step = max(record.step, step)

    def _record_start(self, event: events.Started) -> None:
        record = self.heartbeat.record
        # Set aside what earlier attempts recorded after the step from which this one continues.
        if self.attempt > 1:
            record.num_alerts = self.committer.supersede(event.step)
            record.recorded_step = min(record.recorded_step, event.step)
            self.files.remove_after(event.step)
        record.first_step = event.step
        record.step, record.device, record.threads = event.step, one_line(event.device, 32), event.threads
        record.total_steps = event.total_steps or -1
        self.committer.declare(event.metrics)
        self._primary_metric.declare(event.metrics)
        values = {"first_step": event.step, "device": event.device, "threads": event.threads}
        values |= {"num_parameters": event.num_parameters, "total_steps": event.total_steps}
        self.committer.add_row(write.update_attempt_row(self.attempt, values), soon=True)
        threads = f"{event.threads} thread{'s' if event.threads != 1 else ''}"
        start = "started" if not event.step else f"resumed from step {event.step:,}"
        size = f"{event.num_parameters:,} parameters, {event.device}, {threads}, {event.precision} matmuls"
        self.log(f"attempt {self.attempt} {start}: {size}", step=event.step)

    def _record_phase(self, event: events.Phase) -> None:
        record = self.heartbeat.record
        changed = record.phase != event.name
        record.phase, record.phase_detail = event.name, one_line(event.detail, 100)
        self._advance(event.step)
        if changed and event.name in _LOGGED_PHASES:
            self.log(f"{event.name} {event.detail}".strip(), step=event.step)
        if record.state in ("running", "paused") and event.name != "saving":  # a paused training saves on request
            self._set_state(_STATE_OF_PHASE.get(event.name, "running"))

    def _record_command(self, event: events.CommandApplied) -> None:
        record = self.heartbeat.record
        if event.command_id or event.command == "set":  # what else the worker does by itself appears only in the log
            for row in write.change_rows(self.attempt, record.elapsed_s, event):
                self.committer.add_row(row)
        threads = event.values.get("threads")
        if event.command == "threads" and isinstance(threads, int) and not event.error:
            record.threads = threads
        self.log(_describe(event), severity="warning" if event.error else "info", step=event.step)
        # A change of settings is acknowledged when it is stored: it then outlives a crash.
        if event.command == "set":
            if not event.error and any(key in LENGTHS for key in event.values):
                record.total_steps = event.total_steps or -1
            self._changes.record(event)
        else:
            self.acknowledge(event.command_id, event.command, record.step, event.error)

    def _report_changes(self, problem: str) -> None:
        self.committer.set_problem("changes", problem)


def _describe(event: events.CommandApplied) -> str:
    values = event.values
    if event.command == "threads" and not event.error:
        return f"now using {values['threads']} thread{'s' if values['threads'] != 1 else ''}"
    command = event.command.replace("_", " ")
    changes = ", ".join(f"{'' if key == event.command else key} = {value}".strip() for key, value in values.items())
    error = f": {event.error}" if event.error else ""
    return f"{command} {changes}".strip() + error
