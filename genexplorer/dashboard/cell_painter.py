"""Painted cells: from (text, role) to strips; what a role looks like is told here, in the colors of the theme.

Not as component classes of the style sheet: Textual works out each of them for each widget whenever a class changes,
and the sixty roles of five charts took more than half of the time to the first screen.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.style import Style as Look
from textual.widget import Widget

from genexplorer.dashboard.charts.chart import Cell

_CLASSES = range(10)  # colors of labels, of compared runs, of latent dimensions
STYLES: Mapping[str, Mapping[str, str]] = {
    "runs": {
        "name": "$foreground",
        "second": "$muted",
        "live": "$accent",
        "wrong": "$warning",
        "letter": "bold $accent",
        "hint": "$muted",
        "chosen": "bold on $surface",
    },
    "tabs": {"name": "$muted", "key": "$quiet", "shown": "bold $foreground on $surface", "rest": "$faint"},
    "keys": {"key": "bold $accent", "name": "$muted"},
    "chart": {
        "title": "bold",
        "note": "$muted",
        "tick": "$muted",
        "name": "$muted",
        "axis": "$quiet",
        "cursor": "$accent",
        "mark": "$warning",
        "alert": "$warning",
        "train": "$foreground",
        "train-raw": "$quiet",
        "test": "$accent",
        "test-raw": "$quiet",
        "other": "$muted",
        "other-raw": "$faint",
        **{f"run{number}": f"$class-{number}" for number in _CLASSES},
        **{f"run{number}-raw": "$faint" for number in _CLASSES},
    },
    "plane": {
        "axis": "$quiet",
        "name": "$muted",
        "cursor": "bold $background on $accent",
        "unknown": "$quiet",
        **{f"class{number}": f"$class-{number}" for number in _CLASSES},
    },
}  # roles, by the kind of widget


class CellPainter:
    """Resolves the roles of one widget to styles, for one painting of it.

    Args:
        widget: What is painted.
        kind: Of `STYLES`.
    """

    def __init__(self, widget: Widget, kind: str) -> None:
        self._looks = STYLES[kind]
        self._parse = widget.app.stylesheet.parse_style  # it remembers them as long as the theme stays
        self._base = widget.rich_style

    def style(self, role: str) -> Style:
        """Return the style of a role; the widget's own where a role is not known."""
        look = self._looks.get(role)
        return self._base if look is None else _upon(self._base, self._parse(look))

    def strip(self, cells: Iterable[Cell], width: int) -> Strip:
        """Paint a row of cells, neighbors of one role together."""
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


@lru_cache(maxsize=512)
def _upon(base: Style, look: Look) -> Style:
    return base + look.rich_style
