"""One chart: the curves of a quantity with their names on the lines, the mark of time, a crosshair with values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFontMetrics, QImage
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.runs.record import XAxis
from genexplorer.session import formatting
from genexplorer.session.charts import Chart, LineStyle
from genexplorer.session.palette import Palette
from genexplorer.session.smoothing import smooth
from genexplorer.viewer.plots.chart_axis import ChartAxis
from genexplorer.viewer.plots.chart_curve import Curve, Line, View
from genexplorer.viewer.plots.chart_places import NAMES_PX, Floats, calm_bounds, spread
from genexplorer.viewer.style import GAP, mix, text_font
from genexplorer.viewer.widgets.labels import cut, literal_tooltip, muted

X_NAMES: dict[XAxis, str] = {"step": "step", "images": "images seen", "time": "training time"}
_X_KINDS: dict[XAxis, str] = {"step": "count", "images": "count", "time": "time"}
_DASHES = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
}
_LONGEST_NAMES_PX = 120.0  # and at most
_MIN_APART_PX = 13.0
_HEIGHTS = {"test_raw": 1, "train": 2, "test_ema": 3}  # what counts lies on top


class ChartPlot(QWidget):
    """A chart with its heading.

    Signals:
        pointed(float): The x under the mouse; NaN when it leaves.
        clicked(float): The x that was clicked.
        zoomed(tuple): The x range that the user chose.
        resized: The room for the curves is another.
    """

    pointed = pyqtSignal(float)
    clicked = pyqtSignal(float)
    zoomed = pyqtSignal(tuple)
    resized = pyqtSignal()

    def __init__(self, chart: Chart, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chart = chart
        self._palette = palette
        self._view = View()
        self._curves: tuple[Curve, ...] = ()
        self._lines: dict[str, Line] = {}
        self._ends: list[tuple[pg.TextItem, float, float]] = []
        self._marks: list[tuple[float, str]] = []
        self._names_at: float | None = None
        self._change_lines: list[pg.InfiniteLine] = []
        self._bounds = (0.0, 1.0)
        self._negated = False
        self.title, self.values = cut(chart.label, "heading"), muted("")
        self.values.setTextFormat(Qt.TextFormat.PlainText)
        self.left, self.bottom = ChartAxis("left"), ChartAxis("bottom")
        self.plot = pg.PlotWidget(axisItems={"left": self.left, "bottom": self.bottom})
        self._prepare_plot()
        self._lay_out()
        self.recolor(palette)

    # Content ----------------------------------------------------------------------------------------------------

    def set_curves(self, curves: Sequence[Curve], view: View, marks: Sequence[tuple[float, str]]) -> None:
        """Draw the curves; `marks` are the x of changes and their words."""
        self._curves, self._view, self._marks = tuple(curves), view, list(marks)
        self._redraw()

    def refine(self, curve: Curve) -> None:
        """Draw a part of a curve in more detail in the place of the whole; nothing else is drawn again."""
        drawn = self._lines.get(curve.metric)
        if drawn is not None and curve.x.size:
            drawn.take(curve, self._smoothed(curve), self._on_axis)
            self._on_range()

    def restore(self) -> None:
        """Draw the whole curves again."""
        for drawn in self._lines.values():
            if drawn.curve is not drawn.whole:
                drawn.take(drawn.whole, drawn.calm_whole, self._on_axis)
        self._on_range()

    def set_moving(self, moving: bool) -> None:
        """Draw lines ragged, but in a third of the time, as long as the range moves."""
        for drawn in self._lines.values():
            drawn.set_moving(moving)

    def set_range(self, low: float, high: float, names_at: float | None) -> None:
        """Show a range of x.

        Args:
            low: The first x.
            high: The last x.
            names_at: Where the names of the curves begin, right of all of them; None puts them at the right edge.
        """
        self._names_at = names_at
        self.plot.setXRange(low, high, padding=0)
        self._place_names()

    def set_mark(self, x: float | None) -> None:
        """Draw the time that is looked at."""
        self._mark.setVisible(x is not None)
        if x is not None:
            self._mark.setPos(x)

    def set_crosshair(self, x: float | None) -> None:
        """Draw the crosshair, the same in every chart."""
        self._cross.setVisible(x is not None)
        if x is not None:
            self._cross.setPos(x)

    def show_values(self, x: float | None) -> None:
        """Write the curves' values at an x into the heading."""
        self.values.setText("" if x is None else "   ".join(self._value_words(curve, x) for curve in self._shown(x)))

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        self.plot.setBackground(palette.background)
        self.left.setWidth(QFontMetrics(text_font(8)).horizontalAdvance("−0.00000") + GAP)
        for axis in (self.left, self.bottom):
            axis.setPen(pg.mkPen(palette.faint))
            axis.setTextPen(pg.mkPen(palette.muted))
            axis.setTickFont(text_font(8))
        self._mark.setPen(pg.mkPen(palette.text))
        self._cross.setPen(pg.mkPen(palette.muted, style=Qt.PenStyle.DotLine))
        self._redraw()

    def plot_width(self) -> float:
        """Return the width of the part that the curves have, in logical pixels."""
        return float(self.plot.getViewBox().width())

    def image(self) -> QImage:
        """Return a picture of the whole chart at the screen's resolution."""
        return self.grab().toImage()

    @property
    def names_px(self) -> float:
        """The room that the names of the curves want, in logical pixels."""
        widest = max((float(label.boundingRect().width()) for label, _, _ in self._ends), default=0.0)
        return min(_LONGEST_NAMES_PX, max(NAMES_PX, widest))

    @property
    def data_bounds(self) -> tuple[float, float]:
        """The first and last x of any curve."""
        return self._bounds

    # Setting up -------------------------------------------------------------------------------------------------

    def _prepare_plot(self) -> None:
        plot = self.plot
        plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        plot.setMinimumHeight(20 * GAP)
        plot.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        item = plot.getPlotItem()
        item.hideButtons()
        item.setMenuEnabled(False)
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        item.showGrid(x=False, y=True, alpha=0.12)
        box = item.getViewBox()
        box.setMouseEnabled(x=True, y=False)
        box.disableAutoRange()
        box.sigXRangeChanged.connect(self._on_range)
        box.sigResized.connect(lambda _which: self.resized.emit())
        box.sigRangeChangedManually.connect(lambda _which: self.zoomed.emit(tuple(box.viewRange()[0])))
        self._mark = pg.InfiniteLine(angle=90, movable=False)
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        for line in (self._mark, self._cross):
            line.setVisible(False)
            line.setZValue(5)
            item.addItem(line, ignoreBounds=True)
        plot.scene().sigMouseMoved.connect(self._on_moved)
        plot.scene().sigMouseClicked.connect(self._on_clicked)

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(2 * GAP)
        line.addWidget(self.title)
        line.addWidget(self.values, 1)
        self.values.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.values.setAlignment(Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        layout.addWidget(self.plot, 1)

    # Drawing ----------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        item = self.plot.getPlotItem()
        for old in [i for i in item.items if i not in (self._mark, self._cross)]:
            item.removeItem(old)
        self._lines, self._ends = {}, []
        self._choose_scale()
        for curve in self._curves:
            self._draw(curve)
        self._draw_changes()
        finite = [curve.x[np.isfinite(curve.x)] for curve in self._curves]
        together = np.concatenate(finite) if finite else np.zeros(0)
        self._bounds = (float(together.min()), float(together.max())) if together.size else (0.0, 1.0)
        self.bottom.kind = _X_KINDS[self._view.x_axis]
        self.bottom.setLabel(X_NAMES[self._view.x_axis], color=self._palette.muted)
        self._on_range()

    def _choose_scale(self) -> None:
        """Take logarithms where all values have one sign; those that are all negative are drawn by their size."""
        every = np.concatenate([curve.mean for curve in self._curves]) if self._curves else np.zeros(0)
        every = every[np.isfinite(every)]
        self._negated = bool(every.size) and bool((every < 0).all())
        possible = bool(every.size) and (self._negated or bool((every >= 0).all() and (every > 0).any()))
        self.left.logarithmic = self._view.logarithmic and possible
        self.left.negated = self._negated
        self.plot.getViewBox().invertY(self.left.logarithmic and self._negated)
        words = self.chart.label
        if self.left.logarithmic:
            words += ", logarithmic"
        elif self._view.logarithmic and every.size:
            words += ", both signs: linear"
        self.title.setText(words)
        self.title.setToolTip(literal_tooltip(words))

    def _on_axis(self, values: Floats) -> Floats:
        if not self.left.logarithmic:
            return values
        size = -values if self._negated else values
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn: Floats = np.log10(np.where(size > 0, size, np.nan))
        return drawn

    def _color(self, style: LineStyle) -> str:
        if style.index is not None:
            return self._palette.class_color(style.index)
        alone = all(curve.style.role == "train" for curve in self._curves)
        return self._palette.accent if style.role == "test_ema" or alone else self._palette.muted

    def _draw(self, curve: Curve) -> None:
        color, calm = self._color(curve.style), self._smoothed(curve)
        y = self._on_axis(calm)
        raw = None
        if self._view.smoothing and curve.style.role == "train":
            raw = pg.PlotDataItem(pen=pg.mkPen(mix(color, self._palette.background, 0.72)), connect="finite")
            self.plot.addItem(raw)
        few = np.isfinite(y).sum() <= 40
        dots = {"symbol": "o", "symbolSize": 4, "symbolBrush": color, "symbolPen": None} if few else {}
        # What counts is thick and plain: the test set. Qt strokes a path wider than a pixel a hundred times slower than
        # its segments one by one; dashes need the path, and so are thin.
        judged = curve.style.role == "test_ema"
        plain = judged or curve.style.dash == "solid"
        width, dash = (2 if judged else 1.2, "solid") if plain else (1, curve.style.dash)
        pen = pg.mkPen(color, width=width, style=_DASHES[dash])
        line = pg.PlotDataItem(pen=pen, connect="finite", antialias=True, **dots)
        line.curve.setSegmentedLineMode("on" if plain else "off")
        line.setZValue(_HEIGHTS[curve.style.role])
        self.plot.addItem(line)
        self._lines[curve.metric] = drawn = Line(curve, calm, line, raw)
        drawn.take(curve, calm, self._on_axis)
        good = np.flatnonzero(np.isfinite(y))
        if good.size:
            self._name_line(curve.style.label, color, float(curve.x[good[-1]]), float(y[good[-1]]))

    def _smoothed(self, curve: Curve) -> Floats:
        wanted = self._view.smoothing if curve.style.role == "train" else 0.0
        return smooth(curve.mean, wanted) if wanted else curve.mean

    def _name_line(self, words: str, color: str, x: float, y: float) -> None:
        label = pg.TextItem(words, color=QColor(color), anchor=(0, 0.5))
        label.setFont(text_font(8))
        label.setZValue(10)
        self.plot.addItem(label, ignoreBounds=True)
        self._ends.append((label, x, y))

    def _draw_changes(self) -> None:
        self._change_lines = []
        for x, words in self._marks:
            line = pg.InfiniteLine(
                x,
                angle=90,
                pen=pg.mkPen(self._palette.warning, style=Qt.PenStyle.DotLine),
                label=f"▲ {words}",
                labelOpts={"position": 0.06, "color": self._palette.warning, "movable": False},
            )
            self.plot.addItem(line, ignoreBounds=True)
            self._change_lines.append(line)

    # Ranges -----------------------------------------------------------------------------------------------------

    def _on_range(self, *_ignored: object) -> None:
        low, high = self.plot.getViewBox().viewRange()[0]
        lines = self._lines.values()
        inside = [line.y[(line.x >= low) & (line.x <= high) & np.isfinite(line.y)] for line in lines]
        together = np.concatenate(inside) if inside else np.zeros(0)
        if together.size:
            bottom, top = calm_bounds(together)
            self.plot.setYRange(bottom, top, padding=0.06)
        self._place_names()

    def _place_names(self) -> None:
        """Put the curves' names right of all curves, or at the right edge, none on another."""
        box = self.plot.getViewBox()
        (left, right), (bottom, top) = box.viewRange()
        apart = _MIN_APART_PX * (top - bottom) / max(1.0, box.height())
        upper, lower = top - apart / 2, bottom + apart / 2
        ends = sorted(self._ends, key=lambda end: -end[2])
        places = spread([min(max(y, lower), upper) for _, _, y in ends], apart, lower)
        for (label, x, _), place in zip(ends, places, strict=True):
            free = self._names_at is not None
            label.setVisible(left <= x)
            label.setAnchor((0, 0.5) if free else (1, 1))
            label.setPos(self._names_at if free else min(x, right), place)
        for line in self._change_lines:
            line.label.setPosition(self._free_height(line.value(), bottom, top))

    def _free_height(self, x: float, bottom: float, top: float) -> float:
        """Return the share of the height at which the words of a change lie away from the curves."""
        lines = [line for line in self._lines.values() if line.x.size and np.isfinite(line.y).all()]
        near = [float(np.interp(x, line.x, line.y)) for line in lines]
        if not near or top <= bottom:
            return 0.06
        return 0.06 if sum(near) / len(near) > (bottom + top) / 2 else 0.94

    # Mouse ------------------------------------------------------------------------------------------------------

    def _on_moved(self, place: QPointF) -> None:
        item = self.plot.getPlotItem()
        inside = item.vb.sceneBoundingRect().contains(place)
        self.pointed.emit(item.vb.mapSceneToView(place).x() if inside else float("nan"))

    def _on_clicked(self, event: Any) -> None:
        box = self.plot.getViewBox()
        if event.button() == Qt.MouseButton.LeftButton and box.sceneBoundingRect().contains(event.scenePos()):
            self.clicked.emit(box.mapSceneToView(event.scenePos()).x())

    def leaveEvent(self, event: object) -> None:
        """Take the crosshair away."""
        self.pointed.emit(float("nan"))

    # Values -----------------------------------------------------------------------------------------------------

    def _shown(self, x: float) -> list[Curve]:
        """Return the curves whose values the heading has room for: first the test set's, then in their order."""
        within = [curve for curve in self._curves if curve.x.size and x >= curve.x[0] - 1e-9]
        metrics, room = self.values.fontMetrics(), self.width() - self.title.sizeHint().width() - 2 * GAP
        fitting: list[Curve] = []
        for curve in sorted(within, key=lambda c: -_HEIGHTS[c.style.role]):
            room -= metrics.horizontalAdvance(f"   {self._value_words(curve, x)}")
            if room < 0:
                break
            fitting.append(curve)
        return [curve for curve in within if curve in fitting]

    def _value_words(self, curve: Curve, x: float) -> str:
        return f"{curve.style.label} {formatting.number(self._lines[curve.metric].value_at(x))}"
