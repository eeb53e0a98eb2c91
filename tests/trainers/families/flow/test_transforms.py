"""The mathematics of every transform: log-determinants, inverses, splits by index."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainers.families.flow import architecture, univariate
from trainers.families.flow import build as flow_build
from trainers.families.flow.architecture import PADDING, Index, PixelLayout, checkerboard, pad, renumber, unpad
from trainers.families.flow.spec import FlowOptions
from trainers.families.flow.transforms import Coupling, ElementwiseAffine, LULinear, Transform
from trainers.families.nn import mlp

SHAPE = (1, 3, 3)
SHAPES = [(1, 3, 3), (2, 3, 4), (1, 1, 5), (3, 1, 1), (1, 2, 1), (1, 28, 28), (3, 7, 10)]


def seeded(build: Callable[[], Transform]) -> Transform:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return build().double()


def stirred(transform: Transform) -> Transform:
    """The same with weights that are nothing special."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in transform.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return transform


def chained(number: int, *, noise: bool = False, **given: Any) -> Callable[[], Transform]:
    base: dict[str, object] = {"hidden": [7], "channels": [5, 5], "blocks": 1, "couplings": 2, "bins": 5}
    options = FlowOptions.model_validate({**base, "activation": "tanh", "noise_width": 6, **given})
    make = flow_build.noise_transforms if noise else flow_build.transforms
    return lambda: make(options, SHAPE)[number]


CONV: dict[str, Any] = {"architecture": "conv"}
KINDS: dict[str, Callable[[], Transform]] = {
    "affine": chained(0),
    "affine, the other half": chained(1),
    "affine, learned bound": chained(1, log_scale="scaled-tanh"),
    "affine, free": chained(1, log_scale="free"),
    "spline": chained(0, coupling="spline"),
    "checkerboard": chained(0, **CONV),
    "checkerboard, learned bound": chained(0, **CONV, log_scale="scaled-tanh"),
    "channels": chained(1, **CONV, coupling="spline"),
    "second scale": chained(2, **CONV),
    "second scale, spline": chained(3, **CONV, coupling="spline"),
    "scaling": lambda: ElementwiseAffine(9, "scaling"),
    "lu": lambda: LULinear(9, "lu"),
    "noise": chained(1, noise=True),
    "noise, convolutional": chained(2, noise=True, **CONV),
}


def context_of(kind: str, count: int = 4) -> Tensor | None:
    if not kind.startswith("noise"):
        return None
    return torch.rand((count, 9), generator=torch.Generator().manual_seed(8), dtype=torch.float64) - 0.5


