"""Completions for input fields: paths, and keys of settings; the right arrow takes them."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from textual.suggester import Suggester


class PathSuggester(Suggester):
    """Completes the last part of a path to the first folder or file whose name begins so."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the completed path; None if there is none."""
        return await asyncio.to_thread(complete_path, value)


class KeySuggester(Suggester):
    """Completes the key of the last setting of a line.

    Args:
        list_keys: Returns the known keys.
    """

    def __init__(self, list_keys: Callable[[], tuple[str, ...]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._list_keys = list_keys

    async def get_suggestion(self, value: str) -> str | None:
        """Return the completed line; None if there is none."""
        before, space, last = value.rpartition(" ")
        if not last or "=" in last:
            return None
        key = next((key for key in self._list_keys() if key.startswith(last)), None)
        return None if key is None else f"{before}{space}{key}="


def complete_path(value: str) -> str | None:
    """Return a path whose last part is completed, a folder with a slash; hidden names only where one is begun."""
    folder, slash, name = value.rpartition("/")
    if not value or (not slash and value.startswith("~")):
        return None
    with suppress(OSError, RuntimeError), os.scandir(Path(f"{folder}{slash}").expanduser()) as iterator:
        for entry in sorted(iterator, key=lambda entry: (not entry.is_dir(), entry.name)):
            is_wanted = name.startswith(".") or not entry.name.startswith(".")
            if is_wanted and entry.name.startswith(name) and entry.name.isprintable() and entry.name != name:
                return f"{folder}{slash}{entry.name}" + ("/" if entry.is_dir() else "")
    return None
