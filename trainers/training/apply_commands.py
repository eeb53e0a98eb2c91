"""Commands to a running training: each is checked, applied, and acknowledged with a `CommandApplied` event."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from trainers import events, openmp
from trainers.errors import ConfigError, UserError
from trainers.events import COMMANDS, Alert, Command, CommandApplied, Control, Event, Phase, Watchers
from trainers.training import resume
from trainers.training.session import TrainingSession
from trainers.training.timing import HEARTBEAT_S

MAX_THREADS = 1024
_COMMAND_NAMES = {command_type: name for name, command_type in COMMANDS.items()}
_POLL_S = 0.05


class NullControl:
    """A control without commands or watchers."""

    def poll(self, step: int) -> list[Command]:
        """Return no commands."""
        return []

    def watchers(self) -> Watchers:
        """Return that there are none."""
        return Watchers.NONE


class BufferedControl:
    """Buffers commands that arrive while data are loaded or during compiled steps; they are applied after that.

    Args:
        control: The source of commands.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._commands: list[Command] = []

    def poll_commands(self, step: int) -> bool:
        """Poll and buffer; return whether there are commands to apply."""
        self._commands += self._control.poll(step)
        return bool(self._commands)

    def stop_command(self, step: int) -> events.Stop | None:
        """Poll and buffer; return the command to stop, if there is one."""
        self.poll_commands(step)
        return next((command for command in self._commands if isinstance(command, events.Stop)), None)

    def poll(self, step: int) -> list[Command]:
        """Return the commands that arrived since the last call."""
        commands, self._commands = [*self._commands, *self._control.poll(step)], []
        return commands

    def watchers(self) -> Watchers:
        """Return whether the run is being watched."""
        return self._control.watchers()


def apply_commands(session: TrainingSession, control: Control) -> Iterator[Event]:
    """Apply the commands that arrived since the last step; a pause waits here, with heartbeats.

    It ends with a command to resume or stop, or for a single step, after which the training waits here again.
    """
    is_paused, num_steps = session.is_single_step, session.single_steps_left
    yield from apply_due_changes(session)
    while True:
        for command in control.poll(session.step):
            if isinstance(command, events.Step):
                yield _reply(session, command, "" if is_paused else "the run is not paused; pause it first")
                num_steps += is_paused
                continue
            yield from _apply(session, command)
            is_paused = isinstance(command, events.Pause) or (
                is_paused and not isinstance(command, events.Resume | events.Stop)
            )
        if not is_paused or session.is_stopping or num_steps:
            break
        # Wait, with heartbeats.
        if not session.stopwatch.is_paused:
            session.stopwatch.pause()
            session.timers.heartbeat.mark_done()
            yield Phase(session.step, "paused")
        time.sleep(_POLL_S)
        if session.timers.heartbeat.is_due(HEARTBEAT_S - _POLL_S):
            session.timers.heartbeat.mark_done()
            yield Phase(session.step, "paused")
    # Continue, for one step if more is not requested.
    session.is_single_step = is_paused
    session.single_steps_left = max(num_steps - 1, 0) if is_paused else 0
    if session.stopwatch.is_paused:
        session.stopwatch.resume()
        yield Phase(session.step, "stopping" if session.is_stopping else "training")


def _apply(session: TrainingSession, command: Command) -> Iterator[Event]:
    # Apply the command. Pauses and single steps are applied by the caller, saves below.
    error = ""
    values: Mapping[str, object] = {}
    try:
        match command:
            case events.Set(values, lr_continuation):
                values = session.change_settings(values, lr_continuation)
            case events.Threads(value):
                values = {"threads": value}
                if session.config.execution.deterministic:
                    hint = "start a run without --deterministic"
                    raise ConfigError("threads: pinned by execution.deterministic", hint)
                if not 1 <= value <= MAX_THREADS:
                    raise ConfigError(f"threads: {value} is not between 1 and {MAX_THREADS}", "give a number of cores")
                if value > openmp.bounded(value):
                    hint = f"use {openmp.bounded(value)}, or start the run without that limit"
                    raise ConfigError(f"threads: {value} exceeds {openmp.thread_limit()[1]}", hint)
                torch.set_num_threads(value)
            case events.Stop():
                session.stop()
    except UserError as reason:
        error = str(reason)
    yield _reply(session, command, error, values)
    if isinstance(command, events.SaveNow):
        yield Phase(session.step, "saving")
        yield resume.checkpoint(session, "requested")


def apply_due_changes(session: TrainingSession) -> Iterator[Event]:
    """Make the recorded changes that are due: of an earlier attempt at this step, or requested with the resume."""
    while True:
        try:
            change = session.apply_due_change()
        except UserError as error:
            yield Alert(session.step, "warning", "setting_not_changed", str(error))
            yield _reply(session, events.Set({}), str(error))
            continue
        if change is None:
            return
        yield _reply(session, events.Set({}), "", change.values)


def _reply(
    session: TrainingSession, command: Command, error: str, values: Mapping[str, object] | None = None
) -> CommandApplied:
    name = _COMMAND_NAMES[type(command)]
    reply = CommandApplied(session.step, command.id, name, values or {}, error)
    if not isinstance(command, events.Set):
        return reply
    changes = (*session.state.changes, *session.state.future_changes)
    return replace(reply, changes=changes, total_steps=session.length.steps)
