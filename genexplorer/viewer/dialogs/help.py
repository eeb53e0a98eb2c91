"""The dialog that lists all keys: those of the window and of each tab."""

from collections.abc import Sequence

from PyQt6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.tab import KeyHelp, Tab
from genexplorer.viewer.widgets.controls import close_buttons, fill_box
from genexplorer.viewer.widgets.labels import heading, muted, text

_WINDOW_KEYS: KeyHelp = {
    "Time": (
        ("Space", "play or pause"),
        ("[  ]", "previous, next snapshot"),
        ("{  }", "first, newest snapshot"),
        ("S", "playback speed"),
        ("L", "follow or hold"),
        ("W", "alerts"),
    ),
    "Run": (
        ("Ctrl+R", "choose a run"),
        ("Ctrl+O", "open a run folder"),
        ("N", "train a new run"),
        ("Ctrl+P", "pause or resume"),
        (".", "one step, while paused"),
        ("Ctrl+E", "settings"),
        ("Ctrl+Shift+E", "train longer"),
        ("Ctrl+F", "fork: start a branch"),
        ("Ctrl+.", "stop"),
        ("F2", "name, tags and note"),
        ("Ctrl+Del", "move to the trash"),
    ),
    "Window": (
        ("1 – 9", "tabs"),
        ("T", "theory"),
        ("Ctrl+S", "save an image"),
        ("Ctrl+C", "copy the image"),
        ("Ctrl+Shift+C", "copy as command"),
        ("F11", "presentation"),
        ("Ctrl+D", "light or dark"),
        ("Esc", "dismiss, leave full screen"),
        ("Ctrl+Q", "close; training continues"),
    ),
}
_NUM_TAB_COLUMNS = 3


class HelpDialog(QDialog):
    """Lists all keys: the window's, then those of each tab.

    Args:
        tabs: All tabs.
        current: The tab in front, whose keys are marked.
        parent: The window.
    """

    def __init__(self, tabs: Sequence[Tab], current: Tab, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        # Fill the columns of the tabs evenly, each tab's groups below one another.
        tables = [tab.key_help for tab in tabs if tab.key_help]
        heights = [sum(len(rows) + 2 for rows in table.values()) for table in tables]
        filled_rows = 0
        groups: list[list[KeyHelp]] = [[] for _ in range(_NUM_TAB_COLUMNS)]
        for table, height in zip(tables, heights, strict=True):
            groups[filled_rows * _NUM_TAB_COLUMNS // sum(heights)].append(table)
            filled_rows += height
        columns = [_column([_WINDOW_KEYS], {}), *(_column(group, current.key_help) for group in groups)]
        note = muted("Left: everywhere. Other columns: only in that tab.")
        row = fill_box(QHBoxLayout(), *columns, spacing=4 * GAP)
        margins = (3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP)
        fill_box(QVBoxLayout(self), note, row, close_buttons(self), margins=margins, spacing=2 * GAP)


def _column(tables: Sequence[KeyHelp], marked: KeyHelp) -> QVBoxLayout:
    column = QVBoxLayout()
    for table in tables:
        for name, rows in table.items():
            grid = QGridLayout()
            grid.setHorizontalSpacing(scaled(2 * GAP))
            grid.setVerticalSpacing(scaled(GAP // 2))
            grid.setColumnStretch(1, 1)
            grid.addWidget(heading(f"{name}  ◂ this tab" if table is marked else name), 0, 0, 1, 2)
            for row, (key, action) in enumerate(rows, start=1):
                grid.addWidget(text(key), row, 0)
                grid.addWidget(muted(action), row, 1)
            column.addLayout(grid)
            column.addSpacing(scaled(GAP))
    column.addStretch(1)
    return column
