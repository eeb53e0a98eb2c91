"""What a worker hears while it trains: people's commands, signals, a disk that refuses, its share of the cores."""

import signal
import time
from collections.abc import Sequence
from types import FrameType

from genexplorer.cores.contention import Contention
from genexplorer.cores.leases import CoreLease
from genexplorer.runs.commands.inbox import ViewerWatch
from genexplorer.runs.writer import RunWriter
from trainers.config import ExecutionConfig
from trainers.events import Command, CommandApplied, Event, Pause, Phase, Resume, Started, Stop, Threads, Viewers

LOOK_S = 0.1  # between looks at the control folder and at the leases
GROW_S = 0.4  # a larger share must have lasted so long: fewer threads at once, more when nobody wants the cores back


class WorkerControl:
    """The `Control` of a worker's training.

    Args:
        writer: Its inbox, and what keeps it from recording.
        lease: The worker's share of the cores, taken.
        execution: Whether the number of threads may change while it trains.
    """

    def __init__(self, writer: RunWriter, lease: CoreLease, execution: ExecutionConfig) -> None:
        self._writer = writer
        self._lease = lease
        self._adapts = execution.adapts_threads
        self._contention = Contention()
        self._watch = ViewerWatch(writer.folder)
        self._threads = lease.share()
        self._larger_since: float | None = None
        self._next_look = 0.0
        self._terminations = 0
        self._stop_told = False
        self._paused_by_people = False
        self._held = False  # paused by us, for the disk's sake
        self._waiting = False

    @property
    def threads(self) -> int:
        """How many threads the training is to compute with now, as this share of the cores has it."""
        return self._threads

    @property
    def told_to_stop(self) -> bool:
        """Whether somebody ended the training before its time."""
        return self._stop_told

    def install_signals(self) -> None:
        """SIGTERM stops as the command does; the end of a terminal or of a connection is nothing to us."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def poll(self, step: int) -> Sequence[Command]:
        """Return the commands that came since the last call, oldest first.

        Raises:
            Exception: what makes recording impossible for good.
        """
        now = time.monotonic()
        if now < self._next_look:
            return ()
        self._next_look = now + LOOK_S
        if self._writer.fatal:
            raise self._writer.fatal
        return [*self._from_people(), *self._from_disk(), *self._from_cores(now)]

    def viewers(self) -> Viewers:
        """Return whether somebody is looking."""
        return self._watch.viewers()

    def see(self, event: Event) -> None:
        """Notice what concerns other trainings: cores that a pause sets free, threads that are pinned."""
        match event:
            case Phase(_, name) if name != "saving" and (name == "paused") != self._waiting:
                self._wait() if name == "paused" else self._go_on()
            case Started(threads=threads) if not self._adapts:
                self._lease.insist(threads)
            case CommandApplied(command="threads", value=int(count), command_id=people, error="") if people:
                self._adapts, self._threads = False, count
                self._lease.insist(count)

    def _wait(self) -> None:
        self._waiting = True
        self._lease.give_back()

    def _go_on(self) -> None:
        self._waiting = False
        self._lease.take()
        self._next_look = 0.0  # who came meanwhile has the cores

    def _from_people(self) -> list[Command]:
        commands: list[Command] = list(self._writer.inbox.receive())
        if self._terminations and not self._stop_told:
            commands.append(Stop())
        for command in commands:
            if isinstance(command, Pause | Resume):
                self._paused_by_people = isinstance(command, Pause)
                self._held = False  # a refusing disk will pause it anew
            self._stop_told = self._stop_told or isinstance(command, Stop)
        return commands

    def _from_disk(self) -> list[Command]:
        refused = bool(self._writer.problem)
        if refused == self._held or self._stop_told:
            return []
        self._held = refused
        if self._paused_by_people:
            return []
        return [Pause()] if refused else [Resume()]

    def _from_cores(self, now: float) -> list[Command]:
        if not self._adapts or self._waiting:
            return []
        share = self._contention.bounded(self._lease.share(), self._threads, now)
        if share <= self._threads:
            self._larger_since = None
        elif self._larger_since is None:
            self._larger_since = now
        if share == self._threads or (self._larger_since is not None and now - self._larger_since < GROW_S):
            return []
        self._threads, self._larger_since = share, None
        return [Threads(share)]

    def _on_terminate(self, _: int, __: FrameType | None) -> None:
        self._terminations += 1
        if self._terminations > 1:
            self._writer.files.give_up()  # a second one waits for no disk
