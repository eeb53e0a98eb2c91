"""The latent plane as text: each encoded test image is its own digit, the cursor is a cross."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from genexplorer.dashboard.paint import Painter
from genexplorer.session.plane import Plane

_GLYPHS = "0123456789abcdefghijklmnopqrstuvwxyz"
_AXIS = 3  # cells left of the plane, for the ticks of z₂
STEP, FINE_STEP = 0.1, 0.02
_LIMIT = 3.0


@dataclass(frozen=True)
class Points:
    """Encoded images: where their mean lies, and their label (−1: not known)."""

    z: NDArray[np.float64]  # (N, 2)
    labels: NDArray[np.int64]  # (N,)


class PlaneView(Widget, can_focus=True):
    """Shows z₁ and z₂ from −3 to 3. Arrow keys and clicks move the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "plane--axis",
        "plane--cursor",
        "plane--name",
        *(f"plane--class{i}" for i in range(10)),
        "plane--unknown",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", f"walk(-{STEP}, 0)", "z₁ −", show=False),
        Binding("right", f"walk({STEP}, 0)", "z₁ +", show=False),
        Binding("up", f"walk(0, {STEP})", "z₂ +", show=False),
        Binding("down", f"walk(0, -{STEP})", "z₂ −", show=False),
        Binding("shift+left", f"walk(-{FINE_STEP}, 0)", "z₁ − fine", show=False),
        Binding("shift+right", f"walk({FINE_STEP}, 0)", "z₁ + fine", show=False),
        Binding("shift+up", f"walk(0, {FINE_STEP})", "z₂ + fine", show=False),
        Binding("shift+down", f"walk(0, -{FINE_STEP})", "z₂ − fine", show=False),
        Binding("0", "go(0, 0)", "Origin", show=False),
    ]

    class Moved(Message):
        """The cursor is at another z."""

        def __init__(self, z: tuple[float, float]) -> None:
            super().__init__()
            self.z = z

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.z = (0.0, 0.0)
        self._points: Points | None = None
        self._plane = Plane()
        self._cells: list[list[tuple[str, str]]] | None = None
        self._cells_for: tuple[object, ...] = ()

    def show_points(self, points: Points | None) -> None:
        """Show encoded images, or none."""
        self._points, self._cells = points, None
        self.refresh()

    def action_walk(self, across: float, up: float) -> None:
        """Move by a step in z."""
        self.action_go(self.z[0] + across, self.z[1] + up)

    def action_go(self, x: float, y: float) -> None:
        """Go to a z within the plane."""
        z = (round(min(max(x, -_LIMIT), _LIMIT), 4), round(min(max(y, -_LIMIT), _LIMIT), 4))
        if z != self.z:
            self.z = z
            self.refresh()
            self.post_message(self.Moved(z))

    def on_click(self, event: events.Click) -> None:
        """Go to the z under the mouse."""
        columns, rows = self._extent()
        if event.x >= _AXIS and event.y < rows:
            place = ((event.x - _AXIS + 0.5) / columns, (event.y + 0.5) / rows)
            x, y = self._plane.to_z(self._plane.from_fraction(place))
            self.action_go(float(x), float(y))

    def render_line(self, y: int) -> Strip:
        """Paint one row."""
        columns, rows = self._extent()
        if self._cells is None or self._cells_for != (columns, rows):
            self._cells, self._cells_for = self._draw(columns, rows), (columns, rows)
        row = list(self._cells[y]) if y < len(self._cells) else []
        cursor = self._plane.cell(self._plane.from_z(self.z), rows, columns)
        if cursor is not None and cursor[0] == y:
            row[_AXIS + cursor[1]] = ("╋", "cursor")
        return Painter(self, "plane").strip(row, self.size.width)

    def _extent(self) -> tuple[int, int]:
        return max(self.size.width - _AXIS, 2), max(self.size.height - 1, 2)

    def _draw(self, columns: int, rows: int) -> list[list[tuple[str, str]]]:
        cells = [[(" ", "")] * (columns + _AXIS) for _ in range(rows + 1)]
        self._draw_axes(cells, columns, rows)
        if self._points is not None:
            for z, label in zip(self._points.z, self._points.labels.tolist(), strict=True):
                cell = self._plane.cell(self._plane.from_z(z), rows, columns)
                if cell is not None:
                    glyph = _GLYPHS[label % len(_GLYPHS)] if label >= 0 else "·"
                    cells[cell[0]][_AXIS + cell[1]] = (glyph, f"class{label % 10}" if label >= 0 else "unknown")
        return cells

    def _draw_axes(self, cells: list[list[tuple[str, str]]], columns: int, rows: int) -> None:
        for axis, value in (("y", -2), ("y", 0), ("y", 2), ("x", -2), ("x", 0), ("x", 2)):
            at = (float(value), 0.0) if axis == "x" else (0.0, float(value))
            cell = self._plane.cell(self._plane.from_z(at), rows, columns)
            if cell is None:
                continue
            text = str(value).replace("-", "−")
            place = (rows, _AXIS + cell[1] - len(text) // 2) if axis == "x" else (cell[0], 0)
            for offset, character in enumerate(text.rjust(2) if axis == "y" else text):
                cells[place[0]][place[1] + offset] = (character, "axis")
        for row in range(rows):
            cells[row][_AXIS - 1] = ("│", "axis")
        for name, row, column in (("z₂", 0, 0), ("z₁", rows, columns + _AXIS - 2)):
            for offset, character in enumerate(name):
                cells[row][column + offset] = (character, "name")
