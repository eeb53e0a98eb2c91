"""A path through latent space: drawn freehand or straight between two points, walked at even speed. No Qt."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.errors import DataError
from trainers.storage.atomic_files import write_bytes

Z = NDArray[np.float64]

MAX_POINTS = 10_000
MAX_FILE_BYTES = 2_000_000
MAX_Z = 100.0
DEFAULT_FRAMES = 60
_MIN_STEP = 1e-9


@dataclass(frozen=True)
class LatentPath:
    """Points of latent space in the order in which they are walked; always z, whatever the plane's coordinates.

    Args:
        z: (N, d), finite.
    """

    z: Z

    @staticmethod
    def of(points: ArrayLike) -> "LatentPath":
        """Return the path through points, (N, d), without repeated ones."""
        z = np.atleast_2d(np.asarray(points, np.float64))[:MAX_POINTS]
        if len(z) > 1:
            moved = _steps(z) > _MIN_STEP
            z = z[np.concatenate([[True], moved])]
        return LatentPath(z)

    @staticmethod
    def straight(start: ArrayLike, end: ArrayLike) -> "LatentPath":
        """Return the straight path between two points."""
        return LatentPath.of([np.asarray(start, float), np.asarray(end, float)])

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to walk: fewer than two points."""
        return len(self.z) < 2

    @property
    def length(self) -> float:
        """Return the length in units of z."""
        return float(_steps(self.z).sum()) if len(self.z) > 1 else 0.0

    def extended(self, z: ArrayLike, min_step: float = 0.0) -> "LatentPath":
        """Return the path with one more point, or itself where that is no further than `min_step` from the last."""
        point = np.asarray(z, np.float64).reshape(1, -1)
        if not len(self.z):
            return LatentPath(point)
        if float(np.linalg.norm(point[0] - self.z[-1])) <= max(min_step, _MIN_STEP):
            return self
        if len(self.z) >= MAX_POINTS:
            return self
        return LatentPath(np.concatenate([self.z, point]))

    def frames(self, count: int) -> Z:
        """Return `count` points at even distances along the path, (count, d), both ends included."""
        if self.is_empty:
            return np.repeat(self.z[:1], count, axis=0)
        project_direction = self._along()
        wanted = np.linspace(0.0, project_direction[-1], count)
        return np.column_stack([np.interp(wanted, project_direction, values) for values in self.z.T])

    def at(self, fraction: float) -> Z:
        """Return the point, (d,), at a share of the length."""
        project_direction = self._along()
        wanted = min(1.0, max(0.0, fraction)) * project_direction[-1]
        return np.array([np.interp(wanted, project_direction, values) for values in self.z.T])

    def to_json(self, **origin: object) -> str:
        """Return the path as JSON: where it comes from and the list of z."""
        return json.dumps({**origin, "z": np.round(self.z, 6).tolist()}, indent=1)

    def _along(self) -> NDArray[np.float64]:
        return np.concatenate([[0.0], np.cumsum(_steps(self.z))])


def _steps(z: Z) -> Z:
    lengths: Z = np.linalg.norm(np.diff(z, axis=0), axis=1)
    return lengths


EMPTY = LatentPath(np.zeros((0, 2)))


def write_json(path: LatentPath, file: Path, **origin: object) -> None:
    """Write a path as JSON; `origin` says of which run and step.

    Raises:
        OSError: if it cannot be written.
    """
    write_bytes(file, (path.to_json(**origin) + "\n").encode())


def read_json(file: Path, size: int = 2) -> LatentPath:
    """Read a path: {"z": [[z1, z2], …]} or the bare list.

    Args:
        file: The JSON file.
        size: The number of latent dimensions that each point must have.

    Raises:
        DataError: if the file is too large or is not such a list.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DataError(f"{file.name}: cannot be read", str(error.strerror or error)) from None
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f"{file.name}: too large for a path", f"at most {MAX_FILE_BYTES // 1_000_000} MB")
    return LatentPath.of(_points(content, file.name, size))


def _points(content: bytes, name: str, size: int) -> list[list[float]]:
    wanted = 'a path is {"z": [[z1, z2], …]} with at least two points'
    try:
        value: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{name}: not JSON", wanted) from None
    listed = value.get("z") if isinstance(value, dict) else value
    if not isinstance(listed, list) or not 2 <= len(listed) <= MAX_POINTS:
        raise DataError(f"{name}: no list of 2 to {MAX_POINTS} points", wanted)
    for number, point in enumerate(listed):
        if not (isinstance(point, list) and len(point) == size and all(_is_latent(value) for value in point)):
            raise DataError(f"{name}: point {number} is not {size} numbers within ±{MAX_Z:g}", wanted)
    return listed


def _is_latent(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) <= MAX_Z
    )
