"""A plane as text: each encoded test image, or each point of the data, is its own digit, the cursor is a cross."""

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
from genexplorer.session.plane import HOME, Bounds, Plane

_GLYPHS = "0123456789abcdefghijklmnopqrstuvwxyz"
STEP, FINE_STEP = 0.1, 0.02  # in a plane of ±3; others are walked in as many steps
_TICKS = 4
_RINGS = (1.0, 2.0)  # deviations of the prior, drawn where there are no points


@dataclass(frozen=True)
class LabeledPoints:
    """What is seen in the plane: where it lies, and its label (−1: not known)."""

    z: NDArray[np.float64]  # (N, 2)
    labels: NDArray[np.int64]  # (N,)


class ScatterView(Widget):
    """Shows a plane with points, and a cursor where there is one."""

    def __init__(self, *, rings: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.cursor: tuple[float, float] | None = None
        self._points: LabeledPoints | None = None
        self._plane = Plane()
        self._names = ("", "")
        self._rings = rings
        self._cells: list[list[tuple[str, str]]] | None = None
        self._cells_for: tuple[object, ...] = ()

    def show_plane(self, names: tuple[str, str], bounds: Bounds = HOME["z"]) -> None:
        """Show a plane: the names of its axes and its window."""
        if (names, bounds) != (self._names, self._plane.bounds):
            self._names, self._plane, self._cells = names, Plane("z", bounds), None
            self.refresh()

    def show_points(self, points: LabeledPoints | None) -> None:
        """Show points, or none."""
        self._points, self._cells = points, None
        self.refresh()

    def show_cursor(self, place: tuple[float, float] | None) -> None:
        """Show the cursor at a place, or nowhere."""
        self.cursor = place
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint one row."""
        columns, rows = self._extent()
        if self._cells is None or self._cells_for != (columns, rows):
            self._cells, self._cells_for = self._draw(columns, rows), (columns, rows)
        row = list(self._cells[y]) if y < len(self._cells) else []
        cell = self._plane.cell(self._plane.from_z(self.cursor), rows, columns) if self.cursor is not None else None
        if cell is not None and cell[0] == y:
            row[self._axis + cell[1]] = ("╋", "cursor")
        return CellPainter(self, "plane").strip(row, self.size.width)

    @property
    def _axis(self) -> int:
        """Cells left of the plane, for the ticks and the line."""
        labels = [tick.label for tick in self._plane.ticks("y", _TICKS)]
        return max([len(label) for label in labels] + [2]) + 1

    def _extent(self) -> tuple[int, int]:
        return max(self.size.width - self._axis, 2), max(self.size.height - 1, 2)

    def _draw(self, columns: int, rows: int) -> list[list[tuple[str, str]]]:
        axis = self._axis
        cells = [[(" ", "")] * (columns + axis) for _ in range(rows + 1)]
        self._draw_axes(cells, columns, rows)
        shown = self._points
        if shown is None and self._rings:
            shown = _rings()
        for z, label in zip(shown.z, shown.labels.tolist(), strict=True) if shown is not None else ():
            cell = self._plane.cell(self._plane.from_z(z), rows, columns)
            if cell is not None:
                glyph = _GLYPHS[label % len(_GLYPHS)] if label >= 0 else "·"
                cells[cell[0]][axis + cell[1]] = (glyph, f"class{label % 10}" if label >= 0 else "unknown")
        return cells

    def _draw_axes(self, cells: list[list[tuple[str, str]]], columns: int, rows: int) -> None:
        axis, (x_name, y_name) = self._axis, self._names
        for row in range(rows):
            cells[row][axis - 1] = ("│", "axis")
        for tick in self._plane.ticks("y", _TICKS):
            cell = self._plane.cell((self._plane.bounds[0], tick.position), rows, columns)
            if cell is not None and cell[0] > 0:  # the name stands in the first row
                _write(cells[cell[0]], 0, tick.label.rjust(axis - 1), "axis")
        free = columns + axis - len(x_name) - 1
        for tick in self._plane.ticks("x", _TICKS):
            cell = self._plane.cell((tick.position, self._plane.bounds[2]), rows, columns)
            if cell is not None and axis + cell[1] - len(tick.label) // 2 + len(tick.label) <= free:
                _write(cells[rows], axis + cell[1] - len(tick.label) // 2, tick.label, "axis")
        _write(cells[0], 0, y_name, "name")
        _write(cells[rows], columns + axis - len(x_name), x_name, "name")


class LatentPlaneView(ScatterView, can_focus=True):
    """Walks in a plane: arrow keys and clicks move the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", f"walk(-{STEP}, 0)", "left", show=False),
        Binding("right", f"walk({STEP}, 0)", "right", show=False),
        Binding("up", f"walk(0, {STEP})", "up", show=False),
        Binding("down", f"walk(0, -{STEP})", "down", show=False),
        Binding("shift+left", f"walk(-{FINE_STEP}, 0)", "left, fine", show=False),
        Binding("shift+right", f"walk({FINE_STEP}, 0)", "right, fine", show=False),
        Binding("shift+up", f"walk(0, {FINE_STEP})", "up, fine", show=False),
        Binding("shift+down", f"walk(0, -{FINE_STEP})", "down, fine", show=False),
        Binding("0", "go(0, 0)", "Origin", show=False),
    ]

    class Moved(Message):
        """The cursor is at another place."""

        def __init__(self, z: tuple[float, float]) -> None:
            super().__init__()
            self.z = z

    def __init__(self, **options: Any) -> None:
        super().__init__(rings=True, **options)
        self.cursor = (0.0, 0.0)
        self._names = ("z₁", "z₂")

    @property
    def z(self) -> tuple[float, float]:
        """Where the cursor is, in the plane's own coordinates."""
        assert self.cursor is not None
        return self.cursor

    def action_walk(self, across: float, up: float) -> None:
        """Move by a step."""
        self.action_go(self.z[0] + across, self.z[1] + up)

    def action_go(self, x: float, y: float) -> None:
        """Go to a place within the plane."""
        x0, x1, y0, y1 = self._plane.bounds
        z = (round(min(max(x, x0), x1), 4), round(min(max(y, y0), y1), 4))
        if z != self.z:
            self.show_cursor(z)
            self.post_message(self.Moved(z))

    def on_click(self, event: events.Click) -> None:
        """Go to the place under the mouse."""
        columns, rows = self._extent()
        if event.x >= self._axis and event.y < rows:
            place = ((event.x - self._axis + 0.5) / columns, (event.y + 0.5) / rows)
            x, y = self._plane.to_z(self._plane.from_fraction(place))
            self.action_go(float(x), float(y))


def _write(row: list[tuple[str, str]], column: int, text: str, role: str) -> None:
    """Write a text into a row, as far as there is room."""
    for offset, character in enumerate(text):
        if 0 <= column + offset < len(row):
            row[column + offset] = (character, role)


def _rings() -> LabeledPoints:
    """Return circles about the origin as points: how usual a place is, where no encodings tell it."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    places = np.concatenate([circle * radius for radius in _RINGS])
    return LabeledPoints(places, np.full(len(places), -1, np.int64))
