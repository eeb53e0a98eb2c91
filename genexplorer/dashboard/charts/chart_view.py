"""A chart on the screen: drawn only when what it shows or its size has changed; a click is told as an x."""

from dataclasses import replace
from typing import Any

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from genexplorer.dashboard.cell_painter import CellPainter
from genexplorer.dashboard.charts.chart import ChartData, RenderedChart, draw


class ChartView(Widget):
    """Shows one `ChartData`."""

    class Clicked(Message):
        """Somebody clicked on the chart: at an x within the plot, or elsewhere (None)."""

        def __init__(self, chart: "ChartView", x: float | None) -> None:
            super().__init__()
            self.chart = chart
            self.x = x

        @property
        def control(self) -> "ChartView":
            """The chart that was clicked."""
            return self.chart

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._drawing = ChartData("", (), empty="")
        self._plot: RenderedChart | None = None
        self._plot_size = (0, 0)
        self._painter: CellPainter | None = None
        self.quantity = ""  # what it shows, for whoever is told of a click

    @property
    def drawing(self) -> ChartData:
        """What is shown."""
        return self._drawing

    def show(self, drawing: ChartData) -> None:
        """Show another drawing."""
        self._drawing, self._plot = drawing, None
        self.refresh()

    def set_cursor(self, x: float | None) -> None:
        """Move the time cursor alone."""
        if x != self._drawing.cursor:
            self.show(replace(self._drawing, cursor=x))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Paint the plot, or a part of it."""
        self._painter = CellPainter(self, "chart")  # for all rows: finding a widget's own style takes as long as a row
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Paint one row of the plot."""
        plot = self._drawn()
        cells = plot.rows[y] if y < len(plot.rows) else ()
        return (self._painter or CellPainter(self, "chart")).strip(cells, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Tell where the click was."""
        inside = 0 < event.y < self.size.height - 1
        self.post_message(self.Clicked(self, self._drawn().x_at(event.x) if inside else None))

    def _drawn(self) -> RenderedChart:
        size = (self.size.width, self.size.height)
        if self._plot is None or size != self._plot_size:
            self._plot, self._plot_size = draw(self._drawing, *size), size
        return self._plot
