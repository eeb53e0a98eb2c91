"""The mathematics of whole flows, once for every variant and preset."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.trainers.families.flow import flows
from trainers import registry
from trainers.data import preprocess
from trainers.errors import ConfigError
from trainers.families.flow import dequantization
from trainers.families.flow.model import Flow, FlowEvaluator
from trainers.families.flow.spec import FLOW, FlowOptions
from trainers.families.interface import StepContext, WarningContext

ALL = [*flows.VARIANTS, *flows.PRESETS]
SHAPES = [(1, 4, 3), (1, 9, 7), (3, 8, 8), (1, 1, 5), (1, 2, 1), (4, 1, 1)]
LN2 = math.log(2)


def stirred(name: str, shape: flows.Shape | None = None, **given: Any) -> Flow:
    small = flows.shape_of(name) if shape is None else shape
    return flows.stirred(flows.fresh(flows.options(name, **given), small), 0.1 if name in flows.VARIANTS else 0.01)


def steps(flow: Flow, x: Tensor) -> dict[str, float]:
    context = StepContext(0, torch.Generator().manual_seed(4), None)
    (objective,) = flow.training_step(x, context)
    return {name: float(value) for name, value in objective.values.items()}


@pytest.mark.parametrize("name", ALL)
def test_log_determinant_is_that_of_autograds_jacobian(name: str) -> None:
    flow = stirred(name)
    x = flows.data(name, flow.image_shape, count=2)
    levels = x if flow.dequantization == "none" else x * 255

    def to_base(v: Tensor) -> Tensor:
        """From real-valued gray levels to z: what the whole determinant is of."""
        if flow.dequantization == "none":
            prepared = v.view(1, *flow.image_shape)
        else:
            alpha = flows.options(name).alpha
            share = (1 - alpha) * (v + 0.5) / 256 + alpha / 2
            prepared = torch.logit(share).view(1, *flow.image_shape)
        return flow.to_base(prepared)[0].flatten()

    z = flow.encode(x)[0]
    for number in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(  # type: ignore[no-untyped-call]
            to_base, levels[number].flatten()
        )
        expected = -0.5 * (z[number].square() + math.log(2 * math.pi)).sum() + torch.linalg.slogdet(jacobian)[1]
        assert flow.log_prob(x)[number].item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_log_determinants_of_a_trace_sum_to_that_of_the_flow_in_both_directions(name: str) -> None:
    flow = stirred(name)
    x = flows.data(name, flow.image_shape)
    there = flow.trace(x)
    z = there.stages[-1].flatten(1)
    prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    assert torch.allclose(prior + there.ladj.sum(0), flow.log_prob(x), atol=1e-8)
    back = flow.inverse_trace(z)
    assert torch.allclose(back.ladj.sum(0), -there.ladj.sum(0), atol=1e-7)
    assert len(there.labels) == len(there.stages) == len(there.ladj) + 1 == len(back.labels)
    for trace in (there, back):
        assert len(trace.labels) == len(trace.stages) == len(trace.ladj) + 1
        assert all(stage.shape == x.shape for stage in trace.stages)
        assert all(flow.trace_images(stage).shape == x.shape for stage in trace.stages)
    expected = flow.preparation.bin_centers(x)
    for stage in (there.stages[0], back.stages[-1]):
        assert torch.allclose(flow.trace_images(stage), expected, atol=1e-8)


@pytest.mark.parametrize("name", ALL)
def test_the_inverse_is_the_inverse_in_float32(name: str) -> None:
    flow = stirred(name).float()
    x = flows.data(name, flow.image_shape, count=50).float()
    assert flow.round_trip(x).max() < 1e-4
    z = torch.randn((50, *flow.latent_shape), generator=torch.Generator().manual_seed(7))
    assert (flow.to_base(flow.from_base(z))[0] - z).abs().max() < 1e-3


@pytest.mark.parametrize("name", ALL)
def test_every_flow_starts_as_the_identity(name: str) -> None:
    flow = flows.fresh(flows.options(name), flows.shape_of(name)).double()
    v = torch.randn((3, *flow.image_shape), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z, ladj = flow.to_base(v)
    assert torch.allclose(z, v.flatten(1), atol=1e-9) and torch.allclose(ladj, torch.zeros_like(ladj), atol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_has_a_gradient(name: str) -> None:
    flow = stirred(name)
    x = flows.data(name, flow.image_shape, count=8)
    flow.nll_terms(x, flows.sample_noise(flow, x))[flow.names.total].mean().backward()  # type: ignore[no-untyped-call]
    grouped = [parameter for group in flow.optimizer_groups().values() for parameter in group]
    assert {id(p) for p in grouped} == {id(p) for p in flow.parameters()}
    for which, parameter in flow.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), which
        assert parameter.grad.abs().sum() > 0, which


@pytest.mark.parametrize("name", flows.VARIANTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_size_and_parameters_counted_on_the_meta_device(name: str, shape: flows.Shape) -> None:
    given, small = flows.options(name), flows.shape_of(name, shape)
    flow = flows.fresh(given, small)
    assert registry.parameter_count(FLOW, given, small) == sum(p.numel() for p in flow.parameters())
    x = flows.data(name, small).float()
    assert flow.decode(flow.encode(x)[0]).shape == x.shape
    assert all(math.isfinite(value) for value in steps(flow, x).values())


@pytest.mark.parametrize("name", ALL)
def test_what_is_recorded_is_declared(name: str) -> None:
    flow = stirred(name).float()
    x = flows.data(name, flow.image_shape, count=5).float()
    evaluator = flow.evaluator(5, 1)
    evaluator.add(x, 0)
    declared = {spec.name for spec in flow.metrics()}
    assert {f"train/{quantity}" for quantity in steps(flow, x)} <= declared
    assert {f"test/{quantity}_ema" for quantity in evaluator.result()} <= declared
    assert next(spec.unit for spec in flow.metrics() if spec.name == "train/loss") == _theory(name).unit
    terms = {term.quantity: term.sign for term in _theory(name).terms}
    values = steps(flow, x)
    assert sum(sign * values[quantity] for quantity, sign in terms.items()) == pytest.approx(
        values[_theory(name).objective_quantity], abs=1e-4
    )
    tensors, values_of_one = flow.pipeline(x[:1], torch.Generator().manual_seed(1))
    assert {stage.tensor_name for stage in _theory(name).stages} == tensors.keys()
    assert values_of_one.keys() == values.keys()
    reconstruct_with_metrics = flow.reconstruct_with_metrics(x)
    assert flow.metric_labels().keys() == reconstruct_with_metrics.keys() - {"mu", "logvar", "recon"}
    assert torch.allclose(reconstruct_with_metrics["recon"], flow.preparation.bin_centers(x), atol=1e-4)


def _theory(name: str) -> Any:
    given = flows.options(name)
    return FLOW.theory_for(given, "points" if given.dequantization == "none" else "images")


@pytest.mark.parametrize("name", flows.POINTS)
def test_a_density_of_the_plane_integrates_to_one(name: str) -> None:
    flow = stirred(name)
    axis = torch.linspace(-12, 12, 481, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis).view(-1, 2, 1, 1)
    with torch.no_grad():
        density = flow.log_prob(grid).exp()
    assert density.sum().item() * (24 / 480) ** 2 == pytest.approx(1, abs=1e-3)
    assert (density - torch.exp(-0.5 * grid.square().sum((1, 2, 3))) / (2 * math.pi)).abs().max() > 1e-2


def two_pixels(name: str) -> tuple[Flow, Tensor]:
    levels = torch.arange(256, dtype=torch.float64)
    return stirred(name, (1, 1, 2), alpha=0.05), torch.cartesian_prod(levels, levels).view(-1, 1, 1, 2) / 255


@pytest.mark.parametrize("name", flows.IMAGES)
def test_probabilities_of_all_images_sum_to_one(name: str) -> None:
    """Through dequantization and logit: the sum over all images of two pixels of the integral over each one's bins.

    The integral is the mean of p/q over the noise; one draw an image is enough for the sum. What a flow puts beyond
    black and white, where the logit does not reach, is missing from it, and is measured by samples.
    """
    flow, x = two_pixels(name)
    with torch.no_grad():
        total = (-flow.nll_terms(x, flows.sample_noise(flow, x))["bits_per_dim"] * 2 * LN2).exp().sum().item()
        z = torch.randn((4000, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        beyond = (flow.from_base(z).abs() > math.log(1.95 / 0.05)).flatten(1).any(1).double().mean().item()
    assert total == pytest.approx(1 - beyond, abs=0.01)


def test_learned_noise_gives_a_bound_that_is_uniform_noise_at_the_start() -> None:
    name = "variational"
    learned = flows.fresh(flows.options(name), (1, 4, 3)).double()
    uniform = flows.fresh(flows.options("affine"), (1, 4, 3)).double()
    x = flows.data(name, (1, 4, 3))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    mine, theirs = learned.nll_terms(x, noise), uniform.nll_terms(x, torch.special.ndtr(noise))
    assert mine["noise_bits"].abs().max() < 1e-12
    assert torch.allclose(mine["bits_per_dim"], theirs["bits_per_dim"], atol=1e-9)


def test_learned_noise_never_beats_the_probability_of_the_image() -> None:
    """E_q[log p/q] ≤ log ∫ p(x + u) du, the integral by quadrature over the bins of two pixels."""
    flow, _ = two_pixels("variational")
    x = flows.data("variational", (1, 1, 2), count=30)
    places = (torch.arange(40, dtype=torch.float64) + 0.5) / 40
    grid = torch.cartesian_prod(places, places).view(-1, 1, 1, 2)
    with torch.no_grad():
        for image in x[:, None]:
            every = image.expand(len(grid), -1, -1, -1)
            levels = dequantization.to_levels(every)
            v, ladj = dequantization.logit_of_levels(levels, grid, 0.05)
            z, own = flow.to_base(v)
            log_p = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1) + own + ladj
            exact = float(torch.logsumexp(log_p, 0)) - math.log(len(grid))
            bound = -float(flow.nll_terms(every, torch.special.ndtri(grid))["bits_per_dim"].mean()) * 2 * LN2
            assert bound < exact + 1e-4
            assert bound > exact - 1.0  # and it is no empty bound


def test_bits_per_dim_by_hand() -> None:
    """One coupling that scales by e^tanh(0.4) and shifts by 0.3, in plain numbers."""
    flow = flows.fresh(flows.options("affine", couplings=1, alpha=0.02), (1, 1, 2)).double()
    *_, last = [layer for layer in flow.chain[0].modules() if isinstance(layer, torch.nn.Linear)]
    last.bias.data = torch.tensor([0.4, 0.3], dtype=torch.float64)
    levels, noise = (37, 255), (0.25, 0.5)
    total = 0.0
    for place, (level, u) in enumerate(zip(levels, noise, strict=True)):
        s = 0.98 * (level + u) / 256 + 0.01
        v = math.log(s / (1 - s))
        z = v if place == 0 else v * math.exp(math.tanh(0.4)) + 0.3
        total += 0.5 * z * z + 0.5 * math.log(2 * math.pi)  # −log N(z)
        total -= math.log(0.98 / 256) - math.log(s) - math.log(1 - s) + (math.tanh(0.4) if place else 0)
    x = torch.tensor(levels, dtype=torch.float64).view(1, 1, 1, 2) / 255
    got = flow.nll_terms(x, torch.tensor(noise, dtype=torch.float64).view(1, 1, 1, 2))
    assert got["bits_per_dim"].item() == pytest.approx(total / (2 * LN2), abs=1e-12)


@pytest.mark.parametrize("alpha", [1e-5, 0.05, 0.4])
def test_the_inverse_logit_undoes_the_logit_and_alphas_rescaling(alpha: float) -> None:
    """A trap: an inverse that takes a logarithm before the sigmoid, or forgets alpha."""
    levels = torch.arange(256.0).view(-1, 1, 1, 1)
    v, _ = dequantization.logit_of_levels(levels, torch.full_like(levels, 0.5), alpha)
    assert torch.allclose(dequantization.inverse_logit(v, alpha), (levels + 0.5) / 256, atol=1e-6)
    assert torch.equal(dequantization.to_levels(levels / 255), levels)


@pytest.mark.parametrize("name", ["affine", "points, spline"])
def test_averages_are_over_images_not_over_chunks(name: str) -> None:
    """A trap: an average divided by something else than the number of its terms."""
    flow = stirred(name).float()
    x = flows.data(name, flow.image_shape, count=25).float()
    evaluator = FlowEvaluator(flow, seed=5)
    generator, costs = torch.Generator().manual_seed(5), []
    for start in (0, 10, 20):  # the last chunk is smaller
        part = x[start : start + 10]
        evaluator.add(part, start)
        costs.append(flow.nll_terms(part, flow.sample_noise(part, generator))[flow.names.total])
    whole = torch.cat(costs).sum().item() / 25
    assert evaluator.result()[flow.names.total] == pytest.approx(whole, rel=1e-5)


def test_test_images_are_scaled_like_training_images() -> None:
    """A trap: a test set in [0, 1] where training used 0 to 255, whose bits mean nothing."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 3, 1), dtype=np.uint8)
    train, test = preprocess.TrainImages(pixels, "none"), preprocess.TestImages(pixels, "none")
    batch = train.take(torch.arange(40), torch.Generator())
    assert torch.equal(batch, test.take(slice(0, 40)))
    flow = stirred("affine").float()
    evaluator = flow.evaluator(40, seed=4)
    evaluator.add(test.take(slice(0, 40)), 0)
    reconstruct_with_metrics, trained = evaluator.result(), steps(flow, batch)
    assert {name: reconstruct_with_metrics[name] for name in trained} == pytest.approx(trained, rel=1e-5)


