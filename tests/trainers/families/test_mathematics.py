"""The mathematics that every preset shares, and the VAE's, once for every architecture and likelihood."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from tests.trainers import tiny
from trainers import plan, presets, registry
from trainers.families.interface import StepContext
from trainers.families.nn import eval_mode, kl_per_dim, reparameterize
from trainers.families.vae.likelihoods import LIKELIHOODS, Bernoulli, DiscretizedLogistic, Gaussian, LogisticMixture
from trainers.families.vae.model import ElboEvaluator, Vae, kl_weight
from trainers.families.vae.spec import VAE

SHAPES = [(1, 9, 7), (3, 8, 8), (1, 1, 5), (2, 28, 28)]
OF_IMAGES = [name for name in LIKELIHOODS if name != "normal"]  # which is of points
CASES = list(itertools.product(tiny.ARCHITECTURES, OF_IMAGES))


def model_of(architecture: str, likelihood: str, shape: tuple[int, int, int] = (1, 9, 7)) -> Vae:
    return tiny.vae(tiny.options(likelihood=likelihood, **tiny.ARCHITECTURES[architecture]), shape)


def images_for(likelihood: str, shape: tuple[int, int, int], count: int = 6) -> Tensor:
    levels = 2 if likelihood == "bernoulli" else 256
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, levels, (count, *shape), generator=generator) / (levels - 1)


def log_normal(z: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    return -0.5 * ((z - mean) / deviation).square() - torch.log(deviation) - 0.5 * math.log(2 * math.pi)


def context(step: int = 0, **given: object) -> StepContext:
    return StepContext(step, torch.Generator().manual_seed(1), tiny.options(**given))


def test_kl_in_closed_form_against_monte_carlo() -> None:
    mu, logvar = torch.tensor([[0.7, -1.3, 0.0]]).double(), torch.tensor([[-0.8, 0.6, 0.0]]).double()
    noise = torch.randn((400_000, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = reparameterize(mu, logvar, noise)
    sampled = log_normal(z, mu, torch.exp(0.5 * logvar)) - log_normal(z, torch.zeros(1), torch.ones(1))
    error = sampled.std(0) / math.sqrt(len(z))
    assert ((sampled.mean(0) - kl_per_dim(mu, logvar)[0]).abs() <= 4 * error + 1e-12).all()
    assert kl_per_dim(mu, logvar)[0, 2] == 0


def test_bernoulli_sums_to_one() -> None:
    outputs = torch.tensor([[[[0.3, -2.0], [40.0, -40.0]]]])
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).view(16, 1, 2, 2)
    total = Bernoulli().log_prob(outputs.expand(16, -1, -1, -1), every).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("location", [-3.0, -0.49, 0.0, 0.31, 0.5, 2.0])
@pytest.mark.parametrize("log_scale", [-6.0, -2.0, 1.0])
def test_discretized_logistic_sums_to_one_and_has_its_mean(location: float, log_scale: float) -> None:
    likelihood = DiscretizedLogistic().double()
    likelihood.log_scale.data.fill_(log_scale)
    levels = (torch.arange(256, dtype=torch.float64) / 255).view(-1, 1, 1, 1)
    outputs = torch.full_like(levels, location)
    mass = likelihood.log_prob(outputs, levels).exp()
    assert mass.sum().item() == pytest.approx(1, abs=1e-9)
    assert likelihood.mean(outputs)[0].item() == pytest.approx((mass * levels.flatten()).sum().item(), abs=1e-4)


def test_discretized_logistic_is_finite_far_from_its_location() -> None:
    likelihood = DiscretizedLogistic()
    likelihood.log_scale.data.fill_(-7.0)
    outputs = torch.full((1, 1, 1, 3), 30.0, requires_grad=True)
    cost = likelihood.log_prob(outputs, torch.tensor([[[[0.0, 0.5, 1.0]]]])).sum()
    cost.backward()  # type: ignore[no-untyped-call]
    assert cost.isfinite() and outputs.grad is not None and outputs.grad.isfinite().all()


@pytest.mark.parametrize("channels", [1, 2])
def test_logistic_mixture_sums_to_one(channels: int) -> None:
    likelihood = LogisticMixture(channels, 3)
    outputs = torch.randn((1, likelihood.num_outputs, 1, 1), generator=torch.Generator().manual_seed(0))
    grids = torch.meshgrid(*[torch.arange(256, dtype=torch.float64) / 255] * channels, indexing="ij")
    levels = torch.stack(grids, -1).view(-1, channels, 1, 1)  # every image of one pixel
    mass = likelihood.log_prob(outputs.double().expand(len(levels), -1, -1, -1), levels).exp()
    assert mass.sum().item() == pytest.approx(1, abs=1e-9)
    mean = (mass[:, None] * levels.flatten(1)).sum(0)
    assert likelihood.mean(outputs.double()).flatten()[0].item() == pytest.approx(mean[0].item(), abs=1e-4)


def test_each_channel_of_a_logistic_mixture_follows_those_before_it() -> None:
    likelihood = LogisticMixture(3, 1)
    outputs = torch.zeros((1, likelihood.num_outputs, 1, 1))
    outputs[:, -3:] = torch.tensor([20.0, -20.0, 20.0]).view(1, 3, 1, 1)  # tanh: green +red, blue −red +green
    red, green = 0.9, 0.8

    def mass(*color: float) -> float:
        return likelihood.log_prob(outputs, torch.tensor(color).view(1, 3, 1, 1)).item()

    alone = DiscretizedLogistic()
    expected = 0.0
    for level, location in ((red, 0.5), (green, 0.5 + 0.4), (0.3, 0.5 - 0.4 + 0.3)):
        expected += alone.log_prob(torch.full((1, 1, 1, 1), location - 0.5), torch.full((1, 1, 1, 1), level)).item()
    assert mass(red, green, 0.3) == pytest.approx(expected, abs=1e-4)


def test_gaussian_integrates_to_one() -> None:
    likelihood = Gaussian().double()
    grid = torch.linspace(-20, 20, 200_001, dtype=torch.float64)
    density = likelihood.log_prob(torch.zeros(len(grid), 1, 1, 1, dtype=torch.float64), grid.view(-1, 1, 1, 1)).exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("architecture", "likelihood"), CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_parameters_are_counted_on_the_meta_device(
    architecture: str, likelihood: str, shape: tuple[int, int, int]
) -> None:
    given = tiny.options(likelihood=likelihood, **tiny.ARCHITECTURES[architecture])
    model = tiny.vae(given, shape)
    assert registry.parameter_count(VAE, given, shape) == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("preset", registry.presets())
def test_presets_build_what_they_count(preset: str) -> None:
    config = presets.assemble(preset)
    family, shape = registry.family(config.model.name), plan.resolve(config).image_shape
    model = tiny.built(config.model.name, config.model_options(), shape)
    assert registry.parameter_count(family, config.model_options(), shape) == sum(p.numel() for p in model.parameters())
    assert model.latent_shape == family.latent_shape(config.model_options(), model.image_shape)


@pytest.mark.parametrize("preset", registry.presets())
def test_every_preset_learns_and_decodes(preset: str) -> None:
    config = presets.assemble(preset)
    given = config.model_options()
    points = registry.dataset(config.data.name).kind == "points"
    x = images_for("bernoulli", (2, 1, 1) if points else (1, 12, 10), count=20)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = tiny.built(config.model.name, given, (2, 1, 1) if points else (1, 12, 10))
    grouped = [parameter for group in model.optimizer_groups().values() for parameter in group]
    assert sorted(map(id, grouped)) == sorted(map(id, model.parameters()))
    for objective in model.training_step(x, StepContext(0, torch.Generator().manual_seed(1), given)):
        model.zero_grad(set_to_none=True)
        objective.loss.backward()  # type: ignore[no-untyped-call]
        own = model.optimizer_groups()[objective.optimizer]
        assert all(p.grad is not None and p.grad.isfinite().all() for p in own)
        assert all(p.grad is None for p in model.parameters() if id(p) not in set(map(id, own)))
    model.recalibrate()
    with torch.inference_mode(), eval_mode(model):
        decoded = model.decode(torch.randn((5, *model.latent_shape), generator=torch.Generator().manual_seed(2)))
    assert decoded.shape == (5, *x.shape[1:]) and decoded.isfinite().all()
    assert points or (decoded.min() >= 0 and decoded.max() <= 1)


@pytest.mark.parametrize(("architecture", "likelihood"), CASES)
def test_every_parameter_has_a_gradient(architecture: str, likelihood: str) -> None:
    model = model_of(architecture, likelihood)
    grouped = [parameter for group in model.optimizer_groups().values() for parameter in group]
    assert {id(p) for p in grouped} == {id(p) for p in model.parameters()}
    (objective,) = model.training_step(images_for(likelihood, (1, 9, 7)), context())
    objective.loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(("architecture", "likelihood"), CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_size_and_channels(architecture: str, likelihood: str, shape: tuple[int, int, int]) -> None:
    model = model_of(architecture, likelihood, shape)
    mu, logvar = model.encode(images_for(likelihood, shape))
    images = model.decode(mu)
    assert mu.shape == logvar.shape == (6, 2)
    assert images.shape == (6, *shape)
    assert images.min() >= 0 and images.max() <= 1


@pytest.mark.parametrize(("architecture", "likelihood"), CASES)
def test_the_loss_is_the_negative_elbo(architecture: str, likelihood: str) -> None:
    model, x = model_of(architecture, likelihood), images_for(likelihood, (1, 9, 7))
    (objective,) = model.training_step(x, context())
    values = {name: float(value) for name, value in objective.values.items()}
    assert values["elbo"] == pytest.approx(-values["recon"] - values["kl"], rel=1e-5)
    assert objective.loss.item() == pytest.approx(-values["elbo"], rel=1e-5)
    assert values["kl"] >= 0


def test_beta_and_warm_up_weigh_the_kl_alone() -> None:
    model, x = model_of("mlp", "bernoulli"), images_for("bernoulli", (1, 9, 7))
    (objective,) = model.training_step(x, context(step=4, beta=3.0, kl_warmup=9))
    values = {name: float(value) for name, value in objective.values.items()}
    assert objective.loss.item() == pytest.approx(values["recon"] + 3.0 * 0.5 * values["kl"], rel=1e-5)
    assert values["elbo"] == pytest.approx(-values["recon"] - values["kl"], rel=1e-5)


def test_warm_up_grows_in_a_line_to_beta() -> None:
    options = tiny.options(beta=2.0, kl_warmup=4)
    weights = [kl_weight(options, step) for step in range(6)]
    assert weights == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0, 2.0])


class Tiny:
    """A VAE with one latent on four binary pixels, in double precision, and its integrals over z."""

    def __init__(self, scale: float) -> None:
        self.model = tiny.vae(tiny.options(latent_dim=1, hidden=[5], activation="tanh"), (1, 2, 2), seed=2).double()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.mul_(scale)
        self.x = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).double().view(1, 1, 2, 2)
        self.z = torch.linspace(-40, 40, 160_001, dtype=torch.float64)[:, None]
        with torch.no_grad():
            self.log_likelihood = -self.model.recon(self.x.expand(len(self.z), -1, -1, -1), self.z)
            self.mu, self.logvar = self.model.encode(self.x)
        self.log_prior = log_normal(self.z[:, 0], torch.zeros(1), torch.ones(1))
        self.log_q = log_normal(self.z, self.mu, torch.exp(0.5 * self.logvar))[:, 0]

    def integral(self, values: Tensor) -> float:
        return float(torch.trapezoid(values, self.z[:, 0]))

    @property
    def log_p(self) -> float:
        return math.log(self.integral((self.log_prior + self.log_likelihood).exp()))

    @property
    def elbo(self) -> float:
        """The model's own KL, and the expectation by quadrature."""
        expected = self.integral(self.log_q.exp() * self.log_likelihood)
        return expected - float(kl_per_dim(self.mu, self.logvar).sum())

    @property
    def gap(self) -> float:
        """KL(q(z|x) ‖ p(z|x))."""
        log_posterior = self.log_prior + self.log_likelihood - self.log_p
        return self.integral(self.log_q.exp() * (self.log_q - log_posterior))


