"""Base widgets: rows of cells, and texts. Both are rendered again only when their content has changed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from genexplorer.dashboard.cell_painter import CellPainter
from genexplorer.dashboard.charts.chart import StyledText


class CellWidget(Widget):
    """Displays rows of styled texts, drawn again only after `redraw` or for another size."""

    style_set: ClassVar[str]  # a key of `cell_painter.STYLES`
    _rows: Sequence[Sequence[StyledText]] | None = None
    _rows_size = Size(0, 0)
    _painter: CellPainter | None = None

    def draw(self, width: int, height: int) -> Sequence[Sequence[StyledText]]:
        """Return the rows for a size."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw the rows again."""
        self._rows = None
        self.refresh()

    @property
    def rows(self) -> Sequence[Sequence[StyledText]]:
        """The rows at the present size."""
        if self._rows is None or self.size != self._rows_size:
            self._rows, self._rows_size = self.draw(*self.size), self.size
        return self._rows

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render the visible rows."""
        self._painter = CellPainter(
            self, self.style_set
        )  # one for all rows: it takes as long to make as a row to render
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Render a row of cells."""
        cells = self.rows[y] if y < len(self.rows) else ()
        return (self._painter or CellPainter(self, self.style_set)).strip(cells, self.size.width)


class Text(Static):
    """A text that is displayed again only when it has changed."""

    _text = Content("")

    def __init__(self, text: str = "", **kwargs: Any) -> None:
        super().__init__(text, markup=False, **kwargs)

    def show_text(self, text: Content, *, layout: bool = True) -> None:
        """Show a text; without `layout` if its size never changes."""
        if not text.is_same(self._text):
            self._text = text
            self.update(text, layout=layout)
