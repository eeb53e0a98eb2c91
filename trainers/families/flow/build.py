"""The chain of transforms that a flow's options ask for."""

from math import prod

import torch

from trainers.families.flow import architecture, conditioners, masks
from trainers.families.flow.conditioners import ConvConditioner
from trainers.families.flow.masks import CouplingMask, PixelLayout
from trainers.families.flow.spec import FlowOptions
from trainers.families.flow.transforms import Coupling, ElementwiseAffine, LULinear, Transform, checkerboard
from trainers.families.flow.univariate import AffineTransform, RationalQuadraticSpline, UnivariateTransform
from trainers.registry import ImageShape


def transforms(options: FlowOptions, shape: ImageShape) -> list[Transform]:
    """Return the transforms from the data towards the base."""
    if options.architecture == "conv":
        parts = architecture.parts(shape, len(options.channels), options.couplings)
        couplings = [_conv_coupling(options, shape, part, number) for number, part in enumerate(parts)]
    else:
        couplings = [_flat_coupling(options, shape, number) for number in range(options.couplings)]
    if options.mixing == "none":
        return list(couplings)
    kind, size = (LULinear if options.mixing == "lu" else ElementwiseAffine), prod(shape)
    chain: list[Transform] = []
    for number, coupling in enumerate(couplings):
        chain += [kind(size, f"{options.mixing} {number + 1}"), coupling]
    return [*chain, kind(size, f"{options.mixing} {len(couplings) + 1}")]


def noise_transforms(options: FlowOptions, shape: ImageShape) -> list[Transform]:
    """Return the conditional transforms of variational dequantization, from ε to the noise, given the image."""
    small = options.model_copy(
        update={
            "hidden": (options.noise_width,),
            "channels": (options.noise_width,),
            "coupling": "affine",
            "log_scale": "tanh",
        }
    )
    if options.architecture == "conv":
        parts = architecture.parts(shape, 1, options.noise_couplings)
        return [_conv_coupling(small, shape, part, number, context=True) for number, part in enumerate(parts)]
    return [_flat_coupling(small, shape, number, context=True) for number in range(options.noise_couplings)]


def _flat_coupling(options: FlowOptions, shape: ImageShape, number: int, *, context: bool = False) -> Coupling:
    values = prod(shape)
    kept, moved = checkerboard(shape, number % 2)
    bend = _bend(options, torch.arange(len(moved)))
    num_in, unmasked_in = len(kept) + values * context, values + values * context
    num_out = bend.num_parameters * len(moved)
    net = conditioners.flat(num_in, num_out, unmasked_in, options.hidden, options.activation)
    return Coupling(CouplingMask(kept, moved, values), net, bend, f"coupling {number + 1}")


def _conv_coupling(
    options: FlowOptions, shape: ImageShape, part: architecture.CouplingLayout, number: int, *, context: bool = False
) -> Coupling:
    kept, moved = masks.indices(part.kept, part.size), masks.indices(part.moved, part.size)
    groups = torch.arange(len(part.moved))[:, None, None].expand_as(moved)[moved != masks.PADDING]
    bend, read = _bend(options, groups), masks.numbered(kept)
    split = CouplingMask(masks.values_of(kept), masks.values_of(moved), prod(shape))
    if context:
        every = masks.indices(architecture.scales(shape, 1)[0].channels, part.size)
        read = torch.cat((read, torch.where(every == masks.PADDING, every, every + split.num_kept)))
    net = ConvConditioner(
        PixelLayout(read),
        PixelLayout(masks.numbered(moved)),
        bend.num_parameters,
        options.channels[part.scale],
        options.blocks,
        options.activation,
    )
    return Coupling(split, net, bend, f"{part.kind} {number + 1}")


def _bend(options: FlowOptions, groups: torch.Tensor) -> UnivariateTransform:
    if options.coupling == "spline":
        return RationalQuadraticSpline(options.bins, options.bound)
    return AffineTransform(options.log_scale, groups)
