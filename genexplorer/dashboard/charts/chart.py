"""A chart as text: title, axes with units, braille lines labeled at their ends, annotations. No widget.

ELBO, nats                                    smooth 0.8
−100┤                 ⡠⠤⠤⠒⠒⠒⠒⠉⠉⠉⠉⠉⠉⠉⠉  train −104.2
−150┤        ⡠⠔⠒⠊⠉⠉                    test EMA −106.0
−200┤   ⡠⠊▲lr
    └──┬────────┬────────┬────────┬──────
       2k       4k       6k       8k  step
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from rich.cells import cell_len

from genexplorer.dashboard.charts.braille import SOLID, BrailleCanvas, Dash
from genexplorer.dashboard.charts.ticks import AxisScale, Floats, log_scale_kind, tick_texts, ticks, time_ticks
from genexplorer.dashboard.text_fitting import clip, wrap

StyledText = tuple[str, str]  # a text and the name of its style in `cell_painter.STYLES`, such as "axis" or "train"
_MIN_LABELED_COLUMNS = 24  # in a narrower chart, lines have no labels at their ends
_MIN_CHART_ROWS, _MIN_PLOT_COLUMNS = 4, 4  # a smaller chart shows its title alone
_MIN_ROWS_WITH_WARNINGS = 8  # the rows that warnings leave to a chart
_MIN_ROWS_WITH_LONG_TITLE = 6  # a lower chart has a title of one line
_EARLY_FRACTION = 0.06  # values in this first part of the x axis may be cropped
_MIN_LATE_VALUES = 8  # fewer values after the early part do not determine a range
_MAX_SQUEEZE_FACTOR = 2.5  # early values are cropped if they would extend the y axis by more than this factor
_MAX_LINE_LABEL_CELLS = 24
_MIN_ANNOTATION_CELLS = 2  # of a text beside its mark
_MIN_VALUES_WITH_OUTLIERS = 200  # from this number on, one value in 200 at each end counts as an outlier
_MIN_PEAK_FRACTION = 0.5  # of the plot's height: values this far from the curve, or out of range, are pointed out
_LINEAR_MARGIN, _LOG_MARGIN_FACTOR = 0.04, 1.05  # free space above and below the curves


@dataclass(frozen=True)
class ChartLine:
    """A curve.

    Args:
        label: Text beside its end.
        style: Name of its style.
        x: x values, (N,), ascending.
        y: y values, (N,); NaN makes a gap.
        raw: Values before smoothing, (N,), drawn faint below the curve; None draws none.
        dash: Dash pattern.
        has_markers: Whether each value gets a marker, where there are few values.
        low: The lowest value near each x, (N,), if y is a mean.
        high: The highest value near each x, (N,).
    """

    label: str
    style: str
    x: Floats
    y: Floats
    raw: Floats | None = None
    dash: Dash = SOLID
    has_markers: bool = False
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True)
class ChartAnnotation:
    """A text above the x axis, such as "▲lr" where the learning rate was changed."""

    x: float
    text: str
    style: str = "annotation"


@dataclass(frozen=True)
class Axis:
    """The x axis: its name and the function that formats its values (None: as numbers)."""

    name: str = "step"
    format_value: Callable[[float], str] | None = None
    is_time: bool = False


@dataclass(frozen=True)
class ChartData:
    """The content of a chart."""

    title: str  # quantity and unit, such as "ELBO, nats"
    lines: tuple[ChartLine, ...]
    axis: Axis = Axis()
    format_number: Callable[[float], str] = "{:.4g}".format
    annotations: tuple[ChartAnnotation, ...] = ()
    selected_x: float | None = None  # x of the selected step, drawn as a vertical line
    inherited_until: float | None = None  # x where a branch starts; the curves of its parent before are quieter
    log_scale: bool = False
    show_full_range: bool = False  # whether early values are never cropped
    notes: str = ""  # text at the right of the title, such as "smooth 0.8 · log"
    is_small: bool = False  # a small chart has no notes
    placeholder: str = "No values yet."  # replaces the plot of a chart without values
    warnings: tuple[str, ...] = ()  # lines below the title: why a run is left out


@dataclass(frozen=True)
class RenderedChart:
    """Rows of cells, and the position of the plot among them."""

    rows: tuple[tuple[StyledText, ...], ...]
    x_scale: AxisScale | None = None
    plot_left: int = 0
    columns: int = 1

    def x_at(self, column: int) -> float | None:
        """Return the x value under a column of the chart; None outside of the plot."""
        if self.x_scale is None or not self.plot_left <= column < self.plot_left + self.columns:
            return None
        return self.x_scale.value((column - self.plot_left) / max(self.columns - 1, 1))


def render_chart(data: ChartData, width: int, height: int) -> RenderedChart:
    """Render a chart in a rectangle of cells. The title of a small chart has a second line where one is too short."""
    # Warnings are between the title and a smaller plot; the last line counts those for which there is no room.
    if room := min(len(data.warnings), max(height - _MIN_ROWS_WITH_WARNINGS, 0)):
        rendered = render_chart(replace(data, warnings=()), width, height - room)
        lines = Grid(max(width, 1), room)
        texts = list(data.warnings[:room])
        if room < len(data.warnings):
            texts[-1] = f"{len(data.warnings) - room + 1} runs left out: not comparable"
        for row, text in enumerate(texts):
            lines.write(0, row, clip(text, lines.width), "note")
        return replace(rendered, rows=(rendered.rows[0], *lines.rows, *rendered.rows[1:]))
    # The first of two lines of a title is above a chart whose title is the second.
    title_lines = wrap(data.title, width, 2) if data.is_small and height >= _MIN_ROWS_WITH_LONG_TITLE else []
    if len(title_lines) == 2:
        below = render_chart(replace(data, title=title_lines[1]), width, height - 1)
        top = Grid(width, 1)
        top.write(0, 0, title_lines[0], "title")
        return replace(below, rows=top.rows + below.rows)
    grid = Grid(max(width, 1), max(height, 1))
    x_scale, y_scale, range_note = _choose_scales(data)
    # Title and notes.
    notes = "" if data.is_small else " · ".join(part for part in (range_note, data.notes) if part)
    title = clip(data.title, grid.width)
    grid.write_before(grid.width, 0, clip(notes, grid.width - cell_len(title) - 2), "note")
    grid.write(0, 0, title, "title")
    if x_scale is None or y_scale is None:
        grid.write_centered(data.placeholder, "note")
        return RenderedChart(grid.rows)
    # The plot gets the space that tick labels on the left and line labels on the right leave.
    y_ticks = ticks(y_scale, max(2, (height - 3) // 3))
    y_labels = tick_texts(y_ticks)
    plot_left = max((cell_len(label) for label in y_labels), default=0) + 1
    if height < _MIN_CHART_ROWS or width < plot_left + _MIN_PLOT_COLUMNS:
        return RenderedChart(grid.rows)  # the title alone
    line_labels = _line_labels(data, y_scale, width - plot_left)
    columns = width - plot_left - (max((cell_len(label.text) for label in line_labels), default=-1) + 1)
    plot = _Plot(grid, data, x_scale, y_scale, plot_left, columns, height - 3)
    plot.draw_y_axis(y_ticks, y_labels)
    plot.draw_x_axis()
    plot.draw_lines()
    plot.draw_line_labels(line_labels)
    plot.draw_selected_x()
    plot.draw_annotations()
    return RenderedChart(grid.rows, x_scale, plot_left, columns)


class Grid:
    """A rectangle of cells to write texts on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells: list[list[StyledText]] = [[(" ", "")] * width for _ in range(height)]

    @property
    def rows(self) -> tuple[tuple[StyledText, ...], ...]:
        """The finished rows."""
        return tuple(tuple(row) for row in self.cells)

    def write(self, column: int, row: int, text: str, style: str) -> None:
        """Write a text, cut at the edges. A wide character takes two cells."""
        if not 0 <= row < self.height:
            return
        for character in text:
            size = cell_len(character)
            if size and column >= 0 and column + size <= self.width:
                self.cells[row][column] = (character, style)
                for extra in range(1, size):
                    self.cells[row][column + extra] = ("", style)
            column += size

    def write_before(self, end: int, row: int, text: str, style: str) -> None:
        """Write a text that ends before a column."""
        self.write(end - cell_len(text), row, text, style)

    def write_centered(self, text: str, style: str) -> None:
        """Write lines in the middle."""
        lines = [clip(line, self.width) for line in text.splitlines()]
        top = max((self.height - len(lines)) // 2, 1)
        for row, line in enumerate(lines):
            self.write((self.width - cell_len(line)) // 2, top + row, line, style)


@dataclass(frozen=True)
class _LineLabel:
    """The label at the end of a line."""

    y_fraction: float  # where the line ends, as a fraction of the y axis
    text: str
    style: str


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
        # Choose the ticks.
        row, axis, scale = self.grid.height - 1, self.data.axis, self.x_scale
        max_ticks = max(3, self.columns // 12)
        values = time_ticks(scale.low, scale.high, max_ticks) if axis.is_time else ticks(scale, max_ticks)
        # Write the name at the right end, and each label that neither overlaps the one before nor the name.
        name_column = min(self.plot_left + self.columns + 1, self.grid.width - cell_len(axis.name))
        self.grid.write(name_column, row, axis.name, "name")
        next_free_column = 0
        for value, label in zip(values, tick_texts(values, axis.format_value), strict=True):
            column = self._column(value)
            start = max(column - cell_len(label) // 2, 0)
            if start >= next_free_column and start + cell_len(label) < name_column:
                self.grid.write(column, row - 1, "┬", "axis")
                self.grid.write(start, row, label, "tick")
                next_free_column = start + cell_len(label) + 1

    def draw_lines(self) -> None:
        """Draw the raw curves, the curves on top of them, and their markers."""
        # Draw on a canvas: raw curves first, since later lines erase faint ones.
        lines = self.data.lines
        canvas = BrailleCanvas(self.columns, self.rows)
        styles = [f"{line.style}-raw" for line in lines] + [line.style for line in lines]
        for index, line in enumerate(lines):
            if line.raw is not None:
                canvas.polyline(self.x_scale.fraction(line.x), self.y_scale.fraction(line.raw), index, faint=True)
        # Draw peaks that the mean of many steps hides, below the curves: noise at every step would cover them.
        for index, line in enumerate(lines):
            self._draw_peaks(canvas, line, index)
        for index, line in enumerate(lines, len(lines)):
            canvas.polyline(self.x_scale.fraction(line.x), self.y_scale.fraction(line.y), index, line.dash)
        # Copy the canvas; its line ids are indices of `styles`.
        for row, cells in enumerate(canvas.cells()):
            for column, (character, line_id) in enumerate(cells):
                if line_id >= 0:
                    style = self._style_at(column, styles[line_id])
                    self.grid.write(self.plot_left + column, row + 1, character, style)
        # Point to values that are out of range.
        for line in lines:
            self._draw_arrows(canvas, line)
        # Draw markers; more than one in three columns would hide the line.
        for line in lines:
            x, y = self.x_scale.fraction(line.x), self.y_scale.fraction(line.y)
            inside = np.isfinite(x) & np.isfinite(y) & (y >= 0) & (y <= 1)
            if not line.has_markers or inside.sum() > self.columns // 3:
                continue
            for x_fraction, y_fraction in zip(x[inside].tolist(), y[inside].tolist(), strict=True):
                column, row = canvas.cell_of(x_fraction, y_fraction)
                self.grid.write(self.plot_left + column, row + 1, "•", self._style_at(column, line.style))

    def _style_at(self, column: int, style: str) -> str:
        """Return the style of a line in a column of the plot: quieter before the start of a branch."""
        start = self.data.inherited_until
        if start is None or style.endswith("-raw") or column >= self._column(start) - self.plot_left:
            return style
        return f"{style}-raw"

    def _draw_peaks(self, canvas: BrailleCanvas, line: ChartLine, line_id: int) -> None:
        """Draw a faint vertical line to each lowest or highest value that is far from the curve."""
        y = self.y_scale.fraction(line.y)
        for extreme in (line.low, line.high):
            if extreme is None:
                continue
            peak = self.y_scale.fraction(extreme)
            with np.errstate(invalid="ignore"):
                far = np.flatnonzero((np.abs(peak - y) > _MIN_PEAK_FRACTION) & (y >= 0) & (y <= 1))
            for index in far.tolist():
                ends = np.clip(np.array([y[index], peak[index]]), 0.0, 1.0)
                position = float(self.x_scale.fraction(line.x[index]))
                canvas.polyline(np.full(2, position), ends, line_id, faint=True)

    def _draw_arrows(self, canvas: BrailleCanvas, line: ChartLine) -> None:
        """Write an arrow at the edge of the plot, with the value, for the most extreme value out of range there.

        Early values have none: the note says that they are cropped.
        """
        x = self.x_scale.fraction(line.x)
        for extreme, sign in ((line.high, 1.0), (line.low, -1.0)):
            if extreme is None:
                continue
            excess = sign * (self.y_scale.fraction(extreme) - 0.5)
            with np.errstate(invalid="ignore"):
                far = np.flatnonzero((excess > 0.5 + _MIN_PEAK_FRACTION) & (x > _EARLY_FRACTION) & (x <= 1))
            if not far.size:
                continue
            index = int(far[np.argmax(excess[far])])
            column, row = canvas.cell_of(float(x[index]), 1.0 if sign > 0 else 0.0)
            text = f"{'▲' if sign > 0 else '▼'}{self.data.format_number(float(extreme[index]))}"
            start = self.plot_left + max(min(column, self.columns - cell_len(text)), 0)
            if sign > 0 or not self.data.annotations:
                self.grid.write(start, row + 1, clip(text, self.columns), line.style)

    def draw_line_labels(self, labels: list[_LineLabel]) -> None:
        """Write labels beside the ends of their lines, moved apart where they would overlap."""
        canvas = BrailleCanvas(1, self.rows)
        highest = sorted(labels, key=lambda label: label.y_fraction, reverse=True)[
            : self.rows
        ]  # at most one label per row
        ordered = sorted(
            ((canvas.cell_of(1.0, label.y_fraction)[1], label) for label in highest), key=lambda pair: pair[0]
        )
        rows = [row for row, _ in ordered]
        # Push labels down until they are apart, then back up from the bottom edge.
        for index in range(1, len(rows)):
            rows[index] = max(rows[index], rows[index - 1] + 1)
        limit = self.rows - 1
        for index in range(len(rows) - 1, -1, -1):
            rows[index] = min(rows[index], limit)
            limit = rows[index] - 1
        for row, (_, label) in zip(rows, ordered, strict=True):
            self.grid.write(self.plot_left + self.columns + 1, row + 1, label.text, label.style)

    def draw_selected_x(self) -> None:
        """Draw a vertical line at the selected step, behind the curves."""
        selected_x, scale = self.data.selected_x, self.x_scale
        if selected_x is None or not scale.low <= selected_x <= scale.high:
            return
        column = self._column(selected_x)
        for row in range(1, self.rows + 1):
            if self.grid.cells[row][column][0] in (" ", ""):
                self.grid.write(column, row, "┊", "selected-step")
        self.grid.write(column, self.rows + 1, "▲", "selected-step")

    def draw_annotations(self) -> None:
        """Write the annotations above the x axis: each text behind its mark, before it, or cut, as there is room."""
        inside = [mark for mark in self.data.annotations if self.x_scale.low <= mark.x <= self.x_scale.high]
        ordered = sorted(((self._column(mark.x), mark) for mark in inside), key=lambda pair: pair[0])
        next_free_column, end = self.plot_left, self.plot_left + self.columns
        for column, annotation in ordered:
            mark, text = annotation.text[:1], annotation.text[1:]
            limit = min((other - 1 for other, _ in ordered if other > column), default=end)
            room, before = limit - column - 1, column - cell_len(text)
            if column < next_free_column:
                text = ""
            elif cell_len(text) > room and before >= next_free_column:
                self.grid.write(before, self.rows, text, annotation.style)
                text = ""
            text = clip(text, room) if min(room, cell_len(text)) >= _MIN_ANNOTATION_CELLS else ""
            self.grid.write(column, self.rows, mark + text, annotation.style)
            next_free_column = max(next_free_column, column + cell_len(text) + 2)

    def _column(self, x: float) -> int:
        return self.plot_left + round(float(self.x_scale.fraction(x)) * (self.columns - 1))


def _line_labels(data: ChartData, y_scale: AxisScale, width: int) -> list[_LineLabel]:
    """Return the labels at the ends of the lines, shortened until the plot has most of the width."""
    if width < _MIN_LABELED_COLUMNS:
        return []
    max_width = min(_MAX_LINE_LABEL_CELLS, max(width // 3, 8))
    labels = []
    for line in data.lines:
        finite = np.flatnonzero(np.isfinite(line.y))
        if finite.size:
            last = float(line.y[finite[-1]])
            value = data.format_number(last)
            name = clip(line.label, max(max_width - cell_len(value) - 1, 4))
            y_fraction = float(y_scale.fraction(last))
            y_fraction = min(max(y_fraction, 0.0), 1.0) if np.isfinite(y_fraction) else 0.0
            labels.append(_LineLabel(y_fraction, f"{name} {value}", line.style))
    return labels


def _choose_scales(data: ChartData) -> tuple[AxisScale | None, AxisScale | None, str]:
    """Return the x scale, the y scale, and a note if values are cropped or a log scale is impossible."""
    xs = _finite_values([line.x for line in data.lines])
    ys = _finite_values([y for line in data.lines for y in (line.y, line.raw) if y is not None])
    if not xs.size or not ys.size:
        return None, None, ""
    # The x axis starts at 0 if the curves begin near it.
    low, high = float(xs.min()), float(xs.max())
    low = 0.0 if 0 < low < 0.1 * high else low
    x_scale = AxisScale(low, high if high > low else low + 1.0)
    # A log scale has a margin of a constant factor.
    scale_kind = log_scale_kind(ys) if data.log_scale else None
    if scale_kind is not None:
        ys = ys[ys > 0] if scale_kind == "log" else ys[ys < 0]
        low, high = float(ys.min()), float(ys.max())
        factor = _LOG_MARGIN_FACTOR if low > 0 else 1 / _LOG_MARGIN_FACTOR
        return x_scale, AxisScale(low / factor, high * factor, scale_kind), ""
    # A linear y axis crops the early values if they would extend it too far for the later ones.
    note = "no log scale: values of both signs" if data.log_scale else ""
    low, high = _value_range(ys)
    later = [(line, x_scale.fraction(line.x) > _EARLY_FRACTION) for line in data.lines]
    late = _finite_values([y[is_late] for line, is_late in later for y in (line.y, line.raw) if y is not None])
    if not data.show_full_range and late.size >= _MIN_LATE_VALUES:
        late_low, late_high = _value_range(late)
        if high - low > _MAX_SQUEEZE_FACTOR * max(late_high - late_low, 1e-9):
            first = next(float(y) for line in data.lines for y in line.y if np.isfinite(y))
            if not late_low <= first <= late_high:
                note = note or "cropped; a: full range"
            low, high = late_low, late_high
    margin = (high - low) * _LINEAR_MARGIN or max(abs(high) * 0.05, 1e-6)
    return x_scale, AxisScale(low - margin, high + margin), note


def _finite_values(arrays: list[Floats]) -> Floats:
    joined = np.concatenate([np.asarray(a, dtype=np.float64) for a in arrays]) if arrays else np.zeros(0)
    finite: Floats = joined[np.isfinite(joined)]
    return finite


def _value_range(values: Floats) -> tuple[float, float]:
    """Return the smallest and the largest value, without a few outliers if there are many values."""
    if values.size >= _MIN_VALUES_WITH_OUTLIERS:
        low, high = np.percentile(values, [0.5, 99.5])
        return float(low), float(high)
    return float(values.min()), float(values.max())
