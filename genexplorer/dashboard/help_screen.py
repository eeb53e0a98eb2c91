"""All keys on one screen, made from the table of keys, so that none is forgotten."""

from textual.content import Content

from genexplorer.dashboard.keys import KEYS
from genexplorer.dashboard.text_screen import TextScreen

_KEY_WIDTH = 8


def help_screen() -> TextScreen:
    """Return the help."""
    parts: list[Content] = []
    for group in dict.fromkeys(key.group for key in KEYS):
        parts.append(Content.assemble((group, "bold")))
        for key in KEYS:
            if key.group == group:
                parts.append(Content.assemble((f"  {key.shown:<{_KEY_WIDTH}}", "$accent"), key.help))
        parts.append(Content(""))
    parts.append(
        Content.assemble(
            ("↑ ↓ choose a run, tab moves between panes; whatever has a key can be clicked too.", "$muted")
        )
    )
    return TextScreen("Keys", Content("\n").join(parts))
