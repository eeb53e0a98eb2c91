"""Settings of a run: flags override the environment, that overrides a file, that overrides the preset. No torch.

Every setting has a dotted key, such as `model.beta`. In the environment it is `GENEXPLORER__MODEL__BETA`; in a TOML
file `beta` under `[model]`; on the command line a flag (`--beta`) or `--set model.beta=4`.
"""

import codecs
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genexplorer.cli.setting_flags import FLAGS
from genexplorer.errors import ConfigError
from genexplorer.session.new_run import parse_assignment, parse_value
from trainers import plan, presets, registry
from trainers.config import RunConfig

VARIABLE_PREFIX = "GENEXPLORER__"
MAX_FILE_BYTES = 1 << 20


@dataclass
class SettingsLayer:
    """One layer of settings: values by dotted key, and the flag, variable or file of each."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, value: Any, origin: str) -> None:
        """Add one setting.

        Raises:
            ConfigError: if the layer has the key already.
        """
        if key in self.values:
            raise ConfigError(f"{key} is given twice: {self.origins[key]} and {origin}", "give it once")
        self.values[key] = value
        self.origins[key] = origin

    def origin_of(self, key: str) -> str:
        """Return the origin of a key, or of a key below or above it; empty if this layer does not set it."""
        for other, origin in self.origins.items():
            if other == key or other.startswith(key + ".") or key.startswith(other + "."):
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
) -> plan.Plan:
    """Return the plan of flags over environment over file over preset, checked against the data.

    Args:
        preset: Name of the preset; None takes it from the file.
        flags: Values by flag, such as {"--beta": 4.0}; None is not given.
        assignments: Texts of `--set`, such as "model.beta=4".
        data: A data set's name or a folder.
        config_file: A TOML file.
        environment: Environment variables; those of this process by default.

    Raises:
        ConfigError: with the key, what is allowed, and the origin of the value.
        DataError: if the data cannot be read.
    """
    file_layer = read_file(config_file) if config_file else {}
    name = preset or file_layer.get("preset")
    if not isinstance(name, str) or not name:
        names = ", ".join(registry.presets())
        if config_file is None:
            raise ConfigError("choose a preset", f"one of {names} ('genexplorer presets' describes them)")
        raise ConfigError(f"{config_file}: has no preset", f'add preset = "vae-2d", or give one of {names}')
    file_source = SettingsLayer(origins={key: str(config_file) for key in presets.flatten(file_layer)})
    sources = [_from_flags(flags, assignments, data), _from_environment(environment or os.environ), file_source]
    try:
        layers = [presets.from_dotted(source.values) for source in reversed(sources[:2])]
        config = presets.assemble(name, file_layer, *layers)
        return plan.resolve(config)
    except ConfigError as error:
        # Name the flag, variable or file that set the value.
        key = error.message.partition(":")[0]
        origin = next((origin for source in sources if (origin := source.origin_of(key))), "")
        raise ConfigError(f"{error.message} [from {origin}]" if origin else error.message, error.hint) from None


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
        return tomllib.loads(content.decode(_encoding(content)))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {' '.join(str(error).split())}") from None


def _encoding(content: bytes) -> str:
    """Return the encoding that a byte-order mark declares, as editors and shells on Windows write it; else UTF-8."""
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def data_values(data: str) -> dict[str, Any]:
    """Return the settings of `--data NAME|DIR`.

    Raises:
        ConfigError: if it is neither a data set nor a folder.
    """
    for dataset in registry.datasets().values():
        if data != dataset.name and data not in dataset.aliases:
            continue
        if dataset.reads_folder:
            raise ConfigError(f"--data {data} needs a folder", "give the folder itself: --data DIR")
        return {"data.name": dataset.name}
    path = Path(data).expanduser()
    if path.is_dir():
        folder_dataset = next(dataset for dataset in registry.datasets().values() if dataset.reads_folder)
        return {"data.name": folder_dataset.name, "data.path": str(path.resolve())}
    if path.exists():
        raise ConfigError(f"--data {data}: is a file", "give the folder that contains the IDX files")
    names = ", ".join(name for name, dataset in registry.datasets().items() if not dataset.reads_folder)
    raise ConfigError(f"--data {data}: neither a data set nor a folder", f"known: {names}; or a folder of IDX files")


def _from_flags(flags: Mapping[str, Any], assignments: Sequence[str], data: str | None) -> SettingsLayer:
    source = SettingsLayer()
    for flag, value in flags.items():
        if value is not None:
            source.add(FLAGS[flag].key, value, flag)
    for key, value in (data_values(data) if data is not None else {}).items():
        source.add(key, value, "--data")
    for assignment in assignments:
        key, value = parse_assignment(assignment, "--set")
        source.add(key, value, f"--set {key}")
    return source


def _from_environment(environment: Mapping[str, str]) -> SettingsLayer:
    source = SettingsLayer()
    for variable in sorted(environment):
        if not variable.startswith(VARIABLE_PREFIX):
            continue
        key = variable.removeprefix(VARIABLE_PREFIX).lower().replace("__", ".")
        if not all(key.split(".")):
            raise ConfigError(f"{variable}: not a setting", f"for instance {VARIABLE_PREFIX}MODEL__BETA=4")
        source.add(key, parse_value(environment[variable]), variable)
    return source


def to_toml(config: RunConfig) -> str:
    """Write a configuration as TOML for `train --config`.

    TOML has no null: settings without a value are omitted, or "none" where the preset has a value.
    """
    import tomlkit

    def without_null(values: Mapping[str, Any]) -> dict[str, Any]:
        present = {key: value for key, value in values.items() if value is not None}
        return {key: without_null(value) if isinstance(value, Mapping) else value for key, value in present.items()}

    document = tomlkit.document()
    document.add(tomlkit.comment("Train with: genexplorer train --config THIS_FILE"))
    unset = presets.from_dotted(dict.fromkeys(presets.unset_keys(config), "none"))
    values = presets.merge(without_null(config.model_dump(mode="json")), unset)
    for key, value in sorted(values.items(), key=lambda item: isinstance(item[1], Mapping)):  # tables come last
        if isinstance(value, Mapping):
            document.add(tomlkit.nl())
        document.add(key, tomlkit.item(value))
    return tomlkit.dumps(document)
