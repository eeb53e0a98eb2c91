"""The form of a new run, built from the presets and validated without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from genexplorer import paths
from genexplorer.errors import UserError
from genexplorer.session import known_data
from genexplorer.session.formatting import duration
from genexplorer.session.new_run_check import (
    CONFIG_FIELDS,
    LENGTH_UNITS,
    SETTING_KEYS,
    FormCheck,
    FormValues,
    check_values,
    has_setting,
)
from genexplorer.session.observable import Observable
from genexplorer.session.preset_info import families_with_presets, training_time_text
from trainers import plan, presets, registry
from trainers.config import RunConfig
from trainers.registry import Preset

InputType = Literal["choice", "number", "text"]
_MAX_VALUE_LENGTH = 4096
_NOT_SETTINGS = frozenset(("preset", "schema_version", "data.name", "data.path", "model.name"))


@dataclass(frozen=True)
class Choice:
    """A value of a field."""

    value: str
    label: str
    disabled_reason: str = ""  # why it cannot be chosen: the data or another setting forbid it


@dataclass(frozen=True)
class FormField:
    """A field of the form; its value is text."""

    key: str
    label: str
    input_type: InputType
    help: str
    choices: tuple[Choice, ...] = ()
    placeholder: str = ""
    disabled_reason: str = ""  # why it cannot be set


class NewRunForm(Observable):
    """The values of the form. Listeners are notified of every change.

    Args:
        preset: The initial preset; the first one if it is unknown.
        runs_dir: Runs whose speed gives the expected time; the default runs folder if not given.
    """

    def __init__(self, preset: str = "", *, runs_dir: Path | None = None) -> None:
        super().__init__()
        self._runs_dir = paths.runs_dir(runs_dir)
        self._check = FormCheck({})
        self._expected = ""
        self._values: dict[str, str] = {"data": "", "folder": "", "seed": "0", "name": "", "settings": ""}
        self._values |= dict.fromkeys(SETTING_KEYS, "")
        by_name = registry.presets()
        self._apply_preset(by_name.get(preset) or next(iter(by_name.values())))

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The fields that apply now, in display order."""
        return tuple(
            field
            for field in self.all_fields
            if (field is not _FOLDER or self._reads_path) and (field.key not in SETTING_KEYS or self._has(field.key))
        )

    @property
    def all_fields(self) -> tuple[FormField, ...]:
        """All fields, in the same order."""
        families = {family.name: family for family in families_with_presets()}
        choices = tuple(Choice(family.name, family.title) for family in families.values())
        family_field = FormField("family", "Family", "choice", "The kind of model.", choices)
        family_presets = families[self["family"]].presets if self["family"] in families else ()
        choices = tuple(
            Choice(preset.name, f"{preset.name} ({training_time_text(preset)}): {preset.summary}")
            for preset in family_presets
        )
        preset_field = FormField("preset", "Preset", "choice", "Starting values, with an expected result.", choices)
        data_field = _data_field(self.preset.dataset_name)
        setting_fields = tuple(map(self._setting_field, SETTING_KEYS))
        return (
            family_field, preset_field, data_field, _FOLDER, _LENGTH, _UNIT, *setting_fields, _SEED, _NAME, _SETTINGS,
        )  # fmt: skip

    @property
    def setting_keys(self) -> tuple[str, ...]:
        """The keys that the field "settings" takes, for completion."""
        settings = self._check.settings or self._preset_settings()
        return tuple(key for key in settings if key not in _NOT_SETTINGS)

    @property
    def preset(self) -> Preset:
        """The selected preset."""
        return registry.preset(self["preset"])

    @property
    def name(self) -> str:
        """The run's name; empty for an automatic one."""
        return self["name"].strip()

    @property
    def expected_failure(self) -> str:
        """The failure that a preset shows on purpose; empty for all others."""
        return self.preset.expected_failure

    @property
    def plugin_failures(self) -> tuple[str, ...]:
        """Why installed plug-ins are not among the choices, a line for each."""
        return tuple(map(str, registry.plugin_failures()))

    @property
    def expected_result(self) -> str:
        """The expected result of the preset and the expected time as of the last check.

        'test ELBO −136.5 nats after 40 epochs · about 2:10, estimated from brave-fox'
        """
        if self["unit"] == "minutes":
            time = ""  # the length is the time
        elif (estimate := self._check.estimate) is None or estimate.seconds is None:
            time = f"about {training_time_text(self.preset)} on two cores"
        else:
            time = f"about {duration(estimate.seconds)}, {estimate.source}"
        return " · ".join(part for part in (self._expected or "no reference result for these data", time) if part)

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines about settings that follow from the data, as of the last check."""
        return self._check.notes

    @property
    def last_check(self) -> FormCheck:
        """The last check that was applied, perhaps of earlier values."""
        return self._check

    @property
    def is_checked(self) -> bool:
        """Whether the last check is of the present values."""
        return self._check.values == self._values

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def set(self, key: str, value: str) -> None:
        """Set a field. Another family selects its first preset; another preset sets length and data.

        Raises:
            KeyError: if there is no such field.
        """
        if key not in self._values:
            raise KeyError(key)
        value = value[:_MAX_VALUE_LENGTH]
        if value == self._values[key]:
            return
        self._values[key] = value
        families = {family.name: family for family in families_with_presets()}
        if key == "family" and value in families:
            self._apply_preset(families[value].presets[0])
        elif key == "preset" and value in registry.presets():
            self._apply_preset(registry.preset(value))
        self.notify()

    def use_path(self, path: Path) -> None:
        """Select the data at a path. A file of 2-D points selects a preset for points, images one for images."""
        try:
            kind = registry.data_kind(presets.data_settings(path)["name"])
        except UserError:
            kind = registry.data_kind(self.preset.dataset_name)  # the check reports what is wrong with the path
        if registry.data_kind(self.preset.dataset_name) != kind:
            by_family = sorted(registry.presets().values(), key=lambda preset: preset.family != self["family"])
            usual = (preset for preset in by_family if not (preset.frozen or preset.expected_failure))
            fitting = next((p for p in usual if registry.data_kind(p.dataset_name) == kind), None)
            if fitting is not None:
                self._apply_preset(fitting)
        own = next((name for name, spec in registry.datasets().items() if spec.reads_path and spec.kind == kind), None)
        if own is not None:
            self._values |= {"data": own, "folder": str(path)}
        self.notify()

    def find_errors(self) -> Mapping[str, str]:
        """Check the values and apply the check; return an error message for each invalid field, by its key."""
        check = self.check()
        self.apply(check)
        return check.errors

    def apply(self, check: FormCheck) -> bool:
        """Use a check for notes, placeholders and disabled fields; return whether it is of the present values."""
        self._check = check
        self._expected = check.expected
        return self.is_checked

    def check(self) -> FormCheck:
        """Validate the present values.

        Reads data headers and configurations of runs, and estimates the training time: call it in a thread.
        """
        return check_values(dict(self._values), self._runs_dir, self._expected)

    def validate(self) -> RunConfig:
        """Return the configuration of the form.

        Raises:
            ConfigError: for the first invalid field.
            DataError: if the data cannot be read.
        """
        values = FormValues(dict(self._values))
        layers = {key: values.config_layer(key) for key in CONFIG_FIELDS}
        dataset = str(layers["data"]["data"]["name"])
        return plan.resolve(presets.assemble(self["preset"], *values.used_layers(layers, dataset))).config

    @property
    def _reads_path(self) -> bool:
        return FormValues(self._values).reads_path

    def _has(self, key: str) -> bool:
        """Whether model and data have the setting of a field."""
        is_same = self._check.values.get("data") == self["data"] and self._check.values.get("folder") == self["folder"]
        dataset = self._check.dataset if is_same and self._check.dataset else self["data"]
        return has_setting(key, registry.family(self.preset.family), dataset)

    def _preset_settings(self) -> dict[str, Any]:
        return presets.flatten(presets.parse_preset(self.preset).model_dump(mode="json"))

    def _setting_field(self, key: str) -> FormField:
        """Return the field of one setting, with the value that it has by default, and why it cannot be set."""
        check, setting = self._check, SETTING_KEYS[key]
        is_current = check.values.get("preset") == self["preset"] and setting in check.settings
        value = (check.settings if is_current else self._preset_settings()).get(setting)
        is_automatic = not self[key]
        default = f"auto: {_text(value)}" if is_automatic and value is not None else "auto"
        section, name = setting.split(".")
        if section == "model":
            fields = registry.family(self.preset.family).options.model_fields
        else:
            spec = registry.datasets().get(check.dataset or self["data"])
            fields = {} if spec is None else spec.options.model_fields
        literals = get_args(fields[name].annotation) if name in fields else ()
        if key not in ("likelihood", "binarization"):
            size = f"auto: {check.image_size}" if check.image_size else "auto"
            text = size if key == "size" and value is None else default
            reason = check.disabled.get(key, "")
            return FormField(key, _LABELS[key], "number", _HELP[key], placeholder=text, disabled_reason=reason)
        choices = (
            Choice("", default),
            *(Choice(str(v), str(v), check.disabled_choices.get((key, str(v)), "")) for v in literals),
        )
        return FormField(key, _LABELS[key], "choice", _HELP[key], choices, disabled_reason=check.disabled.get(key, ""))

    def _apply_preset(self, preset: Preset) -> None:
        schedule = preset.settings.get("schedule", {})
        unit = next((unit for unit in LENGTH_UNITS if schedule.get(unit) is not None), "epochs")
        dataset = preset.dataset_name
        keeps_folder = self._reads_path and registry.data_kind(dataset) == "images"
        if not keeps_folder:
            self._values["data"] = dataset
        self._expected = preset.expected
        self._values |= {
            "family": preset.family,
            "preset": preset.name,
            "length": f"{schedule.get(unit, 10):g}",
            "unit": unit,
        }


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _data_field(default: str) -> FormField:
    """Return the field of data sets, which have the same kind as the preset's own: another kind needs other options."""
    data_kind = registry.data_kind(default)
    datasets = [dataset for dataset in registry.datasets().values() if dataset.kind == data_kind]
    choices = [
        Choice(dataset.name, dataset.title if data_kind == "images" else f"{dataset.name}: {dataset.title}")
        for dataset in datasets
        if not dataset.reads_path
    ]
    choices += [Choice(name, f"{name}: {text}") for name, text in known_data.named_data(data_kind)]
    # One choice for everything at a path, which is found out by what is there.
    own = next((dataset.name for dataset in datasets if dataset.reads_path), None)
    choices += [Choice(own, "your own: a folder or file")] if own else []
    return FormField("data", "Data", "choice", "The data set.", tuple(choices))


