"""Configurations from a preset and layers of settings over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainers import registry
from trainers.config import RunConfig, parse, with_current_names
from trainers.errors import ConfigError

_LENGTHS = ("epochs", "steps", "minutes")
Layer = Mapping[str, Any]


def assemble(preset_name: str, *layers: Layer) -> RunConfig:
    """Return the configuration of a preset with layers of settings merged over it; later layers take precedence.

    A length of training replaces another kind of length below it; another model or data set drops the options of the
    one below.

    Raises:
        ConfigError: for an unknown preset, a setting that is wrong, or a change to one that the preset fixes.
    """
    # Merge the layers over those of the preset.
    preset = registry.preset(preset_name)
    base = _base(preset)
    values = base
    for layer in layers:
        values = merge(values, with_current_names(layer))
    values["preset"] = preset_name
    config = parse(values)
    # Refuse changes to what a preset fixes to reproduce a publication.
    if preset.frozen:
        fixed = flatten(parse({**base, "preset": preset_name}).model_dump(mode="json"))
        for key, value in flatten(config.model_dump(mode="json")).items():
            if preset.is_frozen(key) and value != fixed.get(key):
                message = (
                    f"{key}: preset '{preset.name}' fixes it at {fixed.get(key)!r} to reproduce {preset.publication}"
                )
                raise ConfigError(message, f"start from '{_changeable_preset(preset, config)}' to change it")
    return config


def parse_preset(preset: registry.Preset) -> RunConfig:
    """Return the configuration of a preset, which need not be registered.

    Raises:
        ConfigError: for a setting that is wrong, or a time that is not a number.
    """
    if not isinstance(preset.minutes, int | float):
        raise ConfigError(f"minutes: {preset.minutes!r} is not a number", "give the training time in minutes")
    return parse({**_base(preset), "preset": preset.name})


def configure(model: str | RunConfig, layer: Layer) -> RunConfig:
    """Return the configuration of a preset, or a given one, with the changes of a layer.

    Another data set keeps the preset's binarization, unless the layer sets it.

    Raises:
        ConfigError: as `assemble`.
    """
    if isinstance(model, RunConfig):
        return parse(merge(model.model_dump(mode="json"), layer))
    if name := layer.get("data", {}).get("name"):
        binarization = assemble(model).data.options.get("binarization")
        if binarization and "binarization" in registry.dataset(name).options.model_fields:
            layer = {**layer, "data": {"binarization": binarization, **layer["data"]}}
    return assemble(model, layer)


def changes(
    *,
    data: str | Path | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a layer of the given changes.

    Args:
        data: Name of a data set, or a folder of IDX files.
        epochs: Passes over the data.
        steps: Optimizer updates.
        minutes: Training time.
        seed: Seed of all random numbers.
        settings: Other settings by their dotted keys.

    Raises:
        ConfigError: if there is no such data set or folder.
    """
    layer = from_dotted(settings or {})
    lengths = {"epochs": epochs, "steps": steps, "minutes": minutes}
    if length := {name: value for name, value in lengths.items() if value is not None}:
        layer["schedule"] = {**layer.get("schedule", {}), **length}
    if seed is not None:
        layer["seed"] = seed
    if data is not None:
        if str(data) not in registry.datasets() and Path(data).expanduser().is_dir():
            source = {"name": "idx", "path": str(data)}
        else:
            source = {"name": registry.dataset(str(data)).name}
        layer["data"] = {**layer.get("data", {}), **source}
    return layer


def unset_keys(config: RunConfig) -> tuple[str, ...]:
    """Return the keys that have a value in the preset and none here; 'none' unsets them. Lengths replace each other."""
    if config.preset not in registry.presets():
        return ()
    defaults = flatten(assemble(config.preset).model_dump(mode="json"))
    current = flatten(config.model_dump(mode="json"))
    lengths = {f"schedule.{name}" for name in _LENGTHS}
    return tuple(
        key for key, value in current.items() if value is None and defaults.get(key) is not None and key not in lengths
    )


def merge(below: Layer, above: Layer) -> dict[str, Any]:
    """Return one nested mapping merged over another; neither is changed."""
    merged = dict(below)
    for key, value in above.items():
        current = merged.get(key)
        if isinstance(value, Mapping) and isinstance(current, Mapping):
            merged[key] = merge(_without_replaced_keys(key, current, value), value)
        elif isinstance(value, str) and key in ("data", "model"):
            merged[key] = merge(_without_replaced_keys(key, current or {}, {"name": value}), {"name": value})
        else:
            merged[key] = value
    return merged


def from_dotted(assignments: Mapping[str, Any]) -> dict[str, Any]:
    """Turn {"model.beta": 4} into {"model": {"beta": 4}}.

    Raises:
        ConfigError: if one key is also the section of another.
    """
    nested: dict[str, Any] = {}
    for path, value in assignments.items():
        *sections, key = path.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ConfigError(f"{path}: '{section}' has a value already", "give a section or a value, not both")
        place[key] = value
    return nested


def flatten(tree: Layer, prefix: str = "") -> dict[str, Any]:
    """Turn {"model": {"beta": 4}} into {"model.beta": 4}; the inverse of `from_dotted`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, path + "."))
        else:
            flat[path] = value
    return flat


def known_keys(config: RunConfig) -> list[str]:
    """Return every dotted key of a configuration, for help and completion."""
    return list(flatten(config.model_dump(mode="json")))


def _base(preset: registry.Preset) -> dict[str, Any]:
    return merge({"model": {"name": preset.family}, "data": {"name": "mnist"}}, preset.settings)


def _without_replaced_keys(key: str, below: Any, above: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a section without the keys that a section merged over it replaces as a whole."""
    if not isinstance(below, Mapping):
        return {}
    if key == "schedule" and any(above.get(length) is not None for length in _LENGTHS):
        return {name: value for name, value in below.items() if name not in _LENGTHS}
    if key in ("data", "model") and above.get("name", below.get("name")) != below.get("name"):
        return {}
    return below


def _changeable_preset(preset: registry.Preset, config: RunConfig) -> str:
    """Return a preset of the same family and kind of data whose settings may be changed; that of the family's name."""
    kind = registry.dataset(config.data.name).kind
    names = [
        other.name
        for other in registry.presets().values()
        if other.family == preset.family and not other.frozen and not other.expected_failure
        if registry.dataset(assemble(other.name).data.name).kind == kind
    ]
    return preset.family if preset.family in names else next(iter(names), "another preset")
