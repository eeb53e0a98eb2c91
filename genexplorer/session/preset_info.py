"""Presets for people: by family, with training time, and with the failure that some show on purpose."""

from dataclasses import replace
from typing import TYPE_CHECKING

from trainers import registry
from trainers.errors import ConfigError
from trainers.registry import Family, Preset

if TYPE_CHECKING:
    from trainers.config import RunConfig


def families_with_presets() -> tuple[Family, ...]:
    """Return every family that has presets, in the order of the registry, with those that can be trained."""
    valid = registry.presets()
    families = (
        replace(family, presets=tuple(preset for preset in family.presets if valid.get(preset.name) == preset))
        for family in registry.families().values()
    )
    return tuple(family for family in families if family.presets)


def training_time_text(preset: Preset) -> str:
    """Return the training time of a preset: '30 s', '4 min', '1 h 20 min'."""
    if preset.minutes < 1:
        return f"{preset.minutes * 60:.0f} s"
    if preset.minutes < 60:
        return f"{preset.minutes:g} min"
    hours, minute = divmod(round(preset.minutes), 60)
    return f"{hours} h {minute} min" if minute else f"{hours} h"


def expected_result(config: "RunConfig") -> str:
    """Return the expected result of the preset of a configuration; empty on other data than it was measured on."""
    from trainers.presets import parse_preset

    preset = registry.presets().get(config.preset)
    if preset is None:
        return ""
    own, data = parse_preset(preset).data, config.data
    same = data.name == own.name and data.options.get("binarization") == own.options.get("binarization")
    return preset.expected if same else ""


def expected_failure(config: "RunConfig | None") -> str:
    """Return the failure that the preset of a run shows on purpose; empty for all others."""
    if config is None:
        return ""
    try:
        presets = registry.family(config.model.name).presets
    except ConfigError:  # of a package that is not installed
        return ""
    return next((preset.expected_failure for preset in presets if preset.name == config.preset), "")
