"""The list of runs: one row each, drawn as it scrolls into sight, so that ten thousand are no different from ten."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from genexplorer.dashboard.cell_painter import CellPainter
from genexplorer.dashboard.charts.chart import Cell, clip
from genexplorer.runs.record import RunStatus, State
from genexplorer.session import formatting

EMPTY = "No runs yet.\nn trains a 2-D VAE\n(4 min)\ng opens the gallery"
LETTERS = "ABCDEFGHIJ"  # of compared runs, in the order in which they were marked
_NARROW = 31  # columns below which only the name has room
_WIDE = 53  # columns from which the speed has room
_FAMILY = 4  # letters of a family's name
_JUDGED = 500  # rows by which the columns are set


@dataclass(frozen=True)
class RunRow:
    """What a row shows."""

    status: RunStatus
    letter: str = ""  # "A" where the run takes part in a comparison


@dataclass(frozen=True)
class ColumnWidths:
    """How many cells the columns beside the name take: no more than their texts need, so that names get the rest."""

    letter: int = 0
    family: int = 0
    share: int = 3
    end: int = 4

    @classmethod
    def fitting(cls, rows: Sequence[RunRow]) -> "ColumnWidths":
        """Return the columns of a list; a list of thousands is judged by the rows at its top."""
        judged = rows[:_JUDGED]
        return cls(
            letter=any(row.letter for row in rows),
            family=max((min(cell_len(row.status.family), _FAMILY) for row in judged), default=0),
            share=max([3, *(len(formatting.percent(row.status.progress)) for row in judged)]),
            end=max([4, *(cell_len(_end(row.status)) for row in judged)]),
        )


class RunList(ScrollView, can_focus=True):
    """Runs, one of them chosen. Arrow keys and the mouse choose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "Run above", show=False),
        Binding("down", "choose(1)", "Run below", show=False),
        Binding("pageup", "choose_page(-1)", "Page up", show=False),
        Binding("pagedown", "choose_page(1)", "Page down", show=False),
        Binding("home", "choose_end(0)", "First run", show=False),
        Binding("end", "choose_end(1)", "Last run", show=False),
    ]

    class Chosen(Message):
        """Another run was chosen."""

        def __init__(self, folder: Path) -> None:
            super().__init__()
            self.folder = folder

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._rows: tuple[RunRow, ...] = ()
        self._columns = ColumnWidths()
        self._hint = "Reading the runs…"
        self._painter: CellPainter | None = None
        self.chosen: Path | None = None

    def show(self, rows: Sequence[RunRow], hint: str) -> None:
        """Show rows; the hint stands in their place where there are none."""
        fresh = tuple(rows)
        if fresh == self._rows and hint == self._hint:
            return
        before = self._place()
        self._rows, self._hint, self._columns = fresh, hint, ColumnWidths.fitting(fresh)
        self.virtual_size = Size(0, len(fresh))
        self.refresh()
        if self._place() != before:  # it was brought back, or others came above it
            self.call_after_refresh(self._bring_into_sight)

    def choose(self, folder: Path | None, *, tell: bool = True) -> None:
        """Choose a run and bring it into sight."""
        changed, self.chosen = folder != self.chosen, folder
        self._bring_into_sight()
        if changed:
            self.refresh()
            if tell and folder is not None:
                self.post_message(self.Chosen(folder))

    @property
    def folders(self) -> list[Path]:
        """The folders of the rows, from the top."""
        return [row.status.folder for row in self._rows]

    def action_choose(self, by: int) -> None:
        """Choose the run so many rows further down."""
        if self._rows:
            place = self._place()
            wanted = 0 if place is None else min(max(place + by, 0), len(self._rows) - 1)
            self.choose(self._rows[wanted].status.folder)

    def action_choose_page(self, by: int) -> None:
        """Choose the run a page further down."""
        self.action_choose(by * max(self.size.height - 1, 1))

    def action_choose_end(self, end: int) -> None:
        """Choose the first run or the last."""
        self.action_choose(len(self._rows) if end else -len(self._rows))

    def on_click(self, event: events.Click) -> None:
        """Choose the run under the mouse."""
        place = event.y + round(self.scroll_y)
        if 0 <= place < len(self._rows):
            self.choose(self._rows[place].status.folder)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Paint the rows in sight."""
        self._painter = CellPainter(self, "runs")
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Paint one row."""
        width = self.scrollable_content_region.width  # beside the scroll bar
        paint = self._painter or CellPainter(self, "runs")
        if not self._rows:
            lines = self._hint.splitlines()
            text = lines[y] if y < len(lines) else ""
            return paint.strip([(clip(" " + text, width), "hint")], width)
        place = y + round(self.scroll_y)
        if place >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[place]
        chosen = row.status.folder == self.chosen
        strip = paint.strip(row_cells(row, width, self._columns, chosen=chosen), width)
        return strip.apply_style(paint.style("chosen")) if chosen else strip

    def _bring_into_sight(self) -> None:
        place = self._place()
        if place is not None:
            self.scroll_to_region(Region(0, place, 1, 1), animate=False, force=True)

    def _place(self) -> int | None:
        return next((i for i, row in enumerate(self._rows) if row.status.folder == self.chosen), None)


def row_cells(row: RunRow, width: int, columns: ColumnWidths, *, chosen: bool) -> list[Cell]:
    """Return a row: arrow, letter, symbol, name, family, progress, time left and, where there is room, the speed."""
    status = row.status
    speed = formatting.speed(status, short=True) if status.state.live else ""
    progress = formatting.percent(status.progress)
    middle = f" {clip(status.family, columns.family):<{columns.family}} {progress:>{columns.share}}"
    last = f" {_end(status):>{columns.end}}" if width < _WIDE else f"  {_end(status):<{columns.end}}{speed:>15}"
    if width < _NARROW:
        middle = last = ""
    name_width = max(width - 4 - columns.letter - cell_len(middle) - cell_len(last), 6)
    wrong = status.state in (State.FAILED, State.LOST, State.DAMAGED) or not status.answering
    role = "wrong" if wrong else "live" if status.state in (State.RUNNING, State.QUEUED) else "second"
    return [
        ("▸" if chosen else " ", "name"),
        (set_cell_size(row.letter, columns.letter), "letter"),
        (set_cell_size(formatting.state_symbol(status.state), 2) + " ", role),
        (set_cell_size(clip(status.name or status.id, name_width), name_width), "name"),
        (middle, "second"),
        (last, "wrong" if wrong else "second"),
    ]


def _end(status: RunStatus) -> str:
    """Return what the list says about the end of a run, in at most eleven cells."""
    if status.state is State.RUNNING and status.answering and status.seconds_left is not None:
        return formatting.duration(status.seconds_left)
    if status.state is State.RUNNING:
        return (status.phase or "running") if status.answering else "silent"
    if status.state is State.SUCCEEDED:
        return formatting.duration(status.elapsed_s)
    return {State.STOPPING: "stopping", State.DAMAGED: "damaged"}.get(status.state, str(status.state.value))


def matches(status: RunStatus, words: str) -> bool:
    """Return whether every word of a filter is found in the run's name, id, family, data, state or tags."""
    text = " ".join(
        (status.name, status.id, status.preset, status.family, status.data, status.state.value, *status.tags)
    ).lower()
    return all(word in text for word in words.lower().split())
