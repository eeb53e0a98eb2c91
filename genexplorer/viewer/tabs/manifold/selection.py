"""What is chosen: the cursor, the picked test image, the pins, the path, and the plane they are seen in. No Qt."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.session.observable import Observable
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane
from genexplorer.viewer.tabs.manifold.path import EMPTY, LatentPath

CURSOR_LIMIT = 8.0  # of a plane's coordinates, beyond which Φ(z) is 0 or 1
_Z_LIMIT = 1e3  # of z in more than two dimensions
Z = NDArray[np.float64]
PINS = ("A", "B")


class Selection(Observable):
    """The state behind cursor, inspector, pins and path strip, in latent space. Every change tells the listeners once.

    Attributes:
        plane: The plane that is looked at; all of latent space where that has two dimensions.
        offset: How far sliders have moved the cursor out of it, (d,).
        cursor: z of the cursor, (d,).
        picked: The test image that is looked at, or None.
        pins: z of A, B and C, where set.
        path: The path through latent space.
        position: Where on the path the walker stands, in [0, 1].
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
