"""Preferences that outlive a session, in a small file of the user's state folder: the dark or the light theme."""

import contextlib
import json
from pathlib import Path

from genexplorer import paths
from trainers.storage.atomic_files import write_json

_FILE = "dashboard.json"
_MAX_BYTES = 1 << 16


def load_dark() -> bool | None:
    """Return whether the dark theme was chosen last; None if nothing was saved or it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        path = _path()
        if path.stat().st_size <= _MAX_BYTES:
            values = json.loads(path.read_text(encoding="utf-8"))
            theme = values.get("look") if isinstance(values, dict) else None
            return {"dark": True, "light": False}.get(theme) if isinstance(theme, str) else None
    return None


def save_dark(dark: bool) -> None:
    """Save the choice of theme; a full or read-only disk is ignored."""
    with contextlib.suppress(OSError):
        write_json(_path(), {"look": "dark" if dark else "light"})


def _path() -> Path:
    return paths.state_dir() / _FILE
