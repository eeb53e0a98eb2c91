"""Durable writes: temporary name, fsync, rename, fsync of the folder. The only module that makes files last.

Every system call that can fail goes through `_call`, where a test can make the Nth one fail.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Bytes = bytes | bytearray | memoryview
_CHUNK = 1 << 20


class FaultPlan:
    """Which call fails: the `nth` one (from 1), once or from then on, with an operating system error.

    Args:
        nth: The call that fails.
        error: The errno it fails with, such as `errno.ENOSPC`.
        for_good: Whether all later calls fail as well.
    """

    def __init__(self, nth: int, error: int, *, for_good: bool = False) -> None:
        self.nth = nth
        self.error = error
        self.for_good = for_good
        self.calls: list[str] = []

    def before(self, name: str) -> None:
        """Count a call and raise when it is the one that fails."""
        self.calls.append(name)
        count = len(self.calls)
        if count == self.nth or (self.for_good and count > self.nth):
            raise OSError(self.error, os.strerror(self.error), name)


_plan: FaultPlan | None = None


@contextmanager
def injected(plan: FaultPlan) -> Iterator[FaultPlan]:
    """Make calls fail as planned inside the block. For tests."""
    global _plan
    _plan = plan
    try:
        yield plan
    finally:
        _plan = None


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file's content so that a reader, even after a power cut, finds the old or the new, never a mixture.

    Raises:
        OSError: if a step failed; the old file is then still there and the temporary one is gone.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        try:
            _write_all(handle, data)
            _call("fsync", lambda: os.fsync(handle))
        finally:
            os.close(handle)
        _call("rename", lambda: temporary.replace(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file durably. NaN and infinities are refused, as JSON has none.

    Raises:
        OSError: if it could not be written.
        ValueError: if the value holds a NaN or an infinity.
    """
    write_bytes(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


class Written(NamedTuple):
    """What was handed to the disk."""

    size: int
    sha256: str


def write_new(path: Path, pieces: Iterable[Bytes]) -> Written:
    """Write a file that is not there yet, and force its content to the disk; the caller syncs its folder.

    The sum is taken of each megabyte on its way, so that what is large is read once and never copied. Both the sum
    and the disk let go of Python's lock meanwhile.

    Args:
        path: Of the file, in a folder that nobody reads yet.
        pieces: Its content, one after the other; read while it is written.

    Raises:
        OSError: if a step failed; half a file may be left.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    handle = _call("open", lambda: os.open(path, flags, 0o600))
    size, digest = 0, hashlib.sha256()
    try:
        for chunk in _chunks(pieces):
            digest.update(chunk)
            _write_all(handle, chunk)
            size += len(chunk)
        _call("fsync", lambda: os.fsync(handle))
    finally:
        os.close(handle)
    return Written(size, digest.hexdigest())


def sync_file(path: Path) -> None:
    """Force a file that was written by other means to the disk."""
    handle = _call("open", lambda: os.open(path, os.O_RDONLY))
    try:
        _call("fsync", lambda: os.fsync(handle))
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries (creations, renames) to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        _call("fsync folder", lambda: os.fsync(handle))
    finally:
        os.close(handle)


def rename_folder(temporary: Path, final: Path) -> None:
    """Move a finished folder to its final name, on the same file system, durably.

    Raises:
        OSError: if the final name is taken or the move failed.
    """
    sync_folder(temporary)
    _call("rename", lambda: temporary.rename(final))
    sync_folder(final.parent)


def _chunks(pieces: Iterable[Bytes]) -> Iterator[Bytes]:
    """Yield a megabyte at a time: of large pieces as they lie there, small ones gathered."""
    gathered = bytearray()
    for piece in pieces:
        if len(gathered) + len(piece) <= _CHUNK:
            gathered += piece
            continue
        if gathered:
            yield gathered
            gathered = bytearray()
        view = memoryview(piece)
        for start in range(0, len(view), _CHUNK):
            yield view[start : start + _CHUNK]
    if gathered:
        yield gathered


def _write_all(handle: int, data: Bytes) -> None:
    view = memoryview(data)
    while view:
        chunk = view[:_CHUNK]
        view = view[_call("write", partial(os.write, handle, chunk)) :]


def _call(name: str, function: Callable[[], T]) -> T:
    if _plan is not None:
        _plan.before(name)
    return function()


def call(name: str, function: Callable[[], T]) -> T:
    """Do something that may fail for the disk's sake, such as a database's commit, where a `FaultPlan` reaches it."""
    return _call(name, function)
