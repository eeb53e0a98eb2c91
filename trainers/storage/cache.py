"""The user's cache of prepared data: folders that are made once, under a key of everything that they depend on."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from platformdirs import user_cache_dir

from trainers.storage.atomic_files import new_temporary_folder, rename_folder

_ENTRY = re.compile(r"(images|headers|arrays|zip)-[0-9a-f]{40}")
_TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY = re.compile(r"\.(?:images|headers|arrays|zip)-[0-9a-f]+\.(?:(?P<pid>\d+)\.)?[0-9a-f]{12}\.tmp")
_STALE_S = 24 * 3600.0  # a process on another machine may fill a folder; it writes more often
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
    remove_stale()
    temporary = new_temporary_folder(final.parent, f".{key[:16]}.{os.getpid()}.", _TEMPORARY_SUFFIX)
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


def entries() -> list[Path]:
    """Return the folders of prepared data; nothing else that may be in the folder of the cache."""
    return [path for path in sorted(data_cache_dir().iterdir()) if _ENTRY.fullmatch(path.name) and path.is_dir()]


def clear() -> int:
    """Delete all prepared data and return the number of folders. Processes that use some keep their mapped arrays.

    Raises:
        OSError: if a folder cannot be deleted.
    """
    remove_stale()
    folders = entries()
    for folder in folders:
        # Rename it first: another process finds either all of it, or nothing.
        temporary = folder.with_name(f".{folder.name[:16]}.{os.getpid()}.{folder.name[-12:]}{_TEMPORARY_SUFFIX}")
        folder.rename(temporary)
        shutil.rmtree(temporary)
    return len(folders)


def remove_stale() -> None:
    """Delete temporary folders that a crash left behind: a day old, and of no process on this machine."""
    try:
        candidates = [
            (path, match) for path in data_cache_dir().iterdir() if (match := _TEMPORARY.fullmatch(path.name))
        ]
    except OSError:
        return
    if not candidates:
        return
    import psutil

    for path, match in candidates:
        try:
            newest = max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
        except OSError:
            continue
        is_alive = match["pid"] is not None and psutil.pid_exists(int(match["pid"]))
        if time.time() - newest > _STALE_S and not is_alive and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
