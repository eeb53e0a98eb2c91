"""One chart as text: title, axes with units, braille lines with their labels beside them, marks. No widget.

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

Cell = tuple[str, str]  # a character and its role, such as "axis" or "train": the widget knows the colors
_MIN_PLOT = 12  # columns of plot below which labels at the ends of lines are left out
_LEAST_ROWS, _LEAST_COLUMNS = 4, 4  # of a chart and of its plot
_STARTS_OFF = 2.5  # the first stretch is left off the axis if it would squeeze the rest by this much
_EARLY = 0.06  # of the x axis


@dataclass(frozen=True)
class ChartLine:
    """A curve. `raw` is drawn faint below it; `points` are shown as dots where they are few."""

    label: str
    role: str
    x: Floats
    y: Floats
    raw: Floats | None = None
    dash: Dash = SOLID
    points: bool = False


@dataclass(frozen=True)
class ChartMark:
    """Something that happened at an x: "▲lr"."""

    x: float
    text: str
    role: str = "mark"


@dataclass(frozen=True)
class Axis:
    """The x axis."""

    name: str = "step"
    text: Callable[[float], str] | None = None  # how an x is written; None: as a number
    is_time: bool = False


@dataclass(frozen=True)
class ChartData:
    """What a chart shows."""

    title: str  # "ELBO, nats"
    lines: tuple[ChartLine, ...]
    axis: Axis = Axis()
    number: Callable[[float], str] = "{:.4g}".format
    marks: tuple[ChartMark, ...] = ()
    cursor: float | None = None  # the time cursor's x
    log: bool = False
    whole: bool = False  # show the first steep stretch too
    notes: str = ""  # at the right of the title: "smooth 0.8 · log"
    plain: bool = False  # a small chart: no notes
    empty: str = "No points yet."


@dataclass(frozen=True)
class RenderedChart:
    """A drawn chart, and where its plot lies, so that a click can be told as an x."""

    rows: tuple[tuple[Cell, ...], ...]
    x_scale: AxisScale | None = None
    left: int = 0
    columns: int = 1

    def x_at(self, column: int) -> float | None:
        """Return the x under a column, or None outside of the plot."""
        if self.x_scale is None or not self.left <= column < self.left + self.columns:
            return None
        return self.x_scale.value((column - self.left) / max(self.columns - 1, 1))


class _Grid:
    """Cells that texts are written on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells: list[list[Cell]] = [[(" ", "")] * width for _ in range(height)]

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

    def right(self, end: int, row: int, text: str, role: str) -> None:
        """Write a text that ends before column `end`."""
        self.write(end - cell_len(text), row, text, role)


