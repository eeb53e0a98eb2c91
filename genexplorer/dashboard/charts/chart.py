"""A chart as text: title, axes with units, braille lines labeled at their ends, marks. No widget.

ELBO, nats                                    smooth 0.8
−100┤                 ⡠⠤⠤⠒⠒⠒⠒⠉⠉⠉⠉⠉⠉⠉⠉  train −104.2
−150┤        ⡠⠔⠒⠊⠉⠉                    test EMA −106.0
−200┤   ⡠⠊▲lr
    └──┬────────┬────────┬────────┬──────
       2k       4k       6k       8k  step
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size

from genexplorer.dashboard.charts.braille import SOLID, BrailleCanvas, Dash
from genexplorer.dashboard.charts.ticks import AxisScale, Floats, log_kind, tick_texts, ticks, time_ticks

Cell = tuple[str, str]  # a text and its role, such as "axis" or "train"; `cell_painter` has the colors of the roles
_MIN_LABELED = 24  # columns below which lines have no labels at their ends
_MIN_ROWS, _MIN_COLUMNS = 4, 4  # of a chart and of its plot
_EARLY = 0.06  # the first part of the x axis
_MIN_LATE = 8  # values after it that determine a range
_MAX_SQUEEZE = 2.5  # the early part is cropped if its values would squeeze the later ones by this factor


@dataclass(frozen=True)
class ChartLine:
    """A curve. `raw` is drawn faint below it; `points` marks its points where they are few."""

    label: str
    role: str
    x: Floats
    y: Floats
    raw: Floats | None = None
    dash: Dash = SOLID
    points: bool = False


@dataclass(frozen=True)
class ChartMark:
    """A text at an x: "▲lr"."""

    x: float
    text: str
    role: str = "mark"


@dataclass(frozen=True)
class Axis:
    """The x axis: its name and how its values are written (None: as numbers)."""

    name: str = "step"
    text: Callable[[float], str] | None = None
    is_time: bool = False


@dataclass(frozen=True)
class ChartData:
    """The content of a chart."""

    title: str  # "ELBO, nats"
    lines: tuple[ChartLine, ...]
    axis: Axis = Axis()
    number: Callable[[float], str] = "{:.4g}".format
    marks: tuple[ChartMark, ...] = ()
    cursor: float | None = None  # x of the time cursor
    log: bool = False
    full_range: bool = False  # do not crop the early values
    notes: str = ""  # at the right of the title: "smooth 0.8 · log"
    plain: bool = False  # a small chart: no notes
    empty: str = "No points yet."


@dataclass(frozen=True)
class RenderedChart:
    """Rows of cells, and the position of the plot among them."""

    rows: tuple[tuple[Cell, ...], ...]
    x_scale: AxisScale | None = None
    plot_left: int = 0
    columns: int = 1

    def x_at(self, column: int) -> float | None:
        """Return the x under a column; None outside of the plot."""
        if self.x_scale is None or not self.plot_left <= column < self.plot_left + self.columns:
            return None
        return self.x_scale.value((column - self.plot_left) / max(self.columns - 1, 1))


def render_chart(data: ChartData, width: int, height: int) -> RenderedChart:
    """Render a chart in a rectangle of cells."""
    grid = Grid(max(width, 1), max(height, 1))
    x_scale, y_scale, range_note = _scales(data)
    # Title and notes.
    notes = "" if data.plain else " · ".join(part for part in (range_note, data.notes) if part)
    title = clip(data.title, grid.width)
    grid.write_before(grid.width, 0, clip(notes, grid.width - cell_len(title) - 2), "note")
    grid.write(0, 0, title, "title")
    if x_scale is None or y_scale is None:
        grid.write_centered(data.empty, "note")
        return RenderedChart(grid.rows)
    # The plot gets the room that tick labels on the left and line labels on the right leave.
    y_ticks = ticks(y_scale, max(2, (height - 3) // 3))
    y_labels = tick_texts(y_ticks)
    plot_left = max((cell_len(label) for label in y_labels), default=0) + 1
    if height < _MIN_ROWS or width < plot_left + _MIN_COLUMNS:
        return RenderedChart(grid.rows)  # the title alone
    line_labels = _line_labels(data, y_scale, width - plot_left)
    columns = width - plot_left - (max((cell_len(label.text) for label in line_labels), default=-1) + 1)
    plot = _Plot(grid, data, x_scale, y_scale, plot_left, columns, height - 3)
    plot.draw_y_axis(y_ticks, y_labels)
    plot.draw_x_axis()
    plot.draw_lines()
    plot.draw_line_labels(line_labels)
    plot.draw_cursor()
    plot.draw_marks()
    return RenderedChart(grid.rows, x_scale, plot_left, columns)


def clip(text: str, width: int) -> str:
    """Cut a text to a width in cells, ending in an ellipsis if anything is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width > 0 else ""


