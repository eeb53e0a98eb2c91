"""The form of a new run: made from the presets, checked as it is filled in, without torch."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from genexplorer import paths
from genexplorer.errors import ConfigError, UserError
from genexplorer.session.eta import Estimate, expected_time
from genexplorer.session.formatting import duration
from genexplorer.session.gallery import minutes
from genexplorer.session.observable import Observable
from genexplorer.session.values import parse_assignment
from trainers import plan, presets, registry
from trainers.config import RunConfig
from trainers.registry import Preset

Kind = Literal["choice", "number", "text"]
LENGTH_UNITS = ("epochs", "steps", "minutes")
FOLDER = "idx"  # the data set that a folder of files is
_MAX_TEXT = 4096
_LAYERS = ("data", "length", "seed", "settings")  # the fields that change the configuration, the last one strongest


@dataclass(frozen=True)
class Choice:
    """One of the values of a field."""

    value: str
    label: str


@dataclass(frozen=True)
class FormField:
    """One line of the form. Every value is text, as a person types it."""

    key: str
    label: str
    kind: Kind
    help: str
    choices: tuple[Choice, ...] = ()
    placeholder: str = ""


class NewRunForm(Observable):
    """What a person has filled in so far. Listeners are told of every change.

    Args:
        preset: The preset to begin with; the first one if it is not known.
        runs_dir: The runs whose speed tells the expected time; the usual folder of runs unless given.
    """

    def __init__(self, preset: str = "", *, runs_dir: Path | None = None) -> None:
        super().__init__()
        self._runs_dir = paths.runs_dir(runs_dir)
        self._estimate: Estimate | None = None
        known = registry.presets()
        self._values: dict[str, str] = {"data": "", "folder": "", "seed": "0", "name": "", "settings": ""}
        self._choose(known.get(preset) or next(iter(known.values())))

    @property
    def fields(self) -> tuple[FormField, ...]:
        """The lines that make sense now, in the order of the screen."""
        return tuple(field for field in self.all_fields if field is not _FOLDER or self["data"] == FOLDER)

    @property
    def all_fields(self) -> tuple[FormField, ...]:
        """Every line that may come to make sense, in the same order."""
        chosen = (_family(), _preset(self["family"]), _data(_data_of(self.preset)))
        return (*chosen, _FOLDER, _LENGTH, _UNIT, _SEED, _NAME, _SETTINGS)

    @property
    def preset(self) -> Preset:
        """The preset that is chosen."""
        return registry.preset(self["preset"])

    @property
    def name(self) -> str:
        """The name that is asked for; empty for one that is made up."""
        return self["name"].strip()

    @property
    def watch_for(self) -> str:
        """What to look at, where the preset fails on purpose; empty for all others."""
        return self.preset.watch_for

    @property
    def expectation(self) -> str:
        """What the preset reaches, and in what time as of the last `errors`.

        'test ELBO −136.5 nats after 40 epochs · about 2:10, estimated from brave-fox'
        """
        return " · ".join(part for part in (self.preset.expected, self._time()) if part)

    def _time(self) -> str:
        if self["unit"] == "minutes":
            return ""  # the length says it
        if self._estimate is None or self._estimate.seconds is None:
            return f"about {minutes(self.preset)} on two cores"
        return f"about {duration(self._estimate.seconds)}, {self._estimate.source}"

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def set(self, key: str, value: str) -> None:
        """Fill in one field. Another family takes its first preset; another preset brings its length and data.

        Raises:
            KeyError: if there is no such field.
        """
        if key not in self._values:
            raise KeyError(key)
        value = value[:_MAX_TEXT]
        if value == self._values[key]:
            return
        self._values[key] = value
        if key == "family" and value in registry.families():
            self._choose(registry.family(value).presets[0])
        elif key == "preset" and value in registry.presets():
            self._choose(registry.preset(value))
        self.notify()

    def errors(self) -> dict[str, str]:
        """Return one clear line for each field that is wrong; empty when the run can start.

        Reads headers of the data and a few runs, for `expectation`; a face with slow disks calls it in a thread.
        """
        found: dict[str, str] = {}
        layers = []
        self._estimate = None
        for key in _LAYERS:
            try:
                layers.append(self._layer(key))
            except ConfigError as error:
                found[_field_of(error.message, key)] = str(error)
        if not found:
            try:
                self._check(layers)
            except UserError as error:
                found[_field_of(error.message, "folder" if self["data"] == FOLDER else "settings")] = str(error)
        return found

    def _check(self, layers: list[dict[str, Any]]) -> None:
        config = presets.assemble(self["preset"], *layers)
        plan.resolve(config)
        self._estimate = expected_time(config, self._runs_dir)

    def validate(self) -> RunConfig:
        """Return the configuration that the form describes.

        Raises:
            ConfigError: for the first field that is wrong.
            DataError: if the data cannot be read.
        """
        layers = [self._layer(key) for key in _LAYERS]
        config = presets.assemble(self["preset"], *layers)
        plan.resolve(config)
        return config

    def _choose(self, preset: Preset) -> None:
        schedule = preset.layers.get("schedule", {})
        unit = next((unit for unit in LENGTH_UNITS if schedule.get(unit) is not None), "epochs")
        data = _data_of(preset)
        if self._values["data"] != FOLDER or not _of_images(data):  # a folder that was chosen stays chosen
            self._values["data"] = data
        self._values |= {
            "family": preset.family,
            "preset": preset.name,
            "length": f"{schedule.get(unit, 10):g}",
            "unit": unit,
        }

    def _layer(self, key: str) -> dict[str, Any]:
        match key:
            case "data":
                return self._data_layer()
            case "length":
                return {"schedule": {self["unit"]: _parse_length(self["length"], self["unit"])}}
            case "seed":
                return {"seed": _parse_whole("seed", self["seed"])}
        return presets.from_dotted(parse_settings(self["settings"]))

    def _data_layer(self) -> dict[str, Any]:
        layer = {"name": self["data"], **_shared_options(self.preset, self["data"])}
        if self["data"] != FOLDER:
            return {"data": layer}
        folder = self["folder"].strip()
        if not folder:
            raise ConfigError("data.path: name the folder", "one that holds IDX files, gzipped or not")
        return {"data": {**layer, "path": str(Path(folder).expanduser())}}


def parse_settings(text: str) -> dict[str, Any]:
    """Read 'model.beta=4 optim.lr=3e-4', values as in TOML, quotes only where a value has spaces.

    Raises:
        ConfigError: if a part is not of the form key=value, or a key comes twice.
    """
    try:
        parts = shlex.split(text)
    except ValueError:
        raise ConfigError("settings: a quotation mark is not closed", "for instance model.beta=4") from None
    settings: dict[str, Any] = {}
    for part in parts:
        key, value = parse_assignment(part.rstrip(",;"), "settings:")
        if key in settings:
            raise ConfigError(f"settings: {key} is given twice", "give it once")
        settings[key] = value
    return settings


def _parse_length(text: str, unit: str) -> float | int:
    if unit == "steps":
        return _parse_whole("schedule.steps", text)
    try:
        return float(text.strip().replace(",", ""))
    except ValueError:
        raise ConfigError(f"schedule.{unit}: '{text}' is not a number", "for instance 40") from None


def _parse_whole(key: str, text: str) -> int:
    try:
        return int(text.strip().replace(",", "").replace("_", ""))
    except ValueError:
        raise ConfigError(f"{key}: '{text}' is not a whole number", "for instance 0") from None


def _field_of(message: str, otherwise: str) -> str:
    key = message.partition(":")[0]
    if (key.startswith("schedule.") and key.partition(".")[2] in LENGTH_UNITS) or key == "schedule":
        return "length"
    return {"seed": "seed", "preset": "preset", "data.name": "data", "data.path": "folder"}.get(key, otherwise)


def _family() -> FormField:
    choices = tuple(Choice(family.name, family.title) for family in registry.families().values() if family.presets)
    return FormField("family", "Family", "choice", "What kind of model learns the data.", choices)


def _preset(family: str) -> FormField:
    known = registry.families().get(family)
    choices = (
        tuple(Choice(preset.name, f"{preset.name} ({minutes(preset)}): {preset.summary}") for preset in known.presets)
        if known
        else ()
    )
    return FormField("preset", "Preset", "choice", "A starting point with the result it is expected to reach.", choices)


def _data(usual: str) -> FormField:
    """Return the choice of data sets of the same kind as a preset's own: another kind needs other options."""
    kind = registry.dataset(usual).kind
    found = [data for data in registry.datasets().values() if data.kind == kind]
    choices = tuple(
        Choice(data.name, data.title if kind == "images" else f"{data.name}: {data.title}") for data in found
    )
    return FormField("data", "Data", "choice", "What it learns from.", choices)


