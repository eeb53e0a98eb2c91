"""Polylines drawn with braille characters: 2 × 4 dots per cell, so a curve of 60 columns has 120 positions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EMPTY_BRAILLE_CODE_POINT = 0x2800  # the pattern without dots; each dot adds its bit
_DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.int64)  # by row and column
DOTS_ACROSS, DOTS_DOWN = 2, 4  # per cell
_MAX_LINE_DOTS = 200_000  # a polyline of more dots is noise and is not drawn


@dataclass(frozen=True)
class Dash:
    """A dash pattern: dots that are drawn, then dots that are left out; `off=0` is a solid line."""

    on: int = 1
    off: int = 0


SOLID = Dash()


class BrailleCanvas:
    """A grid of cells on which polylines are drawn one after the other.

    A cell has one color, that of the last line drawn in it. It keeps the dots of earlier lines, so that lines side by
    side have no holes; only dots of faint lines, such as raw curves, are erased.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = max(columns, 1), max(rows, 1)
        self._bits: NDArray[np.int64] = np.zeros((self.rows, self.columns), dtype=np.int64)
        self._faint: NDArray[np.bool_] = np.zeros((self.rows, self.columns), dtype=np.bool_)
        self._line_ids: NDArray[np.int64] = np.full((self.rows, self.columns), -1, dtype=np.int64)

    def polyline(self, x: Floats, y: Floats, line_id: int, dash: Dash = SOLID, *, faint: bool = False) -> None:
        """Draw a line through its vertices, clipped to the grid; NaN makes a gap.

        Args:
            x: Fractions of the width, from the left, (N,).
            y: Fractions of the height, from the bottom, (N,).
            line_id: Returned by `cells` for the cells of this line.
            dash: Dash pattern.
            faint: Whether later lines erase this one where they cross it.
        """
        dot_x = np.asarray(x, dtype=np.float64) * (self.columns * DOTS_ACROSS - 1)
        dot_y = (1 - np.asarray(y, dtype=np.float64)) * (self.rows * DOTS_DOWN - 1)
        # Values far outside are clamped, which bounds the number of dots without a visible change of slopes.
        limit = 4.0 * self.rows * DOTS_DOWN
        dot_y = np.clip(dot_y, -limit, limit)
        dots = np.concatenate([_segment_dots(dot_x, dot_y, dash), _isolated_dots(dot_x, dot_y)])
        # Set the dots inside, after erasing faint ones in their cells.
        dot_x, dot_y = np.rint(dots).astype(np.int64).T
        inside = (dot_x >= 0) & (dot_x < self.columns * DOTS_ACROSS) & (dot_y >= 0) & (dot_y < self.rows * DOTS_DOWN)
        dot_x, dot_y = dot_x[inside], dot_y[inside]
        column, row = dot_x // DOTS_ACROSS, dot_y // DOTS_DOWN
        erased = self._faint[row, column] & (not faint)
        self._bits[row[erased], column[erased]] = 0
        self._faint[row, column] = faint
        self._line_ids[row, column] = line_id
        np.bitwise_or.at(self._bits, (row, column), _DOT_BITS[dot_y % DOTS_DOWN, dot_x % DOTS_ACROSS])

    def cell_of(self, x: float, y: float) -> tuple[int, int]:
        """Return the (column, row) of a position given in fractions, clamped to the grid."""
        column = min(max(int(x * self.columns), 0), self.columns - 1)
        row = min(max(int((1 - y) * self.rows), 0), self.rows - 1)
        return column, row

    def cells(self) -> list[list[tuple[str, int]]]:
        """Return rows of (character, line id); an empty cell is a space with id −1."""
        return [
            [
                (chr(_EMPTY_BRAILLE_CODE_POINT + int(bits)) if bits else " ", int(line_id))
                for bits, line_id in zip(row, line_ids, strict=True)
            ]
            for row, line_ids in zip(self._bits, self._line_ids, strict=True)
        ]


def _segment_dots(x: Floats, y: Floats, dash: Dash) -> Floats:
    """Return the dots of all segments with two finite ends, (N, 2)."""
    start = np.stack([x[:-1], y[:-1]], axis=1)
    delta = np.stack([np.diff(x), np.diff(y)], axis=1)
    finite = np.isfinite(start).all(axis=1) & np.isfinite(delta).all(axis=1)
    start, delta = start[finite], delta[finite]
    counts = np.ceil(np.abs(delta).max(axis=1)).astype(np.int64) + 1 if len(delta) else np.zeros(0, dtype=np.int64)
    total = int(counts.sum())
    if not 0 < total <= _MAX_LINE_DOTS:
        return np.zeros((0, 2))
    # Interpolate all segments at once: `counts[i]` dots on segment i.
    segment = np.repeat(np.arange(len(counts)), counts)
    index = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    fraction = index / np.maximum(counts[segment] - 1, 1)
    dots: Floats = start[segment] + fraction[:, None] * delta[segment]
    if dash.off:
        dots = dots[np.rint(dots[:, 0]).astype(np.int64) % (dash.on + dash.off) < dash.on]
    return dots


def _isolated_dots(x: Floats, y: Floats) -> Floats:
    """Return one dot, (x, y), for each vertex without a finite neighbor, so that every recorded value is visible."""
    finite = np.isfinite(x) & np.isfinite(y)
    previous = np.concatenate([[False], finite[:-1]])
    following = np.concatenate([finite[1:], [False]])
    isolated = finite & ~previous & ~following
    return np.stack([x[isolated], y[isolated]], axis=1)
