"""A chart of one quantity, with labels, the selected step and a crosshair; and more detail for its visible part."""

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
    MIN_LABEL_WIDTH_PX,
    ChartSettings,
    Curve,
    CurveItem,
    Floats,
    detail_window,
    has_peaks,
    inward_anchor,
    out_of_range_peaks,
    robust_range,
    separate_peaks,
    spread_labels,
    veil,
)
from genexplorer.viewer.style import GAP, make_pen, mix, scaled, text_font
from genexplorer.viewer.widgets.controls import fill_box, timer
from genexplorer.viewer.widgets.labels import elided, literal_tooltip, muted

X_AXIS_NAMES: dict[XAxis, str] = {"step": "step", "images": "images seen", "time": "training time"}
_X_NUMBER_FORMATS: dict[XAxis, str] = {"step": "count", "images": "count", "time": "time"}
_PEN_STYLES = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
}
_MAX_LABEL_WIDTH_PX = 120.0
_MIN_LABEL_DISTANCE_PX = 13.0
_Z_VALUES = {"test_raw": 1, "train": 2, "test_ema": 3}  # the most important curve is on top
_PEAK_BACKDROP_ALPHA = 0.8
_EIGHTHS = np.linspace(0, 1, 9)
_MAX_SPECIAL_MARKS = 20  # of NaN and infinities; more would cover the chart
ANTIALIAS_DELAY_MS = 150  # lines are antialiased again this long after the last move
XRange = tuple[float, float]  # the lowest and the highest x


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
        self._settings = ChartSettings()
        self._curves: tuple[Curve, ...] = ()
        self._curve_items: dict[str, CurveItem] = {}
        self._labels: list[tuple[pg.TextItem, float, float]] = []  # each with x and y of its curve's last value
        self._change_marks: list[tuple[float, str]] = []  # x and text of each changed setting
        self._labels_x: float | None = None
        self._change_lines: list[pg.InfiniteLine] = []
        self.special_marks: list[pg.InfiniteLine] = []  # at values that are NaN or infinite
        self.peak_labels: list[pg.TextItem] = []  # arrows with the values that are out of the range of y
        self.x_extent: XRange = (0.0, 1.0)  # from the first to the last x of all curves
        self._negated = False
        self.title_label, self.values_label = elided(chart.label, "heading"), muted("")
        self.values_label.setTextFormat(Qt.TextFormat.PlainText)
        self.left, self.bottom = ChartAxis("left"), ChartAxis("bottom")
        # Create the plot, with lines for the selected step and the mouse.
        self.plot = plot = BasePlot(palette, self.left, self.bottom, (X_AXIS_NAMES["step"], ""), interactive=True)
        plot.setMinimumHeight(scaled(16 * GAP))
        item = plot.getPlotItem()
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        item.showGrid(x=False, y=True, alpha=0.12)
        box = item.getViewBox()
        box.setMouseEnabled(x=True, y=False)
        box.sigXRangeChanged.connect(self._fit_y_range)
        box.sigResized.connect(lambda *_: self.resized.emit())
        box.sigRangeChangedManually.connect(lambda *_: self.zoomed.emit(tuple(box.viewRange()[0])))
        self._step_line = pg.InfiniteLine(angle=90, movable=False)
        self._crosshair = pg.InfiniteLine(angle=90, movable=False)
        for line in (self._step_line, self._crosshair):
            line.setVisible(False)
            line.setZValue(5)
            item.addItem(line, ignoreBounds=True)
        plot.scene().sigMouseMoved.connect(lambda scene: self.pointed.emit(plot.plot_position(scene)[0]))
        plot.scene().sigMouseClicked.connect(self._on_clicked)
        heading = fill_box(QHBoxLayout(), self.title_label, (self.values_label, 1), spacing=2 * GAP)
        self.values_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.values_label.setAlignment(Qt.AlignmentFlag.AlignRight)
        fill_box(QVBoxLayout(self), heading, (self.plot, 1), spacing=0)
        self.recolor(palette)

    # Content ----------------------------------------------------------------------------------------------------

    def set_curves(self, curves: Sequence[Curve], settings: ChartSettings, marks: Sequence[tuple[float, str]]) -> None:
        """Draw the curves; `marks` are the x and labels of changed settings."""
        self._curves, self._settings, self._change_marks = tuple(curves), settings, list(marks)
        self._redraw()

    def show_detail(self, curve: Curve) -> None:
        """Draw a part of a curve in more detail instead of the full curve; the others stay."""
        item = self._curve_items.get(curve.metric)
        if item is not None and curve.x.size:
            item.set_data(curve, self._smoothed(curve, item.full_curve), self._to_axis_scale)
            self._fit_y_range()

    def restore(self) -> None:
        """Draw the full curves again."""
        for item in self._curve_items.values():
            if item.curve is not item.full_curve:
                item.set_data(item.full_curve, item.full_smoothed, self._to_axis_scale)
        self._fit_y_range()

    def set_fast(self, fast: bool) -> None:
        """Draw without antialiasing, in a third of the time, while the range moves."""
        for item in self._curve_items.values():
            item.set_fast(fast)

    def set_range(self, low: float, high: float, labels_x: float | None) -> None:
        """Show a range of x, with all labels at `labels_x`; None puts them at the right edge."""
        self._labels_x = labels_x
        self.plot.setXRange(low, high, padding=0)
        self._place_labels()

    def mark_step(self, x: float | None) -> None:
        """Mark the selected step at its x; None hides the mark."""
        _move_line(self._step_line, x)

    def show_crosshair(self, x: float | None) -> None:
        """Show the crosshair at an x; None hides it."""
        _move_line(self._crosshair, x)

    def show_values(self, x: float | None) -> None:
        """Show in the heading those values at an x for which there is room; the test set has priority."""
        if x is None:
            self.values_label.setText("")
            return
        curves = [c for c in self._curves if c.x.size and x >= c.x[0] - 1e-9]
        texts = {c.metric: self._value_texts(c, x) for c in curves}
        # Leave out the values that do not fit.
        metrics, room = self.values_label.fontMetrics(), self.width() - self.title_label.sizeHint().width() - 2 * GAP
        fitting: dict[str, str] = {}
        for curve in sorted(curves, key=lambda c: -_Z_VALUES[c.style.role]):
            widths = ((text, metrics.horizontalAdvance(f"   {text}")) for text in texts[curve.metric])
            text, width = next(((text, width) for text, width in widths if width <= room), ("", 0))
            if not text:
                break
            room -= width
            fitting[curve.metric] = text
        self.values_label.setText("   ".join(fitting[c.metric] for c in curves if c.metric in fitting))

    def _value_texts(self, curve: Curve, x: float) -> list[str]:
        """Return a curve's label and value at an x: the raw one, and if it is smoothed, first both."""
        item = self._curve_items[curve.metric]
        raw = f"{curve.style.label} {formatting.number(item.raw_value_at(x))}"
        if item.smoothed is item.curve.mean:
            return [raw]
        return [f"{raw}, smoothed {formatting.number(item.value_at(x))}", raw]

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self._palette = palette
        self.plot.recolor(palette)
        self.left.setWidth(QFontMetrics(text_font(8)).horizontalAdvance("−0.00000") + scaled(GAP))
        self._step_line.setPen(make_pen(palette.text))
        self._crosshair.setPen(make_pen(palette.muted, 1.0, Qt.PenStyle.DotLine))
        self._redraw()

    def plot_width(self) -> float:
        """Return the width of the plot area, in logical pixels."""
        return float(self.plot.getViewBox().width())

    def image(self) -> QImage:
        """Return the chart with its heading as it is on the screen."""
        return self.grab().toImage()

    @property
    def label_width_px(self) -> float:
        """The width that the labels need, in logical pixels."""
        widest = max((float(label.boundingRect().width()) for label, _, _ in self._labels), default=0.0)
        return min(scaled(_MAX_LABEL_WIDTH_PX), max(scaled(MIN_LABEL_WIDTH_PX), widest))

    # Drawing ----------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        # Remove the former items, except the two lines.
        item = self.plot.getPlotItem()
        for old in [i for i in item.items if i not in (self._step_line, self._crosshair)]:
            item.removeItem(old)
        self._curve_items, self._labels, self.peak_labels = {}, [], []
        # Use a logarithmic scale where it is selected and all values have one sign.
        values = np.concatenate([np.zeros(0), *(curve.mean for curve in self._curves)])
        values = values[np.isfinite(values)]
        self._negated = bool(values.size) and bool((values < 0).all())
        possible = bool(values.size) and (self._negated or bool((values >= 0).all() and (values > 0).any()))
        self.left.logarithmic = self._settings.logarithmic and possible
        self.left.negated = self._negated
        self.plot.getViewBox().invertY(self.left.logarithmic and self._negated)
        title = self.chart.label
        if self.left.logarithmic:
            title += ", logarithmic"
        elif self._settings.logarithmic and values.size:
            title += ", linear: both signs"
        self.title_label.setText(title)
        self.title_label.setToolTip(literal_tooltip(title))
        for curve in self._curves:
            self._add_curve(curve)
        if self._settings.inherited_until is not None:
            self.plot.addItem(veil(self._settings.inherited_until, self._palette), ignoreBounds=True)
        # Mark the steps at which settings were changed.
        self._change_lines, self.special_marks = [], []
        pen = make_pen(self._palette.warning, 1.0, Qt.PenStyle.DotLine)
        for x, text in self._change_marks:
            line = pg.InfiniteLine(
                x,
                angle=90,
                pen=pen,
                label=f"▲ {text}",
                labelOpts={"position": 0.06, "color": self._palette.warning, "movable": False},
            )
            line.label.setFont(text_font(8))
            self.plot.addItem(line, ignoreBounds=True)
            self._change_lines.append(line)
        # Mark the values that are NaN or infinite.
        special_x = {x for curve in self._curves for x in curve.special_x[:_MAX_SPECIAL_MARKS]}
        for x in sorted(special_x)[:_MAX_SPECIAL_MARKS]:
            options = {"position": 0.94, "color": self._palette.warning, "movable": False}
            mark = pg.InfiniteLine(x, angle=90, pen=pen, label="✗ NaN", labelOpts=options)
            self.plot.addItem(mark, ignoreBounds=True)
            self.special_marks.append(mark)
        # Set the range and the x axis.
        all_x = np.concatenate([np.zeros(0), *(curve.x[np.isfinite(curve.x)] for curve in self._curves)])
        self.x_extent = (float(all_x.min()), float(all_x.max())) if all_x.size else (0.0, 1.0)
        self.bottom.number_format = _X_NUMBER_FORMATS[self._settings.x_axis]
        self.plot.set_axis_names((X_AXIS_NAMES[self._settings.x_axis], ""))
        self._fit_y_range()

    def _to_axis_scale(self, values: Floats) -> Floats:
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
        # Draw the band from the lowest to the highest value, which smoothing and the means of many steps hide.
        smoothed = self._smoothed(curve)
        y = self._to_axis_scale(smoothed)
        band = None
        if curve.style.role == "train" and (self._settings.smoothing or has_peaks(curve)):
            band = pg.PlotDataItem(pen=make_pen(mix(color, self._palette.background, 0.72)), connect="finite")
            self.plot.addItem(band)
        # Draw a dot at each value of a curve that has few of them.
        is_sparse = np.isfinite(y).sum() <= 40
        dots = {"symbol": "o", "symbolSize": scaled(4), "symbolBrush": color, "symbolPen": None} if is_sparse else {}
        # The test curve is thick and solid. Qt strokes a path wider than a pixel a hundred times slower than single
        # segments; dashes need a path, and so are thin.
        is_test = curve.style.role == "test_ema"
        segmented = is_test or curve.style.dash == "solid"
        width, dash = (2 if is_test else 1.2, "solid") if segmented else (1, curve.style.dash)
        pen = make_pen(color, width, _PEN_STYLES[dash])
        line = pg.PlotDataItem(pen=pen, connect="finite", antialias=True, **dots)
        line.curve.setSegmentedLineMode("on" if segmented else "off")
        line.setZValue(_Z_VALUES[curve.style.role])
        self.plot.addItem(line)
        self._curve_items[curve.metric] = item = CurveItem(curve, smoothed, line, band)
        item.set_data(curve, smoothed, self._to_axis_scale)
        # Label the curve at its last value.
        finite_rows = np.flatnonzero(np.isfinite(y))
        if finite_rows.size:
            label = pg.TextItem(curve.style.label, color=QColor(color), anchor=(0, 0.5))
            label.setFont(text_font(8))
            label.setZValue(10)
            self.plot.addItem(label, ignoreBounds=True)
            self._labels.append((label, float(curve.x[finite_rows[-1]]), float(y[finite_rows[-1]])))

    def _smoothed(self, curve: Curve, full_curve: Curve | None = None) -> Floats:
        """Return the smoothed means of a curve; those of a part of it continue those of the full curve before it."""
        weight = self._settings.smoothing if curve.style.role == "train" else 0.0
        if not weight or not curve.x.size:
            return curve.mean
        full = full_curve or curve
        is_before = full.x < curve.x[0]
        x, mean = np.concatenate((full.x[is_before], curve.x)), np.concatenate((full.mean[is_before], curve.mean))
        width = float(np.nanmax(full.x) - np.nanmin(full.x))
        return smooth(mean, weight, x, width, full.num_recorded)[-len(curve.x) :]

    # Ranges -----------------------------------------------------------------------------------------------------

    def _fit_y_range(self, *_ignored: object) -> None:
        low, high = self.plot.getViewBox().viewRange()[0]
        lines = self._curve_items.values()
        inside = (line.y[(line.x >= low) & (line.x <= high) & np.isfinite(line.y)] for line in lines)
        visible_values = np.concatenate([np.zeros(0), *inside])
        if visible_values.size:
            bottom, top = robust_range(visible_values)
            self.plot.setYRange(bottom, top, padding=0.06)
        self._label_peaks()
        self._place_labels()

    def _label_peaks(self) -> None:
        """Point to values that are far out of range with an arrow and the value."""
        item = self.plot.getPlotItem()
        for label in self.peak_labels:
            item.removeItem(label)
        self.peak_labels = []
        box = self.plot.getViewBox()
        x_range, (bottom, top) = box.viewRange()
        per_px = (x_range[1] - x_range[0]) / max(1.0, box.width())
        min_distance = QFontMetrics(text_font(8)).horizontalAdvance("▼ −1,000.0") * per_px
        y_range, peaks = (bottom, top), []
        for curve_item in self._curve_items.values():
            curve, color = curve_item.curve, curve_item.line.opts["pen"].color()
            low, high = self._to_axis_scale(curve.low), self._to_axis_scale(curve.high)
            edges = np.fmin(low, high), np.fmax(low, high)
            peaks += [(*peak, color) for peak in out_of_range_peaks(curve.x, *edges, x_range, y_range, min_distance)]
        backdrop = QColor(self._palette.background)  # the curve is below its label
        backdrop.setAlphaF(_PEAK_BACKDROP_ALPHA)
        for x, y, color in separate_peaks(peaks, y_range, min_distance):
            is_up = (y > top) != box.yInverted()
            value = 10**y * (-1 if self._negated else 1) if self.left.logarithmic else y
            label = pg.TextItem(f"{'▲' if is_up else '▼'} {formatting.number(value)}", color=color, fill=backdrop)
            label.setFont(text_font(8))
            anchor = inward_anchor((x - x_range[0]) / per_px, label.boundingRect().width(), box.width())
            label.setAnchor((anchor, 0 if is_up else 1))
            label.setZValue(10)
            item.addItem(label, ignoreBounds=True)
            label.setPos(x, top if y > top else bottom)
            self.peak_labels.append(label)

    def _place_labels(self) -> None:
        """Place the labels right of all curves, or at the right edge, without overlap."""
        box = self.plot.getViewBox()
        (left, right), (bottom, top) = box.viewRange()
        min_distance = scaled(_MIN_LABEL_DISTANCE_PX) * (top - bottom) / max(1.0, box.height())
        upper, lower = top - min_distance / 2, bottom + min_distance / 2
        ends = sorted(self._labels, key=lambda end: -end[2])
        places = spread_labels([min(max(y, lower), upper) for _, _, y in ends], min_distance, lower)
        for (label, x, _), place in zip(ends, places, strict=True):
            free = self._labels_x is not None
            label.setVisible(left <= x)
            label.setAnchor((0, 0.5) if free else (1, 1))
            label.setPos(self._labels_x if free else min(x, right), place)
        for line in self._change_lines:
            width = line.label.boundingRect().width() * (right - left) / max(1.0, box.width())
            line.label.setPosition(self._free_label_position(line.value() + width * _EIGHTHS, bottom, top))

    def _free_label_position(self, covered_x: Floats, bottom: float, top: float) -> float:
        """Return where the label of a changed setting is away from the curves, as a fraction of the plot's height."""
        lines = [line for line in self._curve_items.values() if line.x.size and np.isfinite(line.y).all()]
        near = [float(value) for line in lines for value in np.interp(covered_x, line.x, line.y)]
        return 0.06 if not near or sum(near) / len(near) > (bottom + top) / 2 else 0.94

    # Mouse ------------------------------------------------------------------------------------------------------

    def _on_clicked(self, event: Any) -> None:
        x, _ = self.plot.plot_position(event.scenePos())
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


