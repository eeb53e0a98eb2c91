"""Settings of a run, in order of priority: flags, environment variables, a file, the preset. No torch.

Every setting has a dotted key, such as `model.beta`. In the environment it is `GENEXPLORER__MODEL__BETA`; in a TOML
file `beta` under `[model]`; on the command line a flag (`--beta`) or `--set model.beta=4`.
"""

import codecs
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genexplorer.cli.setting_flags import FLAGS
from genexplorer.errors import ConfigError
from genexplorer.session.settings_text import parse_assignment, parse_value
from trainers import plan, presets, registry
from trainers.config import RunConfig

ENVIRONMENT_PREFIX = "GENEXPLORER__"
MAX_SETTINGS_FILE_BYTES = 1 << 20


@dataclass
class SettingsLayer:
    """Settings from one place: values by dotted key, and the flag, variable or file that set each."""

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
        flags: Values by flag, such as {"--beta": 4.0}; None means that the flag is not given.
        assignments: Texts of `--set`, such as "model.beta=4".
        data: A data set's name or a folder.
        config_file: A TOML file.
        environment: Environment variables; those of this process by default.

    Raises:
        ConfigError: with the key, what is allowed, and the origin of the value.
        DataError: if the data cannot be read.
    """
    # Find the preset.
    file_settings = read_file(config_file) if config_file else {}
    name = preset or file_settings.get("preset")
    file_settings = {**file_settings, "preset": name}  # a preset that is named takes the settings of another one's file
    if not isinstance(name, str) or not name:
        names = ", ".join(registry.presets())
        if config_file is None:
            raise ConfigError("choose a preset", f"one of {names} ('genexplorer presets' describes them)")
        raise ConfigError(f"{config_file}: has no preset", f'add preset = "vae-2d", or give one of {names}')
    # Assemble the layers; the values of the file are checked with the preset.
    file_layer = SettingsLayer(origins={key: str(config_file) for key in presets.flatten(file_settings)})
    layers = [_flag_layer(flags, assignments, data), _environment_layer(environment or os.environ), file_layer]
    try:
        overrides = [presets.from_dotted(layer.values) for layer in reversed(layers[:2])]
        assembly = presets.assemble_for_data(name, file_settings, *overrides)
        return replace(plan.resolve(assembly.config), notes=assembly.notes)
    except ConfigError as error:
        # Name the flag, variable or file that set the value.
        key = error.message.partition(":")[0]
        origin = next((origin for layer in layers if (origin := layer.origin_of(key))), "")
        raise ConfigError(f"{error.message} [from {origin}]" if origin else error.message, error.hint) from None


def read_file(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings.

    Raises:
        ConfigError: if it is missing, too long, not text or not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SETTINGS_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", "'genexplorer train PRESET --write-config FILE' writes one"
        ) from None
    if len(content) > MAX_SETTINGS_FILE_BYTES:
        raise ConfigError(
            f"{path}: longer than {MAX_SETTINGS_FILE_BYTES // 1024} KiB", "is it a TOML file of settings?"
        )
    try:
        return tomllib.loads(content.decode(_encoding(content)))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {' '.join(str(error).split())}") from None


def _encoding(content: bytes) -> str:
    """Return the encoding that a byte-order mark declares, as editors and shells on Windows write it; else UTF-8."""
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _flag_layer(flags: Mapping[str, Any], assignments: Sequence[str], data: str | None) -> SettingsLayer:
    layer = SettingsLayer()
    for flag, value in flags.items():
        if value is not None:
            layer.add(FLAGS[flag].key, value, flag)
    place = presets.flatten({"data": data_settings(data)}) if data is not None else {}
    for key in ("data.name", "data.path"):
        if key in place:
            layer.add(key, place.pop(key), "--data")
    for assignment in assignments:
        key, value = parse_assignment(assignment, "--set")
        layer.add(key, value, f"--set {key}")
    for key, value in place.items():  # options that a name stands for give way to explicit ones
        if key not in layer.values:
            layer.add(key, value, "--data")
    return layer


def _environment_layer(environment: Mapping[str, str]) -> SettingsLayer:
    layer = SettingsLayer()
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
        if not all(key.split(".")):
            raise ConfigError(f"{variable}: not a setting", f"for instance {ENVIRONMENT_PREFIX}MODEL__BETA=4")
        layer.add(key, parse_value(environment[variable]), variable)
    return layer


def data_settings(data: str) -> dict[str, Any]:
    """Return the section "data" that `--data` stands for.

    Raises:
        ConfigError: if there is no such data set or path; it names the flag.
        DataError: if the path is no data set.
    """
    if any("\ud800" <= character <= "\udfff" for character in data):
        escaped = os.fsencode(data).decode("utf-8", "backslashreplace")
        raise ConfigError(
            f"--data {escaped}: the name has bytes that are not UTF-8, which no file of a run can store",
            "rename the file or folder",
        )
    try:
        return presets.data_settings(data)
    except ConfigError as error:
        raise ConfigError(error.message.replace(f"data: '{data}'", f"--data {data}:", 1), error.hint) from None


def to_toml(config: RunConfig) -> str:
    """Write a configuration as TOML for `train --config`.

    TOML has no null: settings without a value are omitted, or "none" where the preset has a value.
    """
    import tomlkit

    def without_null(values: Mapping[str, Any]) -> dict[str, Any]:
        non_null = {key: value for key, value in values.items() if value is not None}
        return {key: without_null(value) if isinstance(value, Mapping) else value for key, value in non_null.items()}

    document = tomlkit.document()
    document.add(tomlkit.comment("Train with: genexplorer train --config THIS_FILE"))
    unset = presets.from_dotted(dict.fromkeys(presets.unset_keys(config), "none"))
    values = presets.merge(without_null(config.model_dump(mode="json")), unset)
    for key, value in sorted(values.items(), key=lambda item: isinstance(item[1], Mapping)):  # tables come last
        if isinstance(value, Mapping):
            document.add(tomlkit.nl())
        document.add(key, tomlkit.item(value))
    return tomlkit.dumps(document)
