"""Short animations: values or points that move to their new positions within a fraction of a second."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, QVariantAnimation
from PyQt6.QtWidgets import QApplication, QStyle

FRAME_MS = 50  # the minimum between two frames: each redraws a plot, and a training may need the cores
MOVE_MS = 260  # the duration of a move
Floats = NDArray[np.float64]
_enabled = True


class FrameAnimation(QObject):
    """Calls `draw` with the progress, from 0 to 1, at each frame; the last one is 1."""

    def __init__(self, draw: Callable[[float], None], milliseconds: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._draw, self._last_frame_ms = draw, 0
        self._animation = QVariantAnimation(self)
        self._animation.setDuration(milliseconds)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.valueChanged.connect(self._on_value)

    def start(self) -> None:
        """Start from the beginning."""
        self._animation.stop()
        self._last_frame_ms = -FRAME_MS
        self._animation.start()

    def stop(self) -> None:
        """Stop at the current frame."""
        self._animation.stop()

    @property
    def is_running(self) -> bool:
        """True until the last frame."""
        return self._animation.state() == QVariantAnimation.State.Running

    def _on_value(self, progress: float) -> None:
        now_ms = self._animation.currentTime()
        if progress >= 1 or now_ms - self._last_frame_ms >= FRAME_MS:
            self._last_frame_ms = now_ms
            self._draw(progress)


class PointAnimation(QObject):
    """Calls `place` with points, (N, 2), that move from where they are to new positions."""

    def __init__(
        self, place: Callable[[Floats], None], parent: QObject | None = None, milliseconds: int = MOVE_MS
    ) -> None:
        super().__init__(parent)
        self._place = place
        self._start = self._end = self.points = np.zeros((0, 2))
        self._frames = FrameAnimation(self._on_progress, milliseconds, self)

    @property
    def is_running(self) -> bool:
        """True while the points are moving."""
        return self._frames.is_running

    def move_to(self, points: Floats, *, animate: bool = True) -> None:
        """Move the points; at once where their number changes, or without animations."""
        self._frames.stop()
        self._start, self._end = self.points, points
        if animate and len(self.points) == len(points) and len(points) and is_enabled():
            self._frames.start()
        else:
            self._show(points)

    def finish(self) -> None:
        """Show the points at their new positions now."""
        if self.is_running:
            self._frames.stop()
            self._show(self._end)

    def _on_progress(self, progress: float) -> None:
        eased = progress * progress * (3 - 2 * progress)
        self._show(self._start + (self._end - self._start) * eased)

    def _show(self, points: Floats) -> None:
        self.points = points
        self._place(points)


def set_enabled(enabled: bool) -> None:
    """Turn animations on or off; they are off while the window is idle."""
    global _enabled
    _enabled = enabled


def is_enabled() -> bool:
    """Return whether animations are on, here and in the desktop's settings."""
    style = QApplication.style()
    return _enabled and (style is None or style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0)
