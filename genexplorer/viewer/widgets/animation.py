"""A movement of a fraction of a second: the frames by which points glide to their places."""

from collections.abc import Callable

from PyQt6.QtCore import QObject, QVariantAnimation
from PyQt6.QtWidgets import QApplication, QStyle

FRAME_MS = 50  # at least, from frame to frame: each draws a whole plane, beside a training that wants the cores
_watched = True


class FrameAnimation(QObject):
    """Calls `draw` with the share of the way, from 0 to 1, of each frame; the last one is 1.

    Args:
        draw: Draws a frame.
        milliseconds: How long it takes.
        parent: Qt's owner.
    """

    def __init__(self, draw: Callable[[float], None], milliseconds: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._draw, self._drawn_ms = draw, 0
        self._animation = QVariantAnimation(self)
        self._animation.setDuration(milliseconds)
        self._animation.setStartValue(0.0)
        self._animation.setEndValue(1.0)
        self._animation.valueChanged.connect(self._on_value)

    def start(self) -> None:
        """Begin, from the beginning."""
        self._animation.stop()
        self._drawn_ms = -FRAME_MS
        self._animation.start()

    def stop(self) -> None:
        """Stand still where it is."""
        self._animation.stop()

    @property
    def is_running(self) -> bool:
        """Whether frames are to come."""
        return self._animation.state() == QVariantAnimation.State.Running

    def _on_value(self, share: float) -> None:
        now_ms = self._animation.currentTime()
        if share >= 1 or now_ms - self._drawn_ms >= FRAME_MS:
            self._drawn_ms = now_ms
            self._draw(share)


def watch(watched: bool) -> None:
    """Say whether somebody is there to see movements."""
    global _watched
    _watched = watched


def is_wanted() -> bool:
    """Return whether somebody is there to see movements, and the desktop has animations switched on."""
    style = QApplication.style()
    return _watched and (style is None or style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0)
