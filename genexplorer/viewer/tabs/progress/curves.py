"""The curves beside the images: losses, or the family's objective, with a mark at the selected step."""

import math
from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QVBoxLayout, QWidget

from genexplorer.session import charts
from genexplorer.session.change_marks import branch_start, change_marks
from genexplorer.session.charts import Chart
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.panes.time_bar import objective_quantity
from genexplorer.viewer.plots.chart_curve import ChartSettings, Curve, range_with_label_room
from genexplorer.viewer.plots.chart_plot import ChartPlot
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.widgets.controls import discard, fill_box, timer
from genexplorer.viewer.widgets.labels import muted

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller

WIDTH_PX = 36 * GAP
_MAX_CURVE_VALUES = 500
_SMOOTHING = 0.8


class ProgressCurves(QWidget):
    """Two charts; a click in one goes to that step."""

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.plots: list[ChartPlot] = []
        self._charts: list[Chart] = []
        self._step: int | None = None
        self._hint = muted("Curves appear after the first steps.")
        self._fit_timer = timer(self, 0, self._fit, once=True)
        self._column = fill_box(QVBoxLayout(self), self._hint)
        context.palette_changed.connect(self._recolor)

    def refresh(self, run: "RunPoller | None") -> None:
        """Draw the run's curves."""
        shown_charts = (
            []
            if run is None
            else recorded_images.charts_beside(charts.charts(run.metric_specs), objective_quantity(run))
        )
        if shown_charts != self._charts:
            # Replace the plots.
            for plot in self.plots:
                self._column.removeWidget(plot)
                discard(plot)
            self._charts, self.plots = shown_charts, []
            for chart in shown_charts:
                plot = ChartPlot(chart, self._context.palette)
                plot.clicked.connect(self._on_clicked)
                plot.pointed.connect(self._on_pointed)
                plot.resized.connect(self._fit_timer.start)
                plot.zoomed.connect(lambda _bounds: self._fit())
                self._column.addWidget(plot, 1)
                self.plots.append(plot)
        self._hint.setVisible(not self.plots)
        if run is None:
            return
        # Draw the curves; metrics of the averaged weights, which made the images, replace those of the raw weights.
        marks = [(float(mark.step), mark.text) for mark in change_marks(run.command_history)]
        start = branch_start(run.command_history)
        settings = ChartSettings("step", False, _SMOOTHING, None if start is None else float(start.step))
        for plot in self.plots:
            metrics = plot.chart.metrics
            raw = {f"{name.removesuffix('_ema')}_raw" for name in metrics if name.endswith("_ema")}
            visible = [name for name in metrics if name not in raw]
            curves = [_curve(run, plot.chart, metric) for metric in visible]
            plot.set_curves(curves, settings, marks)
        self._fit()

    def set_step(self, step: int | None) -> None:
        """Mark a step and show the values there."""
        self._step = step
        x = None if step is None else float(step)
        for plot in self.plots:
            plot.mark_step(x)
            plot.show_values(x)

    def _fit(self) -> None:
        if not self.plots:
            return
        bounds = [plot.x_extent for plot in self.plots]
        first, last = min(low for low, _ in bounds), max(high for _, high in bounds)
        width = min(plot.plot_width() for plot in self.plots)
        low, high = range_with_label_room(first, last, width, max(plot.label_width_px for plot in self.plots))
        for plot in self.plots:
            plot.set_range(low, high, last)
        self.set_step(self._step)

    def _on_clicked(self, x: float) -> None:
        self._context.step_selection.select(max(0, round(x)))

    def _on_pointed(self, x: float) -> None:
        mouse_x = None if math.isnan(x) else x
        for plot in self.plots:
            plot.show_crosshair(mouse_x)
            plot.show_values(self._step if mouse_x is None else mouse_x)
        if mouse_x is not None:
            self._context.status_message.emit(f"step {max(0, round(mouse_x)):,}  ·  click to go there")

    def _recolor(self) -> None:
        for plot in self.plots:
            plot.recolor(self._context.palette)


def _curve(run: "RunPoller", chart: Chart, metric: str) -> Curve:
    series = run.series(metric, "step", _MAX_CURVE_VALUES)
    style, values = chart.style(metric), (series.mean, series.low, series.high)
    return Curve(metric, style, series.x, *values, series.special_x, series.num_values)
