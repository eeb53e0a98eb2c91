"""Lines drawn in braille: eight dots a cell, so that a curve of 60 columns has 120 steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BRAILLE = 0x2800
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.int64)
DOTS_ACROSS, DOTS_DOWN = 2, 4
_MAX_DOTS = 200_000  # of one polyline; a line longer than this is noise


@dataclass(frozen=True)
class Dash:
    """A pattern along the line, in dots: `on` drawn, `off` left out. `off=0` is a solid line."""

    on: int = 1
    off: int = 0


SOLID = Dash()


class BrailleCanvas:
    """A grid of cells on which polylines are drawn one after the other.

    A cell has one color, that of the last line in it. It keeps the dots of the other lines, which would else have
    holes where lines run side by side; but dots of faint lines, such as raw curves, give way.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = max(columns, 1), max(rows, 1)
        self._bits: NDArray[np.int64] = np.zeros((self.rows, self.columns), dtype=np.int64)
        self._faint: NDArray[np.bool_] = np.zeros((self.rows, self.columns), dtype=np.bool_)
        self._roles: NDArray[np.int64] = np.full((self.rows, self.columns), -1, dtype=np.int64)

    def polyline(self, x: Floats, y: Floats, role: int, dash: Dash = SOLID, *, faint: bool = False) -> None:
        """Draw a line through points given as fractions of the width and height, y upwards.

        Points that are NaN make gaps; what lies outside is cut off.
        """
        across, down = self._dots(x, y)
        dots = np.concatenate([_segments(across, down, dash), _lone_points(across, down)])
        self._put(dots, role, faint=faint)

    def cell_of(self, x: float, y: float) -> tuple[int, int]:
        """Return (column, row) of a point given in fractions, clamped to the grid."""
        column = min(max(int(x * self.columns), 0), self.columns - 1)
        row = min(max(int((1 - y) * self.rows), 0), self.rows - 1)
        return column, row

    def cells(self) -> list[list[tuple[str, int]]]:
        """Return rows of (character, role); role −1 and a space where nothing was drawn."""
        return [
            [(chr(_BRAILLE + int(bits)) if bits else " ", int(role)) for bits, role in zip(row, roles, strict=True)]
            for row, roles in zip(self._bits, self._roles, strict=True)
        ]

    def _dots(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across = np.asarray(x, dtype=np.float64) * (self.columns * DOTS_ACROSS - 1)
        down = (1 - np.asarray(y, dtype=np.float64)) * (self.rows * DOTS_DOWN - 1)
        limit = 4.0 * self.rows * DOTS_DOWN  # far outside is as good as a little outside, and bounds the work
        return across, np.clip(down, -limit, limit)

    def _put(self, dots: Floats, role: int, *, faint: bool) -> None:
        if not len(dots):
            return
        across, down = np.rint(dots).astype(np.int64).T
        inside = (across >= 0) & (across < self.columns * DOTS_ACROSS) & (down >= 0) & (down < self.rows * DOTS_DOWN)
        across, down = across[inside], down[inside]
        column, row = across // DOTS_ACROSS, down // DOTS_DOWN
        gives_way = self._faint[row, column] & (not faint)
        self._bits[row[gives_way], column[gives_way]] = 0
        self._faint[row, column] = faint
        self._roles[row, column] = role
        np.bitwise_or.at(self._bits, (row, column), _BITS[down % DOTS_DOWN, across % DOTS_ACROSS])


def _segments(across: Floats, down: Floats, dash: Dash) -> Floats:
    """Return the dots of all segments whose two ends are finite, (N, 2)."""
    start = np.stack([across[:-1], down[:-1]], axis=1)
    delta = np.stack([np.diff(across), np.diff(down)], axis=1)
    whole = np.isfinite(start).all(axis=1) & np.isfinite(delta).all(axis=1)
    start, delta = start[whole], delta[whole]
    counts = np.ceil(np.abs(delta).max(axis=1)).astype(np.int64) + 1 if len(delta) else np.zeros(0, dtype=np.int64)
    total = int(counts.sum())
    if not 0 < total <= _MAX_DOTS:
        return np.zeros((0, 2))
    segment = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    fraction = place / np.maximum(counts[segment] - 1, 1)
    dots: Floats = start[segment] + fraction[:, None] * delta[segment]
    if dash.off:
        dots = dots[np.rint(dots[:, 0]).astype(np.int64) % (dash.on + dash.off) < dash.on]
    return dots


def _lone_points(across: Floats, down: Floats) -> Floats:
    """Return the points without a finite neighbor: one dot each, so that nothing recorded is invisible."""
    finite = np.isfinite(across) & np.isfinite(down)
    left = np.concatenate([[False], finite[:-1]])
    right = np.concatenate([finite[1:], [False]])
    lone = finite & ~left & ~right
    return np.stack([across[lone], down[lone]], axis=1)
