"""Steering a run: change settings while it trains or with its next start, make it longer, take single steps.

As in `genexplorer.session.actions`, every function that acts blocks, and returns expected failures as a result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from genexplorer.errors import ConfigError, RunStateError, WorkerError
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import layout, settings
from genexplorer.runs.command_hints import run_command
from genexplorer.runs.commands import control
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import read_settled_status, read_status
from genexplorer.runs.store import RunStore
from genexplorer.session import actions, run_data
from genexplorer.session.actions import ACK_TIMEOUT_S, ActionResult, as_result
from genexplorer.workers import launcher
from trainers import events

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.settable import SettableSetting

LR_CONTINUATIONS: dict[events.LrContinuation, str] = {
    "continue": "go on along the curve of the new length",
    "restart": "start anew from the full learning rate (warm restart)",
    "hold": "keep the present learning rate",
}
LENGTH_UNITS = ("epochs", "steps", "minutes")
_RESTARTABLE_STATES = (State.STOPPED, State.FAILED, State.LOST)


def settable_settings(folder: Path) -> "tuple[SettableSetting, ...]":
    """Return the settings of a run that can change while it trains, with their present values.

    Raises:
        UserError: if the run cannot be read, or its family is not installed.
    """
    from trainers import settable

    return settable.settings(settings.config_at(folder))


@as_result
def set_settings(
    folder: Path,
    runs_dir: Path,
    values: Mapping[str, events.SettingValue],
    *,
    lr_continuation: events.LrContinuation = "continue",
    timeout_s: float = ACK_TIMEOUT_S,
) -> ActionResult:
    """Change settings of a run: at its next step, or, if it has no worker, when it is resumed. All of them or none.

    Args:
        folder: The run folder.
        runs_dir: The own runs folder.
        values: New values by dotted key.
        lr_continuation: How a learning rate that falls along a curve goes on after a change of the length.
        timeout_s: How long to wait for the worker's acknowledgement.
    """
    RunStore(runs_dir).require_own(folder)
    status = read_settled_status(folder)
    before = settings.config_at(folder)
    changes = describe_changes(before, values)
    if status.state in (State.RUNNING, State.PAUSED):
        ack = control.wait_for_ack(folder, control.send(folder, events.Set(values, lr_continuation)), timeout_s)
        return ActionResult(True, f"{status.name}: {changes} from step {ack.step:,} on", "", folder)
    request_on_resume(folder, values, lr_continuation)
    command = "runs resume"
    return ActionResult(
        True, f"{status.name}: {changes}, when '{run_command(command, folder)}' continues it", "", folder
    )


@as_result
def resume_with(
    folder: Path,
    runs_dir: Path,
    values: Mapping[str, events.SettingValue],
    *,
    lr_continuation: events.LrContinuation = "continue",
) -> ActionResult:
    """Resume a paused, stopped, failed or lost run with settings changed, or a finished one that becomes longer."""
    RunStore(runs_dir).require_own(folder)
    state = read_settled_status(folder).state
    if state is State.RUNNING:
        raise RunStateError(f"{read_status(folder).name} is running", f"use '{run_command('runs set', folder)}'")
    if state is State.PAUSED:
        changed = set_settings(folder, runs_dir, values, lr_continuation=lr_continuation)
        return actions.resume(folder, runs_dir) if changed.ok else changed
    changes = describe_changes(settings.config_at(folder), values)
    run_data.require_present(folder)  # before anything is stored
    request_on_resume(folder, values, lr_continuation)
    result = actions.resume(folder, runs_dir)
    return ActionResult(True, f"{result.message} with {changes}", "", folder) if result.ok else result


@as_result
def extend(
    folder: Path,
    runs_dir: Path,
    amount: float,
    unit: str,
    *,
    values: Mapping[str, events.SettingValue] = MappingProxyType({}),
    lr_continuation: events.LrContinuation = "continue",
    timeout_s: float = 60.0,
) -> ActionResult:
    """Train a run longer, whether it is training, paused, stopped or finished; one without a worker gets one.

    Args:
        folder: The run folder.
        runs_dir: The own runs folder.
        amount: How much longer.
        unit: "epochs", "steps" or "minutes".
        values: Other settings that change with the length, by dotted key.
        lr_continuation: How a learning rate that falls along a curve goes on.
        timeout_s: How long to wait for the worker.
    """
    RunStore(runs_dir).require_own(folder)
    status = read_settled_status(folder)
    if not status.state.active:
        run_data.require_present(folder)  # before anything is stored
    key, length = longer(settings.config_at(folder, status.step), status, amount, unit)
    values = {**values, key: length}
    changed = set_settings(folder, runs_dir, values, lr_continuation=lr_continuation, timeout_s=timeout_s)
    if not changed.ok or status.state in (State.RUNNING, State.PAUSED):
        return changed
    started = actions.resume(folder, runs_dir, timeout_s=timeout_s)
    message = f"{started.message}; {', '.join(f'{name} {format_value(value)}' for name, value in values.items())}"
    return ActionResult(True, message, "", folder) if started.ok else started


@as_result
def take_steps(folder: Path, runs_dir: Path, count: int = 1, *, timeout_s: float = ACK_TIMEOUT_S) -> ActionResult:
    """Let a paused run take single steps, each with a snapshot and sample images; it stays paused."""
    RunStore(runs_dir).require_own(folder)
    for _ in range(count):
        target = control.wait_for_ack(folder, control.send(folder, events.Step()), timeout_s).step + 1
        launcher.wait_for_step(folder, target, timeout_s)
    status = read_status(folder)
    return ActionResult(True, f"{status.name} is at step {status.step:,}", "", folder)


def longer(config: "RunConfig", status: RunStatus, amount: float, unit: str) -> tuple[str, float | int]:
    """Return the key and value of the length of a run that is to train longer by an amount.

    Raises:
        ConfigError: if the amount is not positive, or the run's length cannot be given in that unit.
    """
    if unit not in LENGTH_UNITS:
        raise ConfigError(f"'{one_line(unit, 20)}' is no unit of a length", f"use {', '.join(LENGTH_UNITS)}")
    if not amount > 0:
        raise ConfigError(f"{unit}: {amount:g} more is not longer", "give a positive number")
    present = getattr(config.schedule, unit)
    if present is not None:
        total = present + amount
        return f"schedule.{unit}", int(total) if unit == "steps" else total
    if unit == "steps" and config.schedule.epochs is not None and status.total_steps:
        return "schedule.steps", status.total_steps + int(amount)
    own, _ = own_length(config)
    raise ConfigError(f"the length of {status.name} is given in {own}, not in {unit}", f"use --{own}")


def own_length(config: "RunConfig") -> tuple[str, float]:
    """Return the unit in which a run's length is given, "epochs", "steps" or "minutes", and the length."""
    lengths = {unit: getattr(config.schedule, unit) for unit in LENGTH_UNITS}
    return next((unit, length) for unit, length in lengths.items() if length is not None)


