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
from trainers.errors import ConfigError
from trainers.evaluation import points
from trainers.evaluation.points import NUM_SAMPLES, PointReference, PointsEvaluator
from trainers.events import standard_error_of
from trainers.families.interface import EstimatesLogProb, sample_points
from trainers.families.vae.model import importance_weighted_log_prob, sobol_normal
from trainers.families.vae.spec import VAE
from trainers.model_card import Capability
from trainers.training import point_images
from trainers.training.point_images import PointImages

EXACT_LOG_PROB = {"log_prob": Capability(available=True, how="exact")}


@pytest.fixture(scope="module")
def gaussians() -> PointData:
    return samplers.eight_gaussians(NoisyOptions(num_train=NUM_SAMPLES, num_test=NUM_SAMPLES))


class FixedSampler(FakeModel):
    """Samples fixed points; its density is the true one times exp(−off)."""

    image_shape, latent_shape = (2, 1, 1), (2,)

    def __init__(self, samples: np.ndarray, data: PointData, off: float | np.ndarray) -> None:
        super().__init__()
        self._samples, self._truth, self.off = torch.from_numpy(samples), data.truth, off

    def decode(self, z: Tensor) -> Tensor:
        assert len(z) == len(self._samples)
        return self._samples.view(-1, 2, 1, 1)

    def log_prob(self, x: Tensor) -> Tensor:
        assert self._truth is not None
        return torch.from_numpy(self._truth.log_prob(x.flatten(1).numpy()) - self.off)


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
    assert evaluate(gaussians.train, gaussians, off=0.25)["gap_standard_error"] == pytest.approx(0, abs=1e-9)


def test_the_standard_error_is_that_of_the_mean_over_test_points(gaussians: PointData) -> None:
    off = np.random.default_rng(0).normal(0.3, 2.0, NUM_SAMPLES)
    model = FixedSampler(gaussians.train, gaussians, 0.0)
    evaluator = PointsEvaluator(model, PointReference.of(gaussians, EXACT_LOG_PROB), seed=0)
    for start in (0, 1000, 2000):
        model.off = off[start : start + 1000]
        evaluator.add(torch.from_numpy(gaussians.test[start : start + 1000]).view(-1, 2, 1, 1), start)
    metrics = evaluator.result()
    assert metrics["gap"] == pytest.approx(off.mean())
    assert metrics["gap_standard_error"] == pytest.approx(off.std(ddof=1) / math.sqrt(NUM_SAMPLES))


def test_the_energy_distance_matches_its_definition() -> None:
    equal = torch.randn((300, 2), generator=torch.Generator().manual_seed(0))
    assert points.energy_distance(equal, equal) == pytest.approx(0, abs=1e-6)
    origin, point = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])
    assert points.energy_distance(origin, point) == pytest.approx(10)
    two = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert points.energy_distance(two, origin) == pytest.approx(2 * 2.5 - 2.5)


def test_without_modes_or_density_there_are_fewer_metrics() -> None:
    moons = samplers.moons(NoisyOptions(num_train=10, num_test=50))
    model = FixedSampler(moons.train, moons, 0.0)
    of_samples = PointReference.of(moons, {}).specs(model)
    assert {spec.quantity for spec in of_samples} == {"energy_distance"}
    of_both = PointReference.of(moons, EXACT_LOG_PROB).specs(model)
    assert {spec.quantity for spec in of_both} == {"energy_distance", "gap", "gap_standard_error"}
    assert [spec.setup for spec in of_both][:3] == [
        "2,500 samples, first 50 test points",
        "2,500 samples, first 50 test points",
        "mean of log p_true − log p_model (exact), first 50 test points",
    ]
    assert standard_error_of("test/gap_ema") in {spec.name for spec in of_both}


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


