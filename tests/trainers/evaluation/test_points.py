"""Metrics of 2-D data on samples with known metrics, and rendered images."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.trainers import tiny
from tests.trainers.fake_models import FakeModel
from trainers.data.catalog import NoisyOptions
from trainers.data.dataset import PointData
from trainers.data.preprocess import EVALUATION_SEED
from trainers.data.toy import samplers
from trainers.evaluation import points
from trainers.evaluation.points import NUM_SAMPLES, PointReference, PointsEvaluator
from trainers.families.vae.model import importance_weighted_log_prob, sobol_normal
from trainers.model_card import Capability
from trainers.training import point_images

EXACT_LOG_PROB = {"log_prob": Capability(available=True, how="exact")}


@pytest.fixture(scope="module")
def gaussians() -> PointData:
    return samplers.eight_gaussians(NoisyOptions(num_train=NUM_SAMPLES, num_test=NUM_SAMPLES))


class FixedSampler(FakeModel):
    """Samples fixed points; its density is the true one times exp(−off)."""

    image_shape, latent_shape = (2, 1, 1), (2,)

    def __init__(self, samples: np.ndarray, data: PointData, off: float) -> None:
        super().__init__()
        self._samples, self._truth, self._off = torch.from_numpy(samples), data.truth, off

    def decode(self, z: Tensor) -> Tensor:
        assert len(z) == len(self._samples)
        return self._samples.view(-1, 2, 1, 1)

    def log_prob(self, x: Tensor) -> Tensor:
        assert self._truth is not None
        return torch.from_numpy(self._truth.log_prob(x.flatten(1).numpy()) - self._off)


def evaluate(samples: np.ndarray, data: PointData, off: float = 0.0) -> dict[str, float]:
    evaluator = PointsEvaluator(FixedSampler(samples, data, off), PointReference.of(data, EXACT_LOG_PROB), seed=0)
    x = torch.from_numpy(data.test).view(-1, 2, 1, 1)
    for start in range(0, len(x), 1000):
        evaluator.add(x[start : start + 1000], start)
    return evaluator.result()


def test_true_points_cover_every_mode(gaussians: PointData) -> None:
    metrics = evaluate(gaussians.train, gaussians)
    assert metrics["modes_covered"] == 8
    inside = 1 - math.exp(-4.5)  # of a round Gaussian within three standard deviations
    assert metrics["high_quality"] == pytest.approx(inside, abs=4 * math.sqrt(inside * (1 - inside) / NUM_SAMPLES))
    assert 0 <= metrics["energy_distance"] < 0.02


def test_samples_of_three_modes_cover_three(gaussians: PointData) -> None:
    assert gaussians.train_labels is not None
    of_three = gaussians.train[gaussians.train_labels < 3]
    metrics = evaluate(np.resize(of_three, (NUM_SAMPLES, 2)), gaussians)
    assert metrics["modes_covered"] == 3 and metrics["high_quality"] > 0.97 and metrics["energy_distance"] > 0.5


def test_a_mode_with_few_samples_is_not_covered(gaussians: PointData) -> None:
    assert gaussians.train_labels is not None
    samples = gaussians.train[gaussians.train_labels != 5]
    rare = gaussians.train[gaussians.train_labels == 5][:24]  # below one in a hundred
    metrics = evaluate(np.concatenate((rare, np.resize(samples, (NUM_SAMPLES - 24, 2)))), gaussians)
    assert metrics["modes_covered"] == 7


def test_points_between_the_modes_are_of_low_quality(gaussians: PointData) -> None:
    metrics = evaluate(np.zeros((NUM_SAMPLES, 2), np.float32), gaussians)
    assert metrics["modes_covered"] == 0 and metrics["high_quality"] == 0


def test_the_gap_is_the_mean_difference_of_log_densities(gaussians: PointData) -> None:
    assert evaluate(gaussians.train, gaussians)["gap"] == pytest.approx(0, abs=1e-9)
    assert evaluate(gaussians.train, gaussians, off=0.25)["gap"] == pytest.approx(0.25)


def test_the_energy_distance_matches_its_definition() -> None:
    equal = torch.randn((300, 2), generator=torch.Generator().manual_seed(0))
    assert points.energy_distance(equal, equal) == pytest.approx(0, abs=1e-6)
    origin, point = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    assert points.energy_distance(origin, point) == pytest.approx(10)
    two = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert points.energy_distance(two, origin) == pytest.approx(2 * 2.5 - 2.5)


def test_without_modes_or_density_there_are_fewer_metrics() -> None:
    moons = samplers.moons(NoisyOptions(num_train=10, num_test=50))
    assert {spec.quantity for spec in PointReference.of(moons, {}).specs()} == {"energy_distance"}
    assert {spec.quantity for spec in PointReference.of(moons, EXACT_LOG_PROB).specs()} == {"energy_distance", "gap"}


def test_the_importance_weighted_estimate_is_the_integral_over_z() -> None:
    model = tiny.vae(tiny.options(likelihood="normal", latent_dim=1, hidden=[8]), (2, 1, 1), seed=3)
    x = torch.tensor([[0.3, -0.2], [1.0, 0.5]]).view(2, 2, 1, 1)
    z = torch.linspace(-12, 12, 20_001)[:, None]
    with torch.no_grad():
        metrics = importance_weighted_log_prob(model, x, sobol_normal(4096, 1, seed=0))
        elbo = importance_weighted_log_prob(model, x, torch.zeros(1, 1))
        for point, estimate in zip(x, metrics, strict=True):
            integrand = -model.recon(point.expand(len(z), -1, -1, -1), z) - 0.5 * z[:, 0] ** 2
            exact = torch.logsumexp(integrand, 0) + math.log(24 / 20_000) - 0.5 * math.log(2 * math.pi)
            assert float(estimate) == pytest.approx(float(exact), abs=5e-3)
    assert not torch.allclose(elbo, metrics, atol=5e-3)


def test_a_density_of_points_is_smooth_and_the_same_every_time() -> None:
    model = tiny.vae(tiny.options(likelihood="normal"), (2, 1, 1))
    line = torch.stack((torch.linspace(-3, 3, 400), torch.zeros(400)), dim=1).view(-1, 2, 1, 1)
    with torch.no_grad():
        first, again = model.log_prob(line), model.log_prob(line)
    assert torch.equal(first, again) and float(first.diff().abs().max()) < 0.2


def test_sample_images_cover_the_data() -> None:
    data = np.array([[-2.0, 2.0]], np.float32)
    bounds = (-4.0, 4.0, -4.0, 4.0)
    samples = np.array([[2.0, 2.0], [math.nan, 0.0], [1e9, 0.0]], np.float32)
    picture = point_images.samples_over_data(samples, point_images.coverage(data, bounds), bounds).astype(int)
    background = picture[200, 200]
    lit = np.argwhere((picture != background).any(2))
    upper_left, upper_right = picture[64, 64], picture[64, 192]
    assert picture.shape == (256, 256, 3) and (lit[:, 0] < 70).all()
    assert upper_right[2] > upper_left[2] > background[2]


def test_a_density_map_is_brighter_where_density_is_higher() -> None:
    log_density = np.full((64, 64), -math.inf)
    log_density[:, 0:8], log_density[:, 8:16], log_density[:, 16:24], log_density[:, 24:32] = 0.0, -4.0, math.nan, 5.0
    row = point_images.density_map(log_density, maximum=0.0)[128].astype(int).sum(1)
    assert row[16] == row[112] > row[48] > row[80] == row[200]


def test_the_maximum_of_a_uniform_square_is_its_density() -> None:
    square = np.random.default_rng(EVALUATION_SEED).uniform(-1, 1, (100_000, 2))
    assert point_images.max_log_density(square, (-4, 4, -4, 4)) == pytest.approx(-math.log(4), abs=0.15)