class Grid:
    """A rectangle of cells to write texts on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells: list[list[Cell]] = [[(" ", "")] * width for _ in range(height)]

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The finished rows."""
        return tuple(tuple(row) for row in self.cells)

    def write(self, column: int, row: int, text: str, role: str) -> None:
        """Write a text, cut at the edges. A wide character takes two cells."""
        if not 0 <= row < self.height:
            return
        for character in text:
            size = cell_len(character)
            if size and column >= 0 and column + size <= self.width:
                self.cells[row][column] = (character, role)
                for extra in range(1, size):
                    self.cells[row][column + extra] = ("", role)
            column += size

    def write_before(self, end: int, row: int, text: str, role: str) -> None:
        """Write a text that ends before a column."""
        self.write(end - cell_len(text), row, text, role)

    def write_centered(self, text: str, role: str) -> None:
        """Write lines in the middle."""
        lines = [clip(line, self.width) for line in text.splitlines()]
        top = max((self.height - len(lines)) // 2, 1)
        for row, line in enumerate(lines):
            self.write((self.width - cell_len(line)) // 2, top + row, line, role)


@dataclass(frozen=True)
class _LineLabel:
    height: float  # of the end of the line, as a fraction of the y axis
    text: str
    role: str


@dataclass(frozen=True)
class _Plot:
    """The area between the axes. Row 0 of the grid is the title; the last two are the x axis and its labels."""

    grid: Grid
    data: ChartData
    x_scale: AxisScale
    y_scale: AxisScale
    plot_left: int
    columns: int
    rows: int

    def draw_y_axis(self, values: list[float], labels: list[str]) -> None:
        """Draw the y axis, and the line of the x axis."""
        for row in range(self.rows):
            self.grid.write(self.plot_left - 1, row + 1, "│", "axis")
        self.grid.write(self.plot_left - 1, self.rows + 1, "└" + "─" * self.columns, "axis")
        for value, label in zip(values, labels, strict=True):
            fraction = float(self.y_scale.fraction(value))
            if 0 <= fraction <= 1:
                row = min(int((1 - fraction) * self.rows), self.rows - 1) + 1
                self.grid.write(self.plot_left - 1, row, "┤", "axis")
                self.grid.write_before(self.plot_left - 1, row, label, "tick")

    def draw_x_axis(self) -> None:
        """Draw as many ticks as fit, and the name of the axis after the last."""
        row, axis, scale = self.grid.height - 1, self.data.axis, self.x_scale
        max_ticks = max(3, self.columns // 12)
        values = time_ticks(scale.low, scale.high, max_ticks) if axis.is_time else ticks(scale, max_ticks)
        name_at = min(self.plot_left + self.columns + 1, self.grid.width - cell_len(axis.name))
        self.grid.write(name_at, row, axis.name, "name")
        free_from = 0
        for value, label in zip(values, tick_texts(values, axis.text), strict=True):
            column = self._column(value)
            start = max(column - cell_len(label) // 2, 0)
            if start >= free_from and start + cell_len(label) < name_at:
                self.grid.write(column, row - 1, "┬", "axis")
                self.grid.write(start, row, label, "tick")
                free_from = start + cell_len(label) + 1

    def draw_lines(self) -> None:
        """Draw the raw curves, the curves on top of them, and their points."""
        lines = self.data.lines
        canvas = BrailleCanvas(self.columns, self.rows)
        roles = [f"{line.role}-raw" for line in lines] + [line.role for line in lines]
        for index, line in enumerate(lines):
            if line.raw is not None:
                canvas.polyline(self.x_scale.fraction(line.x), self.y_scale.fraction(line.raw), index, faint=True)
        for index, line in enumerate(lines, len(lines)):
            canvas.polyline(self.x_scale.fraction(line.x), self.y_scale.fraction(line.y), index, line.dash)
        for row, cells in enumerate(canvas.cells()):
            for column, (character, role) in enumerate(cells):
                if role >= 0:
                    self.grid.write(self.plot_left + column, row + 1, character, roles[role])
        for line in lines:
            x, y = self.x_scale.fraction(line.x), self.y_scale.fraction(line.y)
            inside = np.isfinite(x) & np.isfinite(y) & (y >= 0) & (y <= 1)
            if not line.points or inside.sum() > self.columns // 3:
                continue  # more dots would hide the line
            for point in zip(x[inside].tolist(), y[inside].tolist(), strict=True):
                column, row = canvas.cell_of(*point)
                self.grid.write(self.plot_left + column, row + 1, "•", line.role)

    def draw_line_labels(self, labels: list[_LineLabel]) -> None:
        """Write labels beside the ends of their lines, moved apart where they would overlap."""
        canvas = BrailleCanvas(1, self.rows)
        highest = sorted(labels, key=lambda label: label.height, reverse=True)[: self.rows]  # the others have no room
        ordered = sorted(((canvas.cell_of(1.0, label.height)[1], label) for label in highest), key=lambda pair: pair[0])
        rows = [row for row, _ in ordered]
        # Push labels down until they are apart, then back up from the bottom edge.
        for index in range(1, len(rows)):
            rows[index] = max(rows[index], rows[index - 1] + 1)
        limit = self.rows - 1
        for index in range(len(rows) - 1, -1, -1):
            rows[index] = min(rows[index], limit)
            limit = rows[index] - 1
        for row, (_, label) in zip(rows, ordered, strict=True):
            self.grid.write(self.plot_left + self.columns + 1, row + 1, label.text, label.role)

    def draw_cursor(self) -> None:
        """Draw the time cursor, behind the lines."""
        cursor, scale = self.data.cursor, self.x_scale
        if cursor is None or not scale.low <= cursor <= scale.high:
            return
        column = self._column(cursor)
        for row in range(1, self.rows + 1):
            if self.grid.cells[row][column][0] in (" ", ""):
                self.grid.write(column, row, "┊", "cursor")
        self.grid.write(column, self.rows + 1, "▲", "cursor")

    def draw_marks(self) -> None:
        """Write the marks above the x axis; only the first character of those that would overlap."""
        free_from = -1
        for mark in sorted(self.data.marks, key=lambda mark: mark.x):
            if self.x_scale.low <= mark.x <= self.x_scale.high:
                column = self._column(mark.x)
                room = self.plot_left + self.columns - column
                text = clip(mark.text, room) if column >= free_from else mark.text[:1]
                self.grid.write(column, self.rows, text, mark.role)
                free_from = column + cell_len(text) + 1

    def _column(self, x: float) -> int:
        return self.plot_left + round(float(self.x_scale.fraction(x)) * (self.columns - 1))


def _line_labels(data: ChartData, y_scale: AxisScale, width: int) -> list[_LineLabel]:
    """Return the labels at the ends of the lines, shortened until the plot has most of the width."""
    if width < _MIN_LABELED:
        return []
    max_width = min(24, max(width // 3, 8))
    labels = []
    for line in data.lines:
        finite = np.flatnonzero(np.isfinite(line.y))
        if finite.size:
            last = float(line.y[finite[-1]])
            value = data.number(last)
            name = clip(line.label, max(max_width - cell_len(value) - 1, 4))
            height = float(y_scale.fraction(last))
            height = min(max(height, 0.0), 1.0) if np.isfinite(height) else 0.0
            labels.append(_LineLabel(height, f"{name} {value}", line.role))
    return labels


def _scales(data: ChartData) -> tuple[AxisScale | None, AxisScale | None, str]:
    """Return the x scale, the y scale, and a note if the y axis is not what one would expect."""
    xs = _finite([line.x for line in data.lines])
    ys = _finite([y for line in data.lines for y in (line.y, line.raw) if y is not None])
    if not xs.size or not ys.size:
        return None, None, ""
    # The x axis starts at 0 if the curves begin near it.
    low, high = float(xs.min()), float(xs.max())
    low = 0.0 if 0 < low < 0.1 * high else low
    x_scale = AxisScale(low, high if high > low else low + 1.0)
    kind = log_kind(ys) if data.log else None
    if kind is not None:
        ys = ys[ys > 0] if kind == "log" else ys[ys < 0]
        low, high = float(ys.min()), float(ys.max())
        factor = 1.05 if low > 0 else 1 / 1.05
        return x_scale, AxisScale(low / factor, high * factor, kind), ""
    # A linear y axis crops the early values if they would squeeze the later ones.
    note = "no log scale: values of both signs" if data.log else ""
    low, high = _range(ys)
    later = [(line, x_scale.fraction(line.x) > _EARLY) for line in data.lines]
    late = _finite([y[is_late] for line, is_late in later for y in (line.y, line.raw) if y is not None])
    if not data.full_range and late.size >= _MIN_LATE:
        late_low, late_high = _range(late)
        if high - low > _MAX_SQUEEZE * max(late_high - late_low, 1e-9):
            first = next(float(y) for line in data.lines for y in line.y if np.isfinite(y))
            if not late_low <= first <= late_high:
                note = note or "cropped; a: full range"
            low, high = late_low, late_high
    margin = (high - low) * 0.04 or max(abs(high) * 0.05, 1e-6)
    return x_scale, AxisScale(low - margin, high + margin), note


def _finite(arrays: list[Floats]) -> Floats:
    joined = np.concatenate([np.asarray(a, dtype=np.float64) for a in arrays]) if arrays else np.zeros(0)
    finite: Floats = joined[np.isfinite(joined)]
    return finite


def _range(values: Floats) -> tuple[float, float]:
    """Return the smallest and the largest value, without a few outliers if there are many values."""
    if values.size >= 200:
        low, high = np.percentile(values, [0.5, 99.5])
        return float(low), float(high)
    return float(values.min()), float(values.max())
