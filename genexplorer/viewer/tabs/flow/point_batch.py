"""Many points of the plane on the same way as the one that is followed: what a transform does to all of it."""

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen

from genexplorer.session.palette import Palette

Floats = NDArray[np.float64]
_MARGIN = 1.06


@dataclass(frozen=True)
class Swarm:
    """Points at every station.

    Args:
        stages: (K + 1, N, 2), in the order in which they went.
        groups: What color each has, (N,): classes, or sectors of the base.
    """

    stages: Floats
    groups: NDArray[np.int64]

    @property
    def reach(self) -> float:
        """Return how far from the middle all stations are drawn: one scale for all, so that volumes compare."""
        return float(np.quantile(np.abs(self.stages), 0.998)) * _MARGIN or 1.0


def paint(
    painter: QPainter,
    box: QRectF,
    points: Floats,
    groups: NDArray[np.int64],
    reach: float,
    palette: Palette,
    followed: Floats | None,
    size: float = 2.0,
) -> None:
    """Draw one station: the axes through the origin, the points, and a ring around the one that is followed.

    Args:
        painter: Is left as it was.
        box: Where, in logical pixels; square.
        points: (N, 2).
        groups: (N,), see `Swarm`.
        reach: Half of the side of what is seen, in units of the plane.
        palette: Of colors.
        followed: (2,), or None.
        size: Of a point, in logical pixels.
    """
    painter.save()
    painter.setClipRect(box)
    painter.fillRect(box, QColor(palette.surface))
    painter.setPen(QPen(QColor(palette.faint), 1))
    center = box.center()
    painter.drawLine(QPointF(box.left(), center.y()), QPointF(box.right(), center.y()))
    painter.drawLine(QPointF(center.x(), box.top()), QPointF(center.x(), box.bottom()))
    scale = box.width() / 2 / reach
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    x, y = center.x() + points[:, 0] * scale, center.y() - points[:, 1] * scale
    for group in np.unique(groups):
        pen = QPen(QColor(palette.class_color(int(group))), size)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        rows = (groups == group) & np.isfinite(x) & np.isfinite(y)
        painter.drawPoints(pg.functions.arrayToQPolygonF(x[rows], y[rows]))
    if followed is not None and np.isfinite(followed).all():
        at = QPointF(center.x() + float(followed[0]) * scale, center.y() - float(followed[1]) * scale)
        painter.setPen(QPen(QColor(palette.background), 4))
        painter.drawEllipse(at, 5, 5)
        painter.setPen(QPen(QColor(palette.text), 2))
        painter.drawEllipse(at, 5, 5)
    painter.restore()
