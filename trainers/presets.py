"""Configurations from a preset and layers of settings over it."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from trainers import arguments, registry
from trainers.config import RunConfig, parse, parse_section, with_current_names
from trainers.errors import ConfigError
from trainers.registry import DataDefault, DataDefaults, DataTraits

LENGTHS = ("schedule.epochs", "schedule.steps", "schedule.minutes")  # exactly one of them is set
_LENGTHS = tuple(key.partition(".")[2] for key in LENGTHS)
Layer = Mapping[str, Any]


class Assembly(NamedTuple):
    """A configuration, and which of its settings follow from the data.

    Args:
        config: The configuration.
        data_defaults: Settings that the family chose for the data instead of the preset's, by key, with the reasons.
        dropped: Options of another data set in a layer that this one does not have, by key.
    """

    config: RunConfig
    data_defaults: DataDefaults
    dropped: Mapping[str, Any]

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for each setting that follows from the data: "data.binarization=none: the images have colors"."""
        defaults = (f"{key}={default.value}: {default.reason}" for key, default in self.data_defaults.items())
        name = self.config.data.name
        dropped = (
            f"{key}={value} is ignored: data set '{name}' has no such option" for key, value in self.dropped.items()
        )
        return (*defaults, *dropped)


def assemble(preset_name: str, *layers: Layer) -> RunConfig:
    """Return the configuration of a preset with layers of settings merged over it; later layers take precedence.

    As `assemble_for_data`, without its notes.
    """
    return assemble_for_data(preset_name, *layers).config


def assemble_for_data(preset_name: str, *layers: Layer) -> Assembly:
    """Return the configuration of a preset with layers of settings merged over it, and which settings follow the data.

    Later layers take precedence. A length of training replaces another kind of length below it; another model drops
    the options of the one below; another data set keeps the options that it has as well. For another data set than the
    preset's own, the family's `data_defaults` stand between the preset and the layers; the data's headers and a few
    examples are then read.

    Raises:
        ConfigError: for an unknown preset, a setting that is wrong, or a change to one that the preset fixes.
        DataError: if the data cannot be read.
    """
    # Merge the layers over those of the preset.
    preset = registry.preset(preset_name)
    for layer in layers:
        _check_preset(layer, preset_name)
    base, layers = _base(preset), tuple(_with_named_data(with_current_names(layer)) for layer in layers)
    values = merge_all(base, *layers)
    # Insert what the family chooses for the data.
    explicit = {key: value for layer in layers for key, value in flatten(layer).items()}
    defaults = {} if preset.frozen else _data_defaults(base, values, frozenset(explicit))
    if defaults:
        nested = from_dotted({key: default.value for key, default in defaults.items()})
        data = {"data": {**values["data"], **nested.pop("data", {})}}
        values = merge_all(base, data, nested, *layers)
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
    return Assembly(config, defaults, _dropped_data_options(config, base, layers))


def _check_preset(layer: Layer, preset_name: str) -> None:
    """Refuse a layer that names another preset: the base of a configuration is no setting."""
    if layer.get("preset", preset_name) != preset_name:
        message = f"preset: {layer['preset']!r} cannot be a setting of a run that is based on '{preset_name}'"
        raise ConfigError(message, "name the preset itself")


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

    Raises:
        ConfigError: as `assemble`.
        DataError: as `assemble`.
    """
    if isinstance(model, RunConfig):
        _check_preset(layer, model.preset)
        return parse(merge(model.model_dump(mode="json"), _with_named_data(layer)))
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
        data: Name of a data set, or a path, as `trainers.data.locate` takes it.
        epochs: Passes over the data.
        steps: Optimizer updates.
        minutes: Training time.
        seed: Seed of all random numbers.
        settings: Other settings by their dotted keys.

    Raises:
        ConfigError: if there is no such data set or folder, or an argument is of another type.
    """
    arguments.mapping("settings", settings, '{"optim.lr": 1e-3}')
    layer = from_dotted(settings or {})
    lengths = {"epochs": epochs, "steps": steps, "minutes": minutes}
    if length := {name: value for name, value in lengths.items() if value is not None}:
        layer["schedule"] = {**layer.get("schedule", {}), **length}
    if seed is not None:
        layer["seed"] = seed
    if data is not None:
        source = data_settings(data)
        others = {key: value for key, value in layer.get("data", {}).items() if key not in ("name", "path")}
        layer["data"] = {**source, **others}  # options that a name stands for give way to explicit ones
    return layer


def data_settings(data: str | Path) -> dict[str, Any]:
    """Return the settings of the section "data" for a name, also one that the user added, or a path.

    Raises:
        ConfigError: if there is neither a data set of that name nor a path.
        DataError: if the path is no data set.
    """
    for spec in registry.datasets().values():
        if str(data) in (spec.name, *spec.aliases):
            if spec.reads_path:
                raise ConfigError(f"data: '{data}' needs a path", "give the folder or file itself")
            return {"name": spec.name}
    named_settings: dict[str, Any] | None = registry.import_object("trainers.data.data_names:find_settings")(str(data))
    if named_settings is not None:
        return named_settings
    if not Path(data).expanduser().exists():
        if download := registry.import_object("trainers.data.downloads.catalog:find_download")(str(data)):
            hint = f"'genexplorer data fetch {download.name}' downloads it, or give the path of a folder"
            raise ConfigError(f"data: '{data}' is not on this machine", hint)
        names = [name for name, spec in registry.datasets().items() if not spec.reads_path]
        names += registry.import_object("trainers.data.data_names:read_all")()
        close = difflib.get_close_matches(str(data), names, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}; or a path to images or arrays"
        raise ConfigError(f"data: '{data}' is neither a data set nor a folder or file", hint)
    settings: dict[str, Any] = registry.import_object("trainers.data.locate:data_settings")(Path(data))
    return settings


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