def data(count: int = 4, spread: float = 1.5) -> Tensor:
    noise = torch.randn((count, *SHAPE), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return spread * noise


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["forward", "inverse"])
def test_log_determinant_is_that_of_autograds_jacobian(kind: str, way: str) -> None:
    transform, x, context = stirred(seeded(KINDS[kind])), data(), context_of(kind)
    go = getattr(transform, way)
    _, ladj = go(x, context)
    for number in range(len(x)):
        given = None if context is None else context[number : number + 1]

        def one(flat: Tensor, given: Tensor | None = given) -> Tensor:
            moved: Tensor = go(flat.view(1, *SHAPE), given)[0]
            return moved.flatten()

        jacobian = torch.autograd.functional.jacobian(one, x[number].flatten())  # type: ignore[no-untyped-call]
        assert ladj[number].item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-9)
    assert ladj.abs().max() > 1e-3  # it does something


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_the_inverse_is_the_inverse(kind: str, spread: float) -> None:
    transform, x, context = stirred(seeded(KINDS[kind])), data(spread=spread), context_of(kind)
    z, ladj = transform(x, context)
    back, ladj_back = transform.inverse(z, context)
    assert (z - x).abs().max() > 1e-2
    assert torch.allclose(back, x, atol=1e-9 * spread)
    assert torch.allclose(ladj, -ladj_back, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_every_transform_starts_as_the_identity(kind: str) -> None:
    transform, x = seeded(KINDS[kind]), data()
    z, ladj = transform(x, context_of(kind))
    assert torch.allclose(z, x, atol=1e-9)
    assert torch.allclose(ladj, torch.zeros(4, dtype=torch.float64), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_gradient(kind: str) -> None:
    transform = stirred(seeded(KINDS[kind]))
    z, ladj = transform(data(), context_of(kind))
    (z.square().sum() + (ladj * torch.arange(1, 5)).sum()).backward()
    for name, parameter in transform.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


class Masked(nn.Module):
    """The same coupling as it is usually written: a network of all values, multiplied by masks."""

    def __init__(self, coupling: Coupling, identity: Index, transformed: Index, total: int) -> None:
        super().__init__()
        self.mask = torch.zeros(total, dtype=torch.float64)
        self.mask[identity] = 1
        self.net = mlp((total, 7, 2 * total), "tanh").double()
        first, last = self.net[0], self.net[-1]
        mine = [layer for layer in coupling.net.children() if isinstance(layer, nn.Linear)]
        assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
        with torch.no_grad():
            first.weight[:, identity], first.bias[:] = mine[0].weight, mine[0].bias
            for half in range(2):  # the scales' half of the outputs, then the shifts'
                rows = slice(half * len(transformed), (half + 1) * len(transformed))
                last.weight[half * total + transformed] = mine[-1].weight[rows]
                last.bias[half * total + transformed] = mine[-1].bias[rows]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.net(x.flatten(1) * self.mask).chunk(2, dim=1)
        log_scale, shift = torch.tanh(log_scale) * (1 - self.mask), shift * (1 - self.mask)
        z = x.flatten(1) * torch.exp(log_scale) + shift
        return z.view_as(x), log_scale.sum(1)


@pytest.mark.parametrize("parity", [0, 1])
def test_a_split_by_index_is_the_masked_network(parity: int) -> None:
    coupling = stirred(seeded(chained(parity)))
    assert isinstance(coupling, Coupling)
    x = data()
    for mine, theirs in zip(coupling(x), Masked(coupling, *checkerboard(SHAPE, parity), 9)(x), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-12)


def test_a_split_by_index_starts_from_the_masked_networks_distribution() -> None:
    """PyTorch draws a linear layer's weights within 1/√inputs; the masked network has all values as inputs."""
    transform = seeded(chained(0, hidden=[4000]))
    assert isinstance(transform, Coupling)
    first = next(layer for layer in transform.net.children() if isinstance(layer, nn.Linear))
    masked = nn.Linear(9, 4000)
    assert first.weight.shape == (4000, 5)
    for mine, theirs in ((first.weight, masked.weight), (first.bias, masked.bias)):
        assert mine.abs().max().item() == pytest.approx(1 / 3, rel=1e-2)
        assert mine.std().item() == pytest.approx(theirs.std().item(), rel=0.05)


def test_a_spline_is_durkans_formula() -> None:
    """Equation 4 in the middle of the second of two bins, with numbers put in by hand."""
    widths, heights, slope = [0.0, math.log(3)], [math.log(2), 0.0], [0.7]
    parameters = torch.tensor([*widths, *heights, *slope], dtype=torch.float64).view(1, 5, 1)
    least, share = univariate.MIN_BIN_FRACTION / 2, 1 - univariate.MIN_BIN_FRACTION
    width, height = 4 * (least + share * 3 / 4), 4 * (least + share * 1 / 3)
    left, s = 2 - width, height / width
    unit = math.log(math.expm1(1 - univariate.MIN_SLOPE))
    d0, d1, xi = univariate.MIN_SLOPE + math.log1p(math.exp(0.7 + unit)), 1.0, 0.5
    below = s + (d1 + d0 - 2 * s) * xi * (1 - xi)
    y = (2 - height) + height * (s * xi**2 + d0 * xi * (1 - xi)) / below
    log_slope = math.log(s**2 * (d1 * xi**2 + 2 * s * xi * (1 - xi) + d0 * (1 - xi) ** 2) / below**2)
    x = torch.tensor([[left + width / 2]], dtype=torch.float64)
    got = univariate.RationalQuadraticSpline(2, 2.0)(x, parameters)
    assert [value.item() for value in got] == pytest.approx([y, log_slope], abs=1e-12)


def test_a_spline_rises_and_leaves_its_tails_alone() -> None:
    parameters = 3 * torch.randn((1, 14, 1), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    x = torch.linspace(-3, 3, 6001, dtype=torch.float64)[None]
    y, log_slope = univariate.RationalQuadraticSpline(5, 2.0)(x, parameters.expand(-1, -1, 6001))
    outside = x.abs() > 2
    assert (y.diff() > 0).all()
    assert torch.equal(y[outside], x[outside]) and (log_slope[outside] == 0).all()
    assert (y[~outside] - x[~outside]).abs().max() > 0.3
    assert y.diff().max() < 1.1 * 0.001 * log_slope.exp().max()  # and does not jump, at the edges either


@pytest.mark.parametrize("size", [2, 5, 40])
def test_a_splines_inverse_in_float32(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    parameters = 2 * torch.randn((50, 3 * size - 1, 40), generator=generator)
    x = 4 * torch.rand((50, 40), generator=generator) - 2
    spline = univariate.RationalQuadraticSpline(size, 2.0)
    y, _ = spline(x, parameters)
    again, _ = spline(spline.inverse(y, parameters)[0], parameters)
    assert (again - y).abs().max() < 1e-4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("couplings", [1, 2, 5])
def test_a_coupling_reads_and_transforms_different_values(shape: tuple[int, int, int], couplings: int) -> None:
    total = math.prod(shape)
    all_transformed: set[int] = set()
    for layout in architecture.coupling_layouts(shape, 3, couplings):
        identity = unpad(pad(layout.identity, layout.size)).tolist()
        transformed = unpad(pad(layout.transformed, layout.size)).tolist()
        assert identity and transformed and not set(identity) & set(transformed)
        assert len(identity) == len(set(identity)) and len(transformed) == len(set(transformed))
        assert {*identity, *transformed} <= set(range(total))
        assert all(channel.size > 0 for channel in (*layout.identity, *layout.transformed))
        assert len(identity) == sum(channel.size for channel in layout.identity)
        all_transformed |= set(transformed)
    if couplings > 1:
        assert len(all_transformed) == total


@pytest.mark.parametrize("shape", SHAPES)
def test_each_level_has_about_half_the_values_of_the_previous_one(shape: tuple[int, int, int]) -> None:
    sets = [set(unpad(pad(level.channels, level.size)).tolist()) for level in architecture.levels(shape, 3)]
    assert len(sets[0]) == math.prod(shape)
    for before, after in pairwise(sets):
        assert after < before and 2 <= len(after) <= len(before) * 0.75


def test_the_levels_of_a_digit_are_those_of_realnvp() -> None:
    first, second, third = architecture.levels((1, 28, 28), 3)
    assert (len(first.channels), first.size) == (4, (14, 14))
    assert (len(second.channels), second.size) == (8, (7, 7))
    assert (len(third.channels), third.size) == (16, (4, 4))
    layout, *_ = architecture.coupling_layouts((1, 28, 28), 3, 4)
    identity = unpad(pad(layout.identity, layout.size))
    assert np.array_equal(np.sort(identity), checkerboard((1, 28, 28), 0)[0])


def test_padding_is_read_as_zero_and_outputs_on_padding_are_dropped() -> None:
    index = np.array([[[0, 1], [2, PADDING]], [[3, PADDING], [PADDING, PADDING]]])
    layout = PixelLayout(index)
    channels = layout.to_channels(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert channels.tolist() == [[[[1, 2], [3, 0]], [[4, 0], [0, 0]]]]
    planes = torch.arange(16.0).view(1, 4, 2, 2)  # two planes a channel
    assert layout.to_values(planes).tolist() == [[[0, 1, 2, 4], [8, 9, 10, 12]]]
    assert np.array_equal(renumber(index), index)
