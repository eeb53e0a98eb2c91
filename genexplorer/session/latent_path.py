"""A path through the latent space, as the viewer draws it, and its JSON file, which any run of that size plays."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.errors import DataError
from trainers.storage.atomic_files import write_bytes

Floats = NDArray[np.float64]

MAX_PATH_POINTS = 10_000
MAX_FILE_BYTES = 2_000_000
MAX_PATH_COORDINATE = 100.0
DEFAULT_FRAMES = 60
_MIN_POINT_DISTANCE = 1e-9


@dataclass(frozen=True)
class LatentPath:
    """A path through points of latent space, in z whatever the plane's coordinates.

    Args:
        z: Finite points in order, (N, d).
    """

    z: Floats

    @staticmethod
    def of(points: ArrayLike) -> "LatentPath":
        """Return the path through points, (N, d), without repeated ones."""
        z = np.atleast_2d(np.asarray(points, np.float64))[:MAX_PATH_POINTS]
        if len(z) > 1:
            is_distinct = _segment_lengths(z) > _MIN_POINT_DISTANCE
            z = z[np.concatenate([[True], is_distinct])]
        return LatentPath(z)

    @property
    def is_empty(self) -> bool:
        """Whether there is no path: fewer than two points."""
        return len(self.z) < 2

    def extended(self, z: ArrayLike) -> "LatentPath":
        """Return the path with one more point, or itself if that repeats the last one or the path is full."""
        point = np.asarray(z, np.float64).reshape(1, -1)
        if not len(self.z):
            return LatentPath(point)
        is_repeated = float(np.linalg.norm(point[0] - self.z[-1])) <= _MIN_POINT_DISTANCE
        if is_repeated or len(self.z) >= MAX_PATH_POINTS:
            return self
        return LatentPath(np.concatenate([self.z, point]))

    def frames(self, count: int) -> Floats:
        """Return `count` points at even distances along the path, (count, d), both ends included."""
        if self.is_empty:
            return np.repeat(self.z[:1], count, axis=0)
        return self._interpolate(np.linspace(0.0, 1.0, count))

    def at(self, fraction: float) -> Floats:
        """Return the point, (d,), at a fraction of the length."""
        point: Floats = self._interpolate(np.clip([fraction], 0.0, 1.0))[0]
        return point

    def _interpolate(self, fractions: Floats) -> Floats:
        cumulative = np.concatenate([[0.0], np.cumsum(_segment_lengths(self.z))])
        return np.column_stack([np.interp(fractions * cumulative[-1], cumulative, values) for values in self.z.T])


def _segment_lengths(z: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(np.diff(z, axis=0), axis=1)
    return lengths


EMPTY_PATH = LatentPath(np.zeros((0, 2)))


def write_json(path: LatentPath, file: Path, **origin: object) -> None:
    """Write a path as JSON, after its run and step.

    Args:
        path: The path.
        file: The JSON file.
        origin: Run and step.

    Raises:
        OSError: if it cannot be written.
    """
    content = json.dumps({**origin, "z": np.round(path.z, 6).tolist()}, indent=1)
    write_bytes(file, (content + "\n").encode())


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
    # Parse the list.
    hint = 'a path is {"z": [[z1, z2], …]} with at least two points'
    try:
        value: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{file.name}: not JSON", hint) from None
    points = value.get("z") if isinstance(value, dict) else value
    if not isinstance(points, list) or not 2 <= len(points) <= MAX_PATH_POINTS:
        raise DataError(f"{file.name}: no list of 2 to {MAX_PATH_POINTS} points", hint)
    # Check each point; a comparison with NaN is false.
    for number, point in enumerate(points):
        is_latent = isinstance(point, list) and len(point) == size
        if not is_latent or not all(
            type(value) in (int, float) and abs(value) <= MAX_PATH_COORDINATE for value in point
        ):
            raise DataError(f"{file.name}: point {number} is not {size} numbers within ±{MAX_PATH_COORDINATE:g}", hint)
    return LatentPath.of(points)
