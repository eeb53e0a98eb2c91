"""Widget that displays a chart and reports clicks as x values."""

from dataclasses import dataclass, replace

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from genexplorer.dashboard.cell_painter import CellPainter
from genexplorer.dashboard.charts.chart import ChartData, RenderedChart, render_chart


class ChartView(Widget):
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

    data = ChartData("", (), empty="")
    _rendered: RenderedChart | None = None
    _rendered_size = (0, 0)
    _painter: CellPainter | None = None
    quantity = ""  # of a small chart, for the receiver of `Clicked`

    def show(self, data: ChartData) -> None:
        """Show another chart."""
        self.data, self._rendered = data, None
        self.refresh()

    def set_cursor(self, x: float | None) -> None:
        """Move the time cursor."""
        if x != self.data.cursor:
            self.show(replace(self.data, cursor=x))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render the visible rows."""
        self._painter = CellPainter(self, "chart")  # one for all rows: it takes as long to make as a row to render
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Render a row of cells."""
        rows = self._render_chart().rows
        cells = rows[y] if y < len(rows) else ()
        return (self._painter or CellPainter(self, "chart")).strip(cells, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Report the x under the mouse."""
        inside = 0 < event.y < self.size.height - 1
        self.post_message(self.Clicked(self, self._render_chart().x_at(event.x) if inside else None))

    def _render_chart(self) -> RenderedChart:
        size = (self.size.width, self.size.height)
        if self._rendered is None or size != self._rendered_size:
            self._rendered, self._rendered_size = render_chart(self.data, *size), size
        return self._rendered
