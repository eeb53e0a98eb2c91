"""The form of a new run, built from the presets and validated without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from genexplorer import paths
from genexplorer.errors import ConfigError, UserError
from genexplorer.session import known_data
from genexplorer.session.eta import Estimate, expected_time
from genexplorer.session.formatting import duration
from genexplorer.session.observable import Observable
from genexplorer.session.preset_info import expected_result, families_with_presets, training_time_text
from genexplorer.session.settings_text import parse_settings
from trainers import plan, presets, registry
from trainers.config import RunConfig
from trainers.registry import Preset

InputType = Literal["choice", "number", "text"]
LENGTH_UNITS = ("epochs", "steps", "minutes")
_MAX_VALUE_LENGTH = 4096
# The fields that set configuration values; later ones override earlier ones.
_CONFIG_FIELDS = ("data", "length", "seed", "settings")


@dataclass(frozen=True)
class Choice:
    """A value of a field."""

    value: str
    label: str


@dataclass(frozen=True)
class FormField:
    """A field of the form; its value is text."""

    key: str
    label: str
    input_type: InputType
    help: str
    choices: tuple[Choice, ...] = ()
    placeholder: str = ""


class NewRunForm(Observable):
    """The values of the form. Listeners are notified of every change.

    Args:
        preset: The initial preset; the first one if it is unknown.
        runs_dir: Runs whose speed gives the expected time; the default runs folder if not given.
    """

    def __init__(self, preset: str = "", *, runs_dir: Path | None = None) -> None:
        super().__init__()
        self._runs_dir = paths.runs_dir(runs_dir)
        self._estimate: Estimate | None = None
        self._notes: tuple[str, ...] = ()
        self._expected = ""
        self._values: dict[str, str] = {"data": "", "folder": "", "seed": "0", "name": "", "settings": ""}
        by_name = registry.presets()
        self._apply_preset(by_name.get(preset) or next(iter(by_name.values())))

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The fields that apply now, in display order."""
        return tuple(field for field in self.all_fields if field is not _FOLDER or self._reads_path)

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
        data_field = _data_field(_dataset_name(self.preset))
        return (family_field, preset_field, data_field, _FOLDER, _LENGTH, _UNIT, _SEED, _NAME, _SETTINGS)

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
        """What to watch in a run of a preset that fails on purpose; empty for all others."""
        return self.preset.expected_failure

    @property
    def plugin_failures(self) -> tuple[str, ...]:
        """Why installed plug-ins are not among the choices, a line for each."""
        return tuple(map(str, registry.plugin_failures()))

    @property
    def expected_result(self) -> str:
        """The expected result of the preset and the expected time as of the last `find_errors`.

        'test ELBO −136.5 nats after 40 epochs · about 2:10, estimated from brave-fox'
        """
        if self["unit"] == "minutes":
            time = ""  # the length is the time
        elif self._estimate is None or self._estimate.seconds is None:
            time = f"about {training_time_text(self.preset)} on two cores"
        else:
            time = f"about {duration(self._estimate.seconds)}, {self._estimate.source}"
        return " · ".join(part for part in (self._expected or "no reference result for these data", time) if part)

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines about settings that follow from the data, as of the last `find_errors`."""
        return self._notes

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

    def find_errors(self) -> dict[str, str]:
        """Return an error message for each invalid field, by its key; empty if the run can start.

        Reads data headers and configurations of runs, and estimates the training time: call it in a thread.
        """
        errors: dict[str, str] = {}
        layers = []
        self._estimate, self._notes = None, ()
        for key in _CONFIG_FIELDS:
            try:
                layers.append(self._config_layer(key))
            except ConfigError as error:
                errors[_field_key(error.message, key)] = str(error)
        if not errors:
            try:
                assembly = presets.assemble_for_data(self["preset"], *layers)
                resolved, self._notes = plan.resolve(assembly.config), assembly.notes
                self._expected = expected_result(assembly.config)
                self._estimate = expected_time(resolved, self._runs_dir)
            except UserError as error:
                default = "folder" if self._reads_path else "settings"
                errors[_field_key(error.message, default)] = str(error)
        return errors

    def validate(self) -> RunConfig:
        """Return the configuration of the form.

        Raises:
            ConfigError: for the first invalid field.
            DataError: if the data cannot be read.
        """
        config = presets.assemble(self["preset"], *(self._config_layer(key) for key in _CONFIG_FIELDS))
        return plan.resolve(config).config

    @property
    def _reads_path(self) -> bool:
        dataset = registry.datasets().get(self["data"])
        return dataset is not None and dataset.reads_path

    def _apply_preset(self, preset: Preset) -> None:
        schedule = preset.settings.get("schedule", {})
        unit = next((unit for unit in LENGTH_UNITS if schedule.get(unit) is not None), "epochs")
        dataset = _dataset_name(preset)
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

    def _config_layer(self, key: str) -> dict[str, Any]:
        """Return the configuration values that one of `_CONFIG_FIELDS` sets."""
        match key:
            case "data":
                layer = {"name": self["data"]}
                if self._reads_path:
                    place = self["folder"].strip()
                    if not place:
                        raise ConfigError("data.path: choose a folder of images or IDX files, or a file of arrays")
                    try:
                        layer = presets.data_settings(Path(place))
                    except UserError as error:
                        raise ConfigError(f"data.path: {error.message}", error.hint) from None
                return {"data": layer}
            case "length":
                return {"schedule": {self["unit"]: _parse_length(self["length"], self["unit"])}}
            case "seed":
                return {"seed": _parse_int("seed", self["seed"])}
        return presets.from_dotted(parse_settings(self["settings"]))


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


def _field_key(message: str, default: str) -> str:
    """Return the field to which an error message belongs, by the setting at its start: 'data.path: …'."""
    key = message.partition(":")[0]
    if (key.startswith("schedule.") and key.partition(".")[2] in LENGTH_UNITS) or key == "schedule":
        return "length"
    return {"seed": "seed", "preset": "preset", "data.name": "data", "data.path": "folder"}.get(key, default)


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


def _dataset_name(preset: Preset) -> str:
    data = preset.settings.get("data", {"name": "mnist"})
    return data if isinstance(data, str) else str(data.get("name", "mnist"))


_FOLDER = FormField(
    "folder", "Folder or file", "text", "Images (subfolders are classes), IDX files, or a file .npy, .npz, .csv."
)
_LENGTH = FormField("length", "Length", "number", "Training length; a run can be stopped and resumed at any time.")
_UNIT = FormField("unit", "in", "choice", "Unit of the length.", tuple(Choice(unit, unit) for unit in LENGTH_UNITS))
_SEED = FormField("seed", "Seed", "number", "The same seed gives the same run, up to rounding.")
_NAME = FormField("name", "Name", "text", "A label; the run also has an id.", placeholder="automatic")
_SETTINGS = FormField(
    "settings",
    "Settings",
    "text",
    "Other settings, separated by spaces.",
    placeholder="optim.lr=3e-4 optim.batch_size=64",
)
