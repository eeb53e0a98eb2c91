"""The line of keys at the bottom: one widget, where Textual's footer makes one for each key, thrice while it starts."""

from textual import events
from textual.strip import Strip
from textual.widget import Widget

from genexplorer.dashboard.cell_painter import CellPainter
from genexplorer.dashboard.key_bindings import KEYS

_SHOWN = tuple(key for key in KEYS if key.footer)


class Footer(Widget):
    """The keys that a newcomer needs; a click on one does the same."""

    def render_line(self, y: int) -> Strip:
        """Paint the row."""
        cells = [part for key in _SHOWN for part in ((key.shown, "key"), (f" {key.name} ", "name"))]
        return CellPainter(self, "keys").strip(cells, self.size.width)

    async def on_click(self, event: events.Click) -> None:
        """Do what the key under the mouse does."""
        column, offset = 0, event.get_content_offset(self)
        for key in _SHOWN if offset is not None else ():
            column += len(key.shown) + len(key.name) + 2
            if offset is not None and offset.x < column:
                await self.run_action(f"screen.{key.action}")
                return
