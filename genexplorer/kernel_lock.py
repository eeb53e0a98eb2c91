"""File locks that the kernel drops when their process ends, however it ends.

On Linux these are open file description locks, which another process can query (F_OFD_GETLK) without taking them; no
lock library offers that. On macOS `flock` is used, where a query takes a shared lock for a moment.
"""

import contextlib
import fcntl
import os
import struct
import time
from pathlib import Path

_FLOCK_FORMAT = "hhqqi4x"  # struct flock on 64-bit Linux: type, whence, start, length, pid
_HAS_OFD_LOCKS = hasattr(fcntl, "F_OFD_SETLK") and struct.calcsize("P") == 8


class KernelLock:
    """An exclusive lock on a file, held until `release` or the end of the process.

    Args:
        path: The file, created if it is missing. It is never removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self, *, patience_s: float = 0.3) -> bool:
        """Take the lock; False if another process holds it for longer than `patience_s`.

        Raises:
            OSError: if the file cannot be opened or the file system has no locks.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        deadline = time.monotonic() + patience_s
        try:
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return False
                time.sleep(0.02)  # a reader without OFD locks holds a shared lock for microseconds
        except OSError as error:
            os.close(descriptor)
            raise OSError(error.errno, f"files cannot be locked there ({error.strerror})", str(self.path)) from error
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "KernelLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock, without taking it; False if the file is missing."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    with contextlib.suppress(OSError), os.fdopen(os.open(path, flags), "rb", buffering=0) as file:
        return _is_locked(file.fileno())
    return False


def _try_lock(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError, PermissionError):
        if _HAS_OFD_LOCKS:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK_FORMAT, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_locked(descriptor: int) -> bool:
    if _HAS_OFD_LOCKS:
        request = struct.pack(_FLOCK_FORMAT, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, request)
        return bool(struct.unpack(_FLOCK_FORMAT, answer)[0] != fcntl.F_UNLCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
