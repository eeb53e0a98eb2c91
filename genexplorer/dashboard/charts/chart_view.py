"""Widget that displays a chart and posts clicks as x values."""

from dataclasses import dataclass, replace

from textual import events
from textual.message import Message

from genexplorer.dashboard.charts.chart import ChartData, RenderedChart, StyledText, render_chart
from genexplorer.dashboard.widgets import CellWidget


class ChartView(CellWidget):
    """Displays a `ChartData`, rendered again only when it or the size has changed."""

    @dataclass
    class Clicked(Message):
        """The chart was clicked: `x` is the x value under the mouse, or None outside of the plot."""

        chart: "ChartView"
        x: float | None

        @property
        def control(self) -> "ChartView":
            """The chart, for Textual's `on` decorator."""
            return self.chart

    style_set = "chart"
    data = ChartData("", (), placeholder="")
    quantity = ""  # of a small chart, so that the receiver of `Clicked` can show it in the large one
    _chart = RenderedChart(())

    def show(self, data: ChartData) -> None:
        """Show another chart."""
        self.data = data
        self.redraw()

    def select_x(self, x: float | None) -> None:
        """Move the vertical line that shows the selected step; None hides it."""
        if x != self.data.selected_x:
            self.show(replace(self.data, selected_x=x))

    def draw(self, width: int, height: int) -> tuple[tuple[StyledText, ...], ...]:
        """Return the rows of the chart."""
        self._chart = render_chart(self.data, width, height)
        return self._chart.rows

    def on_click(self, event: events.Click) -> None:
        """Post the x value under the mouse."""
        inside = self.rows and 0 < event.y < self.size.height - 1
        self.post_message(self.Clicked(self, self._chart.x_at(event.x) if inside else None))
