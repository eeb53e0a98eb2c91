"""Tab 2: the recorded image at the selected step, as large as the terminal allows, beside the objective."""

from textual.app import ComposeResult
from textual.containers import Horizontal

from genexplorer.dashboard.charts.chart import ChartData
from genexplorer.dashboard.charts.chart_view import ChartView
from genexplorer.dashboard.charts.curves import CurveOptions, run_chart, selected_chart
from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.images.pane import ImagePane
from genexplorer.session.step_selection import StepSelection


class SamplesPane(Horizontal):
    """Images of the same latents, or of the same test images, throughout the training."""

    _chart_inputs: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Create the image, and the chart for wide terminals."""
        yield ImagePane()
        yield ChartView(id="beside-samples")

    def show(self, run: RunDetails | None, options: CurveOptions, step_selection: StepSelection) -> None:
        """Show a run's image and curves at the selected step."""
        self.query_one(ImagePane).show(run, step_selection)
        chart_view = self.query_one(ChartView)
        inputs = (run.curves if run else None, options)
        if inputs != self._chart_inputs:
            self._chart_inputs = inputs
            chart = selected_chart(run, options.quantity) if run else None
            chart_view.show(run_chart(run, chart, options) if run and chart else ChartData("", (), placeholder=""))
        elif run is not None:
            chart_view.select_x(run.selected_x)