def request_on_resume(
    folder: Path, values: Mapping[str, events.SettingValue], lr_continuation: events.LrContinuation = "continue"
) -> None:
    """Store changes that take effect when a run without a worker is resumed, after checking them.

    Raises:
        ConfigError: if a setting cannot change, or a value is not allowed.
        RunStateError: if the run has a worker, or has finished and does not become longer.
    """
    from trainers import plan, presets, settable

    # Check the values; the data need not be there.
    launcher.require_checkpoints(folder)
    before = settings.config_at(folder)
    settable.require_settable(before, values)
    after = plan.resolve(presets.with_settings(before, values), image_shape=(1, 1, 1)).config
    status = read_settled_status(folder)
    if status.state is State.SUCCEEDED and not _is_longer(before, after):
        hint = f"train longer: '{run_command('runs extend', folder)} --epochs N', or fork it"
        raise RunStateError(f"{status.name} has finished", hint)
    if status.state not in (*_RESTARTABLE_STATES, State.SUCCEEDED):
        raise RunStateError(f"{status.name} is {status.state}", "wait until it trains or has stopped")
    # Store them.
    with KernelLock(folder / layout.LOCK) as lock:
        if not lock.acquire():
            raise WorkerError(f"{status.name} has a worker by now", "try again")
        settings.request_on_resume(folder, events.SettingChange(events.ON_RESUME, dict(values), lr_continuation))


