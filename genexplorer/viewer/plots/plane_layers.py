"""Layers of a 2-D plane: points, lines, arrows, markers and the prior's circles, thousands of them at once."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QLineF, QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPainterPath, QTransform

from genexplorer.session.palette import Palette
from genexplorer.session.plane import Bounds
from genexplorer.viewer.style import make_pen, math_font, scale, text_font

Floats = NDArray[np.float64]
PointShape = Literal["dot", "cross"]
_WHOLE_PLANE = QRectF(-1e6, -1e6, 2e6, 2e6)
_ARROW_HEAD_FRACTION = 0.35  # the head's part of an arrow's length
_MARKER_RADIUS_PX = 5.5


class PlaneLayer(pg.GraphicsObject):  # type: ignore[misc]
    """Base of all layers: paints in logical pixels; layers with a higher `z_value` are drawn above."""

    antialiased = True

    def __init__(self, z_value: float, palette: Palette) -> None:
        super().__init__()
        self.setZValue(z_value)
        self.colors = palette

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.colors = palette
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the whole plane, so that Qt never clips a layer."""
        return _WHOLE_PLANE

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Reset Qt's transform and call `paint_px`."""
        to_px = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, self.antialiased)
        self.paint_px(painter, to_px)
        painter.restore()

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Paint in logical pixels; `to_px` maps points of the plane to them."""
        raise NotImplementedError


class ScatterLayer(PlaneLayer):
    """Points as dots or crosses, in one color or in those of their classes."""

    def __init__(self, z_value: float, palette: Palette, shape: PointShape, size_px: float, alpha: float = 1.0) -> None:
        super().__init__(z_value, palette)
        self.points: Floats = np.zeros((0, 2))
        self.labels: NDArray[np.int64] | None = None  # classes, (N,), that decide the colors; None: all in `color`
        self.color = palette.muted
        self._shape, self._size_px, self._alpha = shape, size_px, alpha

    def set_points(self, points: Floats) -> None:
        """Show points, (N, 2)."""
        self.points = points
        self.update()

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw the points, one class after the other."""
        if not len(self.points):
            return
        pixels, labels = to_pixels(self.points, to_px), self.labels
        if labels is None or len(labels) != len(pixels):
            self._draw(painter, pixels, self.color)
            return
        for label in np.unique(labels):
            self._draw(painter, pixels[labels == label], self.colors.class_color(int(label)))

    def _draw(self, painter: QPainter, pixels: Floats, color: str) -> None:
        pen_color = QColor(color)
        pen_color.setAlphaF(self._alpha)
        if self._shape == "dot":
            pen = make_pen(pen_color, self._size_px)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawPoints(pg.functions.arrayToQPolygonF(pixels[:, 0], pixels[:, 1]))
            return
        half = self._size_px * scale() / 2
        crosses = [
            line
            for x, y in pixels.tolist()
            for line in (QLineF(x - half, y - half, x + half, y + half), QLineF(x - half, y + half, x + half, y - half))
        ]
        # Crosses have a halo, so that they are visible on any heat map.
        halo = QColor(self.colors.background)
        halo.setAlpha(80)
        painter.setPen(make_pen(halo, 2.6))
        painter.drawLines(crosses)  # type: ignore[call-overload]
        painter.setPen(make_pen(pen_color, 1.2))
        painter.drawLines(crosses)  # type: ignore[call-overload]