def test_the_gap_of_a_vae_is_estimated_with_noise_of_its_own_for_each_point(gaussians: PointData) -> None:
    model = tiny.vae(tiny.options(likelihood="normal", latent_dim=2, hidden=[8]), (2, 1, 1), seed=3)
    assert isinstance(model, EstimatesLogProb)
    x = torch.from_numpy(gaussians.test[:1]).view(-1, 2, 1, 1).expand(400, -1, -1, -1)
    with torch.inference_mode():
        # Shared noise gives equal points equal errors, noise of their own errors that average out.
        shared, own = model.log_prob(x).double(), model.estimate_log_prob(x, torch.Generator().manual_seed(0)).double()
        exact = float(importance_weighted_log_prob(model, x[:1], sobol_normal(1 << 17, 2, seed=1)))
        assert float(shared.std()) < 1e-4 < float(own.std())
        assert float(own.exp().mean().log()) == pytest.approx(exact, abs=5 * float(own.std()) / 20)
        # It depends on the seed alone, not on chunks.
        generator = torch.Generator().manual_seed(0)
        parts = [model.estimate_log_prob(part, generator).double() for part in (x[:150], x[150:])]
        torch.testing.assert_close(torch.cat(parts), own, atol=1e-4, rtol=0)
        other = model.estimate_log_prob(x, torch.Generator().manual_seed(1)).double()
        assert not torch.allclose(own, other, atol=1e-4)
    # The estimator is named in the setup.
    capabilities = VAE.capabilities(VAE.options(likelihood="normal"))
    setups = {spec.quantity: spec.setup for spec in PointReference.of(gaussians, capabilities).specs(model)}
    assert model.log_prob_estimator in setups["gap"] and "64 samples for each point" in setups["gap"]
    assert all(" samples of p(x|z)" in setups[name] for name in ("energy_distance", "modes_covered", "high_quality"))


def test_samples_of_a_vae_have_the_noise_of_its_likelihood(gaussians: PointData) -> None:
    model = tiny.vae(tiny.options(likelihood="normal", latent_dim=2, hidden=[8]), (2, 1, 1), seed=3)
    log_scale = dict(model.likelihood.named_parameters())["log_scale"]
    with torch.no_grad():
        log_scale.fill_(math.log(0.7))
    z = torch.zeros(20_000, 2)
    with torch.inference_mode():
        samples = model.sample_points(z, torch.Generator().manual_seed(0)).flatten(1)
        again = model.sample_points(z, torch.Generator().manual_seed(0)).flatten(1)
        mean = model.decode(z[:1]).flatten()
        assert torch.equal(samples, again)
        torch.testing.assert_close(samples.mean(0), mean, atol=0.02, rtol=0)
        torch.testing.assert_close(samples.std(0), torch.full((2,), 0.7), atol=0.01, rtol=0)
    # The metrics are of such samples: with a scale like this one, most are far from the modes.
    reference = PointReference.of(gaussians, {})
    assert gaussians.truth is not None and gaussians.truth.modes is not None
    pictures = PointImages({"sample": Capability(available=True)}, (2,), gaussians, torch.device("cpu"))
    quality, lit = [], []
    for scale in (1e-3, 0.7):
        with torch.no_grad():
            log_scale.fill_(math.log(scale))
            for parameter in model.decoder.parameters():
                parameter.zero_()
            parameter.copy_(torch.from_numpy(gaussians.truth.modes[0]))  # the last bias
        quality.append(PointsEvaluator(model, reference, seed=0).result()["high_quality"])
        images = [image for image in pictures.render(model, 0) if image is not None]
        same = [image for image in pictures.render(model, 1) if image is not None]
        assert np.array_equal(images[0].images, same[0].images)
        lit.append(int((images[0].images[0, ..., 2] > 150).sum()))
    assert quality[0] == 1 and quality[1] < 0.7
    assert lit[1] > 10 * lit[0] > 0  # one dot, and a cloud
    with pytest.raises(ConfigError, match=r"sample_points returned shape \(5, 2\) for 5 latents"):
        sample_points(BadSampler(gaussians.train, gaussians, 0.0), z[:5], torch.Generator())


class BadSampler(FixedSampler):
    """Its samples have a wrong shape."""

    def sample_points(self, z: Tensor, generator: torch.Generator) -> Tensor:
        return z


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
