"""What a running training can be told: each command checked, applied and answered with a `CommandApplied`."""

import time
from collections.abc import Iterator

import torch

from trainers.errors import ConfigError, UserError
from trainers.events import (
    COMMANDS,
    Command,
    CommandApplied,
    Control,
    Event,
    Pause,
    Phase,
    Resume,
    SaveNow,
    Set,
    Stop,
    Threads,
    Viewers,
)
from trainers.training import resume, settable
from trainers.training.session import TrainingSession
from trainers.training.timing import SIGN_OF_LIFE_S

MAX_THREADS = 1024
_NAMES = {kind: name for name, kind in COMMANDS.items()}
_POLL_S = 0.05


class NullControl:
    """A control that says nothing: nobody commands, nobody looks."""

    def poll(self, step: int) -> list[Command]:
        """Return no commands."""
        return []

    def watched(self) -> Viewers:
        """Return that nobody looks."""
        return Viewers.NOBODY


class BufferedControl:
    """A control that is heard between two steps of a stretch and obeyed behind it.

    Args:
        control: Where commands come from.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._heard: list[Command] = []

    def hears(self, step: int) -> bool:
        """Return whether there is something to obey."""
        self._heard += self._control.poll(step)
        return bool(self._heard)

    def poll(self, step: int) -> list[Command]:
        """Return the commands that came since the last call."""
        heard, self._heard = [*self._heard, *self._control.poll(step)], []
        return heard

    def watched(self) -> Viewers:
        """Return whether somebody is looking."""
        return self._control.watched()


def obey(attempt: TrainingSession, control: Control) -> Iterator[Event]:
    """Apply what came since the last step; a pause waits here, with signs of life, until it is over."""
    paused = False
    while True:
        for command in control.poll(attempt.step):
            yield from _apply(attempt, command)
            paused = isinstance(command, Pause) or (paused and not isinstance(command, Resume | Stop))
        if not paused or attempt.stopping:
            break
        yield from _wait(attempt)
    if attempt.stopwatch.paused:
        attempt.stopwatch.go_on()
        yield Phase(attempt.step, "stopping" if attempt.stopping else "training")


def _apply(attempt: TrainingSession, command: Command) -> Iterator[Event]:
    error = ""
    try:
        _do(attempt, command)
    except UserError as problem:
        error = str(problem)
    path = command.path if isinstance(command, Set) else ""
    value = command.value if isinstance(command, Set) else command.count if isinstance(command, Threads) else None
    yield CommandApplied(attempt.step, command.id, _NAMES[type(command)], path, value, error)
    if isinstance(command, SaveNow):
        yield Phase(attempt.step, "saving")
        yield resume.state(attempt, "asked")
    elif isinstance(command, Set) and not error:  # what was obeyed outlives a kill
        yield resume.state(attempt, "schedule")
        attempt.checkpoints.done()


def _do(attempt: TrainingSession, command: Command) -> None:
    match command:
        case Set(path, value):
            _set(attempt, path, value)
        case Threads(count):
            _set_threads(attempt, count)
        case Stop():
            attempt.stopping = True


def _set(attempt: TrainingSession, path: str, value: object) -> None:
    attempt.plan = settable.changed(attempt.plan, attempt.model, path, value)
    attempt.memory.changes.append({"step": attempt.step, "path": path, "value": value})


def _set_threads(attempt: TrainingSession, count: int) -> None:
    if attempt.config.execution.deterministic:
        raise ConfigError("threads: pinned by execution.deterministic", "leave them, or start without --deterministic")
    if not 1 <= count <= MAX_THREADS:
        raise ConfigError(f"threads: {count} is not between 1 and {MAX_THREADS}", "give a number of cores")
    torch.set_num_threads(count)


def _wait(attempt: TrainingSession) -> Iterator[Event]:
    if not attempt.stopwatch.paused:
        attempt.stopwatch.pause()
        attempt.signs.done()
        yield Phase(attempt.step, "paused")
    time.sleep(_POLL_S)
    if attempt.signs.due(SIGN_OF_LIFE_S - _POLL_S):
        attempt.signs.done()
        yield Phase(attempt.step, "paused")
