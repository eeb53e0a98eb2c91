"""The one-line widgets: tabs, status bar and footer."""

from dataclasses import dataclass
from typing import Any

from textual import events
from textual.content import Content
from textual.message import Message

from genexplorer.dashboard.charts.chart import StyledText
from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.key_bindings import KeyBinding
from genexplorer.dashboard.text_fitting import clip
from genexplorer.dashboard.widgets import CellWidget, Text
from genexplorer.session import formatting

TAB_NAMES = ("curves", "samples", "config", "log", "latent", "theory")
_NOTICE_DURATION_S = 6.0


class ActionBar(CellWidget):
    """A row of items; a click on one runs its action on the screen."""

    def items(self) -> list[tuple[list[StyledText], str]]:
        """Return the segments of text and the action of each item."""
        raise NotImplementedError

    def draw(self, width: int, height: int) -> list[list[StyledText]]:
        """Return the row."""
        return [[segment for segments, _ in self.items() for segment in segments]]

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the item under the mouse."""
        offset, end = event.get_content_offset(self), 0
        for segments, action in self.items() if offset is not None else ():
            end += sum(len(text) for text, _ in segments)
            if offset is not None and offset.x < end:
                await self.run_action(f"screen.{action}")
                return


class NumberedTabs(ActionBar):
    """The tabs, with their number keys."""

    style_set = "tabs"
    active_tab = TAB_NAMES[0]

    def show(self, tab: str) -> None:
        """Mark a tab as active."""
        self.active_tab = tab
        self.redraw()

    def items(self) -> list[tuple[list[StyledText], str]]:
        """Return the tabs."""
        items = []
        for number, tab in enumerate(TAB_NAMES, 1):
            inactive = [(f" {number} ", "key"), (f"{tab.capitalize()} ", "name")]
            segments = [(f" {number} {tab.capitalize()} ", "active")] if tab == self.active_tab else inactive
            items.append((segments, f"show_tab('{tab}')"))
        return items

    def draw(self, width: int, height: int) -> list[list[StyledText]]:
        """Return the tabs, and a line to the right edge."""
        (segments,) = super().draw(width, height)
        used = sum(len(text) for text, _ in segments)
        return [[*segments, ("─" * max(width - used, 0), "line")]]


class StatusBar(Text):
    """Shows a notice for a few seconds, else the newest line of the run's log."""

    @dataclass
    class Notice(Message):
        """A line for the status bar; a warning is also shown as a toast. Any widget may post it."""

        text: str
        warning: bool = False

    _notice: Content | None = None
    _log_line = Content("")

    def show_notice(self, notice: Notice) -> None:
        """Show a notice for a few seconds."""
        text = self._notice = Content.assemble((notice.text, "$warning" if notice.warning else "$accent"))

        def expire() -> None:
            if self._notice is text:
                self._notice = None
                self._update()

        self.set_timer(_NOTICE_DURATION_S, expire)
        self._update()

    def show(self, run: RunDetails | None) -> None:
        """Show the newest line of a run's log, if there is no notice."""
        self._log_line = Content("")
        if run is not None and run.log:
            line = run.log[-1]
            message = clip(line.message, max(self.size.width - 10, 10))
            self._log_line = Content.assemble((f"{formatting.clock(line.time)} ", "$subtle"), (message, "$muted"))
        self._update()

    def _update(self) -> None:
        self.show_text(self._notice or self._log_line, layout=False)


class Footer(ActionBar):
    """The most important keys.

    A single widget: Textual's footer mounts one for each key, three times while it starts.
    """

    style_set = "keys"

    def __init__(self, keys: tuple[KeyBinding, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._keys = [key for key in keys if key.in_footer]

    def items(self) -> list[tuple[list[StyledText], str]]:
        """Return the keys."""
        return [([(key.display, "key"), (f" {key.name} ", "name")], key.action) for key in self._keys]
