"""The selection in latent space: cursor, picked test image, pins, path and plane. No Qt."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.session.latent_path import EMPTY_PATH, LatentPath
from genexplorer.session.observable import Observable
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane

Floats = NDArray[np.float64]

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
