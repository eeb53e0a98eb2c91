"""The configuration of a run: frozen, validated before anything is allocated, stored as JSON and read as TOML too."""

import contextlib
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from trainers import registry, validation
from trainers.errors import ConfigError
from trainers.registry import SCHEMA_VERSION
from trainers.theory import Theory

# Names in configurations of earlier versions. They are read, never written.
_OLD_KEYS = {"binarisation": "binarization", "dequantisation": "dequantization"}
_OLD_VALUES = {"discretised-logistic": "discretized-logistic"}

_NONE_WORDS = ("none", "null")

Device = Literal["auto", "cpu", "cuda", "mps"]
Compile = Literal["auto", "on", "off"]
Precision = Literal["auto", "float32", "bfloat16"]
Width = Annotated[int, Field(ge=1, le=65_536)]  # units or channels of a layer


@dataclass(frozen=True)
class Settable:
    """Marks a setting that can be changed while a run trains, in an annotation: `Annotated[float, Settable("nats")]`.

    Args:
        unit: Unit of its values; empty for a pure number.
    """

    unit: str = ""


class Section(BaseModel):
    """A part of a configuration: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def _unset(cls, value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        """Take 'none' as no value where a setting may have none and has no choice of that name: TOML has no null."""
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError(
                "has bytes that are not UTF-8, which no file of a run can store: rename the file or folder"
            )
        try:
            valid = validate(value)
        except ValidationError:
            if isinstance(value, str) and value.lower() in _NONE_WORDS:
                with contextlib.suppress(ValidationError):
                    return validate(None)
            raise
        if _has_bool(value) and not _has_bool(valid):  # Python's True is an int
            raise ValueError("must be a number, not true or false")
        return valid


def _has_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(map(_has_bool, value)))


class Ref(Section):
    """A family or a data set by name, with its options; written flat: `{name = "vae", latent_dim = 2}`."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_flat(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and "options" not in value:
            return {"name": value.get("name", ""), "options": {k: v for k, v in value.items() if k != "name"}}
        return value

    @model_serializer
    def _to_flat(self) -> dict[str, Any]:
        return {"name": self.name, **self.options}


