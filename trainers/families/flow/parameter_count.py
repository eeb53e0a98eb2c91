"""How many parameters a flow has, by arithmetic, before anything is allocated."""

from itertools import pairwise
from math import prod
from typing import Any

from trainers.families.flow import architecture
from trainers.registry import ImageShape


def parameter_count(options: Any, shape: ImageShape) -> int:
    """Return the number of parameters of a flow with `FlowOptions`, equal to that of the built model."""
    values = prod(shape)
    couplings = _conv(options, shape) if options.architecture == "conv" else _flat(options, values)
    count = sum(couplings) + (len(couplings) + 1) * _mixing(options.mixing, values)
    return count + (_noise(options, shape) if options.dequantization == "variational" else 0)


def _flat(options: Any, values: int) -> list[int]:
    """Return the parameters of each coupling of flat values."""
    even = -(-values // 2)
    counts = []
    for number in range(options.couplings):
        kept = even if number % 2 == 0 else values - even
        outputs, own = _bend(options, values - kept)
        counts.append(_linear((kept, *options.hidden, outputs)) + own)
    return counts


def _conv(options: Any, shape: ImageShape) -> list[int]:
    counts = []
    for part in architecture.parts(shape, len(options.channels), options.couplings):
        outputs, own = _bend(options, len(part.moved))
        counts.append(_network(len(part.kept), outputs, options.channels[part.scale], options.blocks) + own)
    return counts


def _bend(options: Any, groups: int) -> tuple[int, int]:
    """Return how many outputs the network has for values or channels, and the parameters of the bend itself."""
    if options.coupling == "spline":
        return (3 * options.bins - 1) * groups, 0
    return 2 * groups, groups if options.log_scale == "scaled-tanh" else 0


def _mixing(mixing: str, values: int) -> int:
    return {"none": 0, "stretch": 2 * values, "lu": values * values + values}[mixing]


def _noise(options: Any, shape: ImageShape) -> int:
    width = options.noise_width
    if options.architecture == "conv":
        parts = architecture.parts(shape, 1, options.noise_couplings)
        every = len(architecture.scales(shape, 1)[0].channels)
        return sum(_network(len(p.kept) + every, 2 * len(p.moved), width, options.blocks) for p in parts)
    values = prod(shape)
    even, count = -(-values // 2), 0
    for number in range(options.noise_couplings):
        kept = even if number % 2 == 0 else values - even
        count += _linear((kept + values, width, 2 * (values - kept)))
    return count


def _network(num_in: int, num_out: int, width: int, blocks: int) -> int:
    """Return the parameters of a `ConvConditioner`."""
    block = 9 * width * width + width + width * width + width
    return 9 * num_in * width + width + blocks * block + width * num_out + num_out


def _linear(sizes: tuple[int, ...]) -> int:
    return sum(a * b + b for a, b in pairwise(sizes))
