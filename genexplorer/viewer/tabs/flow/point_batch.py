"""Many 2-D points after each transform, and a small picture of one stage."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen

from genexplorer.session.palette import Palette
from genexplorer.viewer.tabs.flow.trace import Floats, Trace

_MARGIN = 1.06


@dataclass(frozen=True)
class PointBatch:
    """Points at every stage.

    Args:
        points: (K + 1, N, 2), in the order of the trace.
        groups: The color of each, (N,): classes, or sectors of the base.
    """

    points: Floats
    groups: NDArray[np.int64]

    @staticmethod
    def of_trace(trace: Trace) -> "PointBatch":
        """Return a batch of the traced point alone, until that of many has come."""
        return PointBatch(trace.values[:, None].astype(np.float64), np.zeros(1, np.int64))

    @cached_property
    def reach(self) -> float:
        """Half of the side of all plots: one scale for all stages, so that volumes compare."""
        return float(np.quantile(np.abs(self.points), 0.998)) * _MARGIN or 1.0


def paint_stage(
    painter: QPainter, box: QRectF, batch: PointBatch, stage: int, traced: Floats, palette: Palette
) -> None:
    """Draw one stage: the axes through the origin, the points, and a ring around the traced one.

    Args:
        painter: Its state is restored.
        box: Where, in logical pixels; square.
        batch: The points.
        stage: From 0.
        traced: The traced point, (2,).
        palette: The colors.
    """
    painter.save()
    painter.setClipRect(box)
    painter.fillRect(box, QColor(palette.surface))
    painter.setPen(QPen(QColor(palette.faint), 1))
    center = box.center()
    painter.drawLine(QPointF(box.left(), center.y()), QPointF(box.right(), center.y()))
    painter.drawLine(QPointF(center.x(), box.top()), QPointF(center.x(), box.bottom()))
    # The points, one color after the other.
    scale = box.width() / 2 / batch.reach
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    points = batch.points[stage]
    x, y = center.x() + points[:, 0] * scale, center.y() - points[:, 1] * scale
    for group in np.unique(batch.groups):
        pen = QPen(QColor(palette.class_color(int(group))), 1.6)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        rows = (batch.groups == group) & np.isfinite(x) & np.isfinite(y)
        painter.drawPoints(pg.functions.arrayToQPolygonF(x[rows], y[rows]))
    # The ring.
    if np.isfinite(traced).all():
        at = QPointF(center.x() + float(traced[0]) * scale, center.y() - float(traced[1]) * scale)
        for color, width in ((palette.background, 4), (palette.text, 2)):
            painter.setPen(QPen(QColor(color), width))
            painter.drawEllipse(at, 5, 5)
    painter.restore()