def test_samples_out_of_range_are_counted() -> None:
    flow = flows.fresh(flows.options("affine", couplings=1, alpha=0.05), (1, 1, 2))
    evaluator = flow.evaluator(1, seed=1)
    evaluator.add(torch.tensor([[[[0.1, 0.9]]]]), 0)
    assert evaluator.result()["samples_off_scale"] == 0
    *_, last = [layer for layer in flow.chain[0].modules() if isinstance(layer, torch.nn.Linear)]
    limit = 2 * abs(math.log(0.05 / 2))
    with torch.no_grad():
        last.bias[1] = -limit  # x = z + limit: out of range where z > 0
        z = torch.tensor([[0.0, 0.5], [0.0, -0.5], [3.0, 1e-3], [0.0, math.nan]])
        assert flow.out_of_range(z, 1.0).tolist() == [True, False, True, True]
        last.bias[1] = 3 * limit
    assert FlowEvaluator(flow, seed=1).result()["samples_off_scale"] == 1


def test_points_are_out_of_range_twice_as_far_out_as_the_data() -> None:
    flow = flows.fresh(flows.options("points, affine"), flows.POINT)
    z = torch.tensor([[0.0, 2.9], [0.0, -3.1]])
    assert flow.out_of_range(z, data_max=1.5).tolist() == [False, True]


