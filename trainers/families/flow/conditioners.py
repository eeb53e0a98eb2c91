"""The networks of couplings: from the values that stay to the parameters of the bend of those that move.

Each one's last layer starts at zero, so that its coupling starts as the identity.
"""

import math
from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from trainers.families.flow.masks import PixelLayout
from trainers.families.nn import ACTIVATIONS, mlp


def flat(num_in: int, num_out: int, unmasked_in: int, hidden: Sequence[int], activation: str) -> nn.Sequential:
    """Return a multilayer perceptron, (B, num_in) to (B, num_out).

    Its first layer starts as if it read `unmasked_in` values: it is the same function, from the same distribution, as
    one that reads all of them under a mask.
    """
    layers = mlp((num_in, *hidden, num_out), activation)
    first, last = layers[0], layers[-1]
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    bound = 1 / math.sqrt(unmasked_in)
    nn.init.uniform_(first.weight, -bound, bound)
    nn.init.uniform_(first.bias, -bound, bound)
    _zero(last)
    return layers


class ConvConditioner(nn.Module):
    """A small residual network, from values (B, N) to parameters (B, P, M), without normalization.

    Each block is x + conv₁(act(conv₃(act(x)))).

    Reference: He et al. 2016, arXiv:1603.05027.

    Args:
        read: Where the values lie that come in.
        write: Where the values lie that go out.
        num_parameters: P, of each value that goes out.
        width: Channels in between.
        blocks: How many residual blocks.
        activation: A key of `trainers.families.nn.ACTIVATIONS`.
    """

    def __init__(
        self, read: PixelLayout, write: PixelLayout, num_parameters: int, width: int, blocks: int, activation: str
    ) -> None:
        super().__init__()
        self.read, self.write = read, write
        self.first = nn.Conv2d(read.shape[0], width, 3, padding=1)
        self.blocks = nn.ModuleList(_block(width, activation) for _ in range(blocks))
        self.activation = ACTIVATIONS[activation]()
        self.last = nn.Conv2d(width, num_parameters * write.shape[0], 1)
        _zero(self.last)

    def forward(self, values: Tensor) -> Tensor:
        """Return the parameters, (B, P, M)."""
        x: Tensor = self.first(self.read.spread(values))
        for block in self.blocks:
            x = x + cast(Tensor, block(x))
        return self.write.gather(self.last(self.activation(x)))


def _block(width: int, activation: str) -> nn.Sequential:
    act = ACTIVATIONS[activation]
    return nn.Sequential(act(), nn.Conv2d(width, width, 3, padding=1), act(), nn.Conv2d(width, width, 1))


def _zero(layer: nn.Linear | nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
