"""Invertible transforms with the log-determinants of their Jacobians, each exact in both directions.

A transform maps a batch to a batch of the same number of values an image. `forward` goes from the data towards the
base distribution, `inverse` back; both return the log-determinant of the way they went, in nats.

Reference: Dinh et al. 2017, arXiv:1605.08803; Papamakarios et al. 2021, arXiv:1912.02762, section 3.
"""

import math
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from trainers.nn import ACTIVATIONS


class Transform(nn.Module):
    """An invertible map with its log-determinant.

    Attributes:
        label: What a trace calls it: "coupling 3".
        rearranges: It only moves values to other places. A trace undoes it, so that what it shows is an image.
    """

    label: str = "transform"
    rearranges: bool = False

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(x) and log |det ∂f/∂x|, (B,)."""
        raise NotImplementedError

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x = f⁻¹(z) and log |det ∂f⁻¹/∂z|, (B,)."""
        raise NotImplementedError


class FlatAffineCoupling(Transform):
    """z_b = x_b · exp(s(x_a)) + t(x_a), z_a = x_a, on flat images, with s = tanh of the network's output.

    The values are split by index: what a mask would multiply by zero is never computed. The network is the same
    function as one that reads and writes all values under a mask, and starts from the same distribution of weights.
    The last layer starts at zero, so that the transform starts as the identity.

    Reference: Dinh et al. 2017, eq. 4-8, arXiv:1605.08803.

    Args:
        image_shape: (C, H, W).
        parity: Which squares of the checkerboard stay: those whose c + h + w is of this parity.
        hidden: Width of each hidden layer.
        activation: A key of `trainers.nn.ACTIVATIONS`.
        label: What a trace calls it.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], parity: int, hidden: Sequence[int], activation: str, label: str
    ) -> None:
        super().__init__()
        self.label = label
        kept, moved = checkerboard(image_shape, parity)
        order = torch.cat((kept, moved))
        self.register_buffer("_kept", kept, persistent=False)
        self.register_buffer("_moved", moved, persistent=False)
        self.register_buffer("_back", torch.argsort(order), persistent=False)
        self.net = _conditioner(len(kept), 2 * len(moved), prod(image_shape), hidden, activation)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and its log-determinant."""
        kept, moved, log_scale, shift = self._parts(x)
        return self._joined(kept, moved * torch.exp(log_scale) + shift, x), log_scale.sum(1)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and its log-determinant."""
        kept, moved, log_scale, shift = self._parts(z)
        return self._joined(kept, (moved - shift) * torch.exp(-log_scale), z), -log_scale.sum(1)

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        flat = x.flatten(1)
        kept, moved = flat.index_select(1, self._buffer("_kept")), flat.index_select(1, self._buffer("_moved"))
        log_scale, shift = self.net(kept).chunk(2, dim=1)
        return kept, moved, torch.tanh(log_scale), shift

    def _joined(self, kept: Tensor, moved: Tensor, like: Tensor) -> Tensor:
        return torch.cat((kept, moved), dim=1).index_select(1, self._buffer("_back")).view_as(like)

    def _buffer(self, name: str) -> Tensor:
        buffer = getattr(self, name)
        assert isinstance(buffer, Tensor)
        return buffer


def checkerboard(image_shape: tuple[int, int, int], parity: int) -> tuple[Tensor, Tensor]:
    """Return the flat indices of the squares of one parity of c + h + w, and those of the other."""
    channels, height, width = image_shape
    c, h, w = torch.meshgrid(torch.arange(channels), torch.arange(height), torch.arange(width), indexing="ij")
    colour = ((c + h + w) % 2).flatten()
    return (colour == parity).nonzero().flatten(), (colour != parity).nonzero().flatten()


def _conditioner(num_in: int, num_out: int, unmasked_in: int, hidden: Sequence[int], activation: str) -> nn.Sequential:
    """Return an MLP whose first layer starts as if it read `unmasked_in` values, and whose last starts at zero."""
    sizes = (num_in, *hidden, num_out)
    layers: list[nn.Module] = []
    for index in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[index], sizes[index + 1]), ACTIVATIONS[activation]()]
    first, last = layers[0], layers[-2]
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    bound = 1 / math.sqrt(unmasked_in)
    nn.init.uniform_(first.weight, -bound, bound)
    nn.init.uniform_(first.bias, -bound, bound)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers[:-1])