def _data_of(preset: Preset) -> str:
    data = preset.layers.get("data", {"name": "mnist"})
    return data if isinstance(data, str) else str(data.get("name", "mnist"))


def _of_images(data: str) -> bool:
    return registry.dataset(data).kind == "images"


def _shared_options(preset: Preset, data: str) -> dict[str, Any]:
    """Return what a preset says of its data that holds for other data too: that they are not to be binarized."""
    own = preset.layers.get("data", {})
    known = registry.datasets().get(data)
    if isinstance(own, str) or known is None or own.get("name") == data:
        return {}
    return {key: value for key, value in own.items() if key in known.options.model_fields}


_FOLDER = FormField("folder", "Folder", "text", "Holds IDX files with the standard names, gzipped or not.")
_LENGTH = FormField("length", "Length", "number", "How long it trains; it can be stopped and resumed at any time.")
_UNIT = FormField("unit", "in", "choice", "What the length counts.", tuple(Choice(unit, unit) for unit in LENGTH_UNITS))
_SEED = FormField("seed", "Seed", "number", "The same seed gives the same run, up to rounding.")
_NAME = FormField("name", "Name", "text", "For you; the run has an id of its own.", placeholder="made up")
_SETTINGS = FormField(
    "settings",
    "Settings",
    "text",
    "Any other setting, spaces between.",
    placeholder="optim.lr=3e-4 optim.batch_size=64",
)
