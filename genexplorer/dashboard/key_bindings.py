"""Keys and links: how an action is run by the keyboard, the footer, the help, the palette or a click.

Each widget declares its keys in `KEYS` beside the actions they run. The main screen collects them, since they work
whatever has the focus.
"""

from dataclasses import dataclass, replace

from textual.binding import Binding
from textual.content import Content, Span
from textual.style import Style

_DISPLAY = {
    "slash": "/",
    "question_mark": "?",
    "delete": "Del",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "−",
    "full_stop": ".",
    "escape": "esc",
    "ctrl+p": "^p",
}


@dataclass(frozen=True)
class Key:
    """A key binding with its texts.

    Args:
        keys: As Textual names them, separated by commas; the first is displayed.
        action: A Textual action of the widget that declares the key.
        name: One or two words, for the footer and the palette.
        help: One line, for the help screen.
        group: Heading on the help screen.
        footer: Whether the footer shows it.
    """

    keys: str
    action: str
    name: str
    help: str
    group: str
    footer: bool = False

    @property
    def display(self) -> str:
        """The key as the screen shows it."""
        first = self.keys.split(",")[0]
        return _DISPLAY.get(first, first)

    def binding(self) -> Binding:
        """Return Textual's binding."""
        return Binding(self.keys, self.action, self.name, show=self.footer, key_display=self.display, tooltip=self.help)


def screen_keys(widget: str, keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """Return a widget's keys as keys of the screen, which runs their actions on the widget of that class."""
    return tuple(replace(key, action=run_on(widget, key.action)) for key in keys)


def run_on(widget: str, action: str) -> str:
    """Return the screen action that runs an action of the widget of a class."""
    return f"run_on({widget!r}, {action!r})"


def link(text: str, action: str, style: str = "") -> Content:
    """Return a text that runs an action ("screen.follow") on a click, in a style such as "bold $accent"."""
    spans = [Span(0, len(text), style)] if style else []
    return Content(text, [*spans, Span(0, len(text), Style.from_meta({"@click": action}))])
