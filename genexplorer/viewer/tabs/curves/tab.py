"""The Curves tab: every metric of the run over steps, images or time; a click moves the time of the whole window."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent, QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.runs.record import XAxis
from genexplorer.session import charts
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.panes.time_bar import change_marks
from genexplorer.viewer.plots.chart_curve import Curve, View
from genexplorer.viewer.plots.chart_places import with_room_for_names
from genexplorer.viewer.plots.chart_plot import ChartPlot
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.curves.chart_detail import Detail
from genexplorer.viewer.tabs.curves.chooser import CurveChooser
from genexplorer.viewer.tabs.tab import SaveTarget, Tab
from genexplorer.viewer.widgets.controls import discard, scroll_area, timer
from genexplorer.viewer.widgets.empty_state import Hint
from genexplorer.viewer.widgets.images import save_image

MAX_POINTS = 1000  # of a curve, and of the part of it that is read in detail
_X_AXES: tuple[XAxis, ...] = ("step", "images", "time")
_CALM = 0.8  # the smoothing of a first look; the raw curve stays visible
_WIDE_PX = 640  # from here on charts stand in two columns


class CurvesTab(Tab):
    """Charts at the left, what to show and how at the right."""

    title = "Curves"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.view = View(smoothing=_CALM)
        self.plots: dict[str, ChartPlot] = {}
        self._chosen: list[str] = []  # quantities; empty for the first few
        self._stale = True
        self._zoom: tuple[float, float] | None = None
        self._arranged: tuple[tuple[str, ...], int] = ((), 0)
        self.detail = Detail(self._curve, self)
        self._settle = timer(self, 0, self._fit_words, once=True)
        self.chooser = CurveChooser()
        self.chooser.show_view(self.view)
        self.hint = Hint()
        self._lay_out()
        self._connect()

    # The seam ---------------------------------------------------------------------------------------------------

    def set_run(self, followed: object) -> None:
        """Show another run's curves; the choice of quantities stays where the run has them."""
        self._zoom = None
        self._stale = True
        self._clear_plots()
        self.refresh()

    def on_changes(self, what: frozenset[str]) -> None:
        """Draw again when there are new points."""
        if what & {"metrics", "changes"}:
            self._stale = True
            self.refresh()

    def on_time(self, step: int | None) -> None:
        """Move the mark."""
        self._show_time()

    def activated(self) -> None:
        """Draw what was put off while hidden."""
        self.refresh()

    def on_key(self, event: QKeyEvent) -> bool:
        """Y logarithmic, X the next axis, + and − smoothing, 0 home."""
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
                self.home()
            case _:
                return False
        return True

    def save_targets(self) -> list[SaveTarget]:
        """Offer all shown charts as one picture, and their numbers."""
        if not self.plots:
            return []
        return [
            SaveTarget("Charts as a picture", (".png",), lambda path: save_image(self._picture(), path)),
            SaveTarget("Numbers of the charts", (".csv",), self._write_numbers),
        ]

    def copy_image(self) -> QImage | None:
        """Return the shown charts."""
        return self._picture() if self.plots else None

    def state(self) -> dict[str, Any]:
        """Remember the choice of quantities and how they are drawn."""
        return {
            "quantities": list(self._chosen),
            "x_axis": self.view.x_axis,
            "logarithmic": self.view.logarithmic,
            "smoothing": self.view.smoothing,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the choice back."""
        quantities = state.get("quantities")
        self._chosen = [q for q in quantities if isinstance(q, str)][:50] if isinstance(quantities, list) else []
        x_axis = state.get("x_axis")
        smoothing = state.get("smoothing")
        self.set_view(
            x_axis=x_axis if x_axis in _X_AXES else "step",
            logarithmic=state.get("logarithmic") is True,
            smoothing=smoothing if isinstance(smoothing, float | int) else _CALM,
        )

    # What is shown ----------------------------------------------------------------------------------------------

    def set_view(
        self, *, x_axis: XAxis | None = None, logarithmic: bool | None = None, smoothing: float | None = None
    ) -> None:
        """Change how the curves are drawn."""
        if x_axis is not None and x_axis != self.view.x_axis:
            self._zoom = None
        calm = self.view.smoothing if smoothing is None else smoothing
        self.view = View(
            x_axis or self.view.x_axis,
            self.view.logarithmic if logarithmic is None else logarithmic,
            0.0 if not math.isfinite(calm) else min(0.99, max(0.0, round(calm, 2))),
        )
        self.chooser.show_view(self.view)
        self._stale = True
        self.refresh()

    def show_only(self, quantity: str) -> None:
        """Show one quantity large, as a click on a term of the theory asks for."""
        self._choose([quantity])

    def home(self) -> None:
        """Show the whole training again."""
        self._zoom = None
        self._apply_range()

    def refresh(self) -> None:
        """Bring everything up to date, if it is seen and anything has changed."""
        if not self.is_active or not self._stale:
            return
        self._stale = False
        run = self.context.run
        known = charts.charts(run.specs) if run is not None else []
        shown = self._shown(known)
        self.hint.setVisible(not shown)
        self._scroll.setVisible(bool(shown))
        self.chooser.show_charts(known, {chart.quantity for chart in shown})
        self._arrange(shown)
        self._fill()
        self._apply_range()
        self._show_time()

    def _shown(self, known: list[charts.Chart]) -> list[charts.Chart]:
        chosen = [chart for chart in known if any(chart.shows(quantity) for quantity in self._chosen)]
        return chosen or first_choice(known)

    def _choose(self, quantities: list[str]) -> None:
        self._chosen = quantities
        self._stale = True
        self.refresh()

    def _toggle(self, quantity: str, on: bool) -> None:
        now = list(self.plots)
        self._choose([*now, quantity] if on else [q for q in now if q != quantity])

    # Drawing ----------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._grid_host = QWidget()
        self._grid = QGridLayout(self._grid_host)
        self._grid.setContentsMargins(2 * GAP, 2 * GAP, GAP, GAP)
        self._grid.setHorizontalSpacing(3 * GAP)
        self._grid.setVerticalSpacing(2 * GAP)
        self._scroll = scroll_area(self._grid_host)
        main = QVBoxLayout()
        main.addWidget(self._scroll, 1)
        main.addWidget(self.hint, 1)
        self.hint.say("No figures yet.", "The first ones come with the first step of the training.")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(main, 1)
        layout.addWidget(self.chooser)

    def _connect(self) -> None:
        self.chooser.toggled.connect(self._toggle)
        self.chooser.x_axis_chosen.connect(lambda axis: self.set_view(x_axis=axis))
        self.chooser.logarithmic_chosen.connect(lambda on: self.set_view(logarithmic=on))
        self.chooser.smoothing_chosen.connect(lambda weight: self.set_view(smoothing=weight))
        self.chooser.reset_wanted.connect(lambda: self._choose([]))
        self.chooser.home_wanted.connect(self.home)
        self.context.palette_changed.connect(self._recolor)

    def _clear_plots(self) -> None:
        self.detail.forget()
        for plot in self.plots.values():
            self._grid.removeWidget(plot)
            discard(plot)
        self.plots = {}
        self._arranged = ((), 0)

    def _arrange(self, shown: list[charts.Chart]) -> None:
        for quantity in set(self.plots) - {chart.quantity for chart in shown}:
            plot = self.plots.pop(quantity)
            self._grid.removeWidget(plot)
            discard(plot)
        for chart in shown:
            if chart.quantity in self.plots and self.plots[chart.quantity].chart != chart:
                self.plots[chart.quantity].chart = chart
            elif chart.quantity not in self.plots:
                self.plots[chart.quantity] = self._new_plot(chart)
        self.plots = {chart.quantity: self.plots[chart.quantity] for chart in shown}
        self._place()

    def _place(self) -> None:
        columns = 2 if len(self.plots) > 1 and self._scroll.width() >= _WIDE_PX else 1
        if self._arranged == (tuple(self.plots), columns):
            return
        self._arranged = (tuple(self.plots), columns)
        for index, plot in enumerate(self.plots.values()):
            self._grid.addWidget(plot, index // columns, index % columns)
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def _new_plot(self, chart: charts.Chart) -> ChartPlot:
        plot = ChartPlot(chart, self.context.palette)
        plot.pointed.connect(self._on_pointed)
        plot.clicked.connect(self._on_clicked)
        plot.zoomed.connect(self._on_zoomed)
        plot.resized.connect(self._settle.start)
        return plot

    def _fill(self) -> None:
        run = self.context.run
        if run is None:
            return
        marks = [(self.x_of_step(step), words) for step, words in change_marks(run)]
        placed = [(x, words) for x, words in marks if x is not None]
        self.detail.forget()
        for plot in self.plots.values():
            plot.set_curves([self._curve(plot, metric) for metric in plot.chart.metrics], self.view, placed)

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
        names = max(plot.names_px for plot in self.plots.values())
        low, high = self._zoom or with_room_for_names(first, last, width, names)
        names_at = last if last <= high - 0.05 * (high - low) else None
        for plot in self.plots.values():
            plot.set_range(low, high, names_at)
        self.detail.show(self.plots.values(), (low, high), (first, last))

    def _fit_words(self) -> None:
        """Give names and values the room they have now."""
        self._apply_range()
        self._show_time()

    def _recolor(self) -> None:
        for plot in self.plots.values():
            plot.recolor(self.context.palette)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Take one column or two."""
        super().resizeEvent(event)
        self._place()

    # Time -------------------------------------------------------------------------------------------------------

    def x_of_step(self, step: float) -> float | None:
        """Return where a step lies on the axis that is shown."""
        if self.view.x_axis == "step":
            return float(step)
        steps, places = self._ruler()
        return float(np.interp(step, steps, places)) if steps.size else None

    def step_of_x(self, x: float) -> int | None:
        """Return the step at a place of the axis that is shown."""
        if self.view.x_axis == "step":
            return max(0, round(x))
        steps, places = self._ruler()
        return round(float(np.interp(x, places, steps))) if steps.size else None

    def _ruler(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
        """Return steps and their places on the axis, from the longest curve that there is."""
        run = self.context.run
        if run is None:
            return np.zeros(0), np.zeros(0)
        metrics = [name for name in run.specs if name.startswith("train/")] or list(run.specs)
        for metric in metrics:
            steps = run.series(metric, "step", MAX_POINTS).x
            places = run.series(metric, self.view.x_axis, MAX_POINTS).x
            if steps.size and steps.size == places.size:
                return steps, places
        return np.zeros(0), np.zeros(0)

    def _show_time(self) -> None:
        if not self.is_active:
            return
        step, run = self.context.step, self.context.run
        x = None if step is None else self.x_of_step(step)
        for plot in self.plots.values():
            plot.set_mark(x)
            plot.show_values(x)
        self.chooser.show_step(step, {} if run is None or step is None else run.values_at(step))

    def _on_pointed(self, x: float) -> None:
        here = None if math.isnan(x) else x
        step = self.context.step
        mark = self.x_of_step(step) if step is not None else None
        for plot in self.plots.values():
            plot.set_crosshair(here)
            plot.show_values(mark if here is None else here)
        if here is not None:
            pointed = self.step_of_x(here)
            if pointed is not None:
                self.context.status_message.emit(f"step {pointed:,}  ·  click goes there")

    def _on_clicked(self, x: float) -> None:
        step = self.step_of_x(x)
        if step is not None:
            self.context.cursor.go(step)

    def _on_zoomed(self, bounds: tuple[float, float]) -> None:
        self._zoom = (float(bounds[0]), float(bounds[1]))
        self.detail.moved(self.plots.values())
        self._apply_range()

    # Saving -----------------------------------------------------------------------------------------------------

    def _picture(self) -> QImage:
        return self._grid_host.grab().toImage()

    def _write_numbers(self, path: Any) -> None:
        from genexplorer.viewer.tabs.curves.csv_export import write_csv  # only saving needs it

        run = self.context.run
        if run is not None:
            write_csv(path, run, [metric for plot in self.plots.values() for metric in plot.chart.metrics])


def first_choice(known: list[charts.Chart]) -> list[charts.Chart]:
    """Return the charts of a first look: three of the first panel, and of the others the one that tells most."""
    first = [chart for chart in known if chart.panel == known[0].panel][:3]
    others = sorted((chart for chart in known if chart not in first), key=_dullness)
    return first + others[:1]


def _dullness(chart: charts.Chart) -> tuple[bool, int]:
    return chart.style(chart.metrics[0]).index is None, -len(chart.metrics)
