"""Keys and links: how an action is run by the keyboard, the footer, the help, the command palette or a click.

Each widget declares its keys in `KEYS` beside the actions they run. The main screen collects them, since they work
whatever has the focus.
"""

from dataclasses import dataclass, replace

from textual.binding import Binding
from textual.content import Content, Span
from textual.keys import format_key
from textual.style import Style

_KEY_LABELS = {"delete": "Del", "minus": "−", "ctrl+p": "^p"}  # where Textual's label is another


@dataclass(frozen=True)
class KeyBinding:
    """A key binding with its texts.

    Args:
        keys: Names of the keys in Textual, separated by commas; the first is displayed.
        action: A Textual action of the widget that declares the key.
        name: One or two words, for the footer and the command palette.
        help: One line, for the help screen.
        group: Heading on the help screen under which the key is listed.
        in_footer: Whether the footer shows it.
    """

    keys: str
    action: str
    name: str
    help: str
    group: str
    in_footer: bool = False

    @property
    def display(self) -> str:
        """The key as the screen shows it."""
        first = self.keys.split(",")[0]
        return _KEY_LABELS.get(first) or format_key(first)

    def binding(self) -> Binding:
        """Return Textual's binding."""
        return Binding(
            self.keys, self.action, self.name, show=self.in_footer, key_display=self.display, tooltip=self.help
        )


def forwarded_keys(widget_class: str, keys: tuple[KeyBinding, ...]) -> tuple[KeyBinding, ...]:
    """Return a widget's keys as keys of the screen, which runs their actions on its widget of that class."""
    return tuple(replace(key, action=forwarded_action(widget_class, key.action)) for key in keys)


def forwarded_action(widget_class: str, action: str) -> str:
    """Return the action of the screen that runs an action of its widget of the class with that name."""
    return f"run_widget_action({widget_class!r}, {action!r})"


def link(text: str, action: str, style: str = "") -> Content:
    """Return a text that runs an action on a click.

    Args:
        text: The text to click on.
        action: A Textual action, such as "screen.follow", which shows the newest step.
        style: A style of the theme, such as "bold $accent".
    """
    spans = [Span(0, len(text), style)] if style else []
    return Content(text, [*spans, Span(0, len(text), Style.from_meta({"@click": action}))])
