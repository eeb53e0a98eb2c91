"""Commands for a training: from front ends, signals, a full disk, and the worker's share of the cores."""

import signal
import time
from collections.abc import Sequence
from types import FrameType

from genexplorer.cores.contention import Contention
from genexplorer.cores.leases import CoreLease
from genexplorer.runs.commands.inbox import WatchFileMonitor
from genexplorer.runs.writer import RunWriter
from trainers.config import ExecutionConfig
from trainers.events import Command, CommandApplied, Event, Pause, Phase, Resume, Started, Stop, Threads, Watchers

# Batch systems announce the end of a job's time by SIGUSR1 or SIGUSR2 (Slurm, SGE) or SIGXCPU, all deadly by default.
_STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGXCPU") if hasattr(signal, name)
)
POLL_S = 0.1  # between reads of the control folder and of the leases
GROW_DELAY_S = 0.4  # a larger share must last so long before it is used; a smaller one is used at once


class WorkerControl:
    """The `Control` of a worker's training.

    Args:
        writer: Has the inbox, and reports what keeps the run from being recorded.
        lease: The worker's core lease, held.
        execution: Whether the number of threads may change during training.
    """

    def __init__(self, writer: RunWriter, lease: CoreLease, execution: ExecutionConfig) -> None:
        self._writer = writer
        self._lease = lease
        self._adapts = execution.adapts_threads
        self._contention = Contention()
        self._watch = WatchFileMonitor(writer.folder)
        self.threads = lease.share()  # that the training should use now
        self.stop_requested = False  # a command or signal ends the training early
        self.folder_is_gone = False  # the training ends, and nothing more is written
        self._larger_since: float | None = None
        self._next_poll = 0.0
        self._terminations = 0
        self._paused_by_user = False
        self._paused_by_disk = False
        self._is_paused = False

    def install_signals(self) -> None:
        """Make termination signals stop the training like the command; ignore the end of the terminal or connection."""
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_terminate)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def poll(self, step: int) -> Sequence[Command]:
        """Return the commands that came since the last call, oldest first.

        Raises:
            Exception: why recording cannot continue.
        """
        now = time.monotonic()
        if now < self._next_poll:
            return ()
        self._next_poll = now + POLL_S
        if self.folder_is_gone:
            return [Stop()]
        if self._writer.committer.fatal:
            raise self._writer.committer.fatal
        return [*self._from_users(step), *self._from_disk(), *self._from_cores(now)]

    def watchers(self) -> Watchers:
        """Return whether front ends show the run."""
        return self._watch.watchers()

    def end_without_folder(self) -> None:
        """End the training at its next step, as its run folder was deleted or moved; called by another thread."""
        self.folder_is_gone = True

    def observe(self, event: Event) -> None:
        """Update the core lease: a pause releases it, threads can be pinned."""
        match event:
            case Phase(_, "paused") if not self._is_paused:
                self._is_paused = True
                self._lease.release()
            case Phase(_, name) if name not in ("paused", "saving") and self._is_paused:
                self._is_paused = False
                self._lease.acquire()
                self._next_poll = 0.0  # other trainings may have the cores by now
            case Started(threads=threads) if not self._adapts:
                self._lease.pin(threads)
            case CommandApplied(command="threads", command_id=id_, values={"threads": int(count)}, error="") if id_:
                self._adapts, self.threads = False, count
                self._lease.pin(count)

    def _from_users(self, step: int) -> list[Command]:
        commands: list[Command] = list(self._writer.inbox.receive(step))
        if self._terminations and not self.stop_requested:
            commands.append(Stop())
        for command in commands:
            if isinstance(command, Pause | Resume):
                self._paused_by_user = isinstance(command, Pause)
                self._paused_by_disk = False  # a full disk pauses it again
            self.stop_requested = self.stop_requested or isinstance(command, Stop)
        return commands

    def _from_disk(self) -> list[Command]:
        has_problem = bool(self._writer.committer.problem)
        if has_problem == self._paused_by_disk or self.stop_requested:
            return []
        self._paused_by_disk = has_problem
        if self._paused_by_user:
            return []
        return [Pause()] if has_problem else [Resume()]

    def _from_cores(self, now: float) -> list[Command]:
        if not self._adapts or self._is_paused:
            return []
        share = self._contention.limit(self._lease.share(), self.threads, now)
        if share <= self.threads:
            self._larger_since = None
        elif self._larger_since is None:
            self._larger_since = now
        if share == self.threads or (self._larger_since is not None and now - self._larger_since < GROW_DELAY_S):
            return []
        self.threads, self._larger_since = share, None
        return [Threads(share)]

    def _on_terminate(self, _: int, __: FrameType | None) -> None:
        self._terminations += 1
        if self._terminations > 1:
            self._writer.files.give_up()  # a second signal stops waiting for a full disk
