"""The tabs in one row: a number, a name; a click or the number's key shows one."""

from typing import Any

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from genexplorer.dashboard.cell_painter import CellPainter

TABS = ("curves", "samples", "config", "log", "walk", "theory")


class NumberedTabs(Widget):
    """Six tabs. In a narrow terminal the gaps go first."""

    class ViewRequest(Message):
        """Somebody asked for a tab."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.shown = TABS[0]

    def show(self, tab: str) -> None:
        """Mark a tab as the one that is shown."""
        self.shown = tab
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint the row."""
        paint = CellPainter(self, "tabs")
        cells: list[tuple[str, str]] = []
        for number, tab in enumerate(TABS, 1):
            if tab == self.shown:
                cells.append((f" {number} {tab.capitalize()} ", "shown"))
            else:
                cells += [(f" {number} ", "key"), (f"{tab.capitalize()} ", "name")]
        used = sum(len(text) for text, _ in cells)
        return paint.strip([*cells, ("─" * max(self.size.width - used, 0), "rest")], self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Ask for the tab under the mouse."""
        column = 0
        for tab in TABS:
            column += len(tab) + 4
            if event.x < column:
                self.post_message(self.ViewRequest(tab))
                return
