"""The plot of the latent plane: axes, layers and mouse handling."""

from enum import Enum

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QMouseEvent, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QWidget

from genexplorer.session.palette import Palette
from genexplorer.session.plane import Axis, Coords
from genexplorer.viewer.style import text_font
from genexplorer.viewer.tabs.manifold import visible_range as views
from genexplorer.viewer.tabs.manifold.layers import LatentLayer, MarkLayer, PointLayer, TileLayer
from genexplorer.viewer.tabs.manifold.point_cloud import PointCloud
from genexplorer.viewer.tabs.manifold.tiles import TARGET, choose_factor, tile_px
from genexplorer.viewer.tabs.manifold.visible_range import VisibleRange

GRAB_PX = 16  # logical; the cursor is taken from this near
HIT_PX = 9
CLICK_PX = 4  # a press that moves less is a click
WHEEL_FACTOR = 1.25  # a notch of the wheel
_TICK_ROOM_PX = {"x": 64, "y": 40}  # logical; ticks stand at least so far apart
Floats = NDArray[np.float64]


class Drag(Enum):
    """What a press of the mouse drags."""

    NOTHING = 0
    UNDECIDED = 1  # a click, or the background as soon as it moves
    PLANE = 2
    CURSOR = 3
    PATH = 4


class LatentAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis whose ticks stand at round values of z, in both coordinates."""

    def __init__(self, side: str, axis: Axis) -> None:
        super().__init__(side)
        self._axis = axis
        self._view: VisibleRange | None = None
        self._labels: dict[float, str] = {}
        self.enableAutoSIPrefix(False)
        self.setStyle(tickLength=-4, autoExpandTextSpace=False, autoReduceTextSpace=False)

    def set_visible_range(self, view: VisibleRange) -> None:
        """Set the visible part of the plane."""
        self._view = view
        self.picture = None
        self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        """Return where ticks stand, one level."""
        room = size / (_TICK_ROOM_PX[self._axis])
        self._labels = {} if self._view is None else views.tick_labels(self._view, self._axis, room)
        return [(1.0, list(self._labels))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """Return the values of z at the ticks."""
        return [self._labels.get(value, "") for value in values]


class ManifoldPlot(pg.PlotWidget):  # type: ignore[misc]
    """The plane. All of the mouse is handled here: pyqtgraph's own ways of moving plots are off.

    Signals:
        view_changed: The visible part changed; `view` is set already.
        cursor_dragged(z1, z2): The cursor was moved there.
        point_clicked(row): A point of the cloud was clicked.
        point_hovered(row, x, y): The mouse is over a point, at these pixels of the widget; row -1 when it has left.
        path_drawn(z): A point, (2,), was added to the path by pen.
        path_begun: A path by pen begins.
        dragging(bool): A drag begins or ends.
    """

    view_changed = pyqtSignal()
    cursor_dragged = pyqtSignal(float, float)
    point_clicked = pyqtSignal(int)
    point_hovered = pyqtSignal(int, float, float)
    path_begun = pyqtSignal()
    path_drawn = pyqtSignal(object)
    dragging = pyqtSignal(bool)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        self._palette = palette
        self._box = pg.ViewBox(enableMouse=False, enableMenu=False, defaultPadding=0.0)
        self._names = ("z₁", "z₂")
        self._axes = {"bottom": LatentAxis("bottom", "x"), "left": LatentAxis("left", "y")}
        plot = pg.PlotItem(viewBox=self._box, axisItems=self._axes, enableMenu=False)
        super().__init__(parent, plotItem=plot, background=None)
        plot.hideButtons()
        self._box.disableAutoRange()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumSize(240, 200)
        self.setAccessibleName("latent plane")
        self.visible_range: VisibleRange = views.home("z", 560, 560)
        self.at_home = True
        self.image_px: tuple[int, int] = (28, 28)
        self.target = TARGET
        self.pen_mode = False
        self.tiles, self.points = TileLayer(), PointLayer()
        self.under, self.over = MarkLayer(below_points=True), MarkLayer()
        for layer in self._layers:
            self._box.addItem(layer, ignoreBounds=True)
        self._cloud: PointCloud | None = None
        self._coordinates = np.zeros((0, 2))
        self._cursor_z = np.zeros(2)
        self._drag = Drag.NOTHING
        self._pressed = self._last = QPointF()
        self._hovered = -1
        self._box.sigResized.connect(self._resized)
        self._axes["left"].setWidth(52)
        self._axes["bottom"].setHeight(40)
        self._show_view()
        self.set_style(palette)

    @property
    def _layers(self) -> tuple[LatentLayer, ...]:
        return (self.tiles, self.under, self.points, self.over)

    @property
    def ratio(self) -> float:
        """Return device pixels per logical pixel."""
        return float(self.devicePixelRatioF())

    @property
    def drag(self) -> Drag:
        """Return the current drag."""
        return self._drag

    def set_style(self, palette: Palette) -> None:
        """Take other colors."""
        self.setBackground(QColor(palette.background))
        self._palette = palette
        font = text_font(9.0)
        for axis in self._axes.values():
            axis.setPen(pg.mkPen(palette.faint))
            axis.setTextPen(pg.mkPen(palette.muted))
            axis.setStyle(tickFont=font)
        self._name_axes()
        self.points.set_style(font, self.ratio)

    def set_coords(self, coords: Coords) -> None:
        """Look at the plane in other coordinates, at home."""
        self.visible_range = views.home(coords, self.visible_range.width_px, self.visible_range.height_px)
        self._name_axes()
        self.reset_view()

    def set_names(self, names: tuple[str, str]) -> None:
        """Name the axes."""
        if names != self._names:
            self._names = names
            self._name_axes()

    def reset_view(self) -> None:
        """Show the whole of the prior."""
        self.at_home = True
        self._set_view(self._home())

    def set_tiling(self, image_px: tuple[int, int], target: int) -> None:
        """Set the image size and the number of tiles; the home view is fitted to them."""
        if (image_px, target) == (self.image_px, self.target):
            return
        self.image_px, self.target = image_px, target
        self._set_view(self._home() if self.at_home else self.visible_range)

    def show_bounds(self, bounds: views.Bounds) -> None:
        """Show a rectangle of the plane, as one that was remembered."""
        x0, x1, y0, y1 = bounds
        per_px = (x1 - x0) / self.visible_range.width_px, (y1 - y0) / self.visible_range.height_px
        if self.visible_range.coords == "z":
            per_px = (max(per_px), max(per_px))
        self.at_home = False
        at = VisibleRange(
            self.visible_range.coords, (0, 0), per_px, self.visible_range.width_px, self.visible_range.height_px
        )
        self._set_view(at.centered(((x0 + x1) / 2, (y0 + y1) / 2)))

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around a place of the widget, or around the cursor."""
        place = self._cursor_px() if at is None else self._device_px(at)
        self.at_home = False
        self._set_view(self.visible_range.zoomed(factor, (float(place[0]), float(place[1]))))

    def pan(self, dx: float, dy: float) -> None:
        """Move the plane by logical pixels."""
        self.at_home = False
        self._set_view(self.visible_range.panned(dx * self.ratio, dy * self.ratio))

    def set_cursor(self, z: Floats) -> None:
        """Draw the cursor at a latent point."""
        self._cursor_z = z
        place, marks = self.visible_range.plane.from_z(z), self.over.marks
        if marks.cursor is None or not np.array_equal(marks.cursor, place):
            marks.cursor = place
            self.over.update()

    def set_cloud(self, cloud: PointCloud | None) -> None:
        """Take other points, or none; `place_points` says where."""
        former = self._cloud
        self._cloud = cloud
        self.points.set_cloud(cloud)
        if cloud is not None and (former is None or former.classes != cloud.classes):
            self.points.set_style(text_font(9.0), self.ratio)
        self.points.setVisible(cloud is not None)

    def place_points(self, mu: Floats) -> None:
        """Draw the points at latent points, (N, 2)."""
        self._coordinates = self.visible_range.plane.from_z(mu)
        self.points.place(self._coordinates)

    def cancel_drag(self) -> None:
        """Cancel a drag, as when the tab is left during it."""
        former, self._drag = self._drag, Drag.NOTHING
        if former not in (Drag.NOTHING, Drag.UNDECIDED):
            self.dragging.emit(False)

    def end_hover(self) -> None:
        """End the hover until the mouse moves, as when the point under it is gone."""
        self._tell_hover(-1, QPointF())

    def plot_rect(self) -> QRectF:
        """Return the rectangle of the plane in the widget, in logical pixels."""
        rect: QRectF = self.viewportTransform().mapRect(self._box.sceneBoundingRect())
        return rect

    def place_of(self, z: Floats) -> QPointF:
        """Return the widget's logical pixel of a latent point."""
        corner, pixel = self.plot_rect().topLeft(), self.visible_range.z_to_px(z)[0] / self.ratio
        return QPointF(corner.x() + pixel[0], corner.y() + pixel[1])

    def latent_at(self, place: QPointF) -> Floats:
        """Return z, (2,), at a logical pixel of the widget."""
        z: Floats = self.visible_range.px_to_z(self._device_px(place)[None])[0]
        return z

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin a drag of the object under the mouse."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        place = event.position()
        if not self.plot_rect().contains(place):
            return
        self._pressed = self._last = place
        near = place - self.place_of(self._cursor_z)
        if self.pen_mode:
            self._begin(Drag.PATH)
            self.path_begun.emit()
            self.path_drawn.emit(self.latent_at(place))
        elif np.hypot(near.x(), near.y()) <= GRAB_PX:
            self._begin(Drag.CURSOR)
        else:
            self._drag = Drag.UNDECIDED

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Continue a drag, or find the point under the mouse."""
        if event is None:
            return
        place = event.position()
        if self._drag is Drag.UNDECIDED and _distance(place, self._pressed) >= CLICK_PX:
            self._begin(Drag.PLANE)
        delta, self._last = place - self._last, place
        match self._drag:
            case Drag.PLANE:
                self.pan(delta.x(), delta.y())
            case Drag.CURSOR:
                self.cursor_dragged.emit(*self.latent_at(place).tolist())
            case Drag.PATH:
                self.path_drawn.emit(self.latent_at(place))
            case Drag.NOTHING:
                self._hover(place)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End a drag; a press that did not move is a click."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        former, self._drag = self._drag, Drag.NOTHING
        if former is Drag.UNDECIDED:
            self._click(event.position())
        elif former is not Drag.NOTHING:
            self.dragging.emit(False)
        self._hover(event.position())

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Take the second press of a double click as a press."""
        self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Zoom around the mouse."""
        if event is None or not self.plot_rect().contains(event.position()):
            return
        event.accept()
        self.zoom(WHEEL_FACTOR ** (event.angleDelta().y() / 120), event.position())

    def leaveEvent(self, event: object) -> None:
        """Hover over nothing."""
        self.end_hover()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the plane's scale."""
        super().resizeEvent(event)
        if hasattr(self, "view"):  # pyqtgraph resizes while it is being built
            self._resized()

    def _begin(self, drag: Drag) -> None:
        self._drag = drag
        self.end_hover()
        self.dragging.emit(True)

    def _click(self, place: QPointF) -> None:
        row = self._row_at(place)
        if row is not None:
            self.point_clicked.emit(row)
        else:
            self.cursor_dragged.emit(*self.latent_at(place).tolist())

    def _hover(self, place: QPointF) -> None:
        row = self._row_at(place) if self.plot_rect().contains(place) and not self.pen_mode else None
        self._tell_hover(-1 if row is None else row, place)
        near = _distance(place, self.place_of(self._cursor_z)) <= GRAB_PX
        shape = Qt.CursorShape.CrossCursor if self.pen_mode else Qt.CursorShape.ArrowCursor
        shape = Qt.CursorShape.PointingHandCursor if row is not None else shape
        self.setCursor(Qt.CursorShape.OpenHandCursor if near and not self.pen_mode else shape)

    def _tell_hover(self, row: int, place: QPointF) -> None:
        if row != self._hovered:
            self._hovered = row
            self.point_hovered.emit(row, place.x(), place.y())

    def _row_at(self, place: QPointF) -> int | None:
        if self._cloud is None or not self.points.isVisible() or not len(self._coordinates):
            return None
        at = self._device_px(place)
        return self._cloud.nearest(
            self.visible_range.to_px(self._coordinates), (float(at[0]), float(at[1])), HIT_PX * self.ratio
        )

    def _device_px(self, place: QPointF) -> Floats:
        corner = self.plot_rect().topLeft()
        return np.array([place.x() - corner.x(), place.y() - corner.y()]) * self.ratio

    def _cursor_px(self) -> Floats:
        """Return the cursor's device pixel, or the middle where it is out of sight."""
        pixel: Floats = self.visible_range.z_to_px(self._cursor_z)[0]
        visible = 0 <= pixel[0] <= self.visible_range.width_px and 0 <= pixel[1] <= self.visible_range.height_px
        return pixel if visible else np.array([self.visible_range.width_px / 2, self.visible_range.height_px / 2])

    def _home(self) -> VisibleRange:
        size = self.visible_range.width_px, self.visible_range.height_px
        tile = tile_px(choose_factor(size, self.image_px, self.target), self.image_px)
        return views.home(self.visible_range.coords, *size, tile)

    def _resized(self) -> None:
        rect = self.plot_rect()
        width, height = round(rect.width() * self.ratio), round(rect.height() * self.ratio)
        if (width, height) == (self.visible_range.width_px, self.visible_range.height_px) or width < 2 or height < 2:
            return
        self.visible_range = self.visible_range.resized(width, height)
        self._set_view(self._home() if self.at_home else self.visible_range)

    def _set_view(self, view: VisibleRange) -> None:
        zoomed = view.per_px != self.visible_range.per_px or view.coords != self.visible_range.coords
        self.visible_range = view
        self._show_view()
        if zoomed:
            self.end_hover()
            self.points.choose_glyphs()
        self.view_changed.emit()

    def _show_view(self) -> None:
        x0, x1, y0, y1 = self.visible_range.bounds
        for layer in self._layers:
            layer.set_visible_range(self.visible_range)
        for axis in self._axes.values():
            axis.set_visible_range(self.visible_range)
        self._box.setRange(xRange=(x0, x1), yRange=(y0, y1), padding=0, disableAutoRange=True)

    def _name_axes(self) -> None:
        for side, name in zip(("bottom", "left"), self._names, strict=True):
            even = "" if self.visible_range.coords == "z" else f"   (spaced by u{name[-1]} = Φ({name}))"
            style = {"color": self._palette.muted, "font-size": "10pt"}
            self._axes[side].setLabel(name + (even if side == "bottom" else ""), **style)


def _distance(one: QPointF, other: QPointF) -> float:
    return float(np.hypot(one.x() - other.x(), one.y() - other.y()))
