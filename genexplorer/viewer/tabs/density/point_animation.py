"""Lets points glide from where they are drawn to where they belong, for a fraction of a second."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject

from genexplorer.viewer.widgets import animation
from genexplorer.viewer.widgets.animation import FrameAnimation

GLIDE_MS = 260
Floats = NDArray[np.float64]


class PointGlider(QObject):
    """Calls `place` with the points, (N, 2), of each frame; a set of another size jumps."""

    def __init__(self, place: Callable[[Floats], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._place = place
        self._from: Floats = np.zeros((0, 2))
        self._to: Floats = np.zeros((0, 2))
        self.now: Floats = np.zeros((0, 2))
        self._movement = FrameAnimation(self._on_share, GLIDE_MS, self)

    def go(self, points: Floats, *, glide: bool = True) -> None:
        """Bring the points to their places."""
        self._movement.stop()
        self._from, self._to = self.now, points
        if glide and len(self.now) == len(points) and len(points) and animation.is_wanted():
            self._movement.start()
        else:
            self._show(points)

    def stop(self) -> None:
        """Arrive at once."""
        if self._movement.is_running:
            self._movement.stop()
            self._show(self._to)

    def _on_share(self, share: float) -> None:
        eased = share * share * (3 - 2 * share)
        self._show(self._from + (self._to - self._from) * eased)

    def _show(self, points: Floats) -> None:
        self.now = points
        self._place(points)
