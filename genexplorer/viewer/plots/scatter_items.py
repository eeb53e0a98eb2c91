"""What is drawn in a plane of points: dots, crosses, rings, arrows and lines, thousands of them at once."""

from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QLineF, QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPainterPath, QPen, QTransform

from genexplorer.session.palette import Palette
from genexplorer.viewer.style import math_font

Floats = NDArray[np.float64]
Shape = Literal["dot", "cross"]
_WHOLE = QRectF(-1e6, -1e6, 2e6, 2e6)
_HEAD = 0.35  # of an arrow, of its length


class PlaneItem(pg.GraphicsObject):  # type: ignore[misc]
    """Something that is drawn in logical pixels, wherever the plane is looked at."""

    def __init__(self, height: float, palette: Palette) -> None:
        super().__init__()
        self.setZValue(height)
        self.colors = palette

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self.colors = palette
        self.update()

    def boundingRect(self) -> QRectF:
        """Return all of the plane: what is seen is drawn."""
        return _WHOLE

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Draw in pixels, with the transform from the plane to them."""
        to_px = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_px(painter, to_px)
        painter.restore()

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw in logical pixels."""
        raise NotImplementedError


class Cloud(PlaneItem):
    """Points as dots or crosses, in one color or in those of their classes."""

    def __init__(self, height: float, palette: Palette, shape: Shape, size: float, alpha: float = 1.0) -> None:
        super().__init__(height, palette)
        self.points: Floats = np.zeros((0, 2))
        self.labels: NDArray[np.int64] | None = None  # None: all in `color`
        self.color = palette.muted
        self._shape, self._size, self._alpha = shape, size, alpha

    def place(self, points: Floats) -> None:
        """Put the points, (N, 2)."""
        self.points = points
        self.update()

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw one color after the other."""
        if not len(self.points):
            return
        pixels = mapped(self.points, to_px)
        labels = self.labels
        if labels is None or len(labels) != len(pixels):
            self._draw(painter, pixels, self.color)
            return
        for label in np.unique(labels):
            self._draw(painter, pixels[labels == label], self.colors.class_color(int(label)))

    def _draw(self, painter: QPainter, pixels: Floats, color: str) -> None:
        ink = QColor(color)
        ink.setAlphaF(self._alpha)
        if self._shape == "dot":
            pen = QPen(ink, self._size)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawPoints(pg.functions.arrayToQPolygonF(pixels[:, 0], pixels[:, 1]))
            return
        half = self._size / 2
        crosses = [
            line
            for x, y in pixels.tolist()
            for line in (QLineF(x - half, y - half, x + half, y + half), QLineF(x - half, y + half, x + half, y - half))
        ]
        halo = QColor(self.colors.background)
        halo.setAlpha(80)
        painter.setPen(QPen(halo, 2.6))
        painter.drawLines(crosses)  # type: ignore[call-overload]
        painter.setPen(QPen(ink, 1.2))
        painter.drawLines(crosses)  # type: ignore[call-overload]


class Lines(PlaneItem):
    """Many lines at once: joined points, (N, 2)."""

    def __init__(self, height: float, palette: Palette, width: float, alpha: float) -> None:
        super().__init__(height, palette)
        self.color = palette.muted
        self._points: Floats = np.zeros((0, 2))
        self._connect: NDArray[np.int32] = np.zeros(0, np.int32)
        self._width, self._alpha = width, alpha

    def place(self, points: Floats, connect: NDArray[np.int32]) -> None:
        """Put the lines; `connect`, (N,), is 1 where a point is joined to the next."""
        self._points, self._connect = points, connect
        self.update()

    @property
    def count(self) -> int:
        """Return the number of points."""
        return len(self._points)

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw all as one shape."""
        if not len(self._points):
            return
        pixels = np.clip(mapped(self._points, to_px), -1e5, 1e5)
        ink = QColor(self.color)
        ink.setAlphaF(self._alpha)
        painter.setPen(QPen(ink, self._width))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(pg.arrayToQPath(pixels[:, 0], pixels[:, 1], connect=self._connect))


