"""Data sets that are known by a name of the user's: places on this machine with the options that choose within them.

Each name is a small file in the state folder, so that two programs can add names at the same time. Configurations
store the place itself: a run does not depend on names.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainers import registry
from trainers.config import parse_section
from trainers.data.downloads import catalog
from trainers.errors import ConfigError, DataError
from trainers.storage.atomic_files import write_json
from trainers.storage.user_folders import state_dir

MAX_NAME_LENGTH = 64
_FOLDER = "data"
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME_LENGTH - 1}}}")
_MAX_FILE_BYTES = 1 << 16


def find_settings(name: str) -> dict[str, Any] | None:
    """Return the settings of the section "data" that a name stands for: one that was added, or a downloaded data set.

    Raises:
        DataError: if the file of the name is damaged.
    """
    if not _NAME.fullmatch(name):
        return None
    path = _path(name)
    return _read(path) if path.is_file() else catalog.find_settings(name)


def read_all() -> dict[str, dict[str, Any]]:
    """Return the settings of every name that was added, in alphabetical order; damaged ones are left out."""
    settings = {}
    for path in sorted(_path("x").parent.glob("*.json")):
        try:
            settings[path.stem] = _read(path)
        except DataError:
            continue
    return settings


def add(name: str, settings: Mapping[str, Any], *, replace: bool = False) -> None:
    """Remember a name for data at a path.

    Args:
        name: Letters, digits, ".", "_" and "-".
        settings: Of the section "data": the data set's `name`, its `path`, and further options.
        replace: Whether the name may stand for other data until now.

    Raises:
        ConfigError: if the name cannot be used or is taken, or an option is wrong.
        OSError: if it cannot be stored.
    """
    if not _NAME.fullmatch(name):
        message = f"'{name[:80]}' cannot be the name of a data set"
        raise ConfigError(message, f"use up to {MAX_NAME_LENGTH} letters, digits, '.', '_' and '-'")
    names = {each for spec in registry.datasets().values() for each in (spec.name, *spec.aliases)}
    if name in names or name in catalog.DOWNLOADS or catalog.find_download(name):
        raise ConfigError(f"'{name}' is already a data set of genexplorer", "choose another name")
    if _path(name).is_file() and not replace:
        hint = "choose another name, or replace it with --replace"
        raise ConfigError(f"'{name}' already stands for {_read(_path(name)).get('path', 'other data')}", hint)
    options = {key: value for key, value in settings.items() if key != "name"}
    parse_section(registry.dataset(str(settings["name"])).options, options, "data")
    _path(name).parent.mkdir(parents=True, exist_ok=True)
    write_json(_path(name), dict(settings))


def remove(name: str) -> None:
    """Forget a name; the data stay.

    Raises:
        ConfigError: if there is no such name.
    """
    if not (_NAME.fullmatch(name) and _path(name).is_file()):
        existing = ", ".join(read_all())
        hint = f"names that were added: {existing}" if existing else "no names were added"
        raise ConfigError(f"there is no name '{name[:80]}' to remove", hint)
    _path(name).unlink()


def _path(name: str) -> Path:
    return state_dir() / _FOLDER / f"{name}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            settings = json.loads(file.read(_MAX_FILE_BYTES))
        if not isinstance(settings, dict) or not isinstance(settings.get("name"), str):
            raise ValueError("no settings of a data set")
    except (OSError, ValueError, RecursionError) as error:
        hint = f"'genexplorer data remove {path.stem}', then add it again"
        raise DataError(f"{path}: cannot be read ({error})", hint) from None
    return settings
