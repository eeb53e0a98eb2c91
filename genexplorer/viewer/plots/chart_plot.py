"""A chart of one quantity, with labels, the current step and a crosshair; and the detail of its visible part."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFontMetrics, QImage
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.runs.record import XAxis
from genexplorer.session import formatting
from genexplorer.session.charts import Chart, smooth
from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.base_plot import BasePlot, ChartAxis
from genexplorer.viewer.plots.chart_curve import (
    LABEL_PX,
    Curve,
    CurveItem,
    CurveView,
    Floats,
    detail_window,
    robust_range,
    spread_labels,
)
from genexplorer.viewer.style import GAP, mix, text_font
from genexplorer.viewer.widgets.controls import fill_box, timer
from genexplorer.viewer.widgets.labels import elided, literal_tooltip, muted

X_NAMES: dict[XAxis, str] = {"step": "step", "images": "images seen", "time": "training time"}
_X_KINDS: dict[XAxis, str] = {"step": "count", "images": "count", "time": "time"}
_DASHES = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
}
_MAX_LABEL_PX = 120.0
_MIN_APART_PX = 13.0
_Z_VALUES = {"test_raw": 1, "train": 2, "test_ema": 3}  # the most important curve is on top
SETTLE_MS = 150  # after the last move, lines are antialiased again
Window = tuple[float, float]


class ChartPlot(QWidget):
    """A chart with its heading.

    Signals:
        pointed(float): The x under the mouse; NaN when it has left.
        clicked(float): The x that was clicked.
        zoomed(tuple): The x range after zooming or panning.
        resized: The size of the plot has changed.
    """

    pointed = pyqtSignal(float)
    clicked = pyqtSignal(float)
    zoomed = pyqtSignal(tuple)
    resized = pyqtSignal()

    def __init__(self, chart: Chart, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chart = chart
        self._palette = palette
        self._view = CurveView()
        self._curves: tuple[Curve, ...] = ()
        self._lines: dict[str, CurveItem] = {}
        self._labels: list[tuple[pg.TextItem, float, float]] = []
        self._marks: list[tuple[float, str]] = []
        self._labels_x: float | None = None
        self._change_lines: list[pg.InfiniteLine] = []
        self.data_bounds = (0.0, 1.0)  # the first and last x of any curve
        self._negated = False
        self.title, self.values = elided(chart.label, "heading"), muted("")
        self.values.setTextFormat(Qt.TextFormat.PlainText)
        self.left, self.bottom = ChartAxis("left"), ChartAxis("bottom")
        # The plot, with lines for the current step and the mouse.
        self.plot = plot = BasePlot(palette, self.left, self.bottom, (X_NAMES["step"], ""), interactive=True)
        plot.setMinimumHeight(20 * GAP)
        item = plot.getPlotItem()
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        item.showGrid(x=False, y=True, alpha=0.12)
        box = item.getViewBox()
        box.setMouseEnabled(x=True, y=False)
        box.sigXRangeChanged.connect(self._on_range)
        box.sigResized.connect(lambda *_: self.resized.emit())
        box.sigRangeChangedManually.connect(lambda *_: self.zoomed.emit(tuple(box.viewRange()[0])))
        self._time_line = pg.InfiniteLine(angle=90, movable=False)
        self._crosshair = pg.InfiniteLine(angle=90, movable=False)
        for line in (self._time_line, self._crosshair):
            line.setVisible(False)
            line.setZValue(5)
            item.addItem(line, ignoreBounds=True)
        plot.scene().sigMouseMoved.connect(lambda scene: self.pointed.emit(plot.view_position(scene)[0]))
        plot.scene().sigMouseClicked.connect(self._on_clicked)
        heading = fill_box(QHBoxLayout(), self.title, (self.values, 1), spacing=2 * GAP)
        self.values.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.values.setAlignment(Qt.AlignmentFlag.AlignRight)
        fill_box(QVBoxLayout(self), heading, (self.plot, 1), spacing=0)
        self.recolor(palette)

    # Content ----------------------------------------------------------------------------------------------------

    def set_curves(self, curves: Sequence[Curve], view: CurveView, marks: Sequence[tuple[float, str]]) -> None:
        """Draw the curves; `marks` are the x and labels of changed settings."""
        self._curves, self._view, self._marks = tuple(curves), view, list(marks)
        self._redraw()

    def show_detail(self, curve: Curve) -> None:
        """Draw a part of a curve in more detail instead of the full curve; the others stay."""
        item = self._lines.get(curve.metric)
        if item is not None and curve.x.size:
            item.set_data(curve, self._smoothed(curve), self._on_axis)
            self._on_range()

    def restore(self) -> None:
        """Draw the full curves again."""
        for item in self._lines.values():
            if item.curve is not item.full:
                item.set_data(item.full, item.smoothed_full, self._on_axis)
        self._on_range()

    def set_fast(self, fast: bool) -> None:
        """Draw without antialiasing, in a third of the time, while the range moves."""
        for item in self._lines.values():
            item.set_fast(fast)

    def set_range(self, low: float, high: float, labels_x: float | None) -> None:
        """Show a range of x, with all labels at `labels_x`; None puts them at the right edge."""
        self._labels_x = labels_x
        self.plot.setXRange(low, high, padding=0)
        self._place_labels()

    def set_time(self, x: float | None) -> None:
        """Mark the current step."""
        _move_line(self._time_line, x)

    def set_crosshair(self, x: float | None) -> None:
        """Show the crosshair at an x."""
        _move_line(self._crosshair, x)

    def show_values(self, x: float | None) -> None:
        """Show in the heading those values at an x for which there is room; the test set has priority."""
        if x is None:
            self.values.setText("")
            return
        curves = [c for c in self._curves if c.x.size and x >= c.x[0] - 1e-9]
        texts = {c.metric: f"{c.style.label} {formatting.number(self._lines[c.metric].value_at(x))}" for c in curves}
        # Leave out the values that do not fit.
        metrics, room = self.values.fontMetrics(), self.width() - self.title.sizeHint().width() - 2 * GAP
        fitting: set[str] = set()
        for curve in sorted(curves, key=lambda c: -_Z_VALUES[c.style.role]):
            room -= metrics.horizontalAdvance(f"   {texts[curve.metric]}")
            if room < 0:
                break
            fitting.add(curve.metric)
        self.values.setText("   ".join(text for metric, text in texts.items() if metric in fitting))

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self._palette = palette
        self.plot.recolor(palette)
        self.left.setWidth(QFontMetrics(text_font(8)).horizontalAdvance("−0.00000") + GAP)
        self._time_line.setPen(pg.mkPen(palette.text))
        self._crosshair.setPen(pg.mkPen(palette.muted, style=Qt.PenStyle.DotLine))
        self._redraw()

    def plot_width(self) -> float:
        """Return the width of the plot area, in logical pixels."""
        return float(self.plot.getViewBox().width())

    def image(self) -> QImage:
        """Return the chart with its heading as it is on the screen."""
        return self.grab().toImage()

    @property
    def label_px(self) -> float:
        """The width that the labels need, in logical pixels."""
        widest = max((float(label.boundingRect().width()) for label, _, _ in self._labels), default=0.0)
        return min(_MAX_LABEL_PX, max(LABEL_PX, widest))

    # Drawing ----------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        # Remove the former items, except the two lines.
        item = self.plot.getPlotItem()
        for old in [i for i in item.items if i not in (self._time_line, self._crosshair)]:
            item.removeItem(old)
        self._lines, self._labels = {}, []
        # Use a logarithmic scale where it is selected and all values have one sign.
        values = np.concatenate([np.zeros(0), *(curve.mean for curve in self._curves)])
        values = values[np.isfinite(values)]
        self._negated = bool(values.size) and bool((values < 0).all())
        possible = bool(values.size) and (self._negated or bool((values >= 0).all() and (values > 0).any()))
        self.left.logarithmic = self._view.logarithmic and possible
        self.left.negated = self._negated
        self.plot.getViewBox().invertY(self.left.logarithmic and self._negated)
        title = self.chart.label
        if self.left.logarithmic:
            title += ", logarithmic"
        elif self._view.logarithmic and values.size:
            title += ", linear: both signs"
        self.title.setText(title)
        self.title.setToolTip(literal_tooltip(title))
        for curve in self._curves:
            self._add_curve(curve)
        # Mark the steps at which settings were changed.
        self._change_lines = []
        for x, text in self._marks:
            line = pg.InfiniteLine(
                x,
                angle=90,
                pen=pg.mkPen(self._palette.warning, style=Qt.PenStyle.DotLine),
                label=f"▲ {text}",
                labelOpts={"position": 0.06, "color": self._palette.warning, "movable": False},
            )
            self.plot.addItem(line, ignoreBounds=True)
            self._change_lines.append(line)
        # Set the range and the x axis.
        together = np.concatenate([np.zeros(0), *(curve.x[np.isfinite(curve.x)] for curve in self._curves)])
        self.data_bounds = (float(together.min()), float(together.max())) if together.size else (0.0, 1.0)
        self.bottom.kind = _X_KINDS[self._view.x_axis]
        self.plot.set_axis_names((X_NAMES[self._view.x_axis], ""))
        self._on_range()

    def _on_axis(self, values: Floats) -> Floats:
        if not self.left.logarithmic:
            return values
        size = -values if self._negated else values
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithms: Floats = np.log10(np.where(size > 0, size, np.nan))
        return logarithms

    def _add_curve(self, curve: Curve) -> None:
        # Use the color of the class; without one, emphasize the main curve.
        color = self._palette.muted
        if curve.style.index is not None:
            color = self._palette.class_color(curve.style.index)
        elif curve.style.role == "test_ema" or all(each.style.role == "train" for each in self._curves):
            color = self._palette.accent
        # Draw the band of the values before smoothing.
        smoothed = self._smoothed(curve)
        y = self._on_axis(smoothed)
        raw = None
        if self._view.smoothing and curve.style.role == "train":
            raw = pg.PlotDataItem(pen=pg.mkPen(mix(color, self._palette.background, 0.72)), connect="finite")
            self.plot.addItem(raw)
        # Mark the points of a curve that has few of them.
        few = np.isfinite(y).sum() <= 40
        dots = {"symbol": "o", "symbolSize": 4, "symbolBrush": color, "symbolPen": None} if few else {}
        # The test curve is thick and solid. Qt strokes a path wider than a pixel a hundred times slower than single
        # segments; dashes need a path, and so are thin.
        is_test = curve.style.role == "test_ema"
        segmented = is_test or curve.style.dash == "solid"
        width, dash = (2 if is_test else 1.2, "solid") if segmented else (1, curve.style.dash)
        pen = pg.mkPen(color, width=width, style=_DASHES[dash])
        line = pg.PlotDataItem(pen=pen, connect="finite", antialias=True, **dots)
        line.curve.setSegmentedLineMode("on" if segmented else "off")
        line.setZValue(_Z_VALUES[curve.style.role])
        self.plot.addItem(line)
        self._lines[curve.metric] = item = CurveItem(curve, smoothed, line, raw)
        item.set_data(curve, smoothed, self._on_axis)
        # Label the last point.
        good = np.flatnonzero(np.isfinite(y))
        if good.size:
            label = pg.TextItem(curve.style.label, color=QColor(color), anchor=(0, 0.5))
            label.setFont(text_font(8))
            label.setZValue(10)
            self.plot.addItem(label, ignoreBounds=True)
            self._labels.append((label, float(curve.x[good[-1]]), float(y[good[-1]])))

    def _smoothed(self, curve: Curve) -> Floats:
        weight = self._view.smoothing if curve.style.role == "train" else 0.0
        return smooth(curve.mean, weight) if weight else curve.mean

    # Ranges -----------------------------------------------------------------------------------------------------

    def _on_range(self, *_ignored: object) -> None:
        low, high = self.plot.getViewBox().viewRange()[0]
        lines = self._lines.values()
        inside = (line.y[(line.x >= low) & (line.x <= high) & np.isfinite(line.y)] for line in lines)
        together = np.concatenate([np.zeros(0), *inside])
        if together.size:
            bottom, top = robust_range(together)
            self.plot.setYRange(bottom, top, padding=0.06)
        self._place_labels()

    def _place_labels(self) -> None:
        """Place the labels right of all curves, or at the right edge, without overlap."""
        box = self.plot.getViewBox()
        (left, right), (bottom, top) = box.viewRange()
        apart = _MIN_APART_PX * (top - bottom) / max(1.0, box.height())
        upper, lower = top - apart / 2, bottom + apart / 2
        ends = sorted(self._labels, key=lambda end: -end[2])
        places = spread_labels([min(max(y, lower), upper) for _, _, y in ends], apart, lower)
        for (label, x, _), place in zip(ends, places, strict=True):
            free = self._labels_x is not None
            label.setVisible(left <= x)
            label.setAnchor((0, 0.5) if free else (1, 1))
            label.setPos(self._labels_x if free else min(x, right), place)
        for line in self._change_lines:
            line.label.setPosition(self._free_height(line.value(), bottom, top))

    def _free_height(self, x: float, bottom: float, top: float) -> float:
        """Return the height, as a share, at which the label of a change is away from the curves."""
        lines = [line for line in self._lines.values() if line.x.size and np.isfinite(line.y).all()]
        near = [float(np.interp(x, line.x, line.y)) for line in lines]
        if not near or top <= bottom:
            return 0.06
        return 0.06 if sum(near) / len(near) > (bottom + top) / 2 else 0.94

    # Mouse ------------------------------------------------------------------------------------------------------

    def _on_clicked(self, event: Any) -> None:
        x, _ = self.plot.view_position(event.scenePos())
        if event.button() == Qt.MouseButton.LeftButton and not math.isnan(x):
            self.clicked.emit(x)

    def leaveEvent(self, event: object) -> None:
        """Hide the crosshair."""
        self.pointed.emit(math.nan)


def _move_line(line: pg.InfiniteLine, x: float | None) -> None:
    """Move a vertical line to an x; None hides it."""
    line.setVisible(x is not None)
    if x is not None:
        line.setPos(x)


class ChartDetail(QObject):
    """Keeps charts as detailed as their visible part needs; `read` returns a metric's curve within a window of x."""

    def __init__(self, read: Callable[[ChartPlot, str, Window], Curve], parent: QObject) -> None:
        super().__init__(parent)
        self._read = read
        self.window: Window | None = None  # the part drawn in detail, or about to be
        self._plots: tuple[ChartPlot, ...] = ()
        self._fast_plots: tuple[ChartPlot, ...] = ()
        self._pending: list[tuple[ChartPlot, str]] = []  # curves still to be read, with their charts
        self._next_timer = timer(self, 0, self._refine, once=True)
        self._settle_timer = timer(self, SETTLE_MS, self._on_settled, once=True)

    @property
    def is_complete(self) -> bool:
        """Whether all curves are drawn in detail."""
        return not self._pending

    def clear(self) -> None:
        """Discard the state, as after the curves have changed."""
        self.window, self._pending, self._plots, self._fast_plots = None, [], (), ()

    def show(self, plots: Iterable[ChartPlot], visible: Window, full: Window) -> None:
        """Read the curves of charts around the visible part of the full range, without blocking a pan."""
        window = detail_window(*visible, *full)
        if window == self.window:
            return
        self.window, self._pending, self._plots = window, [], tuple(plots)
        if window is None:
            for plot in self._plots:
                plot.restore()
        else:
            self._pending = [(plot, metric) for plot in self._plots for metric in plot.chart.metrics]
            self._next_timer.start()

    def set_moving(self, plots: Iterable[ChartPlot]) -> None:
        """Draw charts fast until nothing has moved for a moment."""
        self._fast_plots = tuple(plots)
        for plot in self._fast_plots:
            plot.set_fast(True)
        self._settle_timer.start()

    def _on_settled(self) -> None:
        for plot in self._fast_plots:
            plot.set_fast(False)

    def _refine(self) -> None:
        if self._pending and self.window is not None:
            plot, metric = self._pending.pop(0)
            plot.show_detail(self._read(plot, metric, self.window))
            self._next_timer.start()
