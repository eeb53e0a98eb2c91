"""Tab 2: the recorded pictures, as large as the terminal allows, through time, beside the objective at that time."""

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from genexplorer.dashboard.charts.chart import ChartData
from genexplorer.dashboard.charts.chart_view import ChartView
from genexplorer.dashboard.charts.curves import CurveOptions, chosen_chart, run_chart
from genexplorer.dashboard.images.pane import ImagePane
from genexplorer.dashboard.tabs.curves import CurvesPane, step_at
from genexplorer.dashboard.view import RunView


class SamplesPane(Horizontal):
    """Pictures at the time cursor: the same latents, or the same test images, through all of the training."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._run: RunView | None = None
        self._drawn_for: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the pictures and, where there is room, the curves."""
        yield ImagePane()
        yield ChartView(id="beside-samples")

    def show(self, run: RunView | None, looks: CurveOptions, *, following: bool, playing: bool) -> None:
        """Show the pictures and the chosen curves of a run at the time cursor."""
        self._run = run
        self.query_one(ImagePane).show(run, following=following, playing=playing)
        chart_view = self.query_one("#beside-samples", ChartView)
        cause = (run.curves if run else None, looks)
        if cause != self._drawn_for:
            self._drawn_for = cause
            chart = chosen_chart(run, looks.quantity) if run else None
            chart_view.show(run_chart(run, chart, looks) if run and chart else ChartData("", (), empty=""))
        elif run is not None:
            chart_view.set_cursor(run.cursor_x)

    @on(ChartView.Clicked)
    def _clicked(self, event: ChartView.Clicked) -> None:
        event.stop()
        if event.x is not None and self._run is not None:
            self.post_message(CurvesPane.TimeWanted(step_at(self._run.curves, event.x)))
