"""The Curves tab: every metric of the run by step, images or time; a click selects the step."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent, QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.runs.record import XAxis
from genexplorer.session import charts
from genexplorer.session.change_marks import branch_start, change_marks
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.plots.chart_curve import ChartSettings, Curve, range_with_label_room
from genexplorer.viewer.plots.chart_plot import ChartDetailLoader, ChartPlot
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.curves.metrics_panel import MetricsPanel
from genexplorer.viewer.tabs.tab import ContentTab, KeyHelp, SaveTarget
from genexplorer.viewer.widgets.controls import EmptyState, discard, fill_box, scroll_area, timer
from genexplorer.viewer.widgets.images import save_image
from trainers.storage.atomic_files import write_bytes

_MAX_CSV_VALUES = 100_000  # rows of a metric in a saved file; longer runs are saved in buckets of steps
MAX_CURVE_VALUES = 1000  # of a full curve, and again of its visible part in detail
_X_AXES: tuple[XAxis, ...] = ("step", "images", "time")
_DEFAULT_SMOOTHING = 0.8  # weight of the exponential average; the raw values stay visible behind it
_TWO_COLUMN_WIDTH_PX = 640  # from this width on, charts are in two columns


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
        self.settings = ChartSettings(smoothing=_DEFAULT_SMOOTHING)
        self.plots: dict[str, ChartPlot] = {}
        self._selected: list[str] = []  # the selected quantities; none selects the default charts
        self._zoom: tuple[float, float] | None = None
        self._grid_content: tuple[tuple[str, ...], int] = ((), 0)
        self.detail = ChartDetailLoader(self._curve, self)
        self._fit_timer = timer(self, 0, self._fit_labels, once=True)
        self.metrics_panel = MetricsPanel()
        self.metrics_panel.show_settings(self.settings)
        self.hint = EmptyState()
        self._grid_host = QWidget()
        self._grid = QGridLayout(self._grid_host)
        self._grid.setContentsMargins(scaled(2 * GAP), scaled(2 * GAP), scaled(2 * GAP), scaled(GAP))
        self._grid.setHorizontalSpacing(scaled(3 * GAP))
        self._grid.setVerticalSpacing(scaled(2 * GAP))
        self._scroll = scroll_area(self._grid_host)
        self.hint.set_text("No metrics yet.", "They are recorded from the first training step on.")
        main = fill_box(QVBoxLayout(), (self._scroll, 1), (self.hint, 1), spacing=-1)
        fill_box(QHBoxLayout(self), (main, 1), self.metrics_panel, spacing=0)
        # Connect the signals.
        self.metrics_panel.toggled.connect(self._toggle)
        self.metrics_panel.x_axis_chosen.connect(lambda axis: self.change_settings(x_axis=axis))
        self.metrics_panel.logarithmic.toggled.connect(lambda on: self.change_settings(logarithmic=on))
        self.metrics_panel.smoothing_chosen.connect(lambda weight: self.change_settings(smoothing=weight))
        self.metrics_panel.reset_requested.connect(lambda: self._select([]))
        self.metrics_panel.full_range_requested.connect(self.show_full_range)
        self.context.palette_changed.connect(self._recolor)

    # The window -------------------------------------------------------------------------------------------------

    def set_run(self, run: object) -> None:
        """Show the curves of another run; selected quantities stay selected if it has them."""
        self._zoom = None
        self.detail.clear()
        for plot in self.plots.values():
            self._grid.removeWidget(plot)
            discard(plot)
        self.plots = {}
        self._grid_content = ((), 0)
        self.invalidate()

    def on_changes(self, changed: frozenset[str]) -> None:
        """Draw the values of new steps."""
        if changed & {"metrics", "commands"}:
            self.invalidate()

    def on_time(self, step: int | None) -> None:
        """Mark the step in the charts, and show the values there."""
        self._show_step()

    def on_key(self, event: QKeyEvent) -> bool:
        """Handle Y for a logarithmic axis, X for the next x axis, + and − for smoothing, 0 for all steps."""
        match event.key():
            case Qt.Key.Key_Y:
                self.change_settings(logarithmic=not self.settings.logarithmic)
            case Qt.Key.Key_X:
                self.change_settings(x_axis=_X_AXES[(_X_AXES.index(self.settings.x_axis) + 1) % len(_X_AXES)])
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.change_settings(smoothing=self.settings.smoothing + 0.1)
            case Qt.Key.Key_Minus:
                self.change_settings(smoothing=self.settings.smoothing - 0.1)
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
            SaveTarget("Curve for a paper", (".svg", ".pdf"), self._write_vectors),
        ]

    def _write_vectors(self, path: Path) -> None:
        """Write the first chart as vector graphics, with the axes as they are chosen."""
        from genexplorer.export.curves import FigureStyle, write_curves  # imports matplotlib

        settings, run = self.settings, self.context.run
        if run is not None:
            style = FigureStyle(x_axis=settings.x_axis, smoothing=settings.smoothing, logarithmic=settings.logarithmic)
            write_curves([run.folder], path, next(iter(self.plots)), style)

    def copy_image(self) -> QImage | None:
        """Return the charts."""
        return self._image() if self.plots else None

    def state(self) -> dict[str, Any]:
        """Return the selected quantities and the settings."""
        return {
            "quantities": list(self._selected),
            "x_axis": self.settings.x_axis,
            "logarithmic": self.settings.logarithmic,
            "smoothing": self.settings.smoothing,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the values of `state`; invalid ones are ignored."""
        quantities = state.get("quantities")
        self._selected = [q for q in quantities if isinstance(q, str)][:50] if isinstance(quantities, list) else []
        x_axis = state.get("x_axis")
        smoothing = state.get("smoothing")
        self.change_settings(
            x_axis=x_axis if x_axis in _X_AXES else "step",
            logarithmic=state.get("logarithmic") is True,
            smoothing=smoothing if isinstance(smoothing, float | int) else _DEFAULT_SMOOTHING,
        )

    # Content ----------------------------------------------------------------------------------------------------

    def change_settings(
        self, *, x_axis: XAxis | None = None, logarithmic: bool | None = None, smoothing: float | None = None
    ) -> None:
        """Change the settings of the charts."""
        if x_axis is not None and x_axis != self.settings.x_axis:
            self._zoom = None
        smoothed = self.settings.smoothing if smoothing is None else smoothing
        self.settings = ChartSettings(
            x_axis or self.settings.x_axis,
            self.settings.logarithmic if logarithmic is None else logarithmic,
            0.0 if not math.isfinite(smoothed) else min(0.99, max(0.0, round(smoothed, 2))),
        )
        self.metrics_panel.show_settings(self.settings)
        self.invalidate()

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
        available = charts.charts(run.metric_specs) if run is not None else []
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
                plot.resized.connect(self._fit_timer.start)
        self.plots = {chart.quantity: self.plots[chart.quantity] for chart in visible}
        self._place_plots()
        # Draw the curves, with marks where settings were changed.
        if run is not None:
            marks = [(self.x_of_step(mark.step), mark.text) for mark in change_marks(run.command_history)]
            visible_marks = [(x, text) for x, text in marks if x is not None]
            start = branch_start(run.command_history)
            settings = replace(self.settings, inherited_until=None if start is None else self.x_of_step(start.step))
            self.detail.clear()
            for plot in self.plots.values():
                curves = [self._curve(plot, metric) for metric in plot.chart.metrics]
                plot.set_curves(curves, settings, visible_marks)
        self._apply_range()
        self._show_step()

    def _select(self, quantities: list[str]) -> None:
        self._selected = quantities
        self.invalidate()

    def _toggle(self, quantity: str, on: bool) -> None:
        others = [name for name in self.plots if name != quantity]
        self._select([*others, quantity] if on else others)

    # Drawing ----------------------------------------------------------------------------------------------------

    def _place_plots(self) -> None:
        columns = 2 if len(self.plots) > 1 and self._scroll.width() >= scaled(_TWO_COLUMN_WIDTH_PX) else 1
        if self._grid_content == (tuple(self.plots), columns):
            return
        self._grid_content = (tuple(self.plots), columns)
        for index, plot in enumerate(self.plots.values()):
            self._grid.addWidget(plot, index // columns, index % columns)
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def _curve(self, plot: ChartPlot, metric: str, window: tuple[float, float] | None = None) -> Curve:
        run = self.context.run
        assert run is not None
        series = run.series(metric, self.settings.x_axis, MAX_CURVE_VALUES, window)
        style, values = plot.chart.style(metric), (series.mean, series.low, series.high)
        return Curve(metric, style, series.x, *values, series.special_x, series.num_values)

    def _apply_range(self) -> None:
        if not self.plots:
            return
        bounds = [plot.x_extent for plot in self.plots.values()]
        first, last = min(low for low, _ in bounds), max(high for _, high in bounds)
        width = min(plot.plot_width() for plot in self.plots.values())
        names = max(plot.label_width_px for plot in self.plots.values())
        low, high = self._zoom or range_with_label_room(first, last, width, names)
        labels_x = last if last <= high - 0.05 * (high - low) else None
        for plot in self.plots.values():
            plot.set_range(low, high, labels_x)
        self.detail.show(self.plots.values(), (low, high), (first, last))

    def _fit_labels(self) -> None:
        """Fit labels and values to the new size."""
        self._apply_range()
        self._show_step()

    def _recolor(self) -> None:
        for plot in self.plots.values():
            plot.recolor(self.context.palette)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Use one column or two."""
        super().resizeEvent(event)
        self._place_plots()

    # The selected step --------------------------------------------------------------------------------------------

    def x_of_step(self, step: float) -> float | None:
        """Return the x of a step on the selected axis; None while there are no values."""
        if self.settings.x_axis == "step":
            return float(step)
        steps, xs = self._steps_and_x()
        return float(np.interp(step, steps, xs)) if steps.size else None

    def step_of_x(self, x: float) -> int | None:
        """Return the step at an x of the selected axis; None while there are no values."""
        if self.settings.x_axis == "step":
            return max(0, round(x))
        steps, xs = self._steps_and_x()
        return round(float(np.interp(x, xs, steps))) if steps.size else None

    def _steps_and_x(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
        """Return steps and their x on the selected axis, (N,) each, from the first metric that has both."""
        run = self.context.run
        if run is None:
            return np.zeros(0), np.zeros(0)
        metrics = [name for name in run.metric_specs if name.startswith("train/")] or list(run.metric_specs)
        for metric in metrics:
            steps = run.series(metric, "step", MAX_CURVE_VALUES).x
            xs = run.series(metric, self.settings.x_axis, MAX_CURVE_VALUES).x
            if steps.size and steps.size == xs.size:
                return steps, xs
        return np.zeros(0), np.zeros(0)

    def _show_step(self) -> None:
        if not self.is_active:
            return
        step, run = self.context.step, self.context.run
        x = None if step is None else self.x_of_step(step)
        for plot in self.plots.values():
            plot.mark_step(x)
            plot.show_values(x)
        self.metrics_panel.show_step(step, {} if run is None or step is None else run.values_at(step))

    def _on_pointed(self, x: float) -> None:
        mouse_x = None if math.isnan(x) else x
        step = self.context.step
        mark = self.x_of_step(step) if step is not None else None
        for plot in self.plots.values():
            plot.show_crosshair(mouse_x)
            plot.show_values(mark if mouse_x is None else mouse_x)
        if mouse_x is not None:
            mouse_step = self.step_of_x(mouse_x)
            if mouse_step is not None:
                self.context.status_message.emit(f"step {mouse_step:,}  ·  click to go there")

    def _on_clicked(self, x: float) -> None:
        step = self.step_of_x(x)
        if step is not None:
            self.context.step_selection.select(step)

    def _on_zoomed(self, bounds: tuple[float, float]) -> None:
        self._zoom = (float(bounds[0]), float(bounds[1]))
        self.detail.set_moving(self.plots.values())
        self._apply_range()

    # Saving -----------------------------------------------------------------------------------------------------

    def _image(self) -> QImage:
        return self._grid_host.grab().toImage()

    def _write_csv(self, path: Path) -> None:
        """Write a row with metric, unit, step and values for each value of the visible charts."""
        run = self.context.run
        if run is None:
            return
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["metric", "unit", "step", "mean", "low", "high"])
        for metric in (metric for plot in self.plots.values() for metric in plot.chart.metrics):
            series = run.series(metric, "step", _MAX_CSV_VALUES)
            unit = run.metric_specs[metric].unit
            for step, *values in zip(series.x, series.mean, series.low, series.high, strict=True):
                writer.writerow([metric, unit, f"{step:.15g}", *(repr(float(value)) for value in values)])
        write_bytes(path, table.getvalue().encode())


def default_charts(available: list[charts.Chart]) -> list[charts.Chart]:
    """Return the default charts: three of the first panel, and the best one of the other panels."""
    first = [chart for chart in available if chart.panel == available[0].panel][:3]
    candidates = sorted((chart for chart in available if chart not in first), key=_rank)
    return first + candidates[:1]


def _rank(chart: charts.Chart) -> tuple[bool, int]:
    return chart.style(chart.metrics[0]).index is None, -len(chart.metrics)
