"""Validates the form of a new run: its values as a configuration, and the fields that data or preset disable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from genexplorer.errors import ConfigError, UserError
from genexplorer.session.eta import Estimate, expected_time
from genexplorer.session.preset_info import expected_result
from genexplorer.session.settings_text import parse_settings, parse_value
from trainers import plan, presets, registry
from trainers.config import RunConfig, parse
from trainers.registry import Family

LENGTH_UNITS = ("epochs", "steps", "minutes")
# The fields of one setting each, by the keys of the setting.
SETTING_KEYS: Mapping[str, str] = {
    "latent_dim": "model.latent_dim",
    "beta": "model.beta",
    "likelihood": "model.likelihood",
    "binarization": "data.binarization",
    "size": "data.size",
}
# The fields that set configuration values; later ones override earlier ones.
CONFIG_FIELDS = ("data", "length", "seed", *SETTING_KEYS, "settings")


@dataclass(frozen=True)
class FormCheck:
    """The result of validating the form's values. It reads headers of the data: make it in a thread.

    Args:
        values: The values of the fields.
        errors: An error message for each invalid field, by its key.
        config: The configuration; None where there are errors.
        notes: Lines about settings that follow from the data.
        expected: The expected result on these data.
        estimate: The expected training time.
        settings: All settings by their dotted keys; those of the preset where there are errors.
        dataset: Name of the data set: of data at a path, what was found there.
        image_size: Height and width of the images, "64×64"; empty where there are errors.
        disabled: Why a field cannot be set, by its key.
        disabled_choices: Why a choice cannot be made, by the keys of field and choice.
    """

    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    config: RunConfig | None = None
    notes: tuple[str, ...] = ()
    expected: str = ""
    estimate: Estimate | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = ""
    image_size: str = ""
    disabled: Mapping[str, str] = field(default_factory=dict)
    disabled_choices: Mapping[tuple[str, str], str] = field(default_factory=dict)


def check_values(values: Mapping[str, str], runs_dir: Path, expected: str) -> FormCheck:
    """Validate the values of the form.

    Args:
        values: Texts, by the keys of the fields.
        runs_dir: Runs whose speed gives the expected time.
        expected: The expected result where the values are invalid.
    """
    form = FormValues(values)
    # Parse each field.
    errors: dict[str, str] = {}
    layers: dict[str, dict[str, Any]] = {}
    for key in CONFIG_FIELDS:
        try:
            layers[key] = form.config_layer(key)
        except ConfigError as error:
            errors[form.field_of(error.message, key)] = str(error)
    dataset = str(layers.get("data", {}).get("data", {}).get("name", values["data"]))
    if errors:
        return FormCheck(values, errors, expected=expected, dataset=dataset)
    # Leave out fields of settings that model or data do not have.
    used = form.used_layers(layers, dataset)
    try:
        assembly = presets.assemble_for_data(values["preset"], *used)
        resolved = plan.resolve(assembly.config)
    except UserError as error:
        default = "folder" if form.reads_path else "settings"
        errors[form.field_of(error.message, default)] = str(error)
        return FormCheck(values, errors, expected=expected, dataset=dataset)
    explicit = frozenset(key for layer in used for key in presets.flatten(layer))
    disabled, disabled_choices = _find_disabled(resolved, explicit)
    return FormCheck(
        values,
        errors,
        resolved.config,
        assembly.notes,
        expected_result(assembly.config),
        expected_time(resolved, runs_dir),
        presets.flatten(resolved.config.model_dump(mode="json")),
        dataset,
        "{1}×{2}".format(*resolved.image_shape),
        disabled,
        disabled_choices,
    )


class FormValues:
    """Values of the fields, as layers of a configuration."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @property
    def reads_path(self) -> bool:
        """Whether the data are at a path."""
        dataset = registry.datasets().get(self._values["data"])
        return dataset is not None and dataset.reads_path

    def config_layer(self, key: str) -> dict[str, Any]:
        """Return the configuration values that one of `CONFIG_FIELDS` sets.

        Raises:
            ConfigError: if the field is invalid.
        """
        value = self._values[key]
        if key in SETTING_KEYS:
            return presets.from_dotted({SETTING_KEYS[key]: _parse_number(value)}) if value.strip() else {}
        match key:
            case "data":
                if not self.reads_path:
                    is_known = value in registry.datasets()
                    layer: dict[str, Any] = {"name": value} if is_known else presets.data_settings(value)
                else:
                    place = self._values["folder"].strip()
                    if not place:
                        raise ConfigError("data.path: choose a folder of images or IDX files, or a file of arrays")
                    try:
                        layer = presets.data_settings(Path(place))
                    except UserError as error:
                        raise ConfigError(f"data.path: {error.message}", error.hint) from None
                return {"data": layer}
            case "length":
                unit = self._values["unit"]
                return {"schedule": {unit: _parse_length(value, unit)}}
            case "seed":
                return {"seed": _parse_int("seed", value)}
        return presets.from_dotted(parse_settings(value))

    def used_layers(self, layers: Mapping[str, dict[str, Any]], dataset: str) -> list[dict[str, Any]]:
        """Return the layers of the fields, by key, without those of settings that model or data do not have."""
        family = registry.family(registry.preset(self._values["preset"]).family)
        return [layers[key] for key in CONFIG_FIELDS if key not in SETTING_KEYS or has_setting(key, family, dataset)]

    def field_of(self, message: str, default: str) -> str:
        """Return the field to which an error message belongs, by the setting at its start: 'data.path: …'."""
        key = message.partition(":")[0]
        if (key.startswith("schedule.") and key.partition(".")[2] in LENGTH_UNITS) or key == "schedule":
            return "length"
        for name, setting in SETTING_KEYS.items():
            if key == setting and self._values[name].strip() and setting not in self._values["settings"]:
                return name
        return {"seed": "seed", "preset": "preset", "data.name": "data", "data.path": "folder"}.get(key, default)


