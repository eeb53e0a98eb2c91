"""Where a run's settings come from: flags over environment over file over preset. Torch-free.

Every setting has a dotted key, such as `model.beta`. In the environment it is `GENEXPLORER__MODEL__BETA`; in a TOML
file `beta` under `[model]`; on the command line a flag (`--beta`) or `--set model.beta=4`.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genexplorer.errors import ConfigError
from genexplorer.session.values import parse_assignment, parse_value
from trainers import plan, presets, registry
from trainers.config import RunConfig

VARIABLE_PREFIX = "GENEXPLORER__"
MAX_FILE_BYTES = 1 << 20
FOLDER_DATASET = "idx"  # what a folder given as --data is

# Flags of `train` and what they set; `--data` and `--config` are handled on their own.
FLAG_KEYS = {
    "--epochs": "schedule.epochs",
    "--steps": "schedule.steps",
    "--minutes": "schedule.minutes",
    "--batch-size": "optim.batch_size",
    "--lr": "optim.lr",
    "--latent-dim": "model.latent_dim",
    "--hidden": "model.hidden",
    "--beta": "model.beta",
    "--kl-warmup": "model.kl_warmup",
    "--likelihood": "model.likelihood",
    "--binarization": "data.binarization",
    "--seed": "seed",
    "--device": "execution.device",
    "--threads": "execution.threads",
    "--deterministic": "execution.deterministic",
    "--compile": "execution.compile",
    "--precision": "execution.precision",
}


@dataclass
class Source:
    """One layer of settings: values by dotted key, and what the person typed for each."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def give(self, key: str, value: Any, origin: str) -> None:
        """Add one setting.

        Raises:
            ConfigError: if the same key was given already in this layer.
        """
        if key in self.values:
            raise ConfigError(f"{key} is given twice: {self.origins[key]} and {origin}", "give it once")
        self.values[key] = value
        self.origins[key] = origin

    def origin_of(self, key: str) -> str:
        """Return what set a key or something below or above it; empty if nothing did."""
        for known, origin in self.origins.items():
            if known == key or known.startswith(key + ".") or key.startswith(known + "."):
                return origin
        return ""


def resolve(
    preset: str | None,
    *,
    flags: Mapping[str, Any],
    assignments: Sequence[str] = (),
    data: str | None = None,
    config_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> RunConfig:
    """Lay flags over the environment over a file over a preset, validate, and check against the data.

    Args:
        preset: Name of the preset; None takes the one that the file names.
        flags: Values by flag, such as {"--beta": 4.0}; None means not given.
        assignments: Texts of `--set`, such as "model.beta=4".
        data: A data set's name or a folder.
        config_file: A TOML file.
        environment: The process's environment unless given.

    Raises:
        ConfigError: in one line, naming the key, what is allowed and where the value came from.
        DataError: if the data cannot be read.
    """
    file_layer = read_file(config_file) if config_file else {}
    name = preset or _preset_of(file_layer, config_file)
    file_source = Source(origins={key: str(config_file) for key in flatten(file_layer)})
    sources = [_from_flags(flags, assignments, data), _from_environment(environment or os.environ), file_source]
    try:
        layers = [presets.from_dotted(source.values) for source in reversed(sources[:2])]
        config = presets.assemble(name, file_layer, *layers)
        plan.resolve(config)
    except ConfigError as error:
        raise _with_origin(error, sources) from None
    return config


def read_file(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings.

    Raises:
        ConfigError: if it is missing, too long, not text or not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", "'genexplorer train PRESET --write-config FILE' writes one"
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{path}: longer than {MAX_FILE_BYTES // 1024} KiB", "is it a TOML file of settings?")
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {_one_line(error)}") from None


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn {"model": {"beta": 4}} into {"model.beta": 4}."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat.update(flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return flat


def data_values(data: str) -> dict[str, Any]:
    """Return the settings that `--data NAME|PATH` stands for.

    Raises:
        ConfigError: if it is neither a known name nor a folder.
    """
    for dataset in registry.datasets().values():
        if data != dataset.name and data not in dataset.aliases:
            continue
        if dataset.name == FOLDER_DATASET:
            raise ConfigError(f"--data {data}: which folder is not said", "give the folder itself: --data DIR")
        return {"data.name": dataset.name}
    path = Path(data).expanduser()
    if path.is_dir():
        return {"data.name": FOLDER_DATASET, "data.path": str(path.resolve())}
    if path.exists():
        raise ConfigError(f"--data {data}: is a file", "name the folder of IDX files that it lies in")
    names = ", ".join(name for name in registry.datasets() if name != FOLDER_DATASET)
    raise ConfigError(f"--data {data}: neither a data set nor a folder", f"known: {names}; or a folder of IDX files")


def _preset_of(layer: Mapping[str, Any], path: Path | None) -> str:
    name = layer.get("preset")
    if isinstance(name, str) and name:
        return name
    known = ", ".join(registry.presets())
    if path is None:
        raise ConfigError("no preset is named", f"choose one of {known} ('genexplorer presets' tells about them)")
    raise ConfigError(f"{path}: names no preset", f'add preset = "vae-2d", or give one of {known}')


def _from_flags(flags: Mapping[str, Any], assignments: Sequence[str], data: str | None) -> Source:
    source = Source()
    for flag, value in flags.items():
        if value is not None:
            source.give(FLAG_KEYS[flag], value, flag)
    for key, value in (data_values(data) if data is not None else {}).items():
        source.give(key, value, "--data")
    for assignment in assignments:
        key, value = parse_assignment(assignment, "--set")
        source.give(key, value, f"--set {key}")
    return source


def _from_environment(environment: Mapping[str, str]) -> Source:
    source = Source()
    for variable in sorted(environment):
        if not variable.startswith(VARIABLE_PREFIX):
            continue
        key = variable.removeprefix(VARIABLE_PREFIX).lower().replace("__", ".")
        if not all(key.split(".")):
            raise ConfigError(f"{variable}: names no setting", f"for instance {VARIABLE_PREFIX}MODEL__BETA=4")
        source.give(key, parse_value(environment[variable]), variable)
    return source


def _with_origin(error: ConfigError, sources: Sequence[Source]) -> ConfigError:
    key = error.message.partition(":")[0]
    origin = next((found for source in sources if (found := source.origin_of(key))), "")
    return ConfigError(f"{error.message} [from {origin}]" if origin else error.message, error.hint)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
