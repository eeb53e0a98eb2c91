"""2-D planes with named axes of equal scale, drawn in layers, that the mouse pans and zooms."""

import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QSizePolicy

from genexplorer.session.palette import Palette
from genexplorer.session.plane import Bounds
from genexplorer.viewer.plots.base_plot import BasePlot, ChartAxis
from genexplorer.viewer.plots.plane_layers import (
    Floats,
    LineLayer,
    Marker,
    MarkerLayer,
    PriorCircles,
    ScatterLayer,
    widen_bounds,
)
from genexplorer.viewer.style import scaled, text_font
from genexplorer.viewer.widgets.controls import timer

_MIN_TICK_SPACING_PX = 44  # smaller than a chart's, so that a small plane has ticks too
_VIEW_SETTLED_MS = 120  # `view_settled` is emitted when the view has not changed for this long
_MAX_VIEW_WIDTH = 120.0  # width and height of the widest view, in units of the plane


class PlanePlot(BasePlot):
    """Axes, an image below everything, and layers above it.

    Args:
        axis_names: Names of the axes, x first: ("z₁", "z₂").
        palette: The colors.
        picks: Whether the left button reports positions instead of panning.

    Signals:
        pointed(x, y): Position of the mouse; NaN when it has left.
        pressed(x, y): Position that was clicked or dragged over, where `picks`.
        view_settled: The visible part has changed and no longer moves.
    """

    pointed = pyqtSignal(float, float)
    pressed = pyqtSignal(float, float)
    view_settled = pyqtSignal()

    def __init__(self, axis_names: tuple[str, str], palette: Palette, *, picks: bool = False) -> None:
        super().__init__(
            palette,
            ChartAxis("left", _MIN_TICK_SPACING_PX),
            ChartAxis("bottom", _MIN_TICK_SPACING_PX),
            axis_names,
            interactive=not picks,
        )
        self._home: Bounds = (-4.0, 4.0, -4.0, 4.0)
        self.is_at_home = True
        self._picks = picks
        # Create the image, the hint and the timer.
        self._image = pg.ImageItem(axisOrder="row-major")
        self._image.setZValue(-10)
        self._hint = pg.TextItem(anchor=(0.5, 0.5))
        self._hint.setVisible(False)
        self._settle_timer = timer(self, _VIEW_SETTLED_MS, self.view_settled.emit, once=True)
        # Fix the sizes.
        self.setMinimumSize(scaled(160), scaled(140))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(f"plane of {axis_names[0]} and {axis_names[1]}")
        # Set up the visible range and the mouse.
        box = self.getViewBox()
        box.setAspectLocked(True)
        box.setLimits(minXRange=0.02, minYRange=0.02, maxXRange=_MAX_VIEW_WIDTH, maxYRange=_MAX_VIEW_WIDTH)
        box.addItem(self._image, ignoreBounds=True)
        box.addItem(self._hint, ignoreBounds=True)
        box.sigRangeChangedManually.connect(self._on_range_changed_by_mouse)
        box.sigRangeChanged.connect(lambda *_: self._settle_timer.start())
        box.sigResized.connect(lambda *_: self.reset_view() if self.is_at_home else None)
        self.scene().sigMouseMoved.connect(lambda scene: self.pointed.emit(*self.plot_position(scene)))
        self.reset_view()
        self.recolor(palette)

    def sizeHint(self) -> QSize:
        """Return a square."""
        return QSize(scaled(320), scaled(320))

    # View -------------------------------------------------------------------------------------------------------

    def set_home(self, bounds: Bounds) -> None:
        """Set the part that `reset_view` shows, and show it unless the user has panned or zoomed."""
        if bounds != self._home:
            self._home = bounds
            if self.is_at_home:
                self.reset_view()

    def reset_view(self) -> None:
        """Show the home part again."""
        self.is_at_home = True
        x0, x1, y0, y1 = self._home
        self.getViewBox().setRange(xRange=(x0, x1), yRange=(y0, y1), padding=0.0)

    def zoom(self, factor: float) -> None:
        """Zoom in around the middle, or out for a factor below 1."""
        self.is_at_home = False
        self.getViewBox().scaleBy((1 / factor, 1 / factor))

    def pan(self, right: float, up: float) -> None:
        """Move the view by fractions of its width and height."""
        self.is_at_home = False
        x0, x1, y0, y1 = self.visible_bounds
        self.getViewBox().translateBy(((x1 - x0) * right, (y1 - y0) * up))

    @property
    def visible_bounds(self) -> Bounds:
        """The visible part of the plane, x0, x1, y0, y1."""
        (x0, x1), (y0, y1) = self.getViewBox().viewRange()
        return float(x0), float(x1), float(y0), float(y1)

    def widget_position(self, x: float, y: float) -> QPointF:
        """Return the position in the widget, in logical pixels, of a point of the plane."""
        return QPointF(self.mapFromScene(self.getViewBox().mapViewToScene(QPointF(x, y))))

    # Content ----------------------------------------------------------------------------------------------------

    def set_image(self, pixels: NDArray[np.uint8] | None, bounds: Bounds = (0.0, 1.0, 0.0, 1.0)) -> None:
        """Show an image, (H, W, 3), row 0 on top, over a part of the plane; None hides it."""
        self._image.setVisible(pixels is not None)
        if pixels is not None:
            x0, x1, y0, y1 = bounds
            self._image.setImage(np.ascontiguousarray(pixels[::-1]), autoLevels=False)
            self._image.setRect(QRectF(x0, y0, x1 - x0, y1 - y0))

    def set_hint(self, hint: str) -> None:
        """Show in the middle why the plot is empty; an empty text hides the hint."""
        self._hint.setPlainText(hint)
        self._hint.setVisible(bool(hint))
        x0, x1, y0, y1 = self.visible_bounds
        self._hint.setPos((x0 + x1) / 2, (y0 + y1) / 2)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.left.setWidth(scaled(48))
        self.bottom.setHeight(scaled(40))
        self._hint.setColor(palette.muted)
        self._hint.setFont(text_font())

    # Mouse ------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Report the position, or start to pan."""
        super().mousePressEvent(event)
        self._pick(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Report positions that are dragged over, or pan."""
        super().mouseMoveEvent(event)
        self._pick(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Reset the view."""
        super().mouseDoubleClickEvent(event)
        self.reset_view()

    def leaveEvent(self, event: object) -> None:
        """Report that the mouse has left."""
        self.pointed.emit(math.nan, math.nan)

    def _pick(self, event: QMouseEvent | None) -> None:
        if self._picks and event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            x, y = self.plot_position(self.mapToScene(event.position().toPoint()))
            if not math.isnan(x):
                self.pressed.emit(x, y)

    def _on_range_changed_by_mouse(self, *_: object) -> None:
        self.is_at_home = False


class PathPlot(PlanePlot):
    """A plane with data points in the background, a path over them, and markers above all.

    Args:
        axis_names: Names of the axes, x first.
        palette: The colors.
        shows_prior: Whether the circles of N(0, I) are drawn.
        picks: Whether the left button reports positions instead of panning.
    """

    def __init__(
        self, axis_names: tuple[str, str], palette: Palette, *, shows_prior: bool = False, picks: bool = False
    ) -> None:
        self.data = ScatterLayer(2, palette, "dot", 3.0, 0.5)
        self.path = LineLayer(4, palette, 2.0, halo=5.0)
        self.dots = ScatterLayer(5, palette, "dot", 4.4)
        self.markers = MarkerLayer(palette)
        self._data_bounds: Bounds = (-3.0, 3.0, -3.0, 3.0)
        super().__init__(axis_names, palette, picks=picks)
        self.add_layers(self.data, self.path, self.dots, self.markers)
        if shows_prior:
            self.add_layers(PriorCircles(palette))
        self.set_home(self._data_bounds)

    def set_data(
        self, points: Floats | None, labels: NDArray[np.int64] | None = None, bounds: Bounds | None = None
    ) -> None:
        """Show data points, (N, 2), in the colors of their labels, (N,); `bounds` contains all of them."""
        self.data.labels = labels
        self.data.set_points(np.zeros((0, 2)) if points is None else points)
        if bounds is not None:
            self._data_bounds = bounds
            self.set_home(bounds)

    def show_path(
        self, *markers: Marker, path: Floats | None = None, dots: Floats | None = None, hint: str = ""
    ) -> None:
        """Show markers, a path through points, (N, 2), and dots, (M, 2); `hint` is the reason why the plot is empty."""
        self.markers.set_markers(*markers)
        self.path.set_lines(np.zeros((0, 2)) if path is None else path)
        self.dots.set_points(np.zeros((0, 2)) if dots is None else dots[np.isfinite(dots).all(axis=1)])
        self.set_home(widen_bounds(self._data_bounds, path, *(marker.position for marker in markers)))
        self.set_hint(hint)
        positions = (f"{marker.name} ({marker.position[0]:.2f}, {marker.position[1]:.2f})" for marker in markers)
        self.setAccessibleDescription(", ".join(positions) or hint)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.path.color, self.dots.color = palette.accent, palette.text
