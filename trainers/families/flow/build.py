"""Build the chain of transforms from a flow's options, and the conditioner networks of its couplings.

A conditioner maps the identity values to the parameters of the transformed ones. Its last layer starts at zero, so that
its coupling starts as the identity.
"""

import math
from collections.abc import Sequence
from math import prod
from typing import cast

import numpy as np
from torch import Tensor, nn

from trainers.families.flow import architecture
from trainers.families.flow.architecture import PADDING, CouplingLayout, CouplingMask, Index, PixelLayout
from trainers.families.flow.spec import FlowOptions
from trainers.families.flow.transforms import Coupling, ElementwiseAffine, LULinear, Transform
from trainers.families.flow.univariate import AffineTransform, RationalQuadraticSpline, UnivariateTransform
from trainers.families.nn import ACTIVATIONS, mlp
from trainers.registry import ImageShape


def transforms(options: FlowOptions, shape: ImageShape) -> list[Transform]:
    """Return the transforms from the data to the base: couplings, with a linear layer around each where chosen."""
    # Build the couplings.
    if options.architecture == "conv":
        layouts = architecture.coupling_layouts(shape, len(options.channels), options.couplings)
        couplings = [_conv_coupling(options, shape, layout, number) for number, layout in enumerate(layouts)]
    else:
        couplings = [_mlp_coupling(options, shape, number) for number in range(options.couplings)]
    if options.mixing == "none":
        return list(couplings)
    # Put a linear layer before each of them, and one at the end.
    layer, title = (LULinear, "LU mixing") if options.mixing == "lu" else (ElementwiseAffine, "scaling")
    chain: list[Transform] = []
    for number, coupling in enumerate(couplings, 1):
        chain += [layer(prod(shape), f"{title} {number}"), coupling]
    return [*chain, layer(prod(shape), f"{title} {len(couplings) + 1}")]


def noise_transforms(options: FlowOptions, shape: ImageShape) -> list[Transform]:
    """Return the transforms of variational dequantization, from ε to the noise, conditioned on the image."""
    width = (options.noise_width,)
    small = options.model_copy(update={"hidden": width, "channels": width, "coupling": "affine", "log_scale": "tanh"})
    if options.architecture == "conv":
        layouts = architecture.coupling_layouts(shape, 1, options.noise_couplings)
        return [_conv_coupling(small, shape, layout, number, context=True) for number, layout in enumerate(layouts)]
    return [_mlp_coupling(small, shape, number, context=True) for number in range(options.noise_couplings)]


def _mlp_coupling(options: FlowOptions, shape: ImageShape, number: int, *, context: bool = False) -> Coupling:
    """Return a coupling of a checkerboard's squares; with `context`, the network also reads the whole image."""
    total = prod(shape)
    identity, transformed = architecture.checkerboard(shape, number % 2)
    univariate = _univariate(options, np.arange(len(transformed)))
    num_context = total if context else 0
    net = mlp_conditioner(
        len(identity) + num_context,
        univariate.num_parameters * len(transformed),
        total + num_context,
        options.hidden,
        options.activation,
    )
    return Coupling(CouplingMask(identity, transformed, total), net, univariate, f"coupling {number + 1}")


def _conv_coupling(
    options: FlowOptions, shape: ImageShape, layout: CouplingLayout, number: int, *, context: bool = False
) -> Coupling:
    """Return a coupling of a level's channels; with `context`, the network also reads the whole image."""
    # Split the values of the level.
    identity, transformed = (architecture.pad(c, layout.size) for c in (layout.identity, layout.transformed))
    mask = CouplingMask(architecture.unpad(identity), architecture.unpad(transformed), prod(shape))
    # One learned scale bound per channel.
    channel_of = np.broadcast_to(np.arange(len(transformed))[:, None, None], transformed.shape)
    univariate = _univariate(options, channel_of[transformed != PADDING])
    # The network reads the identity values, and with `context` the image.
    inputs = architecture.renumber(identity)
    if context:
        image = architecture.pad(architecture.levels(shape, 1)[0].channels, layout.size)
        inputs = np.concatenate((inputs, np.where(image == PADDING, PADDING, image + mask.num_identity)))
    net = ConvConditioner(
        PixelLayout(inputs),
        PixelLayout(architecture.renumber(transformed)),
        univariate.num_parameters,
        options.channels[layout.level],
        options.blocks,
        options.activation,
    )
    return Coupling(mask, net, univariate, f"{layout.mask} {number + 1}")


def _univariate(options: FlowOptions, groups: Index) -> UnivariateTransform:
    if options.coupling == "spline":
        return RationalQuadraticSpline(options.bins, options.bound)
    return AffineTransform(options.log_scale, groups)


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
