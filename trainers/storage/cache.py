"""The user's cache of prepared data: folders that are made once, under a key of everything that they depend on."""

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from platformdirs import user_cache_dir

from trainers.storage.atomic_files import new_temporary_folder, rename_folder

CACHE_VARIABLE = "GENEXPLORER_CACHE"  # another folder for prepared data


@cache
def data_cache_dir() -> Path:
    """Return the folder of prepared data: in the user's cache folder, or a temporary one where that cannot be written.

    The temporary one is of this process alone.
    """
    folder = Path(os.environ.get(CACHE_VARIABLE, "") or Path(user_cache_dir("genexplorer")) / "data").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="genexplorer-data-"))


def cached_folder(key: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of a key; if there is none, `make` fills a new one, which appears only when it is complete.

    Raises:
        OSError: if it cannot be written.
    """
    final = data_cache_dir() / key
    if final.is_dir():
        return final
    temporary = new_temporary_folder(final.parent, f".{key[:16]}.", ".tmp")
    try:
        make(temporary)
        try:
            rename_folder(temporary, final)
        except OSError:
            if not final.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final
