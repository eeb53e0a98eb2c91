"""What is chosen in the plane: the cursor, the picked test image, the pins A and B, the path. No Qt."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.session.observable import Observable
from genexplorer.viewer.manifold.path import EMPTY, LatentPath

CURSOR_LIMIT = 8.0  # beyond it Φ(z) is 0 or 1
Z = NDArray[np.float64]
PINS = ("A", "B")


class Selection(Observable):
    """The state behind cursor, inspector, pins and path strip. Every change tells the listeners once.

    Attributes:
        cursor: z of the cursor, (2,).
        picked: The test image that is looked at, or None.
        pins: z of A and B, where set.
        path: The path through the plane.
        position: Where on the path the walker stands, in [0, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.cursor: Z = np.zeros(2)
        self.picked: int | None = None
        self.pins: dict[str, Z] = {}
        self.path: LatentPath = EMPTY
        self.position = 0.0

    def move_to(self, z: ArrayLike, *, picked: int | None = None) -> None:
        """Put the cursor somewhere; `picked` says which test image was clicked, if one was."""
        self.cursor = np.clip(np.nan_to_num(np.asarray(z, np.float64).reshape(2)), -CURSOR_LIMIT, CURSOR_LIMIT)
        self.picked = picked
        self.notify()

    def pin(self, name: str) -> None:
        """Pin the cursor's place as A or B; with both, the straight path between them becomes the path."""
        self.pins[name] = self.cursor.copy()
        if all(pin in self.pins for pin in PINS):
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

    def walk_to(self, position: float) -> None:
        """Put the walker, and the cursor with it, at a share of the path."""
        if self.path.is_empty:
            return
        self.position = min(1.0, max(0.0, position))
        self.move_to(self.path.at(self.position))

    def clear(self) -> None:
        """Forget everything, as when another run is opened."""
        self.cursor, self.picked, self.position = np.zeros(2), None, 0.0
        self.pins, self.path = {}, EMPTY
        self.notify()
