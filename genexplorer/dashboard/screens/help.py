"""?: every key with its help text; a click on a line runs its action."""

from textual.content import Content

from genexplorer.dashboard.key_bindings import Key, link
from genexplorer.dashboard.screens.dialogs import TextScreen

_KEY_WIDTH = 8


class HelpScreen(TextScreen):
    """Returns the action of the clicked line, or None."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        super().__init__("Keys", _help_text(keys))
        self._keys = keys

    def action_key(self, index: int) -> None:
        """Close the dialog with the action of a key."""
        self.dismiss(self._keys[index].action)


def _help_text(keys: tuple[Key, ...]) -> Content:
    parts: list[Content] = []
    for group in dict.fromkeys(key.group for key in keys):
        parts.append(Content.assemble((group, "bold")))
        for index, key in enumerate(keys):
            if key.group == group:
                name = Content.assemble((f"  {key.display:<{_KEY_WIDTH}}", "$accent"))
                parts.append(name + link(key.help, f"screen.key({index})", "$foreground"))
        parts.append(Content(""))
    hint = "↑ ↓ select a run, tab moves the focus. Lines here and blue texts can be clicked."
    return Content("\n").join([*parts, Content.assemble((hint, "$muted"))])
