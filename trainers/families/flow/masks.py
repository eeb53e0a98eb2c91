"""Coupling masks by index: what a multiplied mask would set to zero is never computed."""

import numpy as np
import torch
from torch import Tensor, nn

from trainers.families.flow.architecture import PADDING, Index


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
        """Return the image of the three, in the shape of `like`."""
        flat = torch.cat((identity, transformed, others), dim=1)
        return flat.index_select(1, self.inverse_order).view_as(like)


class PixelLayout(nn.Module):
    """Arranges flat values as channels of one size for a convolution, zero-padded, and back.

    Args:
        index: (C, h, w): the number of the value at each position, or `PADDING`.
    """

    source: Tensor
    valid: Tensor

    def __init__(self, index: Index) -> None:
        super().__init__()
        flat = index.ravel()
        valid = flat != PADDING
        self.shape = index.shape
        self.is_reshape = bool(valid.all()) and bool((flat == np.arange(len(flat))).all())
        source = np.where(valid, flat, flat.max() + 1)  # padding reads the zero that is appended to the values
        self.register_buffer("source", torch.from_numpy(source), persistent=False)
        self.register_buffer("valid", torch.from_numpy(np.flatnonzero(valid)), persistent=False)

    def to_channels(self, values: Tensor) -> Tensor:
        """Return channels (B, C, h, w) for values (B, N)."""
        if not self.is_reshape:
            values = torch.cat((values, values.new_zeros(len(values), 1)), dim=1)
            values = values.index_select(1, self.source)
        return values.reshape(-1, *self.shape)

    def to_values(self, channels: Tensor) -> Tensor:
        """Return (B, P, N) for P planes per channel, (B, P · C, h, w), without padding."""
        flat = channels.reshape(len(channels), -1, self.shape[0] * self.shape[1] * self.shape[2])
        return flat if self.is_reshape else flat.index_select(2, self.valid)
