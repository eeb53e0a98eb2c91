"""The selection in latent space: cursor, picked test image, pins, path and plane. No Qt."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.errors import DataError
from genexplorer.session.observable import Observable
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane
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
            is_distinct = _steps(z) > _MIN_STEP
            z = z[np.concatenate([[True], is_distinct])]
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
        cumulative = self._along()
        distances = np.linspace(0.0, cumulative[-1], count)
        return np.column_stack([np.interp(distances, cumulative, values) for values in self.z.T])

    def at(self, fraction: float) -> Z:
        """Return the point, (d,), at a share of the length."""
        cumulative = self._along()
        distances = min(1.0, max(0.0, fraction)) * cumulative[-1]
        return np.array([np.interp(distances, cumulative, values) for values in self.z.T])

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
    hint = 'a path is {"z": [[z1, z2], …]} with at least two points'
    try:
        value: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{name}: not JSON", hint) from None
    listed = value.get("z") if isinstance(value, dict) else value
    if not isinstance(listed, list) or not 2 <= len(listed) <= MAX_POINTS:
        raise DataError(f"{name}: no list of 2 to {MAX_POINTS} points", hint)
    for number, point in enumerate(listed):
        if not (isinstance(point, list) and len(point) == size and all(_is_latent(value) for value in point)):
            raise DataError(f"{name}: point {number} is not {size} numbers within ±{MAX_Z:g}", hint)
    return listed


def _is_latent(value: object) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) <= MAX_Z
    )


CURSOR_LIMIT = 8.0  # of a plane's coordinates, beyond which Φ(z) is 0 or 1
_Z_LIMIT = 1e3  # of z in more than two dimensions
PINS = ("A", "B")


class Selection(Observable):
    """The state behind cursor, inspector, pins and path strip, in latent space. Each change notifies once.

    Attributes:
        plane: The displayed plane; all of latent space where that has two dimensions.
        offset: How far sliders have moved the cursor out of it, (d,).
        cursor: z of the cursor, (d,).
        picked: The index of the picked test image, or None.
        pins: z of A, B and C, where set.
        path: The path through latent space.
        position: The position on the path, in [0, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.plane: LatentPlane = LATENT_2D
        self.offset: Z = np.zeros(2)
        self.cursor: Z = np.zeros(2)
        self.picked: int | None = None
        self.pins: dict[str, Z] = {}
        self.path: LatentPath = EMPTY
        self.position = 0.0

    def move_to(self, z: ArrayLike, *, picked: int | None = None) -> None:
        """Put the cursor somewhere; `picked` says which test image was clicked, if one was."""
        limit = CURSOR_LIMIT if self.plane.is_full_space else _Z_LIMIT
        self.cursor = np.clip(np.nan_to_num(np.asarray(z, np.float64).reshape(self.plane.size)), -limit, limit)
        self.picked = picked
        self.notify()

    def move_in_plane(self, place: ArrayLike, *, picked: int | None = None) -> None:
        """Put the cursor at coordinates of the plane, (2,), as far out of it as the sliders say."""
        within = np.clip(np.nan_to_num(np.asarray(place, np.float64).reshape(2)), -CURSOR_LIMIT, CURSOR_LIMIT)
        self.move_to(self.plane.unproject(within)[0] + self.offset, picked=picked)

    @property
    def place(self) -> Z:
        """Return the plane's coordinates of the cursor, (2,)."""
        place: Z = self.project(self.cursor)[0]
        return place

    def project(self, z: ArrayLike) -> Z:
        """Return the plane's coordinates, (N, 2), of latents, (N, d)."""
        latents = np.asarray(z, np.float64).reshape(-1, self.plane.size)
        return self.plane.project(latents - self.offset)

    def set_plane(self, plane: LatentPlane) -> None:
        """Take another plane; in another latent space everything else is forgotten."""
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
        """Put the cursor back into the plane."""
        place, self.offset = self.place, np.zeros(self.plane.size)
        self.move_in_plane(place)

    def pin(self, name: str) -> None:
        """Pin the cursor's place; with A and B, the straight path between them becomes the path."""
        self.pins[name] = self.cursor.copy()
        if name in PINS and all(pin in self.pins for pin in PINS):
            straight = LatentPath.straight(self.pins["A"], self.pins["B"])
            if not straight.is_empty:
                self.path, self.position = straight, 0.0
        self.notify()

    def unpin(self, name: str) -> None:
        """Take a pin away."""
        if self.pins.pop(name, None) is not None:
            self.notify()

    def set_path(self, path: LatentPath) -> None:
        """Take another path; the walker goes to its start."""
        self.path, self.position = path, 0.0
        self.notify()

    def move_along_path(self, position: float) -> None:
        """Put the walker, and the cursor with it, at a share of the path."""
        if self.path.is_empty:
            return
        self.position = min(1.0, max(0.0, position))
        self.move_to(self.path.at(self.position))

    def clear(self) -> None:
        """Forget everything, as when another run is opened."""
        self.offset = np.zeros(self.plane.size)
        self.cursor, self.picked, self.position = self.plane.unproject(np.zeros(2))[0], None, 0.0
        self.pins, self.path = {}, EMPTY
        self.notify()
