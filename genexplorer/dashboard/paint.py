"""Painted cells: from (text, role) to strips, with the colours that the style sheet gives to roles.

A widget names its roles as component classes, "chart--train"; what it paints is data, never markup.
"""

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from genexplorer.dashboard.chart import Cell


class Painter:
    """Resolves the roles of one widget to styles, for one row or a few; Textual keeps the styles."""

    def __init__(self, widget: Widget, prefix: str) -> None:
        self._widget, self._prefix = widget, prefix
        self._base = widget.rich_style

    def style(self, role: str) -> Style:
        """Return the style of a role; the widget's own where a role is not known."""
        if not role:
            return self._base
        return self._widget.get_component_rich_style(f"{self._prefix}--{role}", default=self._base)

    def strip(self, cells: Iterable[Cell], width: int) -> Strip:
        """Paint a row of cells, neighbours of one role together."""
        segments: list[Segment] = []
        text, current = "", ""
        for character, role in cells:
            if role != current and text:
                segments.append(Segment(text, self.style(current)))
                text = ""
            current = role
            text += character
        if text:
            segments.append(Segment(text, self.style(current)))
        return Strip(segments).adjust_cell_length(width, self._base)
