"""All keys on one screen, made from the table of keys, so that none is forgotten; a click does what the key does."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from genexplorer.dashboard.key_bindings import KEYS
from genexplorer.dashboard.links import link

_KEY_WIDTH = 8


class HelpScreen(ModalScreen[str | None]):
    """Returns the action of the line that was clicked, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark", "close", "Close", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Lay out the keys above a button."""
        with Vertical(classes="dialog wide"):
            yield Static("Keys", markup=False, classes="dialog-title")
            with VerticalScroll(classes="dialog-text"):
                yield Static(help_text(), markup=False)
            yield Button("Close (esc)", compact=True)

    @on(Button.Pressed)
    def _pressed(self) -> None:
        self.dismiss(None)

    def action_close(self) -> None:
        """Leave."""
        self.dismiss(None)

    def action_key(self, index: int) -> None:
        """Leave and do what a key does."""
        self.dismiss(KEYS[index].action)


def help_text() -> Content:
    """Return every key with what it does, in groups."""
    parts: list[Content] = []
    for group in dict.fromkeys(key.group for key in KEYS):
        parts.append(Content.assemble((group, "bold")))
        for index, key in enumerate(KEYS):
            if key.group == group:
                name = Content.assemble((f"  {key.shown:<{_KEY_WIDTH}}", "$accent"))
                parts.append(name + link(key.help, f"screen.key({index})", "$foreground"))
        parts.append(Content(""))
    hint = "↑ ↓ choose a run, tab moves between panes. A line here and whatever is blue can be clicked."
    return Content("\n").join([*parts, Content.assemble((hint, "$muted"))])
