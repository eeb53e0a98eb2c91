"""Settings that may change while a model trains."""

from trainers import registry
from trainers.errors import ConfigError
from trainers.families.interface import Model
from trainers.plan import Plan

SETTABLE = ("optim.lr", "optim.grad_clip", "execution.snapshot_every_s", "execution.watched_every_s")


def settable(model: Model) -> tuple[str, ...]:
    """Return the settings that a `Set` may change while this model trains."""
    return (*SETTABLE, *(f"model.{name}" for name in sorted(model.settable)))


def change(plan: Plan, model: Model, path: str, value: object) -> Plan:
    """Return a plan with one setting changed, validated as at the start.

    Raises:
        ConfigError: if the setting cannot change during a training, or the value is not allowed.
    """
    allowed = settable(model)
    if path not in allowed:
        raise ConfigError(f"{path}: cannot be changed during training", f"settable are {', '.join(allowed)}")
    preset = registry.presets().get(plan.config.preset)
    if preset and preset.is_frozen(path):
        raise ConfigError(
            f"{path}: preset '{preset.name}' fixes it to reproduce {preset.source}", "start from another preset"
        )
    return plan.with_setting(path, value)
