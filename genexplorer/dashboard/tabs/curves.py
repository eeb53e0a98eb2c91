"""Tab 1: the curves of one metric, large; beside it pictures, config and alerts; below it the other metrics."""

from dataclasses import replace
from typing import Any

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message

from genexplorer.dashboard.charts.chart import ChartData
from genexplorer.dashboard.charts.chart_view import ChartView
from genexplorer.dashboard.charts.curves import (
    WEIGHTS,
    CurveOptions,
    chosen_chart,
    comparison_chart,
    empty_words,
    run_chart,
)
from genexplorer.dashboard.images.pane import ImagePane
from genexplorer.dashboard.panes.sidebar import Sidebar
from genexplorer.dashboard.view import NUM_SMALL, DashboardView, RunCurves, RunView
from genexplorer.runs.record import XAxis
from genexplorer.session.charts import Chart

_WELCOME = "No runs yet.\n\nn trains a 2-D VAE (4 min)\ng opens the gallery\n? shows all keys"
_AXES: tuple[XAxis, ...] = ("step", "time", "images")


class CurvesPane(Horizontal):
    """Curves, and what stands beside them where there is room."""

    class QuantityWanted(Message):
        """A click on a small chart asks for its quantity."""

        def __init__(self, quantity: str) -> None:
            super().__init__()
            self.quantity = quantity

    class TimeWanted(Message):
        """A click on the large chart asks for a step."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.looks = CurveOptions()
        self._run: RunView | None = None
        self._drawn_for: tuple[object, ...] = ()
        self._small_for: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the charts and the panes beside them."""
        with Vertical(id="charts"):
            yield ChartView(id="large")
            with Horizontal(id="small"):
                for place in range(NUM_SMALL):
                    yield ChartView(classes="small" if place < 2 else "small rare")
        yield ImagePane(id="beside")
        yield Sidebar(id="side")

    @property
    def large(self) -> ChartView:
        """The large chart."""
        return self.query_one("#large", ChartView)

    def show(self, view: DashboardView, *, following: bool, playing: bool) -> None:
        """Show a view: redraws what has changed and nothing else."""
        self._run = view.run
        self._draw_large(view)
        self._draw_small(view)
        self.query_one(ImagePane).show(view.run, following=following, playing=playing)
        self.query_one(Sidebar).show(view.run)

    def _draw_large(self, view: DashboardView) -> None:
        run = view.run
        cause = (
            run.curves if run else None,
            tuple(id(compared.series) for compared in view.compared) if view.compared else (),
            self.looks,
            view.listed and not view.runs,
            (run.changes, run.status.state, run.status.phase, run.problem, run.folder) if run else None,
        )
        if cause != self._drawn_for:
            self._drawn_for = cause
            self.large.show(self._large_drawing(view))
        elif run is not None and not view.compared:
            self.large.set_cursor(run.cursor_x)

    def _large_drawing(self, view: DashboardView) -> ChartData:
        run = view.run
        if run is None:
            return ChartData("", (), empty=_WELCOME if view.listed and not view.runs else "")
        chart = chosen_chart(run, self.looks.quantity)
        if chart is None:
            return ChartData("", (), empty=empty_words(run))
        if view.compared:
            return comparison_chart(view.compared, chart, self.looks)
        return run_chart(run, chart, self.looks)

    def _draw_small(self, view: DashboardView) -> None:
        run = view.run
        charts = self.query_one("#small")
        if not charts.display or run is None:
            return
        cause = (run.curves, self.looks, run.folder)
        if cause == self._small_for:
            return
        self._small_for = cause
        others = [c for c in run.curves.charts if c != chosen_chart(run, self.looks.quantity)]
        views = [child for child in charts.children if isinstance(child, ChartView)]
        for place, view_of in enumerate(views):
            chart: Chart | None = others[place] if place < len(others) else None
            view_of.quantity = chart.quantity if chart else ""
            looks = replace(self.looks, log=False)
            view_of.show(run_chart(run, chart, looks, small=True) if chart else ChartData("", (), empty=""))

    @on(ChartView.Clicked)
    def _clicked(self, event: ChartView.Clicked) -> None:
        event.stop()
        if event.chart.quantity:
            self.post_message(self.QuantityWanted(event.chart.quantity))
        elif event.x is not None and self._run is not None:
            self.post_message(self.TimeWanted(step_at(self._run.curves, event.x)))

    def next_x(self) -> XAxis:
        """Go on to the next x axis."""
        x = _AXES[(_AXES.index(self.looks.x) + 1) % len(_AXES)]
        self.looks = replace(self.looks, x=x)
        return x

    def smooth(self, by: int) -> float:
        """Smooth more or less; return the weight."""
        place = min(max(self.looks.smoothing + by, 0), len(WEIGHTS) - 1)
        self.looks = replace(self.looks, smoothing=place)
        return self.looks.weight


def step_at(curves: RunCurves, x: float) -> int:
    """Return the step at an x of the large chart."""
    places = next(iter(curves.series.values())).x if curves.series else np.zeros(0)
    if curves.x == "step" or curves.steps is None or len(curves.steps) != len(places) or not len(places):
        return round(x)
    return round(float(np.interp(x, places, curves.steps)))
