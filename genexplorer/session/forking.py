"""Branches: a new run that goes on from a step of another one, with settings changed.

As in `genexplorer.session.actions`, `fork` blocks, and returns expected failures as a result.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from genexplorer.errors import ConfigError, DamagedRunError, UserError
from genexplorer.runs import branch, settings
from genexplorer.runs.command_hints import run_command
from genexplorer.runs.record import State
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from genexplorer.session import run_data, steering
from genexplorer.session.actions import ActionResult, as_result
from genexplorer.session.settings_text import parse_settings
from genexplorer.workers import launcher
from trainers.events import LrContinuation, ResumeState, SettingValue
from trainers.training.timing import TrainingLength

if TYPE_CHECKING:
    from trainers.config import RunConfig

branch_point = branch.branch_point
EXPLANATION = (
    "A new run goes on from there; this one is only read. A snapshot has weights alone: the optimizer starts anew."
)


@dataclass(frozen=True)
class BranchRequest:
    """The fields of the form of a branch, parsed.

    Args:
        at_step: Step of a checkpoint or snapshot; None for the newest checkpoint.
        values: Settings of the branch by dotted key.
        name: Its name; empty for a random one.
    """

    at_step: int | None = None
    values: Mapping[str, SettingValue] = field(default_factory=dict)
    name: str = ""

    def start(self, folder: Path, runs_dir: Path) -> ActionResult:
        """Start the branch of a run. It blocks."""
        return fork(folder, runs_dir, at_step=self.at_step, values=self.values, name=self.name)


def parse_request(at_step: str, settings: str, name: str) -> BranchRequest:
    """Parse the fields of the form of a branch.

    Raises:
        ConfigError: if the step is not a number, or a setting not of the form key=value.
    """
    digits = at_step.strip().replace(",", "")
    if digits and not (digits.isascii() and digits.isdecimal()):
        raise ConfigError("At step: not a number", "leave it empty for the newest checkpoint")
    return BranchRequest(int(digits) if digits else None, parse_settings(settings), name.strip())


def form_defaults(
    config: "RunConfig | None", snapshots: Sequence[int], selected_step: int | None
) -> tuple[int | None, tuple[str, ...]]:
    """Return what the form of a branch offers.

    Args:
        config: The run's settings; None if they cannot be read.
        snapshots: The steps of its snapshots, ascending.
        selected_step: The selected step; None while the newest is followed.

    Returns:
        The step of the newest snapshot up to the selected one, None for the newest checkpoint; and the keys of the
        settings that can change.
    """
    from trainers import settable

    step = None if selected_step is None else max((s for s in snapshots if s <= selected_step), default=None)
    keys: tuple[str, ...] = ()
    if config is not None:
        with suppress(ConfigError):  # a family that is not installed here
            keys = tuple(row.key for row in settable.settings(config))
    return step, keys


@as_result
def fork(
    folder: Path,
    runs_dir: Path,
    *,
    at_step: int | None = None,
    values: Mapping[str, SettingValue] = MappingProxyType({}),
    name: str = "",
    tags: Iterable[str] = (),
    lr_continuation: LrContinuation = "continue",
) -> ActionResult:
    """Start a branch of a run as a new run, and wait for its first heartbeat. The other run is only read.

    Args:
        folder: The folder of the run, in any state; also one outside of the own runs folder.
        runs_dir: The own runs folder, which receives the branch.
        at_step: The step of a checkpoint, or else of a snapshot, which has weights alone; None for the newest
            checkpoint.
        values: Settings of the branch by dotted key; those that can change in training do so at its first step.
        name: Name of the branch; a random one if empty.
        tags: Tags of the branch.
        lr_continuation: How a learning rate that falls along a curve goes on after a change of the length.

    Returns:
        The result, with the folder of the branch.
    """
    store = RunStore(runs_dir)
    status = read_status(folder)
    if status.state is State.DAMAGED:
        raise DamagedRunError(f"{status.name} is damaged: {status.reason}")
    # Check everything before anything is written.
    point = branch_point(folder, at_step)
    state = branch.load_state(point)
    before = settings.config_at(folder, point.step)
    config, live_values = _split_changes(before, values)
    _require_unfinished(status.name, config, live_values, state)
    launcher.require_device(config.execution.device)
    run_data.require_present(folder, "fork")
    changes = steering.describe_changes(before, values)
    # Create the branch and start it.
    new_folder = branch.create_branch(
        store,
        point,
        state,
        config,
        values=live_values,
        lr_continuation=lr_continuation,
        changes=changes,
        name=name,
        tags=tuple(tags),
    )
    try:
        started = launcher.start(new_folder)
    except UserError as error:
        return ActionResult(False, error.message, error.hint, new_folder, error.exit_code)
    notice = store.same_name_notice(new_folder) if name else ""
    message = f"{started.name}: a branch of {status.name} {point}{f', with {changes}' if changes else ''}"
    return ActionResult(True, message + (f"; {notice}" if notice else ""), "", new_folder)


def fork_command(
    folder: Path, *, at_step: int | None = None, values: Mapping[str, SettingValue] = MappingProxyType({})
) -> str:
    """Return the command that starts the same branch."""
    at = "" if at_step is None else f" --at {at_step}"
    pairs = (shlex.quote(f"{key}={steering.format_value(value)}") for key, value in values.items())
    return run_command("fork", folder) + at + "".join(f" --set {pair}" for pair in pairs)


def _split_changes(
    config: "RunConfig", values: Mapping[str, SettingValue]
) -> "tuple[RunConfig, dict[str, SettingValue]]":
    """Return the configuration that a branch starts with, and the settings that change at its first step.

    Raises:
        ConfigError: if a setting cannot change, or a value is not allowed.
    """
    from trainers import plan, presets, settable

    plan.resolve(presets.with_settings(config, values), image_shape=(1, 1, 1))  # the data need not be there
    fixed = settable.changes_at_branch(config, values)
    return presets.with_settings(config, fixed), {key: value for key, value in values.items() if key not in fixed}


def _require_unfinished(name: str, config: "RunConfig", values: Mapping[str, SettingValue], state: ResumeState) -> None:
    """Raise a ConfigError if a branch would be over before its first step."""
    from trainers import presets

    meta, data = state.meta, state.meta.get("data")
    images_seen, elapsed_s = meta.get("images_seen"), meta.get("elapsed_s")
    num_images = data.get("num_train") if isinstance(data, dict) else None
    if not all(isinstance(value, int | float) for value in (images_seen, elapsed_s, num_images)) or not state.step:
        return  # of an earlier version; the worker will see
    batch_size = max(images_seen // state.step, 1)  # type: ignore[operator]
    schedule = presets.with_settings(config, values).schedule
    length = TrainingLength.of(schedule, max(num_images // batch_size, 1))  # type: ignore[operator]
    if length.is_over(state.step, elapsed_s):  # type: ignore[arg-type]
        unit, present = steering.own_length(config)
        longer = f"--set schedule.{unit}={steering.format_value(present * 2)}"
        raise ConfigError(
            f"{one_line(name, 64)} ends at step {state.step:,}: a branch from there would have nothing to train",
            f"make it longer, such as {longer}, or start at an earlier step with --at",
        )
