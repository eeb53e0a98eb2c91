"""The list of runs, one row each; only visible rows are rendered, so ten thousand runs cost no more than ten."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from genexplorer.dashboard.cell_painter import CellPainter
from genexplorer.dashboard.charts.chart import StyledText
from genexplorer.dashboard.text_fitting import clip
from genexplorer.runs.record import RunStatus, State
from genexplorer.session import formatting

_MIN_WIDTH_WITH_PROGRESS = 31  # in cells; a narrower list shows names alone
_MIN_WIDTH_WITH_SPEED = 53  # in cells; a narrower list has no speed
_MAX_FAMILY_CELLS = 4
_NUM_MEASURED_ROWS = 500  # the first rows determine the widths of the columns, so that long lists stay fast


@dataclass(frozen=True)
class RunRow:
    """A row of the list."""

    status: RunStatus
    comparison_label: str = ""  # "A", "B", …; empty if the run is not compared
    prefix: str = ""  # of the name: an arrow for a branch, indented below its parent


@dataclass(frozen=True)
class ColumnWidths:
    """Widths in cells of the columns beside the name, as small as their texts allow; names get the rest."""

    comparison_label: int = 0
    family: int = 0
    progress: int = 3
    time: int = 4

    @classmethod
    def measure(cls, rows: Sequence[RunRow]) -> "ColumnWidths":
        """Return the widths for a list, measured on its first rows."""
        measured = rows[:_NUM_MEASURED_ROWS]
        return cls(
            comparison_label=max((len(row.comparison_label) for row in rows), default=0),
            family=max((min(cell_len(row.status.family), _MAX_FAMILY_CELLS) for row in measured), default=0),
            progress=max([3, *(len(formatting.percent(row.status.progress)) for row in measured)]),
            time=max([4, *(cell_len(_time_or_state_text(row.status)) for row in measured)]),
        )


class RunList(ScrollView, can_focus=True):
    """Runs, one of them selected by arrow keys or the mouse."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Run above", show=False),
        Binding("down", "move(1)", "Run below", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "select_first", "First run", show=False),
        Binding("end", "select_last", "Last run", show=False),
    ]

    @dataclass
    class Selected(Message):
        """Another run was selected."""

        folder: Path

    _rows: tuple[RunRow, ...] = ()
    _widths = ColumnWidths()
    _placeholder = "Reading the runs…"
    _painter: CellPainter | None = None
    selected: Path | None = None

    def show(self, rows: Sequence[RunRow], placeholder: str) -> None:
        """Show rows; the placeholder is shown if there are none."""
        new = tuple(rows)
        if new == self._rows and placeholder == self._placeholder:
            return
        index_before = self._selected_index()
        self._rows, self._placeholder, self._widths = new, placeholder, ColumnWidths.measure(new)
        self.virtual_size = Size(0, len(new))
        self.refresh()
        if self._selected_index() != index_before:  # restored, or pushed down by new runs
            self.call_after_refresh(self._scroll_to_selected)

    def select(self, folder: Path | None) -> None:
        """Select a run and scroll to it."""
        changed, self.selected = folder != self.selected, folder
        self._scroll_to_selected()
        if changed:
            self.refresh()
            if folder is not None:
                self.post_message(self.Selected(folder))

    @property
    def folders(self) -> list[Path]:
        """The folders of the rows, from the top."""
        return [row.status.folder for row in self._rows]

    def action_move(self, by: int) -> None:
        """Select the run a number of rows further down."""
        if self._rows:
            index = self._selected_index()
            target = 0 if index is None else min(max(index + by, 0), len(self._rows) - 1)
            self.select(self._rows[target].status.folder)

    def action_move_page(self, by: int) -> None:
        """Select the run a number of pages further down."""
        self.action_move(by * max(self.size.height - 1, 1))

    def action_select_first(self) -> None:
        """Select the first run."""
        if self._rows:
            self.select(self._rows[0].status.folder)

    def action_select_last(self) -> None:
        """Select the last run."""
        if self._rows:
            self.select(self._rows[-1].status.folder)

    def on_click(self, event: events.Click) -> None:
        """Select the run under the mouse."""
        index = event.y + round(self.scroll_y)
        if 0 <= index < len(self._rows):
            self.select(self._rows[index].status.folder)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render the visible rows."""
        self._painter = CellPainter(self, "runs")
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Render a row."""
        width = self.scrollable_content_region.width  # without the scroll bar
        painter = self._painter or CellPainter(self, "runs")
        if not self._rows:
            lines = self._placeholder.splitlines()
            text = lines[y] if y < len(lines) else ""
            return painter.strip([(clip(" " + text, width), "placeholder")], width)
        index = y + round(self.scroll_y)
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[index]
        selected = row.status.folder == self.selected
        strip = painter.strip(row_segments(row, width, self._widths, selected=selected), width)
        return strip.apply_style(painter.style("selected")) if selected else strip

    def _scroll_to_selected(self) -> None:
        index = self._selected_index()
        if index is not None:
            self.scroll_to_region(Region(0, index, 1, 1), animate=False, force=True)

    def _selected_index(self) -> int | None:
        return next((i for i, row in enumerate(self._rows) if row.status.folder == self.selected), None)


def row_segments(row: RunRow, width: int, widths: ColumnWidths, *, selected: bool) -> list[StyledText]:
    """Return a row's segments: arrow, letter, symbol, name, family, progress, time left and, if it fits, the speed."""
    # Texts of the columns; a narrow list has the name alone.
    status = row.status
    family_and_progress = time_and_speed = ""
    if width >= _MIN_WIDTH_WITH_PROGRESS:
        progress = formatting.percent(status.progress)
        family_and_progress = f" {clip(status.family, widths.family):<{widths.family}} {progress:>{widths.progress}}"
        time = _time_or_state_text(status)
        time_and_speed = f" {time:>{widths.time}}"
        if width >= _MIN_WIDTH_WITH_SPEED:
            speed = formatting.speed(status, short=True) if status.state.active else ""
            time_and_speed = f"  {time:<{widths.time}}{speed:>15}"
    other_width = 4 + widths.comparison_label + cell_len(family_and_progress) + cell_len(time_and_speed)
    name_width = max(width - other_width, 6)
    # Columns with the names of their styles.
    needs_attention = status.state in (State.FAILED, State.LOST, State.DAMAGED) or not status.is_responding
    style = "attention" if needs_attention else "running" if status.state in (State.RUNNING, State.QUEUED) else "other"
    return [
        ("▸" if selected else " ", "name"),
        (set_cell_size(row.comparison_label, widths.comparison_label), "comparison-label"),
        (set_cell_size(formatting.state_symbol(status.state), 2) + " ", style),
        (set_cell_size(clip(row.prefix + (status.name or status.id), name_width), name_width), "name"),
        (family_and_progress, "other"),
        (time_and_speed, "attention" if needs_attention else "other"),
    ]


def _time_or_state_text(status: RunStatus) -> str:
    """Return the time left or taken, or the state, in at most eleven cells."""
    if status.state is State.RUNNING and status.is_responding and status.seconds_left is not None:
        return formatting.duration(status.seconds_left)
    if status.state is State.RUNNING:
        return (status.phase or "running") if status.is_responding else "no response"
    if status.state is State.SUCCEEDED:
        return formatting.duration(status.elapsed_s)
    return {State.STOPPING: "stopping", State.DAMAGED: "damaged"}.get(status.state, str(status.state.value))