class OptimConfig(Section):
    """The optimizer of every network of the model."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    lr: Annotated[float, Settable()] = Field(1e-3, gt=0, le=10)
    batch_size: int = Field(128, ge=1, le=65_536)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0, le=1)
    grad_clip: Annotated[float | None, Settable()] = Field(None, gt=0, le=1_000_000)  # largest norm of the gradient
    ema_decay: float = Field(0.999, ge=0, lt=1)  # 0: the EMA weights are the raw weights

    @property
    def effective_batch_size(self) -> int:
        """Images, or 2-D points, of one update of a network: the only place that turns settings into a batch."""
        return self.batch_size


class ScheduleConfig(Section):
    """The length of a training and its learning rate schedule. Exactly one of `epochs`, `steps`, `minutes` is set.

    `restart_at` and `hold_factor` are set when a run is made longer while its learning rate follows a curve.
    """

    epochs: Annotated[float | None, Settable("epochs")] = Field(None, gt=0, le=1_000_000)
    steps: Annotated[int | None, Settable("steps")] = Field(None, ge=1, le=1_000_000_000)
    minutes: Annotated[float | None, Settable("minutes")] = Field(None, gt=0, le=100_000)
    lr: Annotated[Literal["constant", "cosine", "linear", "step"], Settable()] = "constant"
    warmup_steps: int = Field(0, ge=0)  # over which the learning rate grows; at most a tenth of the training
    step_every: int = Field(0, ge=0)  # steps between decays of "step"; 0: an epoch
    step_gamma: float = Field(0.99, gt=0, le=1)
    restart_at: float = Field(0.0, ge=0, lt=1)  # fraction of the length at which "cosine" or "linear" starts anew
    hold_factor: float | None = Field(None, gt=0, le=1)  # holds the learning rate at this factor on `optim.lr`

    @model_validator(mode="after")
    def _one_length(self) -> "ScheduleConfig":
        lengths = [name for name in ("epochs", "steps", "minutes") if getattr(self, name) is not None]
        if len(lengths) != 1:
            raise ValueError(f"give exactly one of epochs, steps, minutes (got {', '.join(lengths) or 'none'})")
        return self


class ExecutionConfig(Section):
    """Device, precision and intervals of a run. Nothing here changes the learned weights, except for rounding."""

    device: Device = "auto"
    threads: int = Field(0, ge=0, le=1024)  # 0: this run's share of the machine
    deterministic: bool = False
    compile: Compile = "auto"  # the training step; "auto": where that pays back its own time within the run
    precision: Precision = "auto"  # of matrix products in training; all else, and all evaluation, is float32
    eval_every: Annotated[int, Settable("steps")] = Field(
        0, ge=0
    )  # steps between evaluations; 0: often enough for 20 in all
    checkpoint_every_s: Annotated[float, Settable("s")] = Field(60.0, gt=0)
    snapshot_every_s: Annotated[float, Settable("s")] = Field(30.0, gt=0)
    watched_every_s: Annotated[float, Settable("s")] = Field(
        2.0, gt=0
    )  # between snapshots with an active watcher; twice that with an idle one
    snapshot_budget_mb: int = Field(256, ge=1, le=1_000_000)

    @property
    def adapts_threads(self) -> bool:
        """True if the number of threads adapts to other runs on the machine; else it is pinned."""
        return not (self.deterministic or self.threads)


class RunConfig(Section):
    """Everything that determines a run. Built by `trainers.presets.assemble`, stored as `config.json`.

    `trainers.plan.resolve` validates the options once and looks up their names; the methods here do so at each call.
    """

    schema_version: int = Field(SCHEMA_VERSION, ge=1)
    preset: str = ""
    seed: int = Field(0, ge=0, lt=2**63)
    data: Ref = Ref(name="mnist")
    model: Ref
    optim: OptimConfig = OptimConfig()
    schedule: ScheduleConfig
    execution: ExecutionConfig = ExecutionConfig()

    def __init__(self, /, **values: Any) -> None:
        """Validate the settings, given by section.

        Raises:
            ConfigError: for the first value that is wrong, with its dotted key.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _config_error(error, type(self), "") from None

    @model_validator(mode="before")
    @classmethod
    def _with_current_names(cls, values: Any) -> Any:
        return with_current_names(values) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _deterministic_length(self) -> "RunConfig":
        if self.execution.deterministic and self.schedule.minutes is not None:
            raise ValueError("execution.deterministic needs schedule.epochs or schedule.steps, not minutes")
        return self

    def model_options(self) -> Any:
        """Return the model's options as the family's type, with defaults.

        Raises:
            ConfigError: naming the key that is unknown or out of range.
        """
        return parse_section(registry.family(self.model.name).options, self.model.options, "model")

    def theory(self) -> Theory:
        """Return the explanation of the objective of this model on this data.

        Raises:
            ConfigError: if the family or the data set is not installed here.
        """
        return registry.family(self.model.name).theory_for(self.model_options(), registry.dataset(self.data.name).kind)

    def data_options(self) -> Any:
        """Return the data set's options as its type, with defaults.

        Raises:
            ConfigError: naming the key that is unknown or out of range.
        """
        return parse_section(registry.dataset(self.data.name).options, self.data.options, "data")

    def with_options(self, model_options: BaseModel, data_options: BaseModel) -> "RunConfig":
        """Return the configuration with the options of model and data replaced."""
        model = Ref(name=self.model.name, options=model_options.model_dump(mode="json"))
        data = Ref(name=self.data.name, options=data_options.model_dump(mode="json"))
        return self.model_copy(update={"model": model, "data": data})


def with_current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested mapping with keys and values of earlier versions replaced by the current ones."""
    current: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            value = with_current_names(value)
        elif isinstance(value, str):
            value = _OLD_VALUES.get(value, value)
        current[_OLD_KEYS.get(key, key)] = value
    return current


def parse(values: Mapping[str, Any]) -> RunConfig:
    """Validate a nested mapping, including the options of model and data, and fill in every default.

    Raises:
        ConfigError: in one line, with the dotted key and the allowed values.
    """
    version = values.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        message = f"schema_version {version} is newer than {SCHEMA_VERSION}, the newest that this version reads"
        raise ConfigError(message, "update genexplorer")
    config: RunConfig = parse_section(RunConfig, values, "")
    return config.with_options(config.model_options(), config.data_options())


def parse_section(section_class: type[Any], values: Mapping[str, Any], section: str) -> Any:
    """Validate one section.

    Raises:
        ConfigError: for the first value that is wrong, with its dotted key.
    """
    try:
        return section_class.model_validate(dict(values))
    except ValidationError as error:
        raise _config_error(error, section_class, section) from None


def _config_error(error: ValidationError, section_class: type[BaseModel], section: str) -> ConfigError:
    """Return the error of the first value that is wrong, with its dotted key."""
    detail = error.errors()[0]
    path = validation.key_path(detail)
    key = ".".join([section, *path] if section else path) or "config"
    if detail["type"] == "extra_forbidden":
        close = difflib.get_close_matches(path[-1], _fields_at(section_class, path[:-1]), n=1)
        hint = f"did you mean '{close[0]}'?" if close else "'genexplorer train PRESET --dry-run' lists the known keys"
        return ConfigError(f"{key}: unknown key", hint)
    return ConfigError(f"{key}: {validation.describe(detail)}")


def _fields_at(section_class: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        inner = section_class.model_fields[part].annotation if part in section_class.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        section_class = inner
    return list(section_class.model_fields)
