"""Scatter plots as text: a point is drawn as its class label, a digit; the cursor is a cross."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from genexplorer.dashboard.cell_painter import CellPainter
from genexplorer.dashboard.charts.chart import Cell
from genexplorer.session.plane import HOME, Bounds, Plane

_GLYPHS = "0123456789abcdefghijklmnopqrstuvwxyz"
STEP, FINE_STEP = 0.1, 0.02  # of the cursor
_MAX_TICKS = 4
_RINGS = (1.0, 2.0)  # standard deviations of the prior


@dataclass(frozen=True)
class LabeledPoints:
    """Points of a plane with their class labels."""

    positions: NDArray[np.float64]  # (N, 2)
    labels: NDArray[np.int64]  # (N,), −1 where unknown


class ScatterView(Widget):
    """Displays points in a plane, and a cursor.

    Args:
        rings: Draw circles at 1σ and 2σ of the prior while there are no points.
    """

    def __init__(self, *, rings: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cursor: tuple[float, float] | None = None
        self._points: LabeledPoints | None = None
        self._plane = Plane()
        self._axis_names = ("", "")
        self._rings = rings
        self._cells: list[list[Cell]] | None = None
        self._cells_size = (0, 0)

    def show_plane(self, axis_names: tuple[str, str], bounds: Bounds = HOME["z"]) -> None:
        """Show a plane, given the names of its axes and the visible range."""
        if (axis_names, bounds) != (self._axis_names, self._plane.bounds):
            self._axis_names, self._plane, self._cells = axis_names, Plane("z", bounds), None
            self.refresh()

    def show_points(self, points: LabeledPoints | None) -> None:
        """Replace the points."""
        self._points, self._cells = points, None
        self.refresh()

    def show_cursor(self, position: tuple[float, float] | None) -> None:
        """Move the cursor, or hide it."""
        self.cursor = position
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Render a row of cells."""
        columns, rows = self._plot_size()
        if self._cells is None or self._cells_size != (columns, rows):
            self._cells, self._cells_size = self._draw(columns, rows), (columns, rows)
        row = list(self._cells[y]) if y < len(self._cells) else []
        cell = self._plane.cell(self._plane.from_z(self.cursor), rows, columns) if self.cursor is not None else None
        if cell is not None and cell[0] == y:
            row[self._margin + cell[1]] = ("╋", "cursor")
        return CellPainter(self, "plane").strip(row, self.size.width)

    @property
    def _margin(self) -> int:
        """Width of the tick labels and the axis, left of the plot."""
        labels = [tick.label for tick in self._plane.ticks("y", _MAX_TICKS)]
        return max([len(label) for label in labels] + [2]) + 1

    def _plot_size(self) -> tuple[int, int]:
        return max(self.size.width - self._margin, 2), max(self.size.height - 1, 2)

    def _draw(self, columns: int, rows: int) -> list[list[Cell]]:
        margin = self._margin
        cells: list[list[Cell]] = [[(" ", "")] * (columns + margin) for _ in range(rows + 1)]
        self._draw_axes(cells, columns, rows)
        points = self._points
        if points is None and self._rings:
            points = _ring_points()
        for z, label in zip(points.positions, points.labels.tolist(), strict=True) if points is not None else ():
            cell = self._plane.cell(self._plane.from_z(z), rows, columns)
            if cell is not None:
                glyph = _GLYPHS[label % len(_GLYPHS)] if label >= 0 else "·"
                cells[cell[0]][margin + cell[1]] = (glyph, f"class{label % 10}" if label >= 0 else "unknown")
        return cells

    def _draw_axes(self, cells: list[list[Cell]], columns: int, rows: int) -> None:
        margin, (x_name, y_name) = self._margin, self._axis_names
        # The y axis, with its name in the first row.
        for row in range(rows):
            cells[row][margin - 1] = ("│", "axis")
        for tick in self._plane.ticks("y", _MAX_TICKS):
            cell = self._plane.cell((self._plane.bounds[0], tick.position), rows, columns)
            if cell is not None and cell[0] > 0:
                _write(cells[cell[0]], 0, tick.label.rjust(margin - 1), "axis")
        _write(cells[0], 0, y_name, "name")
        # The x axis, with its name at the right end.
        name_at = columns + margin - len(x_name)
        for tick in self._plane.ticks("x", _MAX_TICKS):
            cell = self._plane.cell((tick.position, self._plane.bounds[2]), rows, columns)
            if cell is not None:
                start = margin + cell[1] - len(tick.label) // 2
                if start + len(tick.label) < name_at:
                    _write(cells[rows], start, tick.label, "axis")
        _write(cells[rows], name_at, x_name, "name")


class LatentPlaneView(ScatterView, can_focus=True):
    """A plane of a latent space; arrow keys and clicks move the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", f"move(-{STEP}, 0)", "left", show=False),
        Binding("right", f"move({STEP}, 0)", "right", show=False),
        Binding("up", f"move(0, {STEP})", "up", show=False),
        Binding("down", f"move(0, -{STEP})", "down", show=False),
        Binding("shift+left", f"move(-{FINE_STEP}, 0)", "left, fine", show=False),
        Binding("shift+right", f"move({FINE_STEP}, 0)", "right, fine", show=False),
        Binding("shift+up", f"move(0, {FINE_STEP})", "up, fine", show=False),
        Binding("shift+down", f"move(0, -{FINE_STEP})", "down, fine", show=False),
        Binding("0", "move_to(0, 0)", "Origin", show=False),
    ]

    class CursorMoved(Message):
        """The cursor has moved."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(rings=True, **kwargs)
        self.cursor = (0.0, 0.0)
        self._axis_names = ("z₁", "z₂")

    @property
    def position(self) -> tuple[float, float]:
        """The cursor, in the plane's coordinates."""
        assert self.cursor is not None
        return self.cursor

    def action_move(self, dx: float, dy: float) -> None:
        """Move the cursor by a step."""
        self.action_move_to(self.position[0] + dx, self.position[1] + dy)

    def action_move_to(self, x: float, y: float) -> None:
        """Move the cursor to a position, clamped to the plane."""
        x0, x1, y0, y1 = self._plane.bounds
        position = (round(min(max(x, x0), x1), 4), round(min(max(y, y0), y1), 4))
        if position != self.position:
            self.show_cursor(position)
            self.post_message(self.CursorMoved())

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the mouse."""
        columns, rows = self._plot_size()
        if event.x >= self._margin and event.y < rows:
            fraction = ((event.x - self._margin + 0.5) / columns, (event.y + 0.5) / rows)
            x, y = self._plane.to_z(self._plane.from_fraction(fraction))
            self.action_move_to(float(x), float(y))


def _write(row: list[Cell], column: int, text: str, role: str) -> None:
    """Write a text into a row, cut at its ends."""
    for offset, character in enumerate(text):
        if 0 <= column + offset < len(row):
            row[column + offset] = (character, role)


def _ring_points() -> LabeledPoints:
    """Return circles around the origin, which show how likely a position is where there are no encodings."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    positions = np.concatenate([circle * radius for radius in _RINGS])
    return LabeledPoints(positions, np.full(len(positions), -1, np.int64))
