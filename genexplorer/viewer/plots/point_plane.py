"""A plane of points: the data as a cloud, ways through it, and named places; for data that are points, and latents."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.painted_axes import BOTTOM_PX, LEFT_PX, RIGHT_PX, TOP_PX, PaintedAxes

Points = NDArray[np.float64]  # (N, 2)
Bounds = tuple[float, float, float, float]  # x0, x1, y0, y1
_MARK_PX, _DOT_PX = 5.0, 2.2


@dataclass(frozen=True, eq=False)
class Mark:
    """A place with a name beside it.

    Args:
        place: (2,).
        name: "A", "x̂".
        hollow: A ring instead of a disc, its name below instead of above.
    """

    place: Points
    name: str
    hollow: bool = False


@dataclass(frozen=True, eq=False)
class Line:
    """A way through the plane, (N, 2)."""

    points: Points
    dashed: bool = False


class PointPlane(QWidget):
    """Draws what it is given, both axes to one scale.

    Signals:
        pressed(float, float): The place that was clicked, or dragged over.
    """

    pressed = pyqtSignal(float, float)

    def __init__(self, palette: Palette, names: tuple[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette, self._names = palette, names
        self._cloud, self._labels = np.zeros((0, 2)), np.zeros(0, np.int64)
        self._bounds: Bounds = (-3.0, 3.0, -3.0, 3.0)
        self._lines: tuple[Line, ...] = ()
        self._marks: tuple[Mark, ...] = ()
        self._circles: tuple[float, ...] = ()
        self._ellipse: tuple[Points, Points] | None = None
        self._dots = np.zeros((0, 2))
        self._cloud_key: tuple[object, ...] = ()
        self._cloud_pixmap = QPixmap()
        self._hint = ""
        self.setMinimumSize(160, 160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(f"plane of {names[0]} and {names[1]}")

    def sizeHint(self) -> QSize:
        """Prefer a square."""
        return QSize(320, 320)

    def set_style(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        self.update()

    def set_cloud(self, points: NDArray[np.floating] | None, labels: NDArray[np.int64] | None = None) -> None:
        """Show points, (N, 2), colored by their labels, (N,)."""
        self._cloud = np.zeros((0, 2)) if points is None else np.asarray(points, np.float64).reshape(-1, 2)
        self._labels = np.full(len(self._cloud), -1) if labels is None else np.asarray(labels, np.int64)
        self.update()

    def set_bounds(self, bounds: Bounds) -> None:
        """Show this part of the plane: x0, x1, y0, y1; what lies outside is brought in by more of it."""
        self._bounds = bounds
        self.update()

    def set_circles(self, radii: Sequence[float]) -> None:
        """Show circles around the origin: the prior's standard deviations."""
        self._circles = tuple(radii)
        self.update()

    def set_ellipse(self, center: Points | None, radii: Points | None) -> None:
        """Show an ellipse, or none."""
        self._ellipse = None if center is None or radii is None else (center, radii)
        self.update()

    def set_dots(self, points: Points | None) -> None:
        """Show a few more points, (N, 2), in the color of text: samples."""
        self._dots = np.zeros((0, 2)) if points is None else points
        self.update()

    def show_ways(self, lines: Sequence[Line], marks: Sequence[Mark], hint: str = "") -> None:
        """Show ways and places, or the hint that says what is waited for."""
        self._lines, self._marks, self._hint = tuple(lines), tuple(marks), hint
        words = (f"{mark.name} ({mark.place[0]:.2f}, {mark.place[1]:.2f})" for mark in marks)
        self.setAccessibleDescription(", ".join(words) or hint)
        self.update()

    def axes(self) -> PaintedAxes:
        """Return the axes as they lie now."""
        (x0, x1), (y0, y1) = self._ranges()
        across = max(1.0, self.width() - LEFT_PX - RIGHT_PX)
        down = max(1.0, self.height() - TOP_PX - BOTTOM_PX)
        scale = min(across / (x1 - x0), down / (y1 - y0))
        width, height = (x1 - x0) * scale + LEFT_PX + RIGHT_PX, (y1 - y0) * scale + TOP_PX + BOTTOM_PX
        room = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
        return PaintedAxes(room, (x0, x1), (y0, y1), *self._names)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw everything."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        axes = self.axes()
        axes.paint(painter, self._palette)
        painter.save()
        painter.setClipRect(axes.frame)
        self._paint_circles(painter, axes)
        painter.drawPixmap(0, 0, self._painted_cloud(axes))
        self._paint_ways(painter, axes)
        painter.restore()
        for mark in self._marks:
            self._paint_mark(painter, axes, mark)
        if self._hint:
            painter.setPen(QColor(self._palette.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(axes.frame.adjusted(8, 8, -8, -8), flags, self._hint)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell which place is clicked."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._press(event.position())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Tell the places that are dragged over."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._press(event.position())

    def _press(self, place: QPointF) -> None:
        axes = self.axes()
        if axes.frame.contains(place):
            self.pressed.emit(*axes.value_at(place))

    def _ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        x0, x1, y0, y1 = self._bounds
        shown = [line.points for line in self._lines] + [mark.place[None] for mark in self._marks]
        together = np.concatenate([points.reshape(-1, 2) for points in shown]) if shown else np.zeros((0, 2))
        together = together[np.isfinite(together).all(axis=1)]
        if len(together):
            low, high = together.min(axis=0), together.max(axis=0)
            x0, x1 = min(x0, float(low[0])), max(x1, float(high[0]))
            y0, y1 = min(y0, float(low[1])), max(y1, float(high[1]))
        return (x0, max(x1, x0 + 1e-6)), (y0, max(y1, y0 + 1e-6))

    def _paint_circles(self, painter: QPainter, axes: PaintedAxes) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(self._palette.muted), 1, Qt.PenStyle.DotLine))
        for radius in self._circles:
            painter.drawEllipse(_box(axes, np.zeros(2), np.full(2, radius)))
        if self._ellipse is not None:
            for scale, style in ((1.0, Qt.PenStyle.SolidLine), (2.0, Qt.PenStyle.DashLine)):
                painter.setPen(QPen(QColor(self._palette.accent), 1.5, style))
                painter.drawEllipse(_box(axes, self._ellipse[0], self._ellipse[1] * scale))

    def _painted_cloud(self, axes: PaintedAxes) -> QPixmap:
        """Return the cloud, painted once: what moves in front of it moves often."""
        key = (self.size(), self.devicePixelRatioF(), axes, self._palette.name, id(self._cloud))
        if key != self._cloud_key:
            ratio = self.devicePixelRatioF()
            self._cloud_key, self._cloud_pixmap = key, QPixmap(self.size() * ratio)
            self._cloud_pixmap.setDevicePixelRatio(ratio)
            self._cloud_pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(self._cloud_pixmap)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_cloud(painter, axes)
            painter.end()
        return self._cloud_pixmap

    def _paint_cloud(self, painter: QPainter, axes: PaintedAxes) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        for label in np.unique(self._labels):
            color = QColor(self._palette.class_color(int(label)))
            color.setAlphaF(0.5)
            painter.setBrush(color)
            for x, y in self._cloud[self._labels == label]:
                painter.drawEllipse(axes.place(float(x), float(y)), 1.5, 1.5)

    def _paint_ways(self, painter: QPainter, axes: PaintedAxes) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for line in self._lines:
            style = Qt.PenStyle.DashLine if line.dashed else Qt.PenStyle.SolidLine
            polygon = axes.polygon(line.points[:, 0], line.points[:, 1])
            painter.setPen(QPen(QColor(self._palette.background), 5))
            painter.drawPolyline(polygon)
            painter.setPen(QPen(QColor(self._palette.accent), 2, style))
            painter.drawPolyline(polygon)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._palette.text))
        for x, y in self._dots[np.isfinite(self._dots).all(axis=1)]:
            painter.drawEllipse(axes.place(float(x), float(y)), _DOT_PX, _DOT_PX)

    def _paint_mark(self, painter: QPainter, axes: PaintedAxes, mark: Mark) -> None:
        if not np.isfinite(mark.place).all():
            return
        center = axes.place(float(mark.place[0]), float(mark.place[1]))
        text, paper = QColor(self._palette.text), QColor(self._palette.background)
        painter.setPen(QPen(text if mark.hollow else paper, 2))
        painter.setBrush(paper if mark.hollow else text)
        painter.drawEllipse(center, _MARK_PX, _MARK_PX)
        bold = QFont(self.font())
        bold.setBold(True)
        painter.setFont(bold)
        beside = QRectF(center.x() + 8, center.y() + 3 if mark.hollow else center.y() - 18, 60, 16)
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            painter.setPen(paper)
            painter.drawText(beside.translated(dx, dy), Qt.AlignmentFlag.AlignLeft, mark.name)
        painter.setPen(text)
        painter.drawText(beside, Qt.AlignmentFlag.AlignLeft, mark.name)
        painter.setFont(self.font())


def _box(axes: PaintedAxes, center: Points, radii: Points) -> QRectF:
    one = axes.place(float(center[0] - radii[0]), float(center[1] + radii[1]))
    other = axes.place(float(center[0] + radii[0]), float(center[1] - radii[1]))
    return QRectF(one, other)