def has_setting(key: str, family: Family, dataset: str) -> bool:
    """Return whether a family or a data set has the setting of a field."""
    section, name = SETTING_KEYS[key].split(".")
    if section == "model":
        return name in family.options.model_fields
    spec = registry.datasets().get(dataset)
    return spec is not None and name in spec.options.model_fields


def _find_disabled(resolved: plan.Plan, explicit: frozenset[str]) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Return why fields cannot be set, by key, and why choices cannot be made, by the keys of field and choice.

    Args:
        resolved: The plan of the form's values.
        explicit: The settings that the form sets.
    """
    preset = registry.preset(resolved.config.preset)
    disabled: dict[str, str] = {}
    disabled_choices: dict[tuple[str, str], str] = {}
    for key, setting in SETTING_KEYS.items():
        section, name = setting.split(".")
        options = resolved.family.options if section == "model" else resolved.dataset.options
        if name not in options.model_fields:
            continue
        if preset.is_frozen(setting):
            disabled[key] = f"preset '{preset.name}' fixes it to reproduce {preset.publication}"
            continue
        literals = [str(value) for value in get_args(options.model_fields[name].annotation)]
        if key not in ("likelihood", "binarization"):
            continue
        reasons = {value: _disabled_reason(resolved, setting, value, explicit) for value in literals}
        disabled_choices |= {(key, value): reason for value, reason in reasons.items() if reason}
        # With one possible value there is nothing to choose.
        allowed = [value for value, reason in reasons.items() if not reason]
        if len(allowed) == 1 and setting not in explicit and len(literals) > 1:
            disabled[key] = f"only {allowed[0]} is possible: {next(reason for reason in reasons.values() if reason)}"
    return disabled, disabled_choices


def _disabled_reason(resolved: plan.Plan, setting: str, value: str, explicit: frozenset[str]) -> str:
    """Return why a setting cannot have a value; empty if it can. Settings that are not explicit may follow."""
    settings = presets.flatten(resolved.config.model_dump(mode="json")) | {setting: value}
    followers = resolved.family.data_defaults(settings, explicit | {setting}, None)
    settings |= {key: default.value for key, default in followers.items() if key not in explicit and key in settings}
    try:
        config = parse(presets.from_dotted(settings))
        data_options, shape = config.data_options(), resolved.image_shape
        resolved.family.check(config.model_options(), data_options, shape, resolved.dataset.kind)
    except UserError as error:
        return error.message
    return ""


def _parse_number(text: str) -> Any:
    """Return the value of a setting; digits may be grouped by commas."""
    return parse_value(text.strip().replace(",", ""))


def _parse_length(text: str, unit: str) -> float | int:
    if unit == "steps":
        return _parse_int("schedule.steps", text)
    try:
        return float(text.strip().replace(",", ""))
    except ValueError:
        raise ConfigError(f"schedule.{unit}: '{text}' is not a number", "for instance 40") from None


def _parse_int(key: str, text: str) -> int:
    try:
        return int(text.strip().replace(",", "").replace("_", ""))
    except ValueError:
        raise ConfigError(f"{key}: '{text}' is not an integer", "for instance 0") from None
