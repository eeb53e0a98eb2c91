"""The decoded tiles that fill the plane: their number, size and position, and which are missing. No Qt."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.plane import Coords
from genexplorer.viewer.tabs.manifold.visible_range import Bounds, VisibleRange

DEFAULT_TILES = 20  # along the plot's shorter side
MAX_TILES = 2_500
_SCALE_FACTORS = (Fraction(1, 8), Fraction(1, 4), Fraction(1, 3), Fraction(1, 2), *(Fraction(k) for k in range(1, 33)))

Pixels = NDArray[np.uint8]
Cells = NDArray[np.int64]


@dataclass(frozen=True)
class TileGrid:
    """A rectangle of cells of a lattice that is fixed in the plane: panning moves it, only zooming changes it.

    Cell (column, row) covers x in [column, column + 1]·cell[0] and y in [row, row + 1]·cell[1]; rows grow upwards.
    """

    coords: Coords
    cell: tuple[float, float]
    first_column: int
    last_column: int  # included
    first_row: int
    last_row: int  # included
    factor: Fraction  # device pixels per pixel of an image

    @property
    def columns(self) -> int:
        """The number of columns."""
        return self.last_column - self.first_column + 1

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.last_row - self.first_row + 1

    @property
    def bounds(self) -> Bounds:
        """The outer edges, x0, x1, y0, y1."""
        across, up = self.cell
        x0, x1 = self.first_column * across, (self.last_column + 1) * across
        return x0, x1, self.first_row * up, (self.last_row + 1) * up

    def same_lattice(self, other: "TileGrid") -> bool:
        """Whether both have the same cells, up to the rectangle."""
        return self.coords == other.coords and np.allclose(self.cell, other.cell, rtol=1e-9, atol=0)

    def covers(self, other: "TileGrid") -> bool:
        """Whether every cell of the other, on the same lattice, is one of these."""
        return (
            self.same_lattice(other)
            and self.first_column <= other.first_column
            and self.last_column >= other.last_column
            and self.first_row <= other.first_row
            and self.last_row >= other.last_row
        )

    def middle_first(self, cells: Cells) -> Cells:
        """Return some of these cells, (N, 2), from the middle outwards."""
        middle = np.array([(self.first_column + self.last_column) / 2, (self.first_row + self.last_row) / 2])
        ordered: Cells = cells[np.abs(cells - middle).max(axis=1).argsort(kind="stable")]
        return ordered

    def cells(self) -> Cells:
        """Return (column, row) of every cell, (N, 2), in reading order: the top row first."""
        columns = np.arange(self.first_column, self.last_column + 1)
        rows = np.arange(self.last_row, self.first_row - 1, -1)
        across, down = np.meshgrid(columns, rows)
        return np.column_stack([across.ravel(), down.ravel()]).astype(np.int64)

    def centers(self, cells: Cells) -> NDArray[np.float64]:
        """Return the plane's coordinates in the middle of cells, (N, 2)."""
        centers: NDArray[np.float64] = (cells + 0.5) * np.asarray(self.cell)
        return centers


def select_stride(cells: Cells, stride: tuple[int, int]) -> Cells:
    """Return the cells, (N, 2), in each n-th column and m-th row of the lattice, independent of the view."""
    multiples: Cells = cells[(cells % stride == 0).all(axis=1)]
    return multiples


@lru_cache(maxsize=64)  # called several times per mouse move with the same arguments
def choose_factor(plot_px: tuple[int, int], image_px: tuple[int, int], target: int = DEFAULT_TILES) -> Fraction:
    """Return the scale of images with which about `target` fit along the plot's shorter side.

    Args:
        plot_px: Width and height in device pixels.
        image_px: Height and width of an image.
        target: Desired number of tiles.

    Returns:
        A whole factor, or one over a whole number where images are large.
    """
    width, height = plot_px

    def misfit(factor: Fraction) -> float:
        across, down = width / float(factor * image_px[1]), height / float(factor * image_px[0])
        too_many = max(0.0, math.log(max(across * down, 1e-9) / MAX_TILES)) * 100
        return abs(math.log(max(min(across, down), 1e-9) / target)) + too_many

    return min(_SCALE_FACTORS, key=misfit)