def describe_changes(config: "RunConfig", values: Mapping[str, events.SettingValue]) -> str:
    """Return changes as text: "model.beta 50 → 1, optim.lr 0.002 → 0.0005"."""
    from trainers import presets

    present = presets.flatten(config.model_dump(mode="json"))
    parts = []
    for key, value in values.items():
        old = format_value(present[key]) if key in present else ""
        parts.append(f"{one_line(key, 60)} {f'{old} → ' if old else ''}{format_value(value)}")
    return ", ".join(parts)


def format_value(value: object) -> str:
    """Return a setting's value as text."""
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else one_line(str(value), 60)


def _is_longer(before: "RunConfig", after: "RunConfig") -> bool:
    pairs = [(getattr(before.schedule, unit), getattr(after.schedule, unit)) for unit in LENGTH_UNITS]
    return any(new is not None and (old is None or new > old) for old, new in pairs)


@dataclass(frozen=True)
class Suggestion:
    """What an alert advises, as a change that can be made at once.

    Args:
        values: New values by dotted key.
    """

    values: Mapping[str, events.SettingValue]

    @property
    def label(self) -> str:
        """The text of a button: "Set model.beta to 1"."""
        return "Set " + ", ".join(f"{key} to {format_value(value)}" for key, value in self.values.items())

    def label_for(self, status: RunStatus, config: "RunConfig") -> str:
        """The text of a button: "Set model.beta to 1", with what happens where the run does not train."""
        if status.state is State.SUCCEEDED:
            unit, length = own_length(config)
            return f"{self.label} and train {format_value(length)} {unit} more"
        return f"{self.label} and resume" if status.state.resumable else self.label

    def command(self, status: RunStatus, config: "RunConfig") -> str:
        """Return the command that makes the change: a stopped run is resumed, a finished one trains as long again."""
        pairs = [f"{key}={format_value(value)}" for key, value in self.values.items()]
        options = "".join(f" --set {pair}" for pair in pairs)
        if status.state is State.SUCCEEDED:
            unit, length = own_length(config)
            return f"{run_command('runs extend', status.folder)} --{unit} {format_value(length)}{options}"
        if status.state.resumable:
            return f"{run_command('runs resume', status.folder)}{options}"
        return f"{run_command('runs set', status.folder)} {' '.join(pairs)}"

    def apply(self, status: RunStatus, config: "RunConfig", runs_dir: Path) -> ActionResult:
        """Make the change as the command does. It blocks."""
        if status.state is State.SUCCEEDED:
            unit, length = own_length(config)
            return extend(status.folder, runs_dir, length, unit, values=self.values)
        if status.state.resumable:
            return resume_with(status.folder, runs_dir, self.values)
        return set_settings(status.folder, runs_dir, self.values)


def suggestion(code: str, config: "RunConfig") -> Suggestion | None:
    """Return the change that an alert of a code advises under the present settings; None if there is none to make.

    Args:
        code: The alert's code.
        config: The run's settings now, with their defaults filled in.
    """
    from trainers import settable

    present = {setting.key: setting.value for setting in settable.settings(config) if not setting.locked}
    values: dict[str, events.SettingValue] = {}
    if code == "kl_dim_collapsed" and present.get("model.beta", 0) > 1:
        values = {"model.beta": 1.0}
    elif code in ("loss_not_finite", "loss_spike", "evaluation_not_finite", "inverse_inexact", "samples_off_scale"):
        if "optim.lr" in present:
            values = {"optim.lr": float(f"{present['optim.lr'] / 3:.1g}")}
    elif code in ("mode_collapse", "discriminator_wins") and "model.lr_d_scale" in present:
        values = {"model.lr_d_scale": 1.0} if present["model.lr_d_scale"] != 1 else {"model.r1": 1.0}
        if all(present.get(key) == value for key, value in values.items()):
            values = {"optim.lr": float(f"{present['optim.lr'] / 3:.1g}")}
    return Suggestion(values) if values else None
