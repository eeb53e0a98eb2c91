"""Lets the points glide from where they were to where they are, for a fraction of a second."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, QVariantAnimation
from PyQt6.QtWidgets import QApplication, QStyle

from genexplorer.viewer.manifold.cloud import Cloud, Glide

GLIDE_MS = 320


class Glider(QObject):
    """Calls `place` with the points, (N, 2), of each frame of a glide, or once where they jump."""

    def __init__(self, place: Callable[[NDArray[np.float64]], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._place = place
        self._glide: Glide | None = None
        self._now: NDArray[np.float64] = np.zeros((0, 2))
        self._animation = QVariantAnimation(self)
        self._animation.setDuration(GLIDE_MS)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.valueChanged.connect(self._on_value)

    def go(self, former: Cloud | None, cloud: Cloud, *, visible: bool) -> None:
        """Bring the points from one snapshot's places to another's; from where they are, if they still glide."""
        glide = Glide.between(former, cloud, allowed=visible and _motion_is_wanted())
        if glide is not None and self.is_gliding and len(self._now) == len(glide.end):
            glide = Glide(self._now, glide.end)
        self._animation.stop()
        self._glide = glide
        if glide is None:
            self._show(cloud.mu)
        else:
            self._animation.start()

    def show_again(self, cloud: Cloud) -> None:
        """Place the points as they are, as after the view has changed; a glide goes on."""
        if self.is_gliding and len(self._now) == len(cloud.mu):
            self._place(self._now)
        else:
            self._show(cloud.mu)

    @property
    def is_gliding(self) -> bool:
        """Whether the points are on their way."""
        return self._animation.state() == QVariantAnimation.State.Running

    def stop(self) -> None:
        """Stand still."""
        self._animation.stop()

    def _on_value(self, share: float) -> None:
        if self._glide is not None:
            self._show(self._glide.at(share))

    def _show(self, points: NDArray[np.float64]) -> None:
        self._now = points
        self._place(points)


def _motion_is_wanted() -> bool:
    """Whether the desktop has animations switched on."""
    style = QApplication.style()
    return style is None or style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0
