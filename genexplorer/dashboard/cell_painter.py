"""Rendering of rows of styled texts as strips, in the theme's colors.

Styles are not component classes of the style sheet: Textual computes each of those for each widget whenever a class
changes, and the sixty styles of five charts took more than half of the startup time.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from genexplorer.dashboard.charts.chart import StyledText

_COLOR_NUMBERS = range(10)  # of class labels, compared runs and latent dimensions
STYLES: Mapping[str, Mapping[str, str]] = {
    "runs": {
        "name": "$foreground",
        "other": "$muted",
        "running": "$accent",
        "attention": "$warning",
        "comparison-label": "bold $accent",
        "placeholder": "$muted",
        "selected": "bold on $surface",
    },
    "tabs": {"name": "$muted", "key": "$subtle", "active": "bold $foreground on $surface", "line": "$faint"},
    "keys": {"key": "bold $accent", "name": "$muted"},
    "chart": {
        "title": "bold",
        "note": "$muted",
        "tick": "$muted",
        "name": "$muted",
        "axis": "$subtle",
        "selected-step": "$accent",
        "annotation": "$warning",
        "alert": "$warning",
        "train": "$foreground",
        "train-raw": "$subtle",
        "test": "$accent",
        "test-raw": "$subtle",
        "other": "$muted",
        "other-raw": "$faint",
        **{f"run{number}": f"$label-{number}" for number in _COLOR_NUMBERS},
        **{f"run{number}-raw": "$faint" for number in _COLOR_NUMBERS},
    },
    "plane": {
        "axis": "$subtle",
        "name": "$muted",
        "cursor": "bold $background on $accent",
        "unknown": "$subtle",
        **{f"class{number}": f"$label-{number}" for number in _COLOR_NUMBERS},
    },
}  # the styles of each set, by name


class CellPainter:
    """Renders the cells of one widget, for one repaint.

    Args:
        widget: The widget that is painted.
        style_set: A key of `STYLES`.
    """

    def __init__(self, widget: Widget, style_set: str) -> None:
        self._definitions = STYLES[style_set]
        self._parse = widget.app.stylesheet.parse_style  # cached by Textual until the theme changes
        self._base = widget.rich_style

    def style(self, name: str) -> RichStyle:
        """Return the style of that name; the widget's own for an unknown name."""
        definition = self._definitions.get(name)
        return self._base if definition is None else _combine(self._base, self._parse(definition))

    def strip(self, cells: Iterable[StyledText], width: int) -> Strip:
        """Return a row of cells as a strip; adjacent cells of one style share a segment."""
        segments: list[Segment] = []
        text, current = "", ""
        for character, style in cells:
            if style != current and text:
                segments.append(Segment(text, self.style(current)))
                text = ""
            current = style
            text += character
        if text:
            segments.append(Segment(text, self.style(current)))
        return Strip(segments).adjust_cell_length(width, self._base)


@lru_cache(maxsize=512)
def _combine(base: RichStyle, style: Style) -> RichStyle:
    return base + style.rich_style
