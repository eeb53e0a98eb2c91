"""Reads small files of a run folder, which may come from anyone: links are not followed, pipes not waited for."""

import errno
import json
import os
import stat
from pathlib import Path
from typing import IO

READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def open_file(path: Path) -> IO[bytes]:
    """Open a regular file for reading.

    Raises:
        OSError: if it is missing, or a link, folder, pipe or device.
    """
    file = os.fdopen(os.open(path, READ_FLAGS), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def read_json(path: Path, max_bytes: int) -> dict[str, object]:
    """Return the object in a JSON file.

    Raises:
        OSError: if it cannot be opened.
        ValueError: if it is longer, or not a JSON object.
    """
    with open_file(path) as file:
        try:
            values = json.loads(file.read(max_bytes))
        except RecursionError:
            raise ValueError("too deeply nested") from None
    if not isinstance(values, dict):
        raise ValueError("not an object")
    return values


def read_json_or_empty(path: Path, max_bytes: int) -> dict[str, object]:
    """Return the object in a JSON file; empty if there is none."""
    try:
        return read_json(path, max_bytes)
    except (OSError, ValueError):
        return {}
