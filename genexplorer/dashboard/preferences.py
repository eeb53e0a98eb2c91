"""What the dashboard remembers from one start to the next: light or dark. A small file in the user's state folder."""

import contextlib
import json
from pathlib import Path

from genexplorer import paths
from trainers.storage.atomic_files import write_json

_FILE = "dashboard.json"
_MAX_BYTES = 1 << 16


def remembered_dark() -> bool | None:
    """Return whether the dark look was chosen last; None where nothing is known, or it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        path = _path()
        if path.stat().st_size <= _MAX_BYTES:
            values = json.loads(path.read_text(encoding="utf-8"))
            look = values.get("look") if isinstance(values, dict) else None
            return {"dark": True, "light": False}.get(look) if isinstance(look, str) else None
    return None


def remember_dark(dark: bool) -> None:
    """Remember the look; a disk that refuses costs nothing but the memory."""
    with contextlib.suppress(OSError):
        write_json(_path(), {"look": "dark" if dark else "light"})


def _path() -> Path:
    return paths.state_dir() / _FILE
