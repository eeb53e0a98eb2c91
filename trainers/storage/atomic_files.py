"""Durable writes: temporary file, fsync, rename, fsync of the folder. All files that must survive a crash use this.

Every system call that can fail goes through `call`, where a test can make the Nth one fail.
"""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Bytes = bytes | bytearray | memoryview
_CHUNK_BYTES = 1 << 20
NEW_FILE_MODE = 0o666  # less the umask, as for other programs: a group that shares the folder can be let in
# What fsync fails with where a file system has none, for folders (CIFS, shares of virtual machines) or for anything.
NO_SYNC_ERRNOS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class FaultPlan:
    """Makes the `nth` call (from 1) fail with an operating system error. For tests.

    Args:
        nth: The call that fails.
        error: The errno, such as `errno.ENOSPC`.
        persistent: Whether all later calls fail as well.
    """

    def __init__(self, nth: int, error: int, *, persistent: bool = False) -> None:
        self.nth = nth
        self.error = error
        self.persistent = persistent
        self.calls: list[str] = []

    def before(self, name: str) -> None:
        """Count a call; raise if it is one that fails."""
        self.calls.append(name)
        count = len(self.calls)
        if count == self.nth or (self.persistent and count > self.nth):
            raise OSError(self.error, os.strerror(self.error), name)


_fault_plan: FaultPlan | None = None


@contextmanager
def inject_faults(plan: FaultPlan) -> Iterator[FaultPlan]:
    """Make calls fail as planned inside the block. For tests."""
    global _fault_plan
    _fault_plan = plan
    try:
        yield plan
    finally:
        _fault_plan = None


def call(name: str, function: Callable[[], T]) -> T:
    """Call a function that may fail because of the disk, such as a database commit; a `FaultPlan` can intercept it."""
    if _fault_plan is not None:
        _fault_plan.before(name)
    return function()


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file atomically: a reader, even after a power failure, gets the old or the new content.

    Raises:
        OSError: if a step failed; the old file is then unchanged and the temporary file removed.
    """
    temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, _NEW_FILE_FLAGS, NEW_FILE_MODE)
    try:
        with _closing(handle):
            _write_all(handle, data)
            sync(handle, path)
        call("rename", lambda: temporary.replace(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file atomically.

    Raises:
        OSError: if it could not be written.
        ValueError: if the value contains a NaN or an infinity, which JSON cannot represent.
    """
    write_bytes(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


class WrittenFile(NamedTuple):
    """Size and checksum of a file that was written."""

    size: int
    sha256: str


def write_new_file(path: Path, pieces: Iterable[Bytes]) -> WrittenFile:
    """Create a file and sync its content; the caller syncs the folder.

    Content is hashed and written in chunks of a megabyte, so large arrays are read once and never copied. Hashing and
    writing both release the GIL.

    Args:
        path: A new file in a folder that is not visible to readers yet.
        pieces: The content in order.

    Raises:
        OSError: if a step failed; a partial file may remain.
    """
    handle = call("open", lambda: os.open(path, _NEW_FILE_FLAGS, NEW_FILE_MODE))
    size, digest = 0, hashlib.sha256()
    with _closing(handle):
        for chunk in _chunks(pieces):
            digest.update(chunk)
            _write_all(handle, chunk)
            size += len(chunk)
        sync(handle, path)
    return WrittenFile(size, digest.hexdigest())


def new_temporary_folder(parent: Path, prefix: str, suffix: str) -> Path:
    """Create a folder with an unused name and return it; umask and setgid bit apply, unlike to `tempfile.mkdtemp`.

    Raises:
        OSError: if it cannot be created.
    """
    folder = parent / f"{prefix}{secrets.token_hex(6)}{suffix}"
    folder.mkdir()
    return folder


def sync(handle: int, path: Path, name: str = "fsync") -> bool:
    """Sync an open file or folder; False if its file system cannot, as a network share that syncs by itself.

    Args:
        handle: Its descriptor.
        path: Where it is, for the error.
        name: Of the call, for a `FaultPlan`.

    Raises:
        OSError: if the disk failed.
    """
    try:
        call(name, lambda: os.fsync(handle))
    except OSError as error:
        if error.errno not in NO_SYNC_ERRNOS:
            error.filename = error.filename or str(path)
            raise
        return False
    return True


def sync_file(path: Path) -> bool:
    """Sync a file that was written by other means; False if its file system cannot."""
    with _closing(call("open", lambda: os.open(path, os.O_RDONLY))) as handle:
        return sync(handle, path)


def sync_folder(folder: Path) -> None:
    """Sync the entries of a folder (creations, renames), where its file system can."""
    with _closing(os.open(folder, os.O_RDONLY)) as handle:
        sync(handle, folder, "fsync folder")


def rename_folder(temporary: Path, final: Path) -> None:
    """Move a complete folder to its final name on the same file system, durably.

    Raises:
        OSError: if the final name exists or the move failed.
    """
    sync_folder(temporary)
    call("rename", lambda: temporary.rename(final))
    sync_folder(final.parent)


@contextmanager
def _closing(handle: int) -> Iterator[int]:
    try:
        yield handle
    finally:
        os.close(handle)


def _chunks(pieces: Iterable[Bytes]) -> Iterator[Bytes]:
    """Yield chunks of up to a megabyte: large pieces as views, small ones joined."""
    buffer = bytearray()
    for piece in pieces:
        if len(buffer) + len(piece) <= _CHUNK_BYTES:
            buffer += piece
            continue
        if buffer:
            yield buffer
            buffer = bytearray()
        view = memoryview(piece)
        for start in range(0, len(view), _CHUNK_BYTES):
            yield view[start : start + _CHUNK_BYTES]
    if buffer:
        yield buffer


def _write_all(handle: int, data: Bytes) -> None:
    view = memoryview(data)
    while view:
        written = call("write", partial(os.write, handle, view[:_CHUNK_BYTES]))
        view = view[written:]
