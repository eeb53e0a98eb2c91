"""Preferences that persist between starts: one JSON file in the user's state folder."""

import base64
import binascii
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genexplorer import paths
from trainers.storage.atomic_files import write_json

_FILE_NAME = "viewer.json"
_MAX_FILE_BYTES = 1 << 20
MAX_IMAGE_INDEX = 10**7  # larger indices of test images in the saved settings of a tab are ignored
_log = logging.getLogger(__name__)


class Preferences:
    """Values by key. Reading never fails: a damaged or missing value is empty."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path if path is not None else _default_path()
        self._values = _read(self._path)

    def text(self, key: str) -> str:
        """Return a text, or an empty one."""
        value = self._values.get(key)
        return value if isinstance(value, str) else ""

    def mapping(self, key: str) -> dict[str, Any]:
        """Return a mapping, or an empty one."""
        value = self._values.get(key)
        return value if isinstance(value, dict) else {}

    def data(self, key: str) -> bytes:
        """Return bytes; empty where they are missing or damaged."""
        try:
            return base64.b64decode(self.text(key), validate=True)
        except (binascii.Error, ValueError):
            return b""

    def set(self, key: str, value: str | bytes | dict[str, Any]) -> None:
        """Set a value; `save` writes it."""
        self._values[key] = base64.b64encode(value).decode() if isinstance(value, bytes) else value

    def save(self) -> bool:
        """Write the file atomically; return whether that succeeded: a full disk must not keep a window open."""
        try:
            write_json(self._path, self._values)
        except (OSError, ValueError, TypeError) as error:
            _log.warning("preferences not saved in %s: %s", self._path, error)
            return False
        return True


def _default_path() -> Path:
    """Return the file in the state folder, also if that cannot be made: then nothing is saved."""
    try:
        return paths.state_dir() / _FILE_NAME
    except OSError as error:
        _log.warning("preferences are not saved: %s: %s", error.filename, error.strerror)
        return Path(str(error.filename)) / _FILE_NAME


def saved_int(state: Mapping[str, Any], key: str, low: int, high: int, default: int) -> int:
    """Return an integer of a tab's saved settings; the default if it is missing, of another type or out of range."""
    value = state.get(key)
    return value if type(value) is int and low <= value <= high else default


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            return {}
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
