"""The selection in latent space: cursor, picked test image, pins, path and plane. No Qt."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.errors import DataError
from genexplorer.session.observable import Observable
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane
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


CURSOR_LIMIT = 8.0  # the cursor's largest coordinate in the plane: beyond it Φ(z) is 0 or 1 in float32
_CURSOR_Z_LIMIT = 1e3  # the largest component of its z in more than two dimensions


class Selection(Observable):
    """The state of cursor, inspector, pins and path strip, in latent space. Each change notifies once.

    Attributes:
        plane: The displayed plane; all of latent space where that has two dimensions.
        offset: Distance from the plane to the cursor, (d,), set by the sliders.
        cursor: z of the cursor, (d,).
        picked: The index of the picked test image, or None.
        pins: z of A, B and C, where set.
        path: The path through latent space.
        position: The position on the path, in [0, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.plane: LatentPlane = LATENT_2D
        self.offset: Floats = np.zeros(2)
        self.cursor: Floats = np.zeros(2)
        self.picked: int | None = None
        self.pins: dict[str, Floats] = {}
        self.path: LatentPath = EMPTY_PATH
        self.position = 0.0

    def move_to(self, z: ArrayLike, *, picked: int | None = None) -> None:
        """Move the cursor to z, (d,); `picked` is the index of the test image that was clicked, if any."""
        limit = CURSOR_LIMIT if self.plane.is_full_space else _CURSOR_Z_LIMIT
        self.cursor = np.clip(np.nan_to_num(np.asarray(z, np.float64).reshape(self.plane.size)), -limit, limit)
        self.picked = picked
        self.notify()

    def move_in_plane(self, place: ArrayLike, *, picked: int | None = None) -> None:
        """Move the cursor to coordinates of the plane, (2,), plus the sliders' offset."""
        within = np.clip(np.nan_to_num(np.asarray(place, np.float64).reshape(2)), -CURSOR_LIMIT, CURSOR_LIMIT)
        self.move_to(self.plane.unproject(within)[0] + self.offset, picked=picked)

    @property
    def place(self) -> Floats:
        """The plane's coordinates of the cursor, (2,)."""
        place: Floats = self.project(self.cursor)[0]
        return place

    def project(self, z: ArrayLike) -> Floats:
        """Return the plane's coordinates, (N, 2), of latents, (N, d)."""
        latents = np.asarray(z, np.float64).reshape(-1, self.plane.size)
        return self.plane.project(latents - self.offset)

    def set_plane(self, plane: LatentPlane) -> None:
        """Show another plane; in another latent space all else is discarded."""
        if plane.size != self.plane.size:
            self.plane, self.offset = plane, np.zeros(plane.size)
            self.clear()
            return
        place = self.place if plane.names == self.plane.names else np.zeros(2)
        self.plane = plane
        self.move_in_plane(place, picked=self.picked)

    def set_offset(self, axis: int, value: float) -> None:
        """Move the cursor along a latent axis, out of the plane."""
        place, self.offset = self.place, self.offset.copy()
        self.offset[axis] = value
        self.move_in_plane(place)

    def reset_offset(self) -> None:
        """Move the cursor back into the plane."""
        place, self.offset = self.place, np.zeros(self.plane.size)
        self.move_in_plane(place)

    def pin(self, name: str) -> None:
        """Pin the cursor; with A and B, the straight line between them becomes the path."""
        self.pins[name] = self.cursor.copy()
        if name in ("A", "B") and {"A", "B"} <= self.pins.keys():
            straight = LatentPath.of([self.pins["A"], self.pins["B"]])
            if not straight.is_empty:
                self.path, self.position = straight, 0.0
        self.notify()

    def set_path(self, path: LatentPath) -> None:
        """Set another path, at its start."""
        self.path, self.position = path, 0.0
        self.notify()

    def move_along_path(self, position: float) -> None:
        """Move the position on the path, in [0, 1], and the cursor with it."""
        if self.path.is_empty:
            return
        self.position = min(1.0, max(0.0, position))
        self.move_to(self.path.at(self.position))

    def clear(self) -> None:
        """Discard everything but the plane, as when another run is opened."""
        self.offset = np.zeros(self.plane.size)
        self.cursor, self.picked, self.position = self.plane.unproject(np.zeros(2))[0], None, 0.0
        self.pins, self.path = {}, EMPTY_PATH
        self.notify()