@pytest.mark.parametrize(
    ("metrics", "codes"),
    [
        ({"round_trip_error": 1e-6, "samples_off_scale": 0.0}, []),
        ({"round_trip_error": 2e-3, "samples_off_scale": 0.0}, ["inverse_inexact"]),
        ({"round_trip_error": math.inf, "samples_off_scale": 0.5}, ["inverse_inexact", "samples_off_scale"]),
        ({"round_trip_error": math.nan, "samples_off_scale": math.nan}, ["inverse_inexact", "samples_off_scale"]),
    ],
)
def test_an_exploding_flow_raises_warnings(metrics: dict[str, float], codes: list[str]) -> None:
    flow = flows.fresh(flows.options("affine"), (1, 4, 3))
    assert [warning.code for warning in flow.warnings(metrics, WarningContext())] == codes


class Gray:
    binarization = "none"


class Binary:
    binarization = "dynamic"


@pytest.mark.parametrize(
    ("given", "data", "kind", "said"),
    [
        ({}, Binary(), "images", "binarization"),
        ({"dequantization": "none"}, Gray(), "images", "dequantization"),
        ({}, None, "points", "dequantization"),
        ({"dequantization": "variational"}, None, "points", "dequantization"),
        ({"dequantization": "none", "architecture": "conv"}, None, "points", "architecture"),
    ],
)
def test_options_that_do_not_fit_the_data_are_refused(given: Any, data: Any, kind: Any, said: str) -> None:
    shape = flows.POINT if kind == "points" else (1, 4, 3)
    with pytest.raises(ConfigError, match=f"^(model|data).{said}") as caught:
        FLOW.check(FlowOptions(**given), data, shape, kind)
    assert caught.value.hint


def test_a_single_value_is_no_image_for_a_flow() -> None:
    with pytest.raises(ConfigError, match="two values"):
        FLOW.check(FlowOptions(), Gray(), (1, 1, 1), "images")


def test_the_first_flows_weights_keep_their_names() -> None:
    flow = Flow(FlowOptions(couplings=2, hidden=(4,)), (1, 2, 2))
    layers = [
        f"transforms.{number}.net.{layer}.{kind}"
        for number, layer in product(range(2), (0, 2))
        for kind in ("weight", "bias")
    ]
    assert list(flow.state_dict()) == layers