def test_probabilities_of_all_images_sum_to_one() -> None:
    small = Tiny(scale=2.0)
    total = 0.0
    for pixels in itertools.product([0.0, 1.0], repeat=4):
        x = torch.tensor(pixels).double().view(1, 1, 2, 2)
        with torch.no_grad():
            log_likelihood = -small.model.recon(x.expand(len(small.z), -1, -1, -1), small.z)
        total += small.integral((small.log_prior + log_likelihood).exp())
    assert total == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
def test_the_elbo_is_below_log_p_by_the_divergence_from_the_true_posterior(scale: float) -> None:
    small = Tiny(scale)
    assert small.gap > 1e-4
    assert small.elbo < small.log_p
    assert small.log_p - small.elbo == pytest.approx(small.gap, abs=1e-7)


def test_the_elbo_is_log_p_where_the_posterior_is_exact() -> None:
    small = Tiny(scale=0.0)  # p(x|z) does not depend on z, so the posterior is the prior, and so is q
    assert small.gap == pytest.approx(0, abs=1e-9)
    assert small.elbo == pytest.approx(small.log_p, abs=1e-9)
    assert small.log_p == pytest.approx(-4 * math.log(2), abs=1e-9)


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_the_evaluator_agrees_with_the_integral(scale: float) -> None:
    small, count = Tiny(scale), 40_000
    x = small.x.expand(count, -1, -1, -1)
    evaluator = ElboEvaluator(small.model, count, seed=5)
    evaluator.add(x, 0)
    noise = torch.randn((count, 1), generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    recon = small.model.recon(x, reparameterize(small.mu, small.logvar, noise))
    assert evaluator.result()["elbo"] == pytest.approx(small.elbo, abs=5 * float(recon.std()) / math.sqrt(count))


def test_averages_are_over_images_not_over_chunks() -> None:
    """One of the traps: an average divided by something else than the number of its terms."""
    model, x = model_of("mlp", "bernoulli"), images_for("bernoulli", (1, 9, 7), count=25)
    whole, parts = ElboEvaluator(model, 25, seed=5), ElboEvaluator(model, 25, seed=5)
    whole.add(x, 0)
    for start in (0, 10, 20):
        parts.add(x[start : start + 10], start)
    assert parts.result() == pytest.approx(whole.result(), rel=1e-6)


def test_active_units_are_those_whose_mean_varies() -> None:
    model = model_of("linear", "bernoulli")
    with torch.no_grad():
        weight = dict(model.encoder.named_parameters())["layers.0.weight"]
        weight[1] = 0  # the second dimension's mean no longer depends on x
        weight[0] *= 10
    evaluator = ElboEvaluator(model, 25, seed=5)
    evaluator.add(images_for("bernoulli", (1, 9, 7), count=25), 0)
    assert evaluator.result()["active_units"] == 1
