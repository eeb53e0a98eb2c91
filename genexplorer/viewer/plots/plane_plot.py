"""A plane with named axes of one scale, that the mouse pans and zooms."""

import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QImage

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.chart_axis import ChartAxis, linear_ticks, round_spacing
from genexplorer.viewer.plots.scatter_items import PlaneItem
from genexplorer.viewer.style import text_font
from genexplorer.viewer.tabs.density.heat_map import Bounds, HeatMap

_SETTLE_MS = 120  # the plane rests so long before its heat map is asked anew
_FARTHEST = 60.0  # as far out as one can zoom, in units of the plane


class PlaneAxis(ChartAxis):
    """An axis with as many ticks as there is room for, also on a small plane."""

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        """Return one level of ticks."""
        low, high = min(minVal, maxVal), max(minVal, maxVal)
        if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
            return []
        count = max(3, int(size / 44))
        return [(round_spacing(high - low, count), linear_ticks(low, high, count))]


class PlanePlot(pg.PlotWidget):  # type: ignore[misc]
    """Axes, a heat map below everything, and items above it.

    Signals:
        pointed(x, y): The mouse is there; NaN when it has left.
        moved: Another part is seen, and it rests.
    """

    pointed = pyqtSignal(float, float)
    moved = pyqtSignal()

    def __init__(self, letter: str, palette: Palette) -> None:
        self._axes = {"bottom": PlaneAxis("bottom"), "left": PlaneAxis("left")}
        super().__init__(axisItems=self._axes)
        self.colors, self.letter = palette, letter
        self._home: Bounds = (-4.0, 4.0, -4.0, 4.0)
        self.at_home = True
        self._map: HeatMap | None = None
        self._layers: list[PlaneItem] = []
        self._picture = pg.ImageItem(axisOrder="row-major")
        self._picture.setZValue(-10)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_SETTLE_MS)
        self._rest.timeout.connect(self.moved)
        self._prepare()
        self.recolor(palette)

    def add(self, *items: PlaneItem) -> None:
        """Take layers."""
        for item in items:
            self._layers.append(item)
            self.getViewBox().addItem(item, ignoreBounds=True)

    def set_home(self, bounds: Bounds) -> None:
        """Take the part that is seen at home; go there where the plane is at home."""
        if bounds != self._home:
            self._home = bounds
            if self.at_home:
                self.go_home()

    def go_home(self) -> None:
        """See all of the data."""
        self.at_home = True
        x0, x1, y0, y1 = self._home
        self.getViewBox().setRange(xRange=(x0, x1), yRange=(y0, y1), padding=0.0)

    def zoom(self, factor: float) -> None:
        """See less, or more, around the middle."""
        self.at_home = False
        self.getViewBox().scaleBy((1 / factor, 1 / factor))

    def pan(self, across: float, up: float) -> None:
        """Move by shares of what is seen."""
        self.at_home = False
        x0, x1, y0, y1 = self.seen
        self.getViewBox().translateBy(((x1 - x0) * across, (y1 - y0) * up))

    @property
    def seen(self) -> Bounds:
        """Return the part that is seen."""
        (x0, x1), (y0, y1) = self.getViewBox().viewRange()
        return float(x0), float(x1), float(y0), float(y1)

    def set_heat(self, heat: HeatMap | None) -> None:
        """Show a heat map, or none."""
        self._map = heat
        self._picture.setVisible(heat is not None)
        if heat is not None:
            x0, x1, y0, y1 = heat.bounds
            self._picture.setImage(np.ascontiguousarray(heat.pixels(self.colors)[::-1]), autoLevels=False)
            self._picture.setRect(QRectF(x0, y0, x1 - x0, y1 - y0))

    def set_letter(self, letter: str) -> None:
        """Call the axes x, z, or v between the two."""
        if letter != self.letter:
            self.letter = letter
            self._name_axes()

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self.colors = palette
        self.setBackground(palette.background)
        for axis in self._axes.values():
            axis.setPen(pg.mkPen(palette.faint))
            axis.setTextPen(pg.mkPen(palette.muted))
            axis.setTickFont(text_font(8))
        for item in self._layers:
            item.recolor(palette)
        self._name_axes()
        self.set_heat(self._map)

    def image(self) -> QImage:
        """Return what is shown."""
        shown: QImage = self.grab().toImage()
        return shown

    def place_of(self, point: NDArray[np.float64]) -> QPointF:
        """Return the widget's pixel of a point of the plane."""
        scene = self.getViewBox().mapViewToScene(QPointF(float(point[0]), float(point[1])))
        return QPointF(self.mapFromScene(scene))

    def leaveEvent(self, event: object) -> None:
        """Tell that the mouse has left."""
        self.pointed.emit(float("nan"), float("nan"))

    def _prepare(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.setMinimumSize(200, 180)
        item = self.getPlotItem()
        item.hideButtons()
        item.setMenuEnabled(False)
        self._axes["left"].setWidth(48)
        self._axes["bottom"].setHeight(40)
        box = self.getViewBox()
        box.disableAutoRange()
        box.setAspectLocked(True)
        box.setLimits(minXRange=0.02, minYRange=0.02, maxXRange=2 * _FARTHEST, maxYRange=2 * _FARTHEST)
        box.addItem(self._picture, ignoreBounds=True)
        box.sigRangeChangedManually.connect(self._by_hand)
        box.sigRangeChanged.connect(lambda *_: self._rest.start())
        box.sigResized.connect(lambda *_: self.go_home() if self.at_home else None)
        self.scene().sigMouseMoved.connect(self._on_moved)
        self.go_home()

    def _by_hand(self, *_: object) -> None:
        self.at_home = False

    def _on_moved(self, place: QPointF) -> None:
        box = self.getViewBox()
        inside = box.sceneBoundingRect().contains(place)
        at = box.mapSceneToView(place)
        self.pointed.emit(at.x() if inside else float("nan"), at.y() if inside else float("nan"))

    def _name_axes(self) -> None:
        for side, digit in (("bottom", "₁"), ("left", "₂")):
            style = {"color": self.colors.muted, "font-size": "10pt"}
            self._axes[side].setLabel(f"{self.letter}{digit}", **style)
