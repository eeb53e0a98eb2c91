"""Scatter plots as text: a point is drawn as its class label, a digit; the cursor is a cross."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from genexplorer.dashboard.charts.chart import Grid, StyledText
from genexplorer.dashboard.charts.class_legend import class_glyph
from genexplorer.dashboard.widgets import CellWidget
from genexplorer.session.class_scheme import NO_CLASSES, ClassScheme
from genexplorer.session.plane import DEFAULT_BOUNDS, Bounds, Plane

CURSOR_STEP, FINE_CURSOR_STEP = 0.1, 0.02  # in the coordinates of the plane
_MAX_TICKS = 4  # on each axis
_RING_RADII = (1.0, 2.0)  # in standard deviations of the prior


@dataclass(frozen=True)
class LabeledPoints:
    """Points of a plane with their class labels."""

    positions: NDArray[np.float64]  # (N, 2)
    labels: NDArray[np.int64]  # (N,), −1 where unknown
    scheme: ClassScheme = NO_CLASSES


class ScatterView(CellWidget):
    """Displays points in a plane, and a cursor.

    Args:
        has_rings: Whether circles at 1σ and 2σ of the prior are drawn while there are no points.
    """

    style_set = "plane"

    def __init__(self, *, has_rings: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cursor: tuple[float, float] | None = None
        self._points: LabeledPoints | None = None
        self._plane = Plane()
        self._axis_names = ("", "")
        self._has_rings = has_rings

    def show_plane(self, axis_names: tuple[str, str], bounds: Bounds = DEFAULT_BOUNDS["z"]) -> None:
        """Show a plane, given the names of its axes and the visible range."""
        if (axis_names, bounds) != (self._axis_names, self._plane.bounds):
            self._axis_names, self._plane = axis_names, Plane("z", bounds)
            self.redraw()

    def show_points(self, points: LabeledPoints | None) -> None:
        """Replace the points."""
        self._points = points
        self.redraw()

    def show_cursor(self, position: tuple[float, float] | None) -> None:
        """Move the cursor, or hide it."""
        self.cursor = position
        self.redraw()

    @property
    def _margin(self) -> int:
        """Width of the tick labels and the axis, left of the plot."""
        labels = [tick.label for tick in self._plane.ticks("y", _MAX_TICKS)]
        return max([len(label) for label in labels] + [2]) + 1

    def _plot_size(self) -> tuple[int, int]:
        return max(self.size.width - self._margin, 2), max(self.size.height - 1, 2)

    def draw(self, width: int, height: int) -> list[list[StyledText]]:
        """Return the rows of the plot, with the axes on the left and below."""
        (columns, rows), margin, plane = self._plot_size(), self._margin, self._plane
        x_name, y_name = self._axis_names
        grid = Grid(columns + margin, rows + 1)
        # The y axis, with its name in the first row.
        for row in range(rows):
            grid.write(margin - 1, row, "│", "axis")
        for tick in plane.ticks("y", _MAX_TICKS):
            cell = plane.cell((plane.bounds[0], tick.position), rows, columns)
            if cell is not None and cell[0] > 0:
                grid.write(0, cell[0], tick.label.rjust(margin - 1), "axis")
        grid.write(0, 0, y_name, "name")
        # The x axis, with its name at the right end.
        name_column = grid.width - len(x_name)
        for tick in plane.ticks("x", _MAX_TICKS):
            cell = plane.cell((tick.position, plane.bounds[2]), rows, columns)
            if cell is not None:
                start = margin + cell[1] - len(tick.label) // 2
                if start + len(tick.label) < name_column:
                    grid.write(start, rows, tick.label, "axis")
        grid.write(name_column, rows, x_name, "name")
        # The points, or instead of them circles that show how likely a position is.
        points = self._points or (_points_on_rings() if self._has_rings else None)
        if points is not None:
            across, down = plane.to_fraction(plane.from_z(points.positions)).T
            inside = (across >= 0) & (across <= 1) & (down >= 0) & (down <= 1)
            x = margin + np.minimum(across[inside] * columns, columns - 1).astype(np.int64)
            y = np.minimum(down[inside] * rows, rows - 1).astype(np.int64)
            scheme = points.scheme.with_labels(points.labels.tolist())
            for column, row, label in zip(x.tolist(), y.tolist(), points.labels[inside].tolist(), strict=True):
                style = f"class{scheme.color(label) % 10}" if label >= 0 else "unknown"
                grid.write(column, row, class_glyph(label, scheme), style)
        # The cursor, on top of the points.
        cell = plane.cell(plane.from_z(self.cursor), rows, columns) if self.cursor is not None else None
        if cell is not None:
            grid.write(margin + cell[1], cell[0], "╋", "cursor")
        return grid.cells


class LatentPlaneView(ScatterView, can_focus=True):
    """A plane of a latent space; arrow keys and clicks move the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", f"move(-{CURSOR_STEP}, 0)", "left", show=False),
        Binding("right", f"move({CURSOR_STEP}, 0)", "right", show=False),
        Binding("up", f"move(0, {CURSOR_STEP})", "up", show=False),
        Binding("down", f"move(0, -{CURSOR_STEP})", "down", show=False),
        Binding("shift+left", f"move(-{FINE_CURSOR_STEP}, 0)", "left, fine", show=False),
        Binding("shift+right", f"move({FINE_CURSOR_STEP}, 0)", "right, fine", show=False),
        Binding("shift+up", f"move(0, {FINE_CURSOR_STEP})", "up, fine", show=False),
        Binding("shift+down", f"move(0, -{FINE_CURSOR_STEP})", "down, fine", show=False),
        Binding("0", "move_to(0, 0)", "Origin", show=False),
    ]

    class CursorMoved(Message):
        """The cursor has moved."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(has_rings=True, **kwargs)
        self.cursor = (0.0, 0.0)
        self._axis_names = ("z₁", "z₂")

    @property
    def position(self) -> tuple[float, float]:
        """The cursor, in the plane's coordinates."""
        assert self.cursor is not None
        return self.cursor

    def action_move(self, dx: float, dy: float) -> None:
        """Move the cursor by a distance in the plane's coordinates."""
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


def _points_on_rings() -> LabeledPoints:
    """Return circles around the origin, which show how likely a position is where there are no encodings."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    positions = np.concatenate([circle * radius for radius in _RING_RADII])
    return LabeledPoints(positions, np.full(len(positions), -1, np.int64))