def draw(drawing: ChartData, width: int, height: int) -> RenderedChart:
    """Draw a chart in a rectangle of cells."""
    grid = _Grid(max(width, 1), max(height, 1))
    x_scale, y_scale, off_scale = _scales(drawing)
    notes = "" if drawing.plain else " · ".join(part for part in (off_scale, drawing.notes) if part)
    title = clip(drawing.title, grid.width)
    grid.right(grid.width, 0, clip(notes, grid.width - cell_len(title) - 2), "note")
    grid.write(0, 0, title, "title")
    if x_scale is None or y_scale is None:
        _center(grid, drawing.empty)
        return _plot(grid)
    y_values = ticks(y_scale, max(2, (height - 3) // 3))
    texts = tick_texts(y_values)
    left = max((cell_len(text) for text in texts), default=0) + 1
    if height < _LEAST_ROWS or width < left + _LEAST_COLUMNS:
        return _plot(grid)  # a title is all that there is room for
    labels = _labels(drawing, y_scale, width - left)
    columns = width - left - (max((cell_len(text) for _, text, _ in labels), default=-1) + 1)
    rows = height - 3
    _axes(grid, left, rows, columns, y_scale, list(zip(y_values, texts, strict=True)))
    _x_ticks(grid, drawing, x_scale, left, columns)
    canvas = _curves(grid, drawing, x_scale, y_scale, left, columns, rows)
    _label_lines(grid, labels, canvas, left + columns + 1, rows)
    _draw_marks(grid, drawing, x_scale, left, columns, rows)
    return _plot(grid, x_scale, left, columns)


def clip(text: str, width: int) -> str:
    """Cut a text to a width in cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width > 0 else ""


def _plot(grid: _Grid, x_scale: AxisScale | None = None, left: int = 0, columns: int = 1) -> RenderedChart:
    return RenderedChart(tuple(tuple(row) for row in grid.cells), x_scale, left, columns)


def _center(grid: _Grid, text: str) -> None:
    lines = [clip(line, grid.width) for line in text.splitlines()]
    top = max((grid.height - len(lines)) // 2, 1)
    for row, line in enumerate(lines):
        grid.write((grid.width - cell_len(line)) // 2, top + row, line, "note")


def _scales(drawing: ChartData) -> tuple[AxisScale | None, AxisScale | None, str]:
    """Return the x scale, the y scale, and a note where the first stretch is left off."""
    xs = _finite([line.x for line in drawing.lines])
    both = [y for line in drawing.lines for y in (line.y, line.raw) if y is not None]
    ys = _finite(both)
    if not xs.size or not ys.size:
        return None, None, ""
    x_scale = _x_scale(float(xs.min()), float(xs.max()))
    kind = log_kind(ys) if drawing.log else None
    if kind is not None:
        ys = ys[ys > 0] if kind == "log" else ys[ys < 0]
        low, high = float(ys.min()), float(ys.max())
        return x_scale, _widened(low, high, kind), ""
    note = "no log: both signs" if drawing.log else ""
    low, high = _range(ys)
    settled = _settled(drawing, x_scale)
    if not drawing.whole and settled.size:
        low_later, high_later = _range(settled)
        if high - low > _STARTS_OFF * max(high_later - low_later, 1e-9):
            first = next(float(y) for line in drawing.lines for y in line.y if np.isfinite(y))
            if not low_later <= first <= high_later:
                note = note or f"starts at {drawing.number(first)}, a shows all"
            low, high = low_later, high_later
    return x_scale, _widened(low, high, "linear"), note


def _x_scale(low: float, high: float) -> AxisScale:
    """Return the x axis: from 0 where the curves begin near it."""
    low = 0.0 if 0 < low < 0.1 * high else low
    return AxisScale(low, high if high > low else low + 1.0)


def _finite(arrays: list[Floats]) -> Floats:
    joined = np.concatenate([np.asarray(a, dtype=np.float64) for a in arrays]) if arrays else np.zeros(0)
    finite: Floats = joined[np.isfinite(joined)]
    return finite


def _settled(drawing: ChartData, x_scale: AxisScale) -> Floats:
    """Return the values after the first stretch, where a training has left its starting point."""
    late = []
    for line in drawing.lines:
        later = x_scale.fraction(line.x) > _EARLY
        late += [values[later] for values in (line.y, line.raw) if values is not None]
    values = _finite(late)
    return values if values.size >= 8 else np.zeros(0)


def _range(values: Floats) -> tuple[float, float]:
    """Return the smallest and largest value, a few spikes left out where there are many values."""
    if values.size >= 200:
        low, high = np.percentile(values, [0.5, 99.5])
        return float(low), float(high)
    return float(values.min()), float(values.max())


def _widened(low: float, high: float, kind: str) -> AxisScale:
    if kind == "linear":
        edge = (high - low) * 0.04 or max(abs(high) * 0.05, 1e-6)
        return AxisScale(low - edge, high + edge)
    factor = 1.05 if low > 0 else 1 / 1.05
    return AxisScale(low / factor, high * factor, "log" if kind == "log" else "mirrored log")


Label = tuple[float, str, str]  # fraction of the height, text, role


def _labels(drawing: ChartData, y_scale: AxisScale, width: int) -> list[Label]:
    """Return what stands at the ends of the lines, shortened until the plot keeps most of the width."""
    ends = [(line, _last(line.y)) for line in drawing.lines]
    shown = [(line, end) for line, end in ends if end is not None]
    if width < 2 * _MIN_PLOT:
        return []
    most = min(24, max(width // 3, 8))
    labels = []
    for line, end in shown:
        value = drawing.number(end)
        name = clip(line.label, max(most - cell_len(value) - 1, 4))
        place = float(y_scale.fraction(np.array([end]))[0])
        labels.append((min(max(place, 0.0), 1.0) if np.isfinite(place) else 0.0, f"{name} {value}", line.role))
    return labels


def _last(values: Floats) -> float | None:
    finite = np.flatnonzero(np.isfinite(values))
    return float(values[finite[-1]]) if finite.size else None


def _label_lines(grid: _Grid, labels: list[Label], canvas: BrailleCanvas, column: int, rows: int) -> None:
    """Write labels beside the ends of their lines, moved apart where they would cover each other."""
    highest = sorted(labels, reverse=True)[:rows]  # more lines than rows: the lowest ones go without
    wanted = sorted((canvas.cell_of(1.0, place)[1], text, role) for place, text, role in highest)
    taken = [row for row, _, _ in wanted]
    for index in range(1, len(taken)):
        taken[index] = max(taken[index], taken[index - 1] + 1)
    overflow = taken[-1] - (rows - 1) if taken else 0
    for index in range(len(taken) - 1, -1, -1):
        ceiling = rows - 1 if index == len(taken) - 1 else taken[index + 1] - 1
        taken[index] = min(taken[index], ceiling) if overflow > 0 else taken[index]
    for row, (_, text, role) in zip(taken, wanted, strict=True):
        grid.write(column, row + 1, text, role)


def _axes(grid: _Grid, left: int, rows: int, columns: int, y_scale: AxisScale, texts: list[tuple[float, str]]) -> None:
    for row in range(rows):
        grid.write(left - 1, row + 1, "│", "axis")
    grid.write(left - 1, rows + 1, "└" + "─" * columns, "axis")
    for value, text in texts:
        place = float(y_scale.fraction(np.array([value]))[0])
        if 0 <= place <= 1:
            row = min(int((1 - place) * rows), rows - 1) + 1
            grid.write(left - 1, row, "┤", "axis")
            grid.right(left - 1, row, text, "tick")


def _x_ticks(grid: _Grid, drawing: ChartData, scale: AxisScale, left: int, columns: int) -> None:
    """Write ticks below the axis, as many as fit, and the axis' name behind the last of them."""
    row = grid.height - 1
    most = max(3, columns // 12)
    values = time_ticks(scale.low, scale.high, most) if drawing.axis.is_time else ticks(scale, most)
    name_at = min(left + columns + 1, grid.width - cell_len(drawing.axis.name))
    grid.write(name_at, row, drawing.axis.name, "name")
    free = 0
    for value, text in zip(values, tick_texts(values, drawing.axis.text), strict=True):
        place = left + round(float(scale.fraction(np.array([value]))[0]) * (columns - 1))
        start = max(place - cell_len(text) // 2, 0)
        if start >= free and start + cell_len(text) < name_at:
            grid.write(place, row - 1, "┬", "axis")
            grid.write(start, row, text, "tick")
            free = start + cell_len(text) + 1


def _curves(
    grid: _Grid, drawing: ChartData, x_scale: AxisScale, y_scale: AxisScale, left: int, columns: int, rows: int
) -> BrailleCanvas:
    canvas = BrailleCanvas(columns, rows)
    roles = [f"{line.role}-raw" for line in drawing.lines] + [line.role for line in drawing.lines]
    for index, line in enumerate(drawing.lines):
        if line.raw is not None:
            canvas.polyline(x_scale.fraction(line.x), y_scale.fraction(line.raw), index, faint=True)
    for index, line in enumerate(drawing.lines):
        place = len(drawing.lines) + index
        canvas.polyline(x_scale.fraction(line.x), y_scale.fraction(line.y), place, line.dash)
    for row, cells in enumerate(canvas.cells()):
        for column, (character, role) in enumerate(cells):
            if role >= 0:
                grid.write(left + column, row + 1, character, roles[role])
    for line in drawing.lines:
        _points(grid, line, canvas, x_scale.fraction(line.x), y_scale.fraction(line.y), left)
    return canvas


def _points(grid: _Grid, line: ChartLine, canvas: BrailleCanvas, x: Floats, y: Floats, left: int) -> None:
    inside = np.isfinite(x) & np.isfinite(y) & (y >= 0) & (y <= 1)
    if not line.points or inside.sum() > canvas.columns // 3:
        return
    for a, b in zip(x[inside].tolist(), y[inside].tolist(), strict=True):
        column, row = canvas.cell_of(a, b)
        grid.write(left + column, row + 1, "•", line.role)


def _draw_marks(grid: _Grid, drawing: ChartData, scale: AxisScale, left: int, columns: int, rows: int) -> None:
    def column_of(x: float) -> int:
        return left + round(float(scale.fraction(np.array([x]))[0]) * (columns - 1))

    if drawing.cursor is not None and scale.low <= drawing.cursor <= scale.high:
        for row in range(rows):
            if grid.cells[row + 1][column_of(drawing.cursor)][0] in (" ", ""):
                grid.write(column_of(drawing.cursor), row + 1, "┊", "cursor")
        grid.write(column_of(drawing.cursor), rows + 1, "▲", "cursor")
    taken = -1
    for mark in sorted(drawing.marks, key=lambda m: m.x):
        if not scale.low <= mark.x <= scale.high:
            continue
        place = column_of(mark.x)
        text = clip(mark.text, left + columns - place) if place >= taken else mark.text[:1]
        grid.write(place, rows, text, mark.role)
        taken = place + cell_len(text) + 1