class LineLayer(PlaneLayer):
    """Many lines at once, drawn as one path.

    Args:
        z_value: Position in the stack of layers.
        palette: The colors.
        width_px: Width of the lines, in pixels.
        alpha: Opacity, in [0, 1].
        halo: Width of the background color around the lines, in pixels.
    """

    def __init__(
        self, z_value: float, palette: Palette, width_px: float, alpha: float = 1.0, halo: float = 0.0
    ) -> None:
        super().__init__(z_value, palette)
        self.color = palette.muted
        self._points: Floats = np.zeros((0, 2))
        self._connect: NDArray[np.int32] = np.zeros(0, np.int32)
        self._width_px, self._alpha, self._halo = width_px, alpha, halo

    def set_lines(self, points: Floats, connect: NDArray[np.int32] | None = None) -> None:
        """Show lines through points, (N, 2); `connect`, (N,), is 1 where a point is joined to the next one."""
        self._points = points
        self._connect = np.ones(len(points), np.int32) if connect is None else connect
        self.update()

    @property
    def num_points(self) -> int:
        """The number of points of all lines."""
        return len(self._points)

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw all lines as one path."""
        if not len(self._points):
            return
        pixels = np.clip(to_pixels(self._points, to_px), -1e5, 1e5)
        path = pg.arrayToQPath(pixels[:, 0], pixels[:, 1], connect=self._connect, finiteCheck=True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._halo:
            painter.setPen(make_pen(self.colors.background, self._halo))
            painter.drawPath(path)
        pen_color = QColor(self.color)
        pen_color.setAlphaF(self._alpha)
        painter.setPen(make_pen(pen_color, self._width_px))
        painter.drawPath(path)


@dataclass(frozen=True, eq=False)
class Marker:
    """A point with a name beside it."""

    position: Floats  # (2,)
    name: str  # "A", "x̂"
    hollow: bool = False  # whether it is a ring with its name below, instead of a disc with its name above
    sigma: Floats | None = None  # standard deviations, (2,); ellipses at one and two of them are drawn around the point


class MarkerLayer(PlaneLayer):
    """Named points, above everything else."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(30, palette)
        self.markers: tuple[Marker, ...] = ()

    def set_markers(self, *markers: Marker) -> None:
        """Show markers; none hides all."""
        self.markers = markers
        self.update()

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw markers with a halo, so that they are visible on any background."""
        text, background = QColor(self.colors.text), QColor(self.colors.background)
        for marker in self.markers:
            if not np.isfinite(marker.position).all():
                continue
            x, y = to_pixels(marker.position, to_px)[0].tolist()
            # Draw the posterior: one standard deviation solid, two dashed.
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if marker.sigma is not None and np.isfinite(marker.sigma).all():
                rx, ry = float(marker.sigma[0]) * to_px.m11(), float(marker.sigma[1]) * abs(to_px.m22())
                for sigmas, style in ((1.0, Qt.PenStyle.SolidLine), (2.0, Qt.PenStyle.DashLine)):
                    painter.setPen(make_pen(self.colors.accent, 1.5, style))
                    painter.drawEllipse(QPointF(x, y), max(1.5, sigmas * rx), max(1.5, sigmas * ry))
            # Draw the point.
            for color, width_px in ((background, 4.5), (text, 2.0)):
                painter.setPen(make_pen(color, width_px))
                painter.setBrush(Qt.BrushStyle.NoBrush if marker.hollow else text)
                painter.drawEllipse(QPointF(x, y), _MARKER_RADIUS_PX * scale(), _MARKER_RADIUS_PX * scale())
            # Draw its name.
            name = QPainterPath()
            at = QPointF(x + 10 * scale(), y + (16 if marker.hollow else -8) * scale())
            name.addText(at, math_font(11), marker.name)
            painter.strokePath(name, make_pen(background, 3.5))
            painter.fillPath(name, text)


class PriorCircles(PlaneLayer):
    """Circles around the origin at 1, 2 and 3 standard deviations of the prior."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(1, palette)

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw the circles at 1σ, 2σ and 3σ with their labels."""
        center = QPointF(to_px.dx(), to_px.dy())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setFont(text_font(9))
        for sigma in (1, 2, 3):
            painter.setPen(make_pen(self.colors.muted, 1, Qt.PenStyle.DotLine))
            rx, ry = sigma * to_px.m11(), sigma * abs(to_px.m22())
            painter.drawEllipse(center, rx, ry)
            painter.setPen(QColor(self.colors.muted))
            painter.drawText(QPointF(center.x() + 3, center.y() - ry - 3), f"{sigma}σ")


def to_pixels(points: Floats, to_px: QTransform) -> Floats:
    """Return the logical pixels, (N, 2), of points of the plane, (N, 2) or (2,)."""
    points = points.reshape(-1, 2)
    return np.column_stack([points[:, 0] * to_px.m11() + to_px.dx(), points[:, 1] * to_px.m22() + to_px.dy()])


def arrow_lines(points: Floats, arrows: Floats, max_length: float) -> tuple[Floats, NDArray[np.int32]]:
    """Return arrows as points and connections for a `LineLayer`: a shaft and two strokes of the head each.

    Args:
        points: Start points, (N, 2).
        arrows: Directions and strengths, (N, 2).
        max_length: Length of the longest tenth of the arrows, in units of the plane; their own lengths are clipped.
    """
    sizes = np.linalg.norm(arrows, axis=1)
    strong = float(np.quantile(sizes, 0.9)) if len(sizes) else 0.0
    if strong <= 0:
        return np.zeros((0, 2)), np.zeros(0, np.int32)
    shafts = arrows * (np.minimum(sizes / strong, 1.0) * max_length / np.maximum(sizes, 1e-12))[:, None]
    tips, normals = points + shafts, shafts[:, ::-1] * (-1, 1)
    left, right = (
        tips - _ARROW_HEAD_FRACTION * shafts + sign * 0.6 * _ARROW_HEAD_FRACTION * normals for sign in (1, -1)
    )
    lines = np.stack([points, tips, left, tips, right], axis=1).reshape(-1, 2)
    return lines, np.tile(np.array([1, 1, 1, 1, 0], np.int32), len(points))


def pair_lines(starts: Floats, ends: Floats) -> tuple[Floats, NDArray[np.int32]]:
    """Return lines from `starts` to `ends`, (N, 2) each, as points and connections for a `LineLayer`."""
    lines = np.stack([starts, ends], axis=1).reshape(-1, 2)
    return lines, np.tile(np.array([1, 0], np.int32), len(starts))


def widen_bounds(bounds: Bounds, *points: Floats | None) -> Bounds:
    """Return bounds, x0, x1, y0, y1, widened to contain all finite points, (N, 2) each."""
    x0, x1, y0, y1 = bounds
    all_points = np.concatenate([np.zeros((0, 2)), *(p.reshape(-1, 2) for p in points if p is not None)])
    all_points = all_points[np.isfinite(all_points).all(axis=1)]
    if len(all_points):
        (left, bottom), (right, top) = all_points.min(axis=0).tolist(), all_points.max(axis=0).tolist()
        x0, x1, y0, y1 = min(x0, left), max(x1, right), min(y0, bottom), max(y1, top)
    return x0, x1, y0, y1