class ChartDetailLoader(QObject):
    """Keeps charts as detailed as their visible part needs; `read_curve` reads a metric's curve within a range of x."""

    def __init__(self, read_curve: Callable[[ChartPlot, str, XRange], Curve], parent: QObject) -> None:
        super().__init__(parent)
        self._read_curve = read_curve
        self.detail_range: XRange | None = None  # the part drawn in detail, or about to be
        self._plots: tuple[ChartPlot, ...] = ()
        self._fast_plots: tuple[ChartPlot, ...] = ()
        self._pending: list[tuple[ChartPlot, str]] = []  # curves still to be read, with their charts
        self._next_timer = timer(self, 0, self._refine, once=True)
        self._settle_timer = timer(self, ANTIALIAS_DELAY_MS, self._on_settled, once=True)

    @property
    def is_complete(self) -> bool:
        """Whether all curves are drawn in detail."""
        return not self._pending

    def clear(self) -> None:
        """Discard the state, as after the curves have changed."""
        self.detail_range, self._pending, self._plots, self._fast_plots = None, [], (), ()

    def show(self, plots: Iterable[ChartPlot], visible: XRange, full_range: XRange) -> None:
        """Read the curves of charts around the visible part of the full range, without blocking a pan."""
        detail_range = detail_window(*visible, *full_range)
        if detail_range == self.detail_range:
            return
        self.detail_range, self._pending, self._plots = detail_range, [], tuple(plots)
        if detail_range is None:
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
        if self._pending and self.detail_range is not None:
            plot, metric = self._pending.pop(0)
            plot.show_detail(self._read_curve(plot, metric, self.detail_range))
            self._next_timer.start()
