"""Lets the points glide from where they were to where they are, for a fraction of a second."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject

from genexplorer.viewer.tabs.manifold.point_cloud import PointCloud, PointTransition
from genexplorer.viewer.widgets import animation
from genexplorer.viewer.widgets.animation import FrameAnimation

GLIDE_MS = 320


class PointAnimation(QObject):
    """Calls `place` with the points, (N, 2), of each frame of a glide, or once where they jump."""

    def __init__(self, place: Callable[[NDArray[np.float64]], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._place = place
        self._glide: PointTransition | None = None
        self._now: NDArray[np.float64] = np.zeros((0, 2))
        self._movement = FrameAnimation(self._on_share, GLIDE_MS, self)

    def go(self, former: PointCloud | None, cloud: PointCloud, *, visible: bool) -> None:
        """Bring the points from one snapshot's places to another's; from where they are, if they still glide."""
        glide = PointTransition.between(former, cloud, allowed=visible and animation.is_enabled())
        if glide is not None and self.is_gliding and len(self._now) == len(glide.end):
            glide = PointTransition(self._now, glide.end)
        self._movement.stop()
        self._glide = glide
        if glide is None:
            self._show(cloud.mu)
        else:
            self._movement.start()

    def show_again(self, cloud: PointCloud) -> None:
        """Place the points as they are, as after the view has changed; a glide goes on."""
        if self.is_gliding and len(self._now) == len(cloud.mu):
            self._place(self._now)
        else:
            self._show(cloud.mu)

    @property
    def is_gliding(self) -> bool:
        """Whether the points are on their way."""
        return self._movement.is_running

    def stop(self) -> None:
        """Stand still."""
        self._movement.stop()

    def _on_share(self, share: float) -> None:
        if self._glide is not None:
            self._show(self._glide.at(share))

    def _show(self, points: NDArray[np.float64]) -> None:
        self._now = points
        self._place(points)
