"""A split of an image's values by index: what a mask would multiply by zero is never computed."""

import torch
from torch import Tensor, nn

from trainers.families.flow.architecture import Channels

PADDING = -1


class CouplingMask(nn.Module):
    """Takes an image apart into the values that are read, those that are moved and the rest, and together again.

    Args:
        kept: Flat indices of the values that are read and stay.
        moved: Flat indices of those that are moved.
        total: How many values an image has; those in neither are left alone.
    """

    def __init__(self, kept: Tensor, moved: Tensor, total: int) -> None:
        super().__init__()
        used = torch.zeros(total, dtype=torch.bool)
        used[kept] = used[moved] = True
        order = torch.cat((kept, moved, (~used).nonzero().flatten()))
        self.num_kept, self.num_moved = len(kept), len(moved)
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("back", torch.argsort(order), persistent=False)

    def apart(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is kept, moved and left alone, (B, ·) each, of images (B, C, H, W)."""
        sizes = [self.num_kept, self.num_moved, x[0].numel() - self.num_kept - self.num_moved]
        kept, moved, rest = torch.split(x.flatten(1).index_select(1, _buffer(self, "order")), sizes, dim=1)
        return kept, moved, rest

    def together(self, kept: Tensor, moved: Tensor, rest: Tensor, like: Tensor) -> Tensor:
        """Return the image of the three, of the shape of `like`."""
        return torch.cat((kept, moved, rest), dim=1).index_select(1, _buffer(self, "back")).view_as(like)


class PixelLayout(nn.Module):
    """Flat values as channels of one size for a convolution, and back; what is too small is padded with zeros.

    Args:
        index: For each place (C, h, w) the number of its value among the inputs, or `PADDING`.
    """

    def __init__(self, index: Tensor) -> None:
        super().__init__()
        flat = index.flatten()
        self.shape = tuple(index.shape)
        valid = flat != PADDING
        self.plain = bool(valid.all()) and bool((flat == torch.arange(len(flat))).all())
        self.register_buffer("places", torch.where(valid, flat, int(flat.max()) + 1), persistent=False)
        self.register_buffer("valid", valid.nonzero().flatten(), persistent=False)

    def spread(self, values: Tensor) -> Tensor:
        """Return channels (B, C, h, w) of values (B, N)."""
        if not self.plain:
            values = torch.cat((values, values.new_zeros(len(values), 1)), dim=1)
            values = values.index_select(1, _buffer(self, "places"))
        return values.reshape(-1, *self.shape)

    def gather(self, channels: Tensor) -> Tensor:
        """Return (B, P, N) of P planes a channel, (B, P · C, h, w), without what lies on padding."""
        flat = channels.reshape(len(channels), -1, self.shape[0] * self.shape[1] * self.shape[2])
        return flat if self.plain else flat.index_select(2, _buffer(self, "valid"))


def indices(channels: Channels, size: tuple[int, int]) -> Tensor:
    """Return the flat indices (C, h, w) of each channel's values in the image, `PADDING` beyond its edges."""
    rows, columns = torch.arange(size[0])[:, None], torch.arange(size[1])[None]
    return torch.stack(
        [
            torch.where(
                (rows < c.rows) & (columns < c.columns),
                c.offset + rows * c.row_step + columns * c.column_step,
                PADDING,
            )
            for c in channels
        ]
    )


def values_of(index: Tensor) -> Tensor:
    """Return the flat indices of an index array without its padding, in its order."""
    flat = index.flatten()
    return flat[flat != PADDING]


def numbered(index: Tensor, start: int = 0) -> Tensor:
    """Return the array with its values numbered in order from `start`, its padding left."""
    valid = index != PADDING
    numbers = valid.flatten().cumsum(0).view_as(index) - 1 + start
    return torch.where(valid, numbers, PADDING)


def _buffer(module: nn.Module, name: str) -> Tensor:
    buffer = getattr(module, name)
    assert isinstance(buffer, Tensor)
    return buffer
