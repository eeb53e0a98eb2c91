"""Durable writes: temporary file, fsync, rename, fsync of the folder. All files that must survive a crash use this.

Every open, write, sync and rename is an `interceptable_call`, so that a test can make the Nth one fail.
"""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from trainers.storage.fault_injection import interceptable_call

Buffer = bytes | bytearray | memoryview
_CHUNK_BYTES = 1 << 20
NEW_FILE_MODE = (
    0o666  # before the umask is applied, as for other programs: a group that shares the folder can be let in
)
# What fsync fails with where a file system has none, for folders (CIFS, shares of virtual machines) or for anything.
NO_SYNC_ERRNOS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file atomically: a reader, even after a power failure, gets the old or the new content.

    Raises:
        OSError: if a step failed; the old file is then unchanged and the temporary file removed.
    """
    temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(6)}.tmp")
    fd = interceptable_call("open", lambda: os.open(temporary, _NEW_FILE_FLAGS, NEW_FILE_MODE))
    try:
        with _closing(fd):
            for chunk in _chunks([data]):
                _write_all(fd, chunk)
            sync(fd, path)
        interceptable_call("rename", lambda: temporary.replace(path))
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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file, which replaces a file at the end of the block; an error leaves nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        sync_file(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class WrittenFile(NamedTuple):
    """Size and checksum of a file that was written."""

    size: int
    sha256: str


def write_new_file(path: Path, buffers: Iterable[Buffer]) -> WrittenFile:
    """Create a file and sync its content; the caller syncs the folder.

    Content is hashed and written in chunks of a megabyte, so large arrays are read once and never copied. Hashing and
    writing both release the GIL.

    Args:
        path: A new file in a folder that is not visible to readers yet.
        buffers: The content in order.

    Raises:
        OSError: if a step failed; a partial file may remain.
    """
    fd = interceptable_call("open", lambda: os.open(path, _NEW_FILE_FLAGS, NEW_FILE_MODE))
    size, digest = 0, hashlib.sha256()
    with _closing(fd):
        for chunk in _chunks(buffers):
            digest.update(chunk)
            _write_all(fd, chunk)
            size += len(chunk)
        sync(fd, path)
    return WrittenFile(size, digest.hexdigest())


def new_temporary_folder(parent: Path, prefix: str, suffix: str) -> Path:
    """Create a folder with an unused name and return it; umask and setgid bit apply, unlike to `tempfile.mkdtemp`.

    Raises:
        OSError: if it cannot be created.
    """
    folder = parent / f"{prefix}{secrets.token_hex(6)}{suffix}"
    folder.mkdir()
    return folder


def sync(fd: int, path: Path, name: str = "fsync") -> bool:
    """Sync an open file or folder; False if its file system cannot, as a network share that syncs by itself.

    Args:
        fd: Its file descriptor.
        path: Where it is, for the error.
        name: Of the call, for a `FaultPlan`.

    Raises:
        OSError: if the disk failed.
    """
    try:
        interceptable_call(name, lambda: os.fsync(fd))
    except OSError as error:
        if error.errno not in NO_SYNC_ERRNOS:
            error.filename = error.filename or str(path)
            raise
        return False
    return True


def sync_file(path: Path) -> bool:
    """Sync a file that was written by other means; False if its file system cannot."""
    with _closing(interceptable_call("open", lambda: os.open(path, os.O_RDONLY))) as fd:
        return sync(fd, path)


def sync_folder(folder: Path) -> None:
    """Sync the entries of a folder (creations, renames), where its file system can."""
    with _closing(interceptable_call("open folder", lambda: os.open(folder, os.O_RDONLY))) as fd:
        sync(fd, folder, "fsync folder")


def rename_folder(temporary: Path, final: Path) -> None:
    """Move a complete folder to its final name on the same file system, durably.

    Raises:
        OSError: if the final name exists or the move failed.
    """
    sync_folder(temporary)
    interceptable_call("rename", lambda: temporary.rename(final))
    sync_folder(final.parent)


@contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _chunks(buffers: Iterable[Buffer]) -> Iterator[Buffer]:
    """Yield chunks of up to a megabyte: large buffers as views, small ones joined."""
    joined = bytearray()
    for buffer in buffers:
        if len(joined) + len(buffer) <= _CHUNK_BYTES:
            joined += buffer
            continue
        if joined:
            yield joined
            joined = bytearray()
        view = memoryview(buffer)
        for start in range(0, len(view), _CHUNK_BYTES):
            yield view[start : start + _CHUNK_BYTES]
    if joined:
        yield joined


def _write_all(fd: int, data: Buffer) -> None:
    view = memoryview(data)
    while view:
        written = interceptable_call("write", partial(os.write, fd, view))
        view = view[written:]
