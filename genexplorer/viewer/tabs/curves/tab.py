"""The Curves tab: every metric of the run by step, images or time; a click selects the step."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent, QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.runs.record import XAxis
from genexplorer.session import charts
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.panes.time_bar import change_marks
from genexplorer.viewer.plots.chart_curve import Curve, CurveView, range_with_label_room
from genexplorer.viewer.plots.chart_plot import ChartDetail, ChartPlot
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.curves.metrics_panel import MetricsPanel
from genexplorer.viewer.tabs.tab import ContentTab, KeyHelp, SaveTarget
from genexplorer.viewer.widgets.controls import EmptyState, discard, fill_box, scroll_area, timer
from genexplorer.viewer.widgets.images import save_image
from trainers.storage.atomic_files import write_bytes

_MAX_CSV_POINTS = 100_000  # per metric
MAX_POINTS = 1000  # of a curve, and of a detail
_X_AXES: tuple[XAxis, ...] = ("step", "images", "time")
_SMOOTHING = 0.8  # by default; the raw curve stays visible
_WIDE_PX = 640  # from this width on, charts are in two columns


class CurvesTab(ContentTab):
    """Charts at the left, the metrics panel at the right."""

    title = "Curves"
    key_help: ClassVar[KeyHelp] = {
        "Curves": (
            ("Y", "logarithmic"),
            ("X", "by step, images, time"),
            ("+  −", "smoothing"),
            ("click", "go to that step"),
            ("wheel", "zoom"),
            ("0", "full range"),
        ),
    }

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.view = CurveView(smoothing=_SMOOTHING)
        self.plots: dict[str, ChartPlot] = {}
        self._selected: list[str] = []  # quantities; empty: the default ones
        self._zoom: tuple[float, float] | None = None
        self._arranged: tuple[tuple[str, ...], int] = ((), 0)
        self.detail = ChartDetail(self._curve, self)
        self._settle = timer(self, 0, self._fit_labels, once=True)
        self.metrics_panel = MetricsPanel()
        self.metrics_panel.show_view(self.view)
        self.hint = EmptyState()
        self._grid_host = QWidget()
        self._grid = QGridLayout(self._grid_host)
        self._grid.setContentsMargins(2 * GAP, 2 * GAP, GAP, GAP)
        self._grid.setHorizontalSpacing(3 * GAP)
        self._grid.setVerticalSpacing(2 * GAP)
        self._scroll = scroll_area(self._grid_host)
        self.hint.set_text("No metrics yet.", "They are recorded from the first training step on.")
        main = fill_box(QVBoxLayout(), (self._scroll, 1), (self.hint, 1), spacing=-1)
        fill_box(QHBoxLayout(self), (main, 1), self.metrics_panel, spacing=0)
        # Connect the signals.
        self.metrics_panel.toggled.connect(self._toggle)
        self.metrics_panel.x_axis_chosen.connect(lambda axis: self.set_view(x_axis=axis))
        self.metrics_panel.logarithmic.toggled.connect(lambda on: self.set_view(logarithmic=on))
        self.metrics_panel.smoothing_chosen.connect(lambda weight: self.set_view(smoothing=weight))
        self.metrics_panel.reset_requested.connect(lambda: self._select([]))
        self.metrics_panel.full_range_requested.connect(self.show_full_range)
        self.context.palette_changed.connect(self._recolor)

    # The window -------------------------------------------------------------------------------------------------

    def set_run(self, followed: object) -> None:
        """Show the curves of another run; the selection stays where it has them."""
        self._zoom = None
        self.detail.clear()
        for plot in self.plots.values():
            self._grid.removeWidget(plot)
            discard(plot)
        self.plots = {}
        self._arranged = ((), 0)
        self.touch()

    def on_changes(self, changed: frozenset[str]) -> None:
        """Draw new points."""
        if changed & {"metrics", "changes"}:
            self.touch()

    def on_time(self, step: int | None) -> None:
        """Mark the step."""
        self._show_time()

    def on_key(self, event: QKeyEvent) -> bool:
        """Y logarithmic, X the next axis, + and − smoothing, 0 full range."""
        match event.key():
            case Qt.Key.Key_Y:
                self.set_view(logarithmic=not self.view.logarithmic)
            case Qt.Key.Key_X:
                self.set_view(x_axis=_X_AXES[(_X_AXES.index(self.view.x_axis) + 1) % len(_X_AXES)])
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.set_view(smoothing=self.view.smoothing + 0.1)
            case Qt.Key.Key_Minus:
                self.set_view(smoothing=self.view.smoothing - 0.1)
            case Qt.Key.Key_0 | Qt.Key.Key_Home:
                self.show_full_range()
            case _:
                return False
        return True

    def save_targets(self) -> list[SaveTarget]:
        """Return the charts as an image, and their values."""
        if not self.plots:
            return []
        return [
            SaveTarget("Charts", (".png",), lambda path: save_image(self._image(), path)),
            SaveTarget("Values", (".csv",), self._write_csv),
        ]

    def copy_image(self) -> QImage | None:
        """Return the charts."""
        return self._image() if self.plots else None

    def state(self) -> dict[str, Any]:
        """Return the selected quantities and the settings."""
        return {
            "quantities": list(self._selected),
            "x_axis": self.view.x_axis,
            "logarithmic": self.view.logarithmic,
            "smoothing": self.view.smoothing,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore them; invalid values are ignored."""
        quantities = state.get("quantities")
        self._selected = [q for q in quantities if isinstance(q, str)][:50] if isinstance(quantities, list) else []
        x_axis = state.get("x_axis")
        smoothing = state.get("smoothing")
        self.set_view(
            x_axis=x_axis if x_axis in _X_AXES else "step",
            logarithmic=state.get("logarithmic") is True,
            smoothing=smoothing if isinstance(smoothing, float | int) else _SMOOTHING,
        )

    # Content ----------------------------------------------------------------------------------------------------

    def set_view(
        self, *, x_axis: XAxis | None = None, logarithmic: bool | None = None, smoothing: float | None = None
    ) -> None:
        """Change the settings of the charts."""
        if x_axis is not None and x_axis != self.view.x_axis:
            self._zoom = None
        smoothed = self.view.smoothing if smoothing is None else smoothing
        self.view = CurveView(
            x_axis or self.view.x_axis,
            self.view.logarithmic if logarithmic is None else logarithmic,
            0.0 if not math.isfinite(smoothed) else min(0.99, max(0.0, round(smoothed, 2))),
        )
        self.metrics_panel.show_view(self.view)
        self.touch()

    def show_only(self, quantity: str) -> None:
        """Show one quantity alone, as after a click on a term in Theory."""
        self._select([quantity])

    def show_full_range(self) -> None:
        """Show all steps again."""
        self._zoom = None
        self._apply_range()

    def update_content(self) -> None:
        """Show the charts of the selected metrics, or else the default ones."""
        run = self.context.run
        available = charts.charts(run.specs) if run is not None else []
        selected = [chart for chart in available if any(chart.shows(quantity) for quantity in self._selected)]
        visible = selected or default_charts(available)
        self.hint.setVisible(not visible)
        self._scroll.setVisible(bool(visible))
        self.metrics_panel.show_charts(available, {chart.quantity for chart in visible})
        # Keep the plots of charts that stay visible, remove the others, and add new ones.
        for quantity in set(self.plots) - {chart.quantity for chart in visible}:
            plot = self.plots.pop(quantity)
            self._grid.removeWidget(plot)
            discard(plot)
        for chart in visible:
            if chart.quantity in self.plots:
                self.plots[chart.quantity].chart = chart
            else:
                self.plots[chart.quantity] = plot = ChartPlot(chart, self.context.palette)
                plot.pointed.connect(self._on_pointed)
                plot.clicked.connect(self._on_clicked)
                plot.zoomed.connect(self._on_zoomed)
                plot.resized.connect(self._settle.start)
        self.plots = {chart.quantity: self.plots[chart.quantity] for chart in visible}
        self._place()
        # Draw the curves, with marks where settings were changed.
        if run is not None:
            marks = [(self.x_of_step(step), text) for step, text in change_marks(run)]
            placed = [(x, text) for x, text in marks if x is not None]
            self.detail.clear()
            for plot in self.plots.values():
                plot.set_curves([self._curve(plot, metric) for metric in plot.chart.metrics], self.view, placed)
        self._apply_range()
        self._show_time()

    def _select(self, quantities: list[str]) -> None:
        self._selected = quantities
        self.touch()

    def _toggle(self, quantity: str, on: bool) -> None:
        others = [name for name in self.plots if name != quantity]
        self._select([*others, quantity] if on else others)

    # Drawing ----------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        columns = 2 if len(self.plots) > 1 and self._scroll.width() >= _WIDE_PX else 1
        if self._arranged == (tuple(self.plots), columns):
            return
        self._arranged = (tuple(self.plots), columns)
        for index, plot in enumerate(self.plots.values()):
            self._grid.addWidget(plot, index // columns, index % columns)
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def _curve(self, plot: ChartPlot, metric: str, window: tuple[float, float] | None = None) -> Curve:
        run = self.context.run
        assert run is not None
        series = run.series(metric, self.view.x_axis, MAX_POINTS, window)
        return Curve(metric, plot.chart.style(metric), series.x, series.mean, series.low, series.high)

    def _apply_range(self) -> None:
        if not self.plots:
            return
        bounds = [plot.data_bounds for plot in self.plots.values()]
        first, last = min(low for low, _ in bounds), max(high for _, high in bounds)
        width = min(plot.plot_width() for plot in self.plots.values())
        names = max(plot.label_px for plot in self.plots.values())
        low, high = self._zoom or range_with_label_room(first, last, width, names)
        labels_x = last if last <= high - 0.05 * (high - low) else None
        for plot in self.plots.values():
            plot.set_range(low, high, labels_x)
        self.detail.show(self.plots.values(), (low, high), (first, last))

    def _fit_labels(self) -> None:
        """Fit labels and values to the new size."""
        self._apply_range()
        self._show_time()

    def _recolor(self) -> None:
        for plot in self.plots.values():
            plot.recolor(self.context.palette)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Use one column or two."""
        super().resizeEvent(event)
        self._place()

    # Time -------------------------------------------------------------------------------------------------------

    def x_of_step(self, step: float) -> float | None:
        """Return the x of a step."""
        if self.view.x_axis == "step":
            return float(step)
        steps, xs = self._axis_points()
        return float(np.interp(step, steps, xs)) if steps.size else None

    def step_of_x(self, x: float) -> int | None:
        """Return the step at an x."""
        if self.view.x_axis == "step":
            return max(0, round(x))
        steps, xs = self._axis_points()
        return round(float(np.interp(x, xs, steps))) if steps.size else None

    def _axis_points(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
        """Return steps and their x, from the longest curve."""
        run = self.context.run
        if run is None:
            return np.zeros(0), np.zeros(0)
        metrics = [name for name in run.specs if name.startswith("train/")] or list(run.specs)
        for metric in metrics:
            steps = run.series(metric, "step", MAX_POINTS).x
            xs = run.series(metric, self.view.x_axis, MAX_POINTS).x
            if steps.size and steps.size == xs.size:
                return steps, xs
        return np.zeros(0), np.zeros(0)

    def _show_time(self) -> None:
        if not self.is_active:
            return
        step, run = self.context.step, self.context.run
        x = None if step is None else self.x_of_step(step)
        for plot in self.plots.values():
            plot.set_time(x)
            plot.show_values(x)
        self.metrics_panel.show_step(step, {} if run is None or step is None else run.values_at(step))

    def _on_pointed(self, x: float) -> None:
        pointed_x = None if math.isnan(x) else x
        step = self.context.step
        mark = self.x_of_step(step) if step is not None else None
        for plot in self.plots.values():
            plot.set_crosshair(pointed_x)
            plot.show_values(mark if pointed_x is None else pointed_x)
        if pointed_x is not None:
            pointed = self.step_of_x(pointed_x)
            if pointed is not None:
                self.context.status_message.emit(f"step {pointed:,}  ·  click goes there")

    def _on_clicked(self, x: float) -> None:
        step = self.step_of_x(x)
        if step is not None:
            self.context.playback.select(step)

    def _on_zoomed(self, bounds: tuple[float, float]) -> None:
        self._zoom = (float(bounds[0]), float(bounds[1]))
        self.detail.set_moving(self.plots.values())
        self._apply_range()

    # Saving -----------------------------------------------------------------------------------------------------

    def _image(self) -> QImage:
        return self._grid_host.grab().toImage()

    def _write_csv(self, path: Path) -> None:
        """Write metric, unit, step and values, one row per point."""
        run = self.context.run
        if run is None:
            return
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["metric", "unit", "step", "mean", "low", "high"])
        for metric in (metric for plot in self.plots.values() for metric in plot.chart.metrics):
            series = run.series(metric, "step", _MAX_CSV_POINTS)
            unit = run.specs[metric].unit
            for step, *values in zip(series.x, series.mean, series.low, series.high, strict=True):
                writer.writerow([metric, unit, f"{step:g}", *(repr(float(value)) for value in values)])
        write_bytes(path, table.getvalue().encode())


def default_charts(available: list[charts.Chart]) -> list[charts.Chart]:
    """Return the default charts: three of the first panel, and the best one of the other panels."""
    first = [chart for chart in available if chart.panel == available[0].panel][:3]
    candidates = sorted((chart for chart in available if chart not in first), key=_rank)
    return first + candidates[:1]


def _rank(chart: charts.Chart) -> tuple[bool, int]:
    return chart.style(chart.metrics[0]).index is None, -len(chart.metrics)
