"""Settings that may change while a model trains."""

from trainers import presets, registry
from trainers.config import RunConfig, parse
from trainers.errors import ConfigError
from trainers.families.interface import Model

SETTABLE = ("optim.lr", "optim.grad_clip", "execution.snapshot_every_s", "execution.watched_every_s")


def settable(model: Model) -> tuple[str, ...]:
    """Return the settings that a `Set` may change while this model trains."""
    return (*SETTABLE, *(f"model.{name}" for name in sorted(model.settable)))


def changed(config: RunConfig, model: Model, path: str, value: object) -> RunConfig:
    """Return a configuration with one setting changed, validated as at the start.

    Raises:
        ConfigError: if the setting cannot change during a training, or the value is not allowed.
    """
    allowed = settable(model)
    if path not in allowed:
        raise ConfigError(f"{path}: cannot be changed while it trains", f"these can: {', '.join(allowed)}")
    _refuse_frozen(config, path)
    return parse(presets.merge(config.model_dump(mode="json"), presets.from_dotted({path: value})))


def _refuse_frozen(config: RunConfig, path: str) -> None:
    known = registry.presets().get(config.preset)
    if known and any(path == prefix or path.startswith(prefix + ".") for prefix in known.frozen):
        raise ConfigError(f"{path}: preset '{known.name}' holds it to reproduce {known.source}", "start another preset")