def tile_px(factor: Fraction, image_px: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of a tile in device pixels."""
    return max(1, round(factor * image_px[0])), max(1, round(factor * image_px[1]))


def layout(
    view: VisibleRange, image_px: tuple[int, int], target: int = DEFAULT_TILES, margin: int = 0
) -> TileGrid | None:
    """Return the cells that cover the view, and `margin` cells more on each side; None where there are none.

    In "u" only cells whose center is in (0, 1)² are decodable.
    """
    factor = choose_factor((view.width_px, view.height_px), image_px, target)
    down, across = tile_px(factor, image_px)
    cell = across * view.per_px[0], down * view.per_px[1]
    x0, x1, y0, y1 = view.bounds
    columns = _range(x0, x1, cell[0], margin, bounded=view.coords == "u")
    rows = _range(y0, y1, cell[1], margin, bounded=view.coords == "u")
    if columns is None or rows is None:
        return None
    return TileGrid(view.coords, cell, *columns, *rows, factor)


def _range(low: float, high: float, cell: float, margin: int, *, bounded: bool) -> tuple[int, int] | None:
    tiny = 1e-6  # a cell with less than this visible share is left out
    first, last = math.floor(low / cell + tiny) - margin, math.ceil(high / cell - tiny) - 1 + margin
    if bounded:
        first = max(first, 0)
        last = min(last, math.ceil(1 / cell - 0.5 - tiny) - 1)
    return (first, last) if last >= first else None


class Mosaic:
    """Tiles of one snapshot in one image, with masks of the decoded and the exact ones.

    Attributes:
        pixels: uint8, (rows·H, columns·W) for gray images, (rows·H, columns·W, 3) for colored ones.
        decoded: bool, (rows, columns), the top row first; a missing tile shows the nearest decoded one.
        exact: bool, likewise; a decoded tile that is not exact is a draft.
    """

    def __init__(self, grid: TileGrid, image_shape: tuple[int, int, int], step: int) -> None:
        channels, height, width = image_shape
        self.grid = grid
        self.step = step
        self.image_shape = image_shape
        size = (grid.rows * height, grid.columns * width)
        self.pixels: Pixels = np.zeros(size if channels == 1 else (*size, channels), np.uint8)
        self.decoded = np.zeros((grid.rows, grid.columns), bool)
        self.exact = np.zeros((grid.rows, grid.columns), bool)

    def on_grid(self, grid: TileGrid) -> "Mosaic":
        """Return the mosaic of another rectangle of the same lattice, with the tiles that both have."""
        other = Mosaic(grid, self.image_shape, self.step)
        _, height, width = self.image_shape
        columns = _overlap(self.grid.first_column, self.grid.columns, grid.first_column, grid.columns)
        rows = _overlap(-self.grid.last_row, self.grid.rows, -grid.last_row, grid.rows)
        if columns is None or rows is None:
            return other
        (left, to_left, across), (top, to_top, down) = columns, rows
        there = slice(to_top, to_top + down), slice(to_left, to_left + across)
        here = slice(top, top + down), slice(left, left + across)
        other.decoded[there], other.exact[there] = self.decoded[here], self.exact[here]
        other.pixels[to_top * height : (to_top + down) * height, to_left * width : (to_left + across) * width] = (
            self.pixels[top * height : (top + down) * height, left * width : (left + across) * width]
        )
        return other

    def spread(self) -> None:
        """Copy to each missing tile the nearest decoded one: neighbors are alike."""
        present, missing = np.argwhere(self.decoded), np.argwhere(~self.decoded)
        if len(present) and len(missing):
            distances = ((missing[:, None] - present[None]) ** 2).sum(axis=2)
            nearest, tiles = present[distances.argmin(axis=1)], self._tiles()
            tiles[missing[:, 0], :, missing[:, 1]] = tiles[nearest[:, 0], :, nearest[:, 1]]

    def is_complete(self, visible: TileGrid, *, exactly: bool = False) -> bool:
        """Return whether every cell of a rectangle of the same lattice is decoded, or decoded exactly."""
        if not self.grid.covers(visible):
            return False
        top, left = self.grid.last_row - visible.last_row, visible.first_column - self.grid.first_column
        cells = self.exact if exactly else self.decoded
        return bool(cells[top : top + visible.rows, left : left + visible.columns].all())

    def missing(self) -> Cells:
        """Return (column, row) of the missing cells, (N, 2)."""
        return self.grid.cells()[~self.decoded.ravel()]

    def drafts(self) -> Cells:
        """Return (column, row) of the cells that are drafts, (N, 2)."""
        return self.grid.cells()[(self.decoded & ~self.exact).ravel()]

    def fill(self, cells: Cells, images: NDArray[np.uint8], *, exact: bool = True) -> None:
        """Copy decoded images, (N, H, W, C), to their cells; those outside this rectangle are left out."""
        channels, height, width = self.image_shape
        rows, columns = self.decoded.shape
        down, across = self.grid.last_row - cells[:, 1], cells[:, 0] - self.grid.first_column
        inside = (down >= 0) & (down < rows) & (across >= 0) & (across < columns)
        tail = () if channels == 1 else (channels,)
        view = self._tiles()
        # Fill the whole image at once where all cells come in reading order.
        in_order = np.array_equal(down * columns + across, np.arange(rows * columns))
        if inside.all() and in_order:
            view[:] = images.reshape(rows, columns, height, width, *tail).swapaxes(1, 2)
        else:
            view[down[inside], :, across[inside]] = images[inside].reshape(-1, height, width, *tail)
        self.decoded[down[inside], across[inside]] = True
        self.exact[down[inside], across[inside]] = exact

    def _tiles(self) -> Pixels:
        """Return the pixels as (rows, H, columns, W) or (rows, H, columns, W, C), in the same memory."""
        channels, height, width = self.image_shape
        tail = () if channels == 1 else (channels,)
        return self.pixels.reshape(self.grid.rows, height, self.grid.columns, width, *tail)


def _overlap(start: int, size: int, other_start: int, other_size: int) -> tuple[int, int, int] | None:
    """Return the offsets in both ranges and the length of their overlap."""
    low, high = max(start, other_start), min(start + size, other_start + other_size)
    return (low - start, low - other_start, high - low) if high > low else None
