"""Which values of an image a convolutional flow's couplings read and move, by arithmetic, without torch.

Every scale works on some of the image's values, arranged as channels of a smaller image: each two by two pixels become
four channels, so that a checkerboard and a split of channels are both a choice of channels. Half of the channels then
leave, the next scale works on the others. Channels of an odd-sized image differ in size by a row or a column; the
smaller ones are padded for the network to read, and what it writes there is dropped. So any size goes.

Reference: Dinh et al. 2017, sections 3.4 to 3.6, arXiv:1605.08803.
"""

from dataclasses import dataclass
from typing import Literal

from trainers.registry import ImageShape

MAX_CHANNELS = 4096  # of a scale: nothing with more of them is split further


@dataclass(frozen=True)
class Channel:
    """Values of an image in a lattice: (row, column) is number offset + row · row_step + column · column_step."""

    offset: int
    row_step: int
    column_step: int
    rows: int
    columns: int

    @property
    def count(self) -> int:
        """How many values it has."""
        return self.rows * self.columns

    def phase(self, row: int, column: int, rows: int, columns: int) -> "Channel":
        """Return every `rows`-th row from `row` on and every `columns`-th column from `column` on."""
        return Channel(
            self.offset + row * self.row_step + column * self.column_step,
            self.row_step * rows,
            self.column_step * columns,
            -(-(self.rows - row) // rows),
            -(-(self.columns - column) // columns),
        )


Channels = tuple[Channel, ...]


@dataclass(frozen=True)
class Level:
    """One scale: its channels, and which color of the checkerboard each is of."""

    channels: Channels
    colors: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its largest channel."""
        return max(c.rows for c in self.channels), max(c.columns for c in self.channels)


@dataclass(frozen=True)
class CouplingLayout:
    """What one coupling reads and what it moves, as channels of one size."""

    kind: Literal["checkerboard", "channels"]
    scale: int
    kept: Channels
    moved: Channels
    size: tuple[int, int]


def scales(shape: ImageShape, count: int) -> list[Level]:
    """Return at most `count` scales of an image (C, H, W); fewer where the image is used up."""
    channels, height, width = shape
    current: Channels = tuple(Channel(c * height * width, width, 1, height, width) for c in range(channels))
    found: list[Level] = []
    while len(found) < count and len(current) <= MAX_CHANNELS:
        scale = _squeezed(current)
        if len(scale.channels) < 2:
            break
        found.append(scale)
        current = scale.channels[: len(scale.channels) // 2]
    return found


def parts(shape: ImageShape, count: int, couplings: int) -> list[CouplingLayout]:
    """Return every coupling's part: at each scale checkerboards, then splits of the channels, each way in turn."""
    return [
        _part(scale, number, index, couplings)
        for index, scale in enumerate(scales(shape, count))
        for number in range(couplings)
    ]


def _squeezed(channels: Channels) -> Level:
    rows = 2 if max(c.rows for c in channels) > 1 else 1
    columns = 2 if max(c.columns for c in channels) > 1 else 1
    pieces, colors = [], []
    for row in range(rows):
        for column in range(columns):
            for number, channel in enumerate(channels):
                piece = channel.phase(row, column, rows, columns)
                if piece.rows > 0 and piece.columns > 0:
                    pieces.append(piece)
                    colors.append((row + column + number) % 2)
    return Level(tuple(pieces), tuple(colors))


def _part(scale: Level, number: int, index: int, couplings: int) -> CouplingLayout:
    half = len(scale.channels) // 2
    checkerboard = number < max(2, -(-couplings // 2))  # two at least, so that everything is moved
    groups = scale.colors if checkerboard else [int(place >= half) for place in range(len(scale.channels))]
    kept = tuple(c for c, group in zip(scale.channels, groups, strict=True) if group == number % 2)
    moved = tuple(c for c, group in zip(scale.channels, groups, strict=True) if group != number % 2)
    return CouplingLayout("checkerboard" if checkerboard else "channels", index, kept, moved, scale.size)
