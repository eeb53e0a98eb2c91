"""Widget that displays a chart and reports clicks as x values."""

from dataclasses import dataclass, replace

from textual import events
from textual.message import Message

from genexplorer.dashboard.charts.chart import Cell, ChartData, RenderedChart, render_chart
from genexplorer.dashboard.widgets import CellWidget


class ChartView(CellWidget):
    """Displays a `ChartData`, rendered again only when it or the size has changed."""

    @dataclass
    class Clicked(Message):
        """The chart was clicked, at an x within the plot or elsewhere (None)."""

        chart: "ChartView"
        x: float | None

        @property
        def control(self) -> "ChartView":
            """The chart, for Textual's `on` decorator."""
            return self.chart

    kind = "chart"
    data = ChartData("", (), empty="")
    quantity = ""  # of a small chart, for the receiver of `Clicked`
    _chart = RenderedChart(())

    def show(self, data: ChartData) -> None:
        """Show another chart."""
        self.data = data
        self.redraw()

    def set_cursor(self, x: float | None) -> None:
        """Move the time cursor."""
        if x != self.data.cursor:
            self.show(replace(self.data, cursor=x))

    def draw(self, width: int, height: int) -> tuple[tuple[Cell, ...], ...]:
        """Return the rows of the chart."""
        self._chart = render_chart(self.data, width, height)
        return self._chart.rows

    def on_click(self, event: events.Click) -> None:
        """Report the x under the mouse."""
        inside = self.rows and 0 < event.y < self.size.height - 1
        self.post_message(self.Clicked(self, self._chart.x_at(event.x) if inside else None))
