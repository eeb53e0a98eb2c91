"""The form that changes a run's settings while it trains, without widgets: dashboard and viewer show it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genexplorer.errors import ConfigError, UserError
from genexplorer.runs import settings
from genexplorer.runs.command_hints import run_command
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.status.run_status import read_settled_status
from genexplorer.runs.store import RunStore
from genexplorer.session import steering
from genexplorer.session.actions import ActionResult
from genexplorer.session.settings_text import parse_value
from trainers.events import LrContinuation, SettingValue
from trainers.step.lr_schedule import lr_factor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainers.config import RunConfig, ScheduleConfig
    from trainers.settable import SettableSetting

_NO_CHANGES = "Nothing is changed yet."


class SettingsForm:
    """The settings of a run that can change, with their limits, and the values that were entered for them.

    Not thread-safe; `apply` alone may run in another thread, while the form does not change.

    Args:
        folder: The run folder.
        runs_dir: The own runs folder.

    Raises:
        UserError: if the run cannot be read, or its family is not installed.
    """

    def __init__(self, folder: Path, runs_dir: Path) -> None:
        from trainers import settable

        self.folder, self.runs_dir = folder, runs_dir
        self.texts: dict[str, str] = {}  # entered texts by key
        self.values: dict[str, SettingValue] = {}  # the parsed values of those that differ from the present ones
        self.errors: dict[str, str] = {}  # by key
        self.lr_continuation: LrContinuation = "continue"
        self.status: RunStatus = read_settled_status(self.folder)
        self.config: RunConfig = settings.config_at(self.folder)
        self.rows: tuple[SettableSetting, ...] = settable.settings(self.config)
        self._read_only_reason = ""
        try:
            RunStore(self.runs_dir).require_own(self.folder)
        except UserError as error:
            self._read_only_reason = str(error)
        self._validate()

    def set(self, key: str, text: str) -> None:
        """Enter a value; an empty text leaves the setting as it is."""
        self.texts[key] = text.strip()
        self._validate()

    def take_entries(self, other: "SettingsForm") -> None:
        """Take over what was entered into another form of the same run."""
        self.texts, self.lr_continuation = dict(other.texts), other.lr_continuation
        self._validate()

    def allowed(self, row: "SettableSetting") -> str:
        """Return what a setting allows: why it is locked, or its limits and its unit."""
        if row.locked:
            return row.locked
        if row.key == self.length_key:
            return f"{row.unit}, or +10"
        return " ".join(filter(None, (row.limits, row.unit)))

    def clear(self) -> None:
        """Remove all entered values."""
        self.texts.clear()
        self._validate()

    @property
    def problem(self) -> str:
        """Why the values cannot be applied; empty if they can."""
        status = self.status
        if self._read_only_reason:
            return self._read_only_reason
        if self.errors:
            return next(iter(self.errors.values()))
        if status.state in (State.QUEUED, State.STOPPING, State.DAMAGED):
            return f"{status.name} is {status.state}: wait until it trains or has stopped."
        if not self.values:
            return _NO_CHANGES
        if status.state is State.SUCCEEDED and not self.is_longer:
            return f"{status.name} has finished: give it a larger {self.length_key} as well."
        return ""

    @property
    def effect(self) -> str:
        """When the values take effect: "from the next step on"."""
        if self.status.state in (State.RUNNING, State.PAUSED):
            return "from the next step on"
        return f"from step {self.status.step:,} on, when it is resumed"

    @property
    def action(self) -> str:
        """The name of the action that `apply` does."""
        if self.status.state is State.SUCCEEDED:
            return "Train longer"
        return "Apply and resume" if self.status.state.resumable else "Apply"

    @property
    def changes(self) -> str:
        """The changes as text: "model.beta 50 → 1"."""
        return steering.describe_changes(self.config, self.values)

    @property
    def values_text(self) -> str:
        """The changed values as a line of settings: "model.beta=1 optim.lr=0.001"."""
        return " ".join(f"{key}={steering.format_value(value)}" for key, value in self.values.items())

    @property
    def length_key(self) -> str:
        """The key of the run's length: "schedule.steps"."""
        return f"schedule.{steering.own_length(self.config)[0]}"

    @property
    def is_longer(self) -> bool:
        """Whether the run becomes longer."""
        length = self.values.get(self.length_key)
        return isinstance(length, int | float) and length > steering.own_length(self.config)[1]

    @property
    def has_lr_choice(self) -> bool:
        """Whether there is a choice of how the learning rate goes on: the length changes, and it is not constant."""
        schedule = self.config.schedule
        varies = self.values.get("schedule.lr", schedule.lr) != "constant" or schedule.hold_factor is not None
        return self.length_key in self.values and varies

    @property
    def command(self) -> str:
        """The command line that does the same."""
        option = f" --lr-schedule {self.lr_continuation}" if self.has_lr_choice else ""
        line = f"{run_command('runs set', self.folder)} {self.values_text}{option}".rstrip()
        if self.status.state in (State.RUNNING, State.PAUSED) or not self.values:
            return line
        return f"{line} && {run_command('runs resume', self.folder)}"

    def apply(self) -> ActionResult:
        """Make the changes; a run without a worker is resumed with them. It blocks."""
        values, continuation = dict(self.values), self.lr_continuation
        if self.status.state in (State.RUNNING, State.PAUSED):
            return steering.set_settings(self.folder, self.runs_dir, values, lr_continuation=continuation)
        return steering.resume_with(self.folder, self.runs_dir, values, lr_continuation=continuation)

    def lr_curves(self, num_points: int) -> "tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]":
        """Return the learning rate over the training as it is now, and as it will be.

        Args:
            num_points: Number of values.

        Returns:
            The part of the new length that is done, in [0, 1], and the learning rates without and with the changes, NaN
            beyond the end of the present length; (num_points,) each.
        """
        schedule, lr, new_lr = self.config.schedule, self.config.optim.lr, self.values.get("optim.lr")
        unit, length = steering.own_length(self.config)
        new_length = self.values.get(self.length_key, length)
        ratio = length / float(new_length or length)
        present, total = self.status.progress, self.status.total_steps or 0
        per_epoch = max(1, round(total / length)) if unit == "epochs" else max(total, 1)

        def factor(of: "ScheduleConfig", progress: float, scale: float) -> float:
            return lr_factor(of, round(progress * total * scale), progress, per_epoch)

        # How the schedule goes on, as `TrainingSession.change_settings` decides it.
        after = schedule.model_copy(update={"lr": self.values.get("schedule.lr", schedule.lr)})
        if self.lr_continuation == "hold":
            after = after.model_copy(update={"hold_factor": factor(schedule, present, 1)})
        elif self.lr_continuation == "restart":
            after = after.model_copy(update={"hold_factor": None, "restart_at": min(present * ratio, 0.999)})
        elif self.length_key in self.values:
            after = after.model_copy(update={"hold_factor": None, "restart_at": schedule.restart_at * ratio})
        x = np.linspace(0, 1, num_points)
        before = np.array([lr * factor(schedule, p, 1) if p <= 1 else np.nan for p in x / ratio])
        changed = float(lr if new_lr is None else new_lr)
        later = np.array([changed * factor(after, p, 1 / ratio) for p in x])
        return x, before, np.where(x < present * ratio, before, later)

    def _validate(self) -> None:
        """Parse the entered texts, and check each value alone, then all together."""
        present: Mapping[str, object] = {row.key: row.value for row in self.rows}
        self.values, self.errors = {}, {}
        for row in self.rows:
            text = self.texts.get(row.key, "")
            if not text:
                continue
            value = parse_value(text)
            if row.key == self.length_key and text.startswith("+") and isinstance(value, int | float):
                value += row.value
            if row.locked:
                self.errors[row.key] = row.locked
            elif not isinstance(value, str | int | float | bool):
                self.errors[row.key] = f"{row.key}: not a number or a word"
            else:
                changed: SettingValue = None if value == "none" and "none" not in row.choices else value
                if changed != present[row.key]:
                    self.values[row.key] = changed
                    self._check({row.key: changed}, row.key)
        if self.values and not self.errors:
            self._check(self.values, "")

    def _check(self, values: Mapping[str, SettingValue], key: str) -> None:
        from trainers import plan, presets

        try:
            plan.resolve(presets.with_settings(self.config, values), image_shape=(1, 1, 1))
        except ConfigError as error:
            self.errors[key] = str(error)
