"""The one-line widgets: tabs, status bar and footer."""

from dataclasses import dataclass
from typing import Any

from textual import events
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from genexplorer.dashboard.cell_painter import CellPainter
from genexplorer.dashboard.charts.chart import clip
from genexplorer.dashboard.key_bindings import Key
from genexplorer.dashboard.view import RunView
from genexplorer.session import formatting

TABS = ("curves", "samples", "config", "log", "latent", "theory")
_NOTICE_S = 6.0


class NumberedTabs(Widget):
    """The tabs, with their number keys."""

    @dataclass
    class TabClicked(Message):
        """A tab was clicked."""

        tab: str

    active = TABS[0]

    def show(self, tab: str) -> None:
        """Mark a tab as active."""
        self.active = tab
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Render the row."""
        cells: list[tuple[str, str]] = []
        for number, tab in enumerate(TABS, 1):
            if tab == self.active:
                cells.append((f" {number} {tab.capitalize()} ", "active"))
            else:
                cells += [(f" {number} ", "key"), (f"{tab.capitalize()} ", "name")]
        used = sum(len(text) for text, _ in cells)
        cells.append(("─" * max(self.size.width - used, 0), "line"))
        return CellPainter(self, "tabs").strip(cells, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Report the tab under the mouse."""
        end = 0
        for tab in TABS:
            end += len(tab) + 4
            if event.x < end:
                self.post_message(self.TabClicked(tab))
                return


class StatusBar(Static):
    """Shows a notice for a few seconds, else the newest line of the run's log."""

    @dataclass
    class Notice(Message):
        """A line for the status bar; a warning is also shown as a toast. Any widget may post it."""

        text: str
        warning: bool = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("", markup=False, **kwargs)
        self._notice: Content | None = None
        self._log_line = Content("")
        self._text = Content("")

    def show_notice(self, notice: Notice) -> None:
        """Show a notice for a few seconds."""
        text = self._notice = Content.assemble((notice.text, "$warning" if notice.warning else "$accent"))

        def expire() -> None:
            if self._notice is text:
                self._notice = None
                self._update()

        self.set_timer(_NOTICE_S, expire)
        self._update()

    def show(self, run: RunView | None) -> None:
        """Show the newest line of a run's log, if there is no notice."""
        line = run.log[-1] if run is not None and run.log else None
        if line is None:
            self._log_line = Content("")
        else:
            message = clip(line.message, max(self.size.width - 10, 10))
            self._log_line = Content.assemble((f"{formatting.clock(line.time)} ", "$subtle"), (message, "$muted"))
        self._update()

    def _update(self) -> None:
        text = self._notice or self._log_line
        if not text.is_same(self._text):
            self._text = text
            self.update(text, layout=False)


class Footer(Widget):
    """The most important keys; a click on one runs its action.

    A single widget: Textual's footer mounts one for each key, three times while it starts.
    """

    def __init__(self, keys: tuple[Key, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._keys = tuple(key for key in keys if key.footer)

    def render_line(self, y: int) -> Strip:
        """Render the row."""
        cells = [cell for key in self._keys for cell in ((key.display, "key"), (f" {key.name} ", "name"))]
        return CellPainter(self, "keys").strip(cells, self.size.width)

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the key under the mouse."""
        offset, end = event.get_content_offset(self), 0
        for key in self._keys if offset is not None else ():
            end += len(key.display) + len(key.name) + 2
            if offset is not None and offset.x < end:
                await self.run_action(f"screen.{key.action}")
                return
