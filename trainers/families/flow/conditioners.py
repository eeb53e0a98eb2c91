"""Conditioner networks of couplings: from the identity values to the parameters of the transformed ones.

The last layer of each starts at zero, so that its coupling starts as the identity.
"""

import math
from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from trainers.families.flow.masks import PixelLayout
from trainers.families.nn import ACTIVATIONS, mlp


def mlp_conditioner(
    num_in: int, num_out: int, num_unmasked: int, hidden: Sequence[int], activation: str
) -> nn.Sequential:
    """Return a multilayer perceptron, (B, num_in) to (B, num_out).

    Its first layer is initialized as if it had `num_unmasked` inputs: it is the same function, with weights from the
    same distribution, as a layer that reads all values multiplied by a mask.
    """
    layers = mlp((num_in, *hidden, num_out), activation)
    first, last = layers[0], layers[-1]
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    bound = 1 / math.sqrt(num_unmasked)
    nn.init.uniform_(first.weight, -bound, bound)
    nn.init.uniform_(first.bias, -bound, bound)
    _init_zero(last)
    return layers


class ConvConditioner(nn.Module):
    """A small residual network without normalization, from values (B, N) to parameters (B, P, M).

    Each block is x + conv₁(act(conv₃(act(x)))).

    Reference: He et al. 2016, arXiv:1603.05027.

    Args:
        input_layout: Positions of the N input values.
        output_layout: Positions of the M transformed values.
        num_parameters: P, per transformed value.
        width: Channels of the hidden layers.
        blocks: Number of residual blocks.
        activation: A key of `trainers.families.nn.ACTIVATIONS`.
    """

    def __init__(
        self,
        input_layout: PixelLayout,
        output_layout: PixelLayout,
        num_parameters: int,
        width: int,
        blocks: int,
        activation: str,
    ) -> None:
        super().__init__()
        act = ACTIVATIONS[activation]
        self.input_layout, self.output_layout = input_layout, output_layout
        self.first = nn.Conv2d(input_layout.shape[0], width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(act(), nn.Conv2d(width, width, 3, padding=1), act(), nn.Conv2d(width, width, 1))
            for _ in range(blocks)
        )
        self.activation = act()
        self.last = nn.Conv2d(width, num_parameters * output_layout.shape[0], 1)
        _init_zero(self.last)

    def forward(self, values: Tensor) -> Tensor:
        """Return the parameters, (B, P, M)."""
        x: Tensor = self.first(self.input_layout.to_channels(values))
        for block in self.blocks:
            x = x + cast(Tensor, block(x))
        return self.output_layout.to_values(self.last(self.activation(x)))


def _init_zero(layer: nn.Linear | nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
