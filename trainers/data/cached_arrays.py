"""Arrays that are made of a file once and mapped from the cache by every later start."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.storage.cache import cached_folder

_VERSION = 1  # of the arrays; another one makes the cache anew
Arrays = Mapping[str, NDArray[Any]]


def cached_arrays(path: Path, settings: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that `make` returns, from the cache where it has them; where it fails, in memory.

    Args:
        path: The file of which they are made; another size or time of change makes them anew.
        settings: Everything else that they depend on, as JSON.
        make: Makes them.
    """
    new_arrays: dict[str, NDArray[Any]] = {}
    try:
        status = path.stat()
        identity = [_VERSION, str(path), status.st_size, status.st_mtime_ns, dict(settings)]
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

        def fill(place: Path) -> None:
            new_arrays.update(make())
            for name, array in new_arrays.items():
                np.save(place / f"{name}.npy", array)

        folder = cached_folder(f"arrays-{digest[:40]}", fill)
        # Copy on write: torch can use the pages that all processes share as they are.
        return {
            file.stem: np.load(file, mmap_mode="c" if file.stat().st_size > 1 << 16 else None, allow_pickle=False)
            for file in sorted(folder.glob("*.npy"))
        }
    except (OSError, ValueError):  # of the cache: a full disk, a damaged file; errors of the data are of another type
        return new_arrays or make()
