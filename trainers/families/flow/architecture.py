"""The values of an image that each coupling reads and transforms, as index arrays: masked values are not computed.

Each level works on some of the image's values, arranged as channels of a smaller image: every 2×2 block of pixels
becomes four channels ("squeeze"), so that a checkerboard mask and a channel-wise mask are both a choice of channels.
Half of the channels are then factored out, and the next level works on the other half. Channels of an odd-sized image
differ by a row or a column; the smaller ones are padded for the network, and its outputs on padding are dropped.

Reference: Dinh et al. 2017, sections 3.4 to 3.6, arXiv:1605.08803.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainers.families.flow.spec import MAX_LEVEL_CHANNELS
from trainers.registry import ImageShape

PADDING = -1  # in place of an index, beyond the edge of a channel that is smaller than the others
Index = NDArray[np.int64]  # flat indices of values of an image
Channels = tuple[Index, ...]  # the indices of each channel, (rows, columns)


@dataclass(frozen=True)
class Level:
    """One level of a multi-scale flow: its channels, and the checkerboard color of each, 0 or 1."""

    channels: Channels
    colors: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the largest channel."""
        return max(c.shape[0] for c in self.channels), max(c.shape[1] for c in self.channels)


@dataclass(frozen=True)
class CouplingLayout:
    """The channels that one coupling reads and leaves unchanged, and those that it transforms."""

    mask: Literal["checkerboard", "channels"]
    level: int
    identity: Channels
    transformed: Channels
    size: tuple[int, int]


def levels(shape: ImageShape, count: int) -> list[Level]:
    """Return at most `count` levels for images (C, H, W); fewer where the image is too small."""
    channels: Channels = tuple(np.arange(prod(shape)).reshape(shape))
    result: list[Level] = []
    while len(result) < count and len(channels) <= MAX_LEVEL_CHANNELS:
        level = _squeeze(channels)
        if len(level.channels) < 2:
            break
        result.append(level)
        channels = level.channels[: len(level.channels) // 2]
    return result


def _squeeze(channels: Channels) -> Level:
    """Return the four phases of every channel, grouped by phase; two or one where it has a single row or column."""
    rows = 2 if max(c.shape[0] for c in channels) > 1 else 1
    columns = 2 if max(c.shape[1] for c in channels) > 1 else 1
    phases, colors = [], []
    for row in range(rows):
        for column in range(columns):
            for number, channel in enumerate(channels):
                phase = channel[row::rows, column::columns]
                if phase.size:
                    phases.append(phase)
                    colors.append((row + column + number) % 2)
    return Level(tuple(phases), tuple(colors))


def coupling_layouts(shape: ImageShape, num_levels: int, couplings: int) -> list[CouplingLayout]:
    """Return the layout of every coupling: at each level checkerboard masks, then channel-wise masks, alternating."""
    layouts = []
    for depth, level in enumerate(levels(shape, num_levels)):
        for number in range(couplings):
            checkerboard = number < max(2, -(-couplings // 2))  # at least two, so that every value is transformed
            half = len(level.channels) // 2
            groups = (
                level.colors if checkerboard else [int(position >= half) for position in range(len(level.channels))]
            )
            identity = tuple(c for c, group in zip(level.channels, groups, strict=True) if group == number % 2)
            transformed = tuple(c for c, group in zip(level.channels, groups, strict=True) if group != number % 2)
            mask: Literal["checkerboard", "channels"] = "checkerboard" if checkerboard else "channels"
            layouts.append(CouplingLayout(mask, depth, identity, transformed, level.size))
    return layouts


def checkerboard(shape: ImageShape, parity: int) -> tuple[Index, Index]:
    """Return the indices of the values of one parity of c + h + w, and those of the other."""
    color = np.indices(shape).sum(0).ravel() % 2
    return np.flatnonzero(color == parity), np.flatnonzero(color != parity)


def pad(channels: Channels, size: tuple[int, int]) -> Index:
    """Return channels of differing sizes as one array (C, h, w), `PADDING` beyond the edges of the smaller ones."""
    padded = np.full((len(channels), *size), PADDING, dtype=np.int64)
    for number, channel in enumerate(channels):
        padded[number, : channel.shape[0], : channel.shape[1]] = channel
    return padded


def unpad(padded: Index) -> Index:
    """Return the indices of a padded array without its padding, flat, in order."""
    return np.asarray(padded[padded != PADDING])


def renumber(padded: Index) -> Index:
    """Return a padded array with its indices replaced by 0, 1, … in order; padding stays."""
    is_value = padded != PADDING
    return np.where(is_value, is_value.cumsum().reshape(padded.shape) - 1, PADDING)


class CouplingMask(nn.Module):
    """Splits an image's values into those read, those transformed, and the others; and merges them again.

    Args:
        identity: Indices of the values that the network reads and that stay unchanged.
        transformed: Indices of the values that are transformed.
        total: Number of values of an image; those in neither are passed through.
    """

    order: Tensor
    inverse_order: Tensor

    def __init__(self, identity: Index, transformed: Index, total: int) -> None:
        super().__init__()
        self.num_identity, self.num_transformed = len(identity), len(transformed)
        is_other = np.ones(total, dtype=bool)
        is_other[identity] = is_other[transformed] = False
        order = np.concatenate((identity, transformed, np.flatnonzero(is_other)))
        self.register_buffer("order", torch.from_numpy(order), persistent=False)
        self.register_buffer("inverse_order", torch.from_numpy(np.argsort(order)), persistent=False)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return identity, transformed and passed-through values, (B, ·) each, of images (B, C, H, W)."""
        sizes = [self.num_identity, self.num_transformed, x[0].numel() - self.num_identity - self.num_transformed]
        identity, transformed, others = torch.split(x.flatten(1).index_select(1, self.order), sizes, dim=1)
        return identity, transformed, others

    def merge(self, identity: Tensor, transformed: Tensor, others: Tensor, like: Tensor) -> Tensor:
        """Return the image that `split` divided into these three, in the shape of the image `like`."""
        flat = torch.cat((identity, transformed, others), dim=1)
        return flat.index_select(1, self.inverse_order).view_as(like)


class PixelLayout(nn.Module):
    """Arranges flat values as channels of one size for a convolution, zero-padded, and back.

    Args:
        index: (C, h, w): the number of the value at each position, or `PADDING`.
    """

    gather_index: Tensor
    valid_index: Tensor

    def __init__(self, index: Index) -> None:
        super().__init__()
        flat = index.ravel()
        is_value = flat != PADDING
        self.shape = index.shape
        self.is_reshape = bool(is_value.all()) and bool((flat == np.arange(len(flat))).all())
        gather_index = np.where(is_value, flat, flat.max() + 1)  # padding reads the zero that is appended to the values
        self.register_buffer("gather_index", torch.from_numpy(gather_index), persistent=False)
        self.register_buffer("valid_index", torch.from_numpy(np.flatnonzero(is_value)), persistent=False)

    def to_channels(self, values: Tensor) -> Tensor:
        """Return channels (B, C, h, w) for values (B, N)."""
        if not self.is_reshape:
            values = torch.cat((values, values.new_zeros(values.shape[0], 1)), dim=1)
            values = values.index_select(1, self.gather_index)
        return values.reshape(-1, *self.shape)

    def to_values(self, channels: Tensor) -> Tensor:
        """Return values (B, P, N) for channels (B, P · C, h, w), with P outputs per value, without padding."""
        flat = channels.reshape(channels.shape[0], -1, self.shape[0] * self.shape[1] * self.shape[2])
        return flat if self.is_reshape else flat.index_select(2, self.valid_index)
