"""The plot of the latent plane: axes, layers and mouse handling."""

from dataclasses import replace
from enum import Enum

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent, QWheelEvent

from genexplorer.session.palette import Palette
from genexplorer.session.plane import Axis, Coords
from genexplorer.viewer.plots.base_plot import BasePlot
from genexplorer.viewer.style import scaled, text_font
from genexplorer.viewer.tabs.manifold import visible_range as views
from genexplorer.viewer.tabs.manifold.layers import MarkLayer, PointLayer, TileLayer
from genexplorer.viewer.tabs.manifold.point_cloud import PointCloud
from genexplorer.viewer.tabs.manifold.tiles import DEFAULT_TILES, choose_factor, tile_px
from genexplorer.viewer.tabs.manifold.visible_range import VisibleRange

# All in logical pixels.
CURSOR_GRAB_RADIUS_PX = 16  # a press so near to the cursor drags it
POINT_HIT_RADIUS_PX = 9  # a point so near to the mouse is under it
MIN_DRAG_PX = 4  # a press that moves less is a click
_MIN_TICK_SPACING_PX = {"x": 64, "y": 40}
WHEEL_ZOOM_FACTOR = 1.25  # for one notch of the wheel
Floats = NDArray[np.float64]


class Drag(Enum):
    """The object that a press of the mouse drags."""

    NOTHING = 0
    UNDECIDED = 1  # a click, or the background as soon as it moves
    PLANE = 2
    CURSOR = 3
    PATH = 4


class LatentAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis with ticks at round values of z, in both coordinates."""

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
        """Return the positions of the ticks, one level."""
        room = size / scaled(_MIN_TICK_SPACING_PX[self._axis])
        self._labels = {} if self._view is None else views.tick_labels(self._view, self._axis, room)
        return [(1.0, list(self._labels))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """Return the values of z at the ticks."""
        return [self._labels.get(value, "") for value in values]


class ManifoldPlot(BasePlot):
    """The latent plane. It handles the mouse itself; pyqtgraph's pan and zoom are off.

    Signals:
        view_changed: The visible part changed; `visible_range` is set already.
        cursor_dragged(z1, z2): The cursor was moved to a latent point.
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

    tick_pt, label_pt = 9, 10

    def __init__(self, palette: Palette) -> None:
        left, bottom = LatentAxis("left", "y"), LatentAxis("bottom", "x")
        super().__init__(palette, left, bottom, ("z₁", "z₂"), interactive=False)
        self._box = self.getViewBox()
        self.setMinimumSize(scaled(240), scaled(200))
        self.setAccessibleName("latent plane")
        # The view.
        self.visible_range: VisibleRange = views.home("z", 560, 560)
        self.is_at_home = True
        self.image_px: tuple[int, int] = (28, 28)
        self.target = DEFAULT_TILES
        # The layers.
        self.tiles, self.points = TileLayer(), PointLayer()
        self.under, self.over = MarkLayer(below_points=True), MarkLayer()
        self.latent_layers = self.tiles, self.under, self.points, self.over
        self.add_layers(*self.latent_layers)
        # The points, the cursor and the mouse.
        self.pen_mode = False
        self._cloud: PointCloud | None = None
        self._coordinates = np.zeros((0, 2))
        self._cursor_z = np.zeros(2)
        self.drag = Drag.NOTHING
        self._pressed = self._last = QPointF()
        self._hovered = -1
        self._box.sigResized.connect(self._resized)
        self._show_view()
        self.recolor(palette)

    @property
    def ratio(self) -> float:
        """Device pixels per logical pixel."""
        return float(self.devicePixelRatioF())

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.left.setWidth(scaled(52))
        self.bottom.setHeight(scaled(40))
        self.points.set_style(text_font(self.tick_pt), self.ratio)
        self.points.choose_glyphs()

    def set_coords(self, coords: Coords) -> None:
        """Show the home view in other coordinates."""
        self.visible_range = views.home(coords, self.visible_range.width_px, self.visible_range.height_px)
        self._label_axes()
        self.reset_view()

    def set_pen_mode(self, on: bool) -> None:
        """Draw a path with the mouse, or not."""
        self.pen_mode = on
        self.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    def reset_view(self) -> None:
        """Show all of the prior."""
        self.is_at_home = True
        self._set_view(self._home())

    def set_tiling(self, image_px: tuple[int, int], target: int) -> None:
        """Set the image size and the number of tiles; the home view is fitted to them."""
        if (image_px, target) == (self.image_px, self.target):
            return
        self.image_px, self.target = image_px, target
        self._set_view(self._home() if self.is_at_home else self.visible_range)

    def show_bounds(self, bounds: views.Bounds) -> None:
        """Show a rectangle of the plane, such as the saved one."""
        x0, x1, y0, y1 = bounds
        per_px = (x1 - x0) / self.visible_range.width_px, (y1 - y0) / self.visible_range.height_px
        if self.visible_range.coords == "z":
            per_px = (max(per_px), max(per_px))
        self.is_at_home = False
        self._set_view(replace(self.visible_range, per_px=per_px).centered(((x0 + x1) / 2, (y0 + y1) / 2)))

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around a position of the widget, or around the cursor, or the middle if the cursor is out of sight."""
        if at is not None:
            pixel = self._device_px(at)
        else:
            pixel = self.visible_range.z_to_px(self._cursor_z)[0]
            size = np.array([self.visible_range.width_px, self.visible_range.height_px])
            pixel = pixel if ((pixel >= 0) & (pixel <= size)).all() else size / 2
        self.is_at_home = False
        self._set_view(self.visible_range.zoomed(factor, (float(pixel[0]), float(pixel[1]))))

    def pan(self, dx: float, dy: float) -> None:
        """Move the plane by logical pixels."""
        self.is_at_home = False
        self._set_view(self.visible_range.panned(dx * self.ratio, dy * self.ratio))

    def set_cursor(self, z: Floats) -> None:
        """Draw the cursor at a latent point."""
        self._cursor_z = z
        place, marks = self.visible_range.plane.from_z(z), self.over.marks
        if marks.cursor is None or not np.array_equal(marks.cursor, place):
            marks.cursor = place
            self.over.update()

    def set_cloud(self, cloud: PointCloud | None) -> None:
        """Show other points, or none; `place_points` sets their positions."""
        self._cloud = cloud
        self.points.set_cloud(cloud)
        if cloud is not None and not self.points.has_style_for(cloud.classes):
            self.points.set_style(text_font(self.tick_pt), self.ratio)
        self.points.setVisible(cloud is not None)

    def place_points(self, mu: Floats) -> None:
        """Draw the points at latent points, (N, 2)."""
        self._coordinates = self.visible_range.plane.from_z(mu)
        self.points.place(self._coordinates)

    def cancel_drag(self) -> None:
        """Cancel a drag, as when the tab is left during it."""
        former, self.drag = self.drag, Drag.NOTHING
        if former not in (Drag.NOTHING, Drag.UNDECIDED):
            self.dragging.emit(False)

    def end_hover(self) -> None:
        """End the hover until the mouse moves, as when the point under it is hidden."""
        self._set_hovered(-1, QPointF())

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
        elif np.hypot(near.x(), near.y()) <= CURSOR_GRAB_RADIUS_PX:
            self._begin(Drag.CURSOR)
        else:
            self.drag = Drag.UNDECIDED

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Continue a drag, or find the point under the mouse."""
        if event is None:
            return
        place = event.position()
        if self.drag is Drag.UNDECIDED and _distance(place, self._pressed) >= MIN_DRAG_PX:
            self._begin(Drag.PLANE)
        delta, self._last = place - self._last, place
        match self.drag:
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
        former, self.drag = self.drag, Drag.NOTHING
        place = event.position()
        if former is Drag.UNDECIDED:
            row = self._row_at(place)
            if row is not None:
                self.point_clicked.emit(row)
            else:
                self.cursor_dragged.emit(*self.latent_at(place).tolist())
        elif former is not Drag.NOTHING:
            self.dragging.emit(False)
        self._hover(place)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Handle the second press of a double click as a press."""
        self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Zoom around the mouse."""
        if event is None or not self.plot_rect().contains(event.position()):
            return
        event.accept()
        self.zoom(WHEEL_ZOOM_FACTOR ** (event.angleDelta().y() / 120), event.position())

    def leaveEvent(self, event: object) -> None:
        """End the hover."""
        self.end_hover()

    def _begin(self, drag: Drag) -> None:
        self.drag = drag
        self.end_hover()
        self.dragging.emit(True)

    def _hover(self, place: QPointF) -> None:
        row = self._row_at(place) if self.plot_rect().contains(place) and not self.pen_mode else None
        self._set_hovered(-1 if row is None else row, place)
        if self.pen_mode:
            self.setCursor(Qt.CursorShape.CrossCursor)
        elif _distance(place, self.place_of(self._cursor_z)) <= CURSOR_GRAB_RADIUS_PX:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.setCursor(Qt.CursorShape.ArrowCursor if row is None else Qt.CursorShape.PointingHandCursor)

    def _set_hovered(self, row: int, place: QPointF) -> None:
        if row != self._hovered:
            self._hovered = row
            self.point_hovered.emit(row, place.x(), place.y())

    def _row_at(self, place: QPointF) -> int | None:
        if self._cloud is None or not self.points.isVisible() or not len(self._coordinates):
            return None
        at = self._device_px(place)
        return self._cloud.nearest(
            self.visible_range.to_px(self._coordinates), (float(at[0]), float(at[1])), POINT_HIT_RADIUS_PX * self.ratio
        )

    def _device_px(self, place: QPointF) -> Floats:
        corner = self.plot_rect().topLeft()
        return np.array([place.x() - corner.x(), place.y() - corner.y()]) * self.ratio

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
        self._set_view(self._home() if self.is_at_home else self.visible_range)

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
        for item in (*self.latent_layers, self.left, self.bottom):
            item.set_visible_range(self.visible_range)
        self._box.setRange(xRange=(x0, x1), yRange=(y0, y1), padding=0, disableAutoRange=True)

    def _label_axes(self) -> None:
        super()._label_axes()
        if self.visible_range.coords == "u":
            name = self.axis_names[0]
            self.bottom.setLabel(f"{name}   (spaced by u{name[-1]} = Φ({name}))", **self.label_style)


def _distance(one: QPointF, other: QPointF) -> float:
    return float(np.hypot(one.x() - other.x(), one.y() - other.y()))
