"""What a worker hears while it trains: people's commands, signals, a disk that refuses, its share of the cores."""

import signal
import time
from collections.abc import Sequence
from types import FrameType

from genexplorer.cores.leases import CoreLease
from genexplorer.runs.control import Watch
from genexplorer.runs.writer import RunWriter
from trainers.config import ExecutionConfig
from trainers.events import Command, Event, Pause, Phase, Resume, Stop, Threads

LOOK_S = 0.1  # between looks at the control folder
SHARE_S = 0.35  # between looks at the leases: a change that lasts for two of them is followed within a second


class Supervision:
    """The `Control` of a worker's training.

    Args:
        writer: Its inbox, and what keeps it from recording.
        lease: The worker's share of the cores, taken.
        execution: Whether the number of threads may change while it trains.
    """

    def __init__(self, writer: RunWriter, lease: CoreLease, execution: ExecutionConfig) -> None:
        self._writer = writer
        self._lease = lease
        self._adapts = not (execution.deterministic or execution.threads)
        self._watch = Watch(writer.folder)
        self._threads = self._seen_share = lease.share()
        self._next_look = self._next_share = 0.0
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

    def watched(self) -> bool:
        """Return whether somebody is looking."""
        return self._watch.watched()

    def see(self, event: Event) -> None:
        """Notice pauses in the training's events: the cores go back meanwhile."""
        if not isinstance(event, Phase) or event.name == "saving" or (event.name == "paused") == self._waiting:
            return
        self._waiting = event.name == "paused"
        if self._waiting:
            self._lease.give_back()
        else:
            self._lease.take()

    def _from_people(self) -> list[Command]:
        commands: list[Command] = list(self._writer.inbox.take())
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
        if not self._adapts or now < self._next_share or self._waiting:
            return []
        self._next_share = now + SHARE_S
        before, self._seen_share = self._seen_share, self._lease.share()
        if self._seen_share == self._threads or self._seen_share != before:  # it must last for two looks
            return []
        self._threads = self._seen_share
        return [Threads(self._threads)]

    def _on_terminate(self, _: int, __: FrameType | None) -> None:
        self._terminations += 1
        if self._terminations > 1:
            self._writer.files.give_up()  # a second one waits for no disk
