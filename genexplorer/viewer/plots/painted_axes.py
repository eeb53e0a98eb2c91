"""Axes with names, drawn by a painter: for small graphs that are part of a larger widget."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen, QPolygonF

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.chart_axis import linear_ticks, log_ticks

LEFT_PX, TOP_PX, RIGHT_PX, BOTTOM_PX = 52.0, 22.0, 12.0, 38.0
_LINE_PX = 16.0
Floats = NDArray[np.float64]
Range = tuple[float, float]


@dataclass(frozen=True)
class PaintedAxes:
    """Where values lie on the screen, and the ticks and names around them.

    Args:
        room: What there is for graph, ticks and names, in logical pixels.
        x: The values at the left and at the right edge.
        y: The values at the bottom and at the top edge; positive where `log_y`.
        x_name: With its unit: "steps".
        y_name: With its unit: "mean squared error".
        log_y: Whether y is logarithmic.
        left_px: Room for y's ticks.
        right_px: Room for what is written beside the graph.
    """

    room: QRectF
    x: Range
    y: Range
    x_name: str
    y_name: str
    log_y: bool = False
    left_px: float = LEFT_PX
    right_px: float = RIGHT_PX

    @property
    def frame(self) -> QRectF:
        """The graph itself."""
        framed = self.room.adjusted(self.left_px, TOP_PX, -self.right_px, -BOTTOM_PX)
        return QRectF(framed.left(), framed.top(), max(1.0, framed.width()), max(1.0, framed.height()))

    def place(self, x: float, y: float) -> QPointF:
        """Return where a value lies."""
        frame = self.frame
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        low, high = self._on_axis(self.y[0]), self._on_axis(self.y[1])
        up = (self._on_axis(y) - low) / ((high - low) or 1.0)
        return QPointF(frame.left() + across * frame.width(), frame.bottom() - up * frame.height())

    def value_at(self, place: QPointF) -> tuple[float, float]:
        """Return the values at a place; only for a y that is not logarithmic."""
        frame = self.frame
        across, up = (place.x() - frame.left()) / frame.width(), (frame.bottom() - place.y()) / frame.height()
        return self.x[0] + across * (self.x[1] - self.x[0]), self.y[0] + up * (self.y[1] - self.y[0])

    def polygon(self, x: Floats, y: Floats) -> QPolygonF:
        """Return a curve's points on the screen, those that are finite."""
        good = np.isfinite(x) & np.isfinite(y) & ((y > 0) | (not self.log_y))
        return QPolygonF([self.place(float(a), float(b)) for a, b in zip(x[good], y[good], strict=True)])

    def paint(self, painter: QPainter, palette: Palette, x_ticks: Sequence[float] | None = None) -> None:
        """Draw grid, ticks and names."""
        frame = self.frame
        painter.setBrush(Qt.BrushStyle.NoBrush)
        self._paint_y(painter, palette)
        for value, words in _worded(x_ticks if x_ticks is not None else self._x_ticks()):
            x = self.place(value, self.y[0]).x()
            painter.setPen(QPen(QColor(palette.faint), 1))
            painter.drawLine(QPointF(x, frame.bottom()), QPointF(x, frame.bottom() + 4))
            painter.setPen(QColor(palette.muted))
            painter.drawText(QRectF(x - 40, frame.bottom() + 5, 80, _LINE_PX), _CENTER, words)
        painter.setPen(QColor(palette.muted))
        below = QRectF(frame.left() - 60, frame.bottom() + 5 + _LINE_PX, frame.width() + 120, _LINE_PX)
        painter.drawText(below, _CENTER, self.x_name)
        left = max(self.room.left(), frame.left() - LEFT_PX)
        above = QRectF(left, self.room.top(), self.room.right() - left, TOP_PX - 4)
        painter.drawText(above, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.y_name)

    def _paint_y(self, painter: QPainter, palette: Palette) -> None:
        frame = self.frame
        count = max(3, int(frame.height() / 26))
        ticks = (log_ticks if self.log_y else linear_ticks)(self.y[0], self.y[1], count)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value, words in _worded(ticks):
            y = self.place(self.x[0], value).y()
            painter.setPen(QPen(QColor(palette.faint), 1))
            painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
            painter.setPen(QColor(palette.muted))
            painter.drawText(QRectF(frame.left() - 60, y - _LINE_PX / 2, 54, _LINE_PX), right, words)

    def _x_ticks(self) -> list[float]:
        return linear_ticks(self.x[0], self.x[1], max(5, int(self.frame.width() / 48)))

    def _on_axis(self, value: float) -> float:
        return float(np.log10(max(value, 1e-300))) if self.log_y else value


def _worded(ticks: Sequence[float]) -> list[tuple[float, str]]:
    return [(value, f"{0.0 if abs(value) < 1e-12 else value:,.6g}".replace("-", "−")) for value in ticks]


_CENTER = Qt.AlignmentFlag.AlignCenter
