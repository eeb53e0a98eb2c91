"""The settings of a run that can change while it trains: those that are marked `trainers.config.Settable`. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trainers import registry
from trainers.config import Settable
from trainers.errors import ConfigError
from trainers.presets import LENGTHS

if TYPE_CHECKING:
    from trainers.config import RunConfig

# What cannot change while a run trains, because it is copied at set-up, but where a branch starts.
_AT_A_BRANCH = (
    *("optim.beta1", "optim.beta2", "optim.weight_decay"),
    *("execution.threads", "execution.compile", "execution.precision", "execution.deterministic"),
    "execution.snapshot_budget_mb",
)
_BRANCH_REASONS = {
    "model": "a branch goes on with the weights of its checkpoint, which have another shape or meaning",
    "data": "a branch goes on with the data of its checkpoint",
    "optim": "a branch goes on with the optimizer and the batches of its checkpoint",
    "schedule": "a branch goes on with the schedule of its checkpoint",
    "execution": "a branch goes on with the random numbers of its checkpoint",
    "seed": "a branch goes on with the random numbers of its checkpoint",
}
_SECTIONS = ("optim", "model", "schedule", "execution")


@dataclass(frozen=True)
class SettableSetting:
    """A setting that can change while its run trains.

    Args:
        key: Dotted key, such as "model.beta".
        value: Present value; None for none, such as no gradient clipping.
        limits: Allowed numbers, such as "(0, 10]"; empty for a choice.
        unit: Unit of its values; empty for a pure number.
        choices: Allowed words; empty for a number.
        locked: Why it cannot change in this run after all; empty if it can.
    """

    key: str
    value: Any
    limits: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()
    locked: str = ""


def fields(section: type[BaseModel]) -> dict[str, Settable]:
    """Return the marks of the settable fields of a section, by field."""
    marks = {name: _mark(info) for name, info in section.model_fields.items()}
    return {name: mark for name, mark in marks.items() if mark is not None}


def settings(config: "RunConfig") -> tuple[SettableSetting, ...]:
    """Return the settings of a run that can change while it trains, with their present values.

    The length is listed in the unit that the run has.

    Raises:
        ConfigError: if the family is not installed here.
    """
    listed = []
    for name in _SECTIONS:
        section: Any = config.model_options() if name == "model" else getattr(config, name)
        for field, mark in fields(type(section)).items():
            value = getattr(section, field)
            info, key = type(section).model_fields[field], f"{name}.{field}"
            if key in LENGTHS and value is None:
                continue
            listed.append(
                SettableSetting(key, value, _limits(info), mark.unit, _choices(info.annotation), _lock(config, key))
            )
    return tuple(listed)


def require_settable(config: "RunConfig", keys: Sequence[str] | Mapping[str, object]) -> None:
    """Check that settings can change while the run trains.

    Raises:
        ConfigError: for the first that cannot, with those that can.
    """
    names = [setting.key for setting in settings(config)]
    for key in keys:
        if key not in (*names, *LENGTHS):
            hint = f"settable are {', '.join(names)}"
            raise ConfigError(f"{key}: cannot be changed during training", hint)
        if lock := _lock(config, key):
            raise ConfigError(f"{key}: {lock}", "start from another preset")


def changes_at_branch(config: "RunConfig", values: Mapping[str, object]) -> dict[str, object]:
    """Return those of the changed settings of a branch that are part of its configuration from the beginning.

    The others can change while it trains, and do so at its first step.

    Raises:
        ConfigError: for the first that a checkpoint cannot go on with, with the reason.
    """
    names = [setting.key for setting in settings(config)]
    for key in values:
        if lock := _lock(config, key):
            raise ConfigError(f"{key}: {lock}", "start from another preset")
        if key not in (*names, *LENGTHS, *_AT_A_BRANCH):
            reason = _BRANCH_REASONS.get(key.partition(".")[0], "it cannot be changed in a branch")
            hint = f"in a branch you can set {', '.join((*names, *_AT_A_BRANCH))}"
            if key.startswith("model."):
                hint = "start a new run from the weights that fit: genexplorer train --init"
            raise ConfigError(f"{key}: {reason}", hint)
    return {key: value for key, value in values.items() if key in _AT_A_BRANCH}


def _mark(info: FieldInfo) -> Settable | None:
    return next((mark for mark in info.metadata if isinstance(mark, Settable)), None)


def _lock(config: "RunConfig", key: str) -> str:
    preset = registry.presets().get(config.preset)
    if preset is None or not preset.is_frozen(key):
        return ""
    return f"preset '{preset.name}' fixes it to reproduce {preset.publication}"


def _limits(info: FieldInfo) -> str:
    """Return the interval of a number's bounds: "(0, 10]"; empty without any."""
    bounds = {
        name: getattr(rule, name) for rule in info.metadata for name in ("gt", "ge", "lt", "le") if hasattr(rule, name)
    }
    if not bounds:
        return ""
    low = f"({bounds['gt']:,}" if "gt" in bounds else f"[{bounds['ge']:,}" if "ge" in bounds else "(−∞"
    high = f"{bounds['lt']:,})" if "lt" in bounds else f"{bounds['le']:,}]" if "le" in bounds else "∞)"
    return f"{low}, {high}"


def _choices(annotation: Any) -> tuple[str, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()
