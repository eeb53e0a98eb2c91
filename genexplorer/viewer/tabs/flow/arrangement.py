"""The layout of the stages in rows, as large as fits. No Qt."""

from collections.abc import Sequence
from dataclasses import dataclass

MIN_CELL = 90  # logical pixels, for the text below a stage
GAP_X, GAP_Y = 14, 10  # between cells; the first has room for an arrow
TEXT_PX = 62  # height of label, bar and numbers below a picture
_SIDES = (160, 136, 112, 96, 80, 64, 56, 48)  # of a picture of points


@dataclass(frozen=True)
class Arrangement:
    """Cells in rows, all of one size.

    Args:
        count: Of stages.
        columns: In a row.
        picture: Width and height of a picture.
        cell_width: Without the gap.
    """

    count: int
    columns: int
    picture: tuple[int, int]
    cell_width: int

    @property
    def rows(self) -> int:
        """The number of rows."""
        return -(-self.count // self.columns)

    @property
    def cell_height(self) -> int:
        """The height of a cell without the gap."""
        return self.picture[1] + TEXT_PX

    @property
    def height(self) -> int:
        """The height of all rows."""
        return self.rows * (self.cell_height + GAP_Y)

    def place(self, index: int) -> tuple[int, int]:
        """Return left and top of a cell."""
        row, column = divmod(index, self.columns)
        return GAP_X // 2 + column * (self.cell_width + GAP_X), row * (self.cell_height + GAP_Y)

    def at(self, x: float, y: float) -> int | None:
        """Return the cell at a pixel, or None."""
        column = int((x - GAP_X / 2) // (self.cell_width + GAP_X))
        row = int(y // (self.cell_height + GAP_Y))
        index = row * self.columns + column
        return index if 0 <= column < self.columns and 0 <= row < self.rows and index < self.count else None


def arrange(count: int, image: tuple[int, int] | None, room: tuple[int, int]) -> Arrangement:
    """Return the layout with the largest pictures that fit the room; the smallest, to be scrolled, if none does.

    Args:
        count: Of stages.
        image: Height and width of an image, enlarged by whole factors; None for points, which have no pixels.
        room: Width and height, in logical pixels.
    """
    candidates = [_with_picture_size(count, size, room[0]) for size in _sizes(image)]
    return next((layout for layout in candidates if layout.height <= room[1] + GAP_Y), candidates[-1])


def _sizes(image: tuple[int, int] | None) -> Sequence[tuple[int, int]]:
    if image is None:
        return [(side, side) for side in _SIDES]
    height, width = image
    factors = range(max(1, 168 // max(image)), 0, -1)
    fit = [(width * factor, height * factor) for factor in factors]
    return [size for size in fit if max(size) >= 40] or fit[:1]


def _with_picture_size(count: int, picture: tuple[int, int], width: int) -> Arrangement:
    cell = max(MIN_CELL, picture[0])
    columns = min(max(1, count), max(1, width // (cell + GAP_X)))
    return Arrangement(max(1, count), columns, picture, cell)