def merge_all(*layers: Layer) -> dict[str, Any]:
    """Return nested mappings merged over each other, the last one on top."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = merge(merged, layer)
    return merged


def with_settings(config: RunConfig, values: Mapping[str, object]) -> RunConfig:
    """Return a configuration with settings changed by dotted key; a new length replaces the present one.

    The options of model and data are not validated; `trainers.plan.resolve` does that.

    Raises:
        ConfigError: if there is no such setting, or a value is not allowed.
    """
    changed: RunConfig = parse_section(RunConfig, merge(config.model_dump(mode="json"), from_dotted(values)), "")
    return changed


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
    return merge({"model": {"name": preset.family}, "data": {"name": registry.DEFAULT_DATA_SET}}, preset.settings)


def _without_replaced_keys(key: str, below: Any, above: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a section without the keys that a section merged over it replaces as a whole."""
    if not isinstance(below, Mapping):
        return {}
    if key == "schedule" and any(above.get(length) is not None for length in _LENGTHS):
        return {name: value for name, value in below.items() if name not in _LENGTHS}
    is_other = above.get("name", below.get("name")) != below.get("name")
    if key == "model" and is_other:
        return {}
    if key == "data":
        return _kept_data_options(below, above, is_other=is_other)
    return below


def _kept_data_options(below: Mapping[str, Any], above: Mapping[str, Any], *, is_other: bool) -> Mapping[str, Any]:
    """Return the options of a data set that another one, or the same at another place, takes over."""
    spec = _find_dataset(below.get("name"))
    if not is_other and above.get("path", below.get("path")) == below.get("path"):
        return below
    location = spec.location if spec else ()
    other = _find_dataset(above.get("name")) if is_other else spec
    fields = other.options.model_fields if other else {}
    return {key: value for key, value in below.items() if key not in location and (key in fields or key == "name")}


def _dropped_data_options(config: RunConfig, base: Layer, layers: Sequence[Layer]) -> dict[str, Any]:
    """Return the options of other data sets that layers set and that the data set of a configuration does not have."""
    fields, name = registry.dataset(config.data.name).options.model_fields, base["data"]["name"]
    dropped: dict[str, Any] = {}
    for layer in layers:
        section = layer.get("data", {})
        name = section if isinstance(section, str) else section.get("name", name)
        spec = _find_dataset(name)
        ignored = {"name", *fields, *(spec.location if spec else ())}
        if isinstance(section, Mapping):
            dropped |= {f"data.{key}": value for key, value in section.items() if key not in ignored}
    return dropped


def _with_named_data(layer: Layer) -> Layer:
    """Return a layer with the settings that a name of the user's, or of a downloaded data set, stands for."""
    section = layer.get("data")
    name = section.get("name") if isinstance(section, Mapping) else section
    if not isinstance(name, str) or registry.is_builtin_dataset(name) or name in registry.datasets():
        return layer
    options = {key: value for key, value in section.items() if key != "name"} if isinstance(section, Mapping) else {}
    named_settings: dict[str, Any] | None = registry.import_object("trainers.data.data_names:find_settings")(name)
    if named_settings is not None:
        return {**layer, "data": {**named_settings, **options}}
    if download := registry.import_object("trainers.data.downloads.catalog:find_download")(name):
        hint = f"'genexplorer data fetch {download.name}' downloads it"
        raise ConfigError(f"data.name: '{name}' is not on this machine", hint)
    return layer


def _find_dataset(name: object) -> registry.DataSet | None:
    """Return the data set of a name; None if there is none, which is reported where the configuration is parsed."""
    try:
        return registry.dataset(str(name))
    except ConfigError:
        return None


def _data_defaults(base: Layer, values: Layer, explicit: frozenset[str]) -> dict[str, DataDefault]:
    """Return the family's choices for the data that differ from the values."""
    family = registry.family(str(values["model"].get("name")))
    name, options = values["data"].get("name"), {key: v for key, v in values["data"].items() if key != "name"}
    spec = registry.dataset(str(name))
    # Read the traits of another data set than the preset's own.
    traits: DataTraits | None = None
    if name != base["data"]["name"]:
        traits = spec.read_traits(parse_section(spec.options, options, "data"))
    # Let the family choose, with the defaults of all options filled in.
    settings: dict[str, Any] = {}
    for section, fields in (("model", family.options.model_fields), ("data", spec.options.model_fields)):
        settings |= {f"{section}.{key}": field.default for key, field in fields.items() if not field.is_required()}
    settings |= flatten(values)
    defaults = {**(traits.defaults if traits else {}), **family.data_defaults(settings, explicit, traits)}
    return {
        key: default
        for key, default in defaults.items()
        if key not in explicit and settings.get(key) != default.value
        if not key.startswith("data.") or key in settings
    }


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