_FOLDER = FormField(
    "folder", "Folder, file", "text", "Images (subfolders are classes), IDX files, or a file .npy, .npz, .csv."
)
_LENGTH = FormField("length", "Length", "number", "Training length; a run can be stopped and resumed at any time.")
_UNIT = FormField("unit", "in", "choice", "Unit of the length.", tuple(Choice(unit, unit) for unit in LENGTH_UNITS))
_LABELS = {
    "latent_dim": "Latent size",
    "beta": "Beta",
    "likelihood": "Likelihood",
    "binarization": "Binarization",
    "size": "Image size",
}
_HELP = {
    "latent_dim": "The number of dimensions of z; 2 gives a plane that can be seen.",
    "beta": "The weight of the KL term; 1 gives the ELBO.",
    "likelihood": "p(x|z) of a pixel.",
    "binarization": "How gray pixels become black or white; none keeps them.",
    "size": "Height and width to which images are resized, in pixels.",
}
_SEED = FormField("seed", "Seed", "number", "The same seed gives the same run, up to rounding.")
_NAME = FormField("name", "Name", "text", "A label; the run also has an id.", placeholder="automatic")
_SETTINGS = FormField(
    "settings",
    "Settings",
    "text",
    "Other settings, separated by spaces.",
    placeholder="optim.lr=3e-4 optim.batch_size=64",
)
