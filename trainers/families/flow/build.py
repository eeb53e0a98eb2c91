"""Build the chain of transforms from a flow's options."""

from math import prod

import numpy as np

from trainers.families.flow import architecture
from trainers.families.flow.architecture import PADDING, CouplingLayout, Index
from trainers.families.flow.conditioners import ConvConditioner, mlp_conditioner
from trainers.families.flow.masks import CouplingMask, PixelLayout
from trainers.families.flow.spec import FlowOptions
from trainers.families.flow.transforms import Coupling, ElementwiseAffine, LULinear, Transform
from trainers.families.flow.univariate import AffineTransform, RationalQuadraticSpline, UnivariateTransform
from trainers.registry import ImageShape


def transforms(options: FlowOptions, shape: ImageShape) -> list[Transform]:
    """Return the transforms from the data to the base: couplings, with a linear layer around each where chosen."""
    if options.architecture == "conv":
        layouts = architecture.coupling_layouts(shape, len(options.channels), options.couplings)
        couplings = [_conv_coupling(options, shape, layout, number) for number, layout in enumerate(layouts)]
    else:
        couplings = [_mlp_coupling(options, shape, number) for number in range(options.couplings)]
    if options.mixing == "none":
        return list(couplings)
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
    identity, transformed = (architecture.pad(c, layout.size) for c in (layout.identity, layout.transformed))
    mask = CouplingMask(architecture.unpad(identity), architecture.unpad(transformed), prod(shape))
    # One learned scale bound per channel.
    channel_of = np.broadcast_to(np.arange(len(transformed))[:, None, None], transformed.shape)
    univariate = _univariate(options, channel_of[transformed != PADDING])
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