class Marker(PlaneItem):
    """A ring with a name at the place that the mouse means, and perhaps an ellipse around it."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(30, palette)
        self.at: Floats | None = None
        self.name = ""
        self.radii: Floats | None = None

    def put(self, at: Floats | None, name: str = "", radii: Floats | None = None) -> None:
        """Put it, (2,), or take it away; `radii`, (2,), of the ellipse, in units of the plane."""
        self.at, self.name, self.radii = at, name, radii
        self.update()

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw it with a halo, so that it is seen on any ground."""
        if self.at is None or not np.isfinite(self.at).all():
            return
        x, y = mapped(self.at[None], to_px)[0].tolist()
        for color, width in ((self.colors.background, 4.5), (self.colors.text, 2.0)):
            painter.setPen(QPen(QColor(color), width))
            painter.drawEllipse(QPointF(x, y), 6, 6)
            if self.radii is not None:
                across, up = float(self.radii[0]) * to_px.m11(), float(self.radii[1]) * abs(to_px.m22())
                painter.drawEllipse(QPointF(x, y), across, up)
        words = QPainterPath()
        words.addText(QPointF(x + 10, y - 8), math_font(11), self.name)
        painter.strokePath(words, QPen(QColor(self.colors.background), 3.5))
        painter.fillPath(words, QColor(self.colors.text))


class Rings(PlaneItem):
    """Circles of the prior, one for each standard deviation, with their names."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(1, palette)

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw 1σ to 3σ."""
        center = QPointF(to_px.dx(), to_px.dy())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for sigma in (1, 2, 3):
            painter.setPen(QPen(QColor(self.colors.muted), 1, Qt.PenStyle.DotLine))
            across, up = sigma * to_px.m11(), sigma * abs(to_px.m22())
            painter.drawEllipse(center, across, up)
            painter.setPen(QColor(self.colors.muted))
            painter.drawText(QPointF(center.x() + 3, center.y() - up - 3), f"{sigma}σ")


def mapped(points: Floats, to_px: QTransform) -> Floats:
    """Return logical pixels, (N, 2), of points of the plane, (N, 2)."""
    return np.column_stack([points[:, 0] * to_px.m11() + to_px.dx(), points[:, 1] * to_px.m22() + to_px.dy()])


def arrow_lines(points: Floats, arrows: Floats, longest: float) -> tuple[Floats, NDArray[np.int32]]:
    """Return arrows as lines for `Lines`: shaft and two strokes of the head each.

    Args:
        points: Where they begin, (N, 2).
        arrows: Which way and how strongly, (N, 2).
        longest: The length of the strong ones, in units of the plane; few are stronger, and those are cut to it.
    """
    sizes = np.linalg.norm(arrows, axis=1)
    strong = float(np.quantile(sizes, 0.9)) if len(sizes) else 0.0
    if strong <= 0:
        return np.zeros((0, 2)), np.zeros(0, np.int32)
    way = arrows * (np.minimum(sizes / strong, 1.0) * longest / np.maximum(sizes, 1e-12))[:, None]
    tips, side = points + way, way[:, ::-1] * (-1, 1)
    left, right = (tips - _HEAD * way + sign * 0.6 * _HEAD * side for sign in (1, -1))
    lines = np.stack([points, tips, left, tips, right], axis=1).reshape(-1, 2)
    return lines, np.tile(np.array([1, 1, 1, 1, 0], np.int32), len(points))


def pair_lines(starts: Floats, ends: Floats) -> tuple[Floats, NDArray[np.int32]]:
    """Return lines from points to points for `Lines`."""
    lines = np.stack([starts, ends], axis=1).reshape(-1, 2)
    return lines, np.tile(np.array([1, 0], np.int32), len(starts))
