"""The cache of prepared data: what is cleared, and which temporary folders are left alone."""

import os
import subprocess
import sys
from pathlib import Path

from trainers.storage import cache

OLD = (1_000_000_000, 1_000_000_000)


def entry(name: str, *, old: bool = False) -> Path:
    folder = cache.data_cache_dir() / name
    folder.mkdir()
    (folder / "images.npy").write_bytes(b"x" * 1000)
    for path in (folder / "images.npy", folder):
        if old:
            os.utime(path, OLD)
    return folder


def dead_pid() -> int:
    """Return the id of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_only_old_temporary_folders_of_no_process_are_removed() -> None:
    pid = dead_pid()
    stale = entry(f".images-abcdef01.{pid}.0123456789ab.tmp", old=True)
    earlier_version = entry(".images-abcdef01.0123456789ac.tmp", old=True)
    others = [
        entry(f".images-abcdef01.{pid}.0123456789ad.tmp"),
        entry(f".images-abcdef01.{os.getpid()}.0123456789ae.tmp", old=True),
        entry(".something-else.tmp", old=True),
        entry("images-" + "0" * 40, old=True),
    ]
    cache.cached_folder("arrays-" + "1" * 40, lambda place: None)
    assert not stale.exists() and not earlier_version.exists()
    assert all(folder.exists() for folder in others)


def test_clearing_deletes_entries_and_nothing_else() -> None:
    entry("images-" + "0" * 40)
    others = entry("my-photos"), entry("images-short")
    assert cache.clear() == 1
    assert sorted(cache.data_cache_dir().iterdir()) == sorted(others)
