"""Lets points glide from where they are drawn to where they belong, for a fraction of a second."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, QVariantAnimation
from PyQt6.QtWidgets import QApplication, QStyle

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
        self._animation = QVariantAnimation(self)
        self._animation.setDuration(GLIDE_MS)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.valueChanged.connect(self._on_value)

    def go(self, points: Floats, *, glide: bool = True) -> None:
        """Bring the points to their places."""
        self._animation.stop()
        self._from, self._to = self.now, points
        if glide and len(self.now) == len(points) and len(points) and _motion_is_wanted():
            self._animation.start()
        else:
            self._show(points)

    def stop(self) -> None:
        """Arrive at once."""
        if self._animation.state() == QVariantAnimation.State.Running:
            self._animation.stop()
            self._show(self._to)

    def _on_value(self, share: float) -> None:
        eased = share * share * (3 - 2 * share)
        self._show(self._from + (self._to - self._from) * eased)

    def _show(self, points: Floats) -> None:
        self.now = points
        self._place(points)


def _motion_is_wanted() -> bool:
    """Whether the desktop has animations switched on."""
    style = QApplication.style()
    return style is None or style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0
