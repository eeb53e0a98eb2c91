"""The mathematics of the GAN: losses and penalties against values by hand, networks of any size, what is averaged."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainers import tiny
from trainers import registry
from trainers.errors import ConfigError
from trainers.families.gan.losses import LOSSES, gradient_penalty, squared_gradient
from trainers.families.gan.model import Gan, GanEvaluator, mean_distance
from trainers.families.gan.networks import MlpDiscriminator, frozen
from trainers.families.gan.spec import GAN, GanOptions, capabilities, check
from trainers.families.gan.theory import theory_for
from trainers.families.interface import StepContext, WarningContext
from trainers.families.nn import eval_mode

Shape = tuple[int, int, int]
SHAPES: list[Shape] = [(1, 9, 7), (3, 17, 23), (2, 1, 5), (1, 28, 28)]
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_g": [6, 9, 8], "hidden_d": [7, 5]},
    "linear": {"hidden_g": [], "hidden_d": []},
    "conv": {"architecture": "conv", "channels": [4, 6]},
    "conv, spectral": {"architecture": "conv", "channels": [5], "spectral_norm": True, "batch_norm": False},
}
REAL, FAKE = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([-3.0, 0.25])


def options(**given: Any) -> GanOptions:
    return GanOptions.model_validate({"latent_dim": 3, "hidden_g": [8, 8], "hidden_d": [8], **given})


def gan(shape: Shape = (1, 9, 7), seed: int = 0, **given: Any) -> Gan:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Gan(options(**given), shape)


def images(shape: Shape, count: int = 6) -> Tensor:
    return torch.rand((count, *shape), generator=torch.Generator().manual_seed(3))


def context(step: int = 0, **given: Any) -> StepContext:
    return StepContext(step, torch.Generator().manual_seed(1), options(**given))


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


BY_HAND = {  # real part, fake part, generator's loss on FAKE, decision threshold
    "non-saturating": (
        (softplus(-2) + softplus(1) + softplus(-0.5)) / 3,
        (softplus(-3) + softplus(0.25)) / 2,
        (softplus(3) + softplus(-0.25)) / 2,
        0.0,
    ),
    "hinge": ((0 + 2 + 0.5) / 3, (0 + 1.25) / 2, (3 - 0.25) / 2, 0.0),
    "least-squares": ((1 + 4 + 0.25) / 6, (4 + 1.5625) / 4, (16 + 0.5625) / 4, 0.0),
    "wasserstein-gp": (-0.5, -1.375, 1.375, (0.5 - 1.375) / 2),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_by_hand(loss: str) -> None:
    loss_functions = LOSSES[loss]
    values = (
        loss_functions.real(REAL),
        loss_functions.fake(FAKE),
        loss_functions.generator(FAKE),
        loss_functions.decision_threshold(REAL, FAKE),
    )
    assert [value.item() for value in values] == pytest.approx(BY_HAND[loss], rel=1e-6)


def test_a_loss_without_saturation_is_finite_far_away() -> None:
    assert LOSSES["non-saturating"].generator(torch.tensor([-500.0])).item() == pytest.approx(500)


@pytest.mark.parametrize("loss", LOSSES)
def test_each_player_descends_towards_winning(loss: str) -> None:
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    (LOSSES[loss].real(real) + LOSSES[loss].fake(fake)).backward()  # type: ignore[no-untyped-call]
    assert real.grad is not None and (real.grad < 0).all()  # up with the data
    assert fake.grad is not None and (fake.grad > 0).all()  # down with the samples
    logits = torch.zeros(4, requires_grad=True)
    LOSSES[loss].generator(logits).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and (logits.grad < 0).all()


def linear_critic(x: Tensor) -> Tensor:
    """D(x) = 3 x₀ + 4 x₁: ‖∇D‖ = 5 everywhere."""
    return 3 * x[:, 0, 0, 0] + 4 * x[:, 1, 0, 0]


def bowl(x: Tensor) -> Tensor:
    """D(x) = ½‖x‖²: ∇D = x."""
    return 0.5 * x.square().flatten(1).sum(1)


def test_penalties_of_a_linear_critic() -> None:
    real, fake, share = torch.randn(6, 2, 1, 1), torch.randn(6, 2, 1, 1), torch.rand(6, 1, 1, 1)
    assert gradient_penalty(linear_critic, real, fake, share).item() == pytest.approx(16, rel=1e-5)
    assert squared_gradient(linear_critic, real).item() == pytest.approx(25, rel=1e-6)


def test_penalties_where_the_slope_is_the_place() -> None:
    real, fake = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[0.0, 0.0], [0.0, 6.0]])
    share = torch.tensor([1.0, 0.25]).view(2, 1, 1, 1)  # at (3, 4), and at (0, 5)
    real, fake = real.view(2, 2, 1, 1), fake.view(2, 2, 1, 1)
    assert gradient_penalty(bowl, real, fake, share).item() == pytest.approx(16, rel=1e-6)
    assert squared_gradient(bowl, real).item() == pytest.approx((25 + 4) / 2, rel=1e-6)


def test_penalties_reach_the_weights() -> None:
    critic = MlpDiscriminator((1, 2, 2), [5])
    total = squared_gradient(critic, images((1, 2, 2))) + gradient_penalty(
        critic, images((1, 2, 2)), torch.zeros(6, 1, 2, 2), torch.rand(6, 1, 1, 1)
    )
    total.backward()  # type: ignore[no-untyped-call]
    first = critic.layers[0]
    assert isinstance(first, nn.Linear) and first.weight.grad is not None and first.weight.grad.abs().sum() > 0


def test_r1_is_taken_lazily_and_is_then_as_much_heavier() -> None:
    model, real = gan(r1=2.0), images((1, 9, 7))
    penalty_value = squared_gradient(model.discriminator, real).item()  # γ/2 = 1

    def penalty(step: int, every: int) -> float:
        return model.penalty(real, real, context(step, r1=2.0), every).item()

    assert [penalty(step, 1) for step in range(2)] == pytest.approx([penalty_value, penalty_value], rel=1e-5)
    assert [penalty(step, 4) for step in range(5)] == pytest.approx(
        [4 * penalty_value, 0, 0, 0, 4 * penalty_value], rel=1e-5
    )


def test_the_gradient_penalty_is_weighed() -> None:
    model, real, fake = gan(loss="wasserstein-gp"), images((1, 9, 7)), -images((1, 9, 7))
    one, ten = (
        model.penalty(real, fake, context(loss="wasserstein-gp", gp_weight=weight), 1).item() for weight in (1.0, 10.0)
    )
    assert ten == pytest.approx(10 * one, rel=1e-5) and one > 0
    assert model.penalty(real, fake, context(loss="hinge", gp_weight=10.0), 1).item() == 0


def test_spectral_norm_bounds_every_layer_and_the_slope() -> None:
    model = gan((1, 8, 8), hidden_d=[32, 16], spectral_norm=True)
    layers = [layer for layer in model.discriminator.modules() if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer in layers:
            layer.parametrizations.weight.original.mul_(50)  # type: ignore[union-attr, operator]
        for _ in range(30):  # each look is a power iteration
            assert all(layer.weight.isfinite().all() for layer in layers)
    with eval_mode(model):
        norms = [float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) for layer in layers]
        slope = squared_gradient(model.discriminator, images((1, 8, 8))).item() ** 0.5
    assert norms == pytest.approx([1.0] * 3, abs=0.05)
    assert slope <= 1.05**3


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_size_and_channels(network: str, shape: Shape) -> None:
    model = gan(shape, **NETWORKS[network])
    images = model.decode(torch.randn(5, 3))
    assert images.shape == (5, *shape) and images.min() >= 0 and images.max() <= 1
    assert model.discriminator_logits(images).shape == (5,)
    count = registry.parameter_count(GAN, options(**NETWORKS[network]), shape)
    assert count == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_parameter_has_a_gradient_from_its_own_player_alone(network: str, loss: str) -> None:
    given = {**NETWORKS[network], "loss": loss, "r1": 1.0}
    model = gan(**given)
    groups = model.optimizer_groups()
    assert {id(p) for group in groups.values() for p in group} == {id(p) for p in model.parameters()}
    played = []
    for objective in model.training_step(images((1, 9, 7)), context(**given)):
        objective.loss.backward()  # type: ignore[no-untyped-call]
        for name, group in groups.items():
            assert all((parameter.grad is not None) == (name == objective.optimizer) for parameter in group)
        sums = [float(p.grad.abs().sum()) for p in groups[objective.optimizer] if p.grad is not None]
        assert all(math.isfinite(value) for value in sums)
        # Wasserstein's and hinge's real and fake parts leave no gradient for the last bias, as does a penalty
        assert sum(value == 0 for value in sums) <= (1 if objective.optimizer == "d" else 0)
        model.zero_grad(set_to_none=True)
        played.append(objective.optimizer)
    assert played == ["d", "g"]


def test_frozen_restores_requires_grad() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    network[0].bias.requires_grad_(False)
    with frozen(network):
        assert not any(parameter.requires_grad for parameter in network.parameters())
    assert [parameter.requires_grad for parameter in network.parameters()] == [True, False, True, True]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_discriminators_loss_is_the_sum_of_its_terms(loss: str) -> None:
    model = gan(loss=loss, r1=1.0)
    theory = theory_for(options(loss=loss, r1=1.0), "images")
    objective, _ = model.training_step(images((1, 9, 7)), context(loss=loss, r1=1.0))
    values = {name: float(value) for name, value in objective.values.items()}
    assert objective.loss.item() == pytest.approx(sum(t.sign * values[t.quantity] for t in theory.terms), rel=1e-5)
    assert values["loss_d_penalty"] > 0
    recorded = {spec.quantity for spec in model.metrics()}
    assert {theory.total} | {term.quantity for term in (*theory.terms, *theory.also)} <= recorded
    assert "γ/2" in theory.equation and ("λ" in theory.equation) == (loss == "wasserstein-gp")


def test_the_discriminator_may_step_more_often_each_time_on_data_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = gan(d_steps=3), images((1, 9, 7), count=12)
    inputs: list[Tensor] = []
    real = model.penalty

    def spy(x: Tensor, *args: Any) -> Tensor:
        inputs.append(x)
        return real(x, *args)

    monkeypatch.setattr(model, "penalty", spy)
    played = [objective.optimizer for objective in model.training_step(batch, context(d_steps=3))]
    assert model.batches_per_step == 3 and played == ["d", "d", "d", "g"]
    assert torch.equal(torch.cat(inputs), 2 * batch - 1)


def test_a_batch_of_one_image_does_not_stop_batch_norms() -> None:
    losses = [o.loss.item() for o in gan(hidden_g=[4, 4]).training_step(images((1, 9, 7), count=1), context())]
    assert all(math.isfinite(loss) for loss in losses)


def test_recalibration_recomputes_batch_norm_statistics_and_restores_modes() -> None:
    model = gan(hidden_g=[6, 7], architecture="mlp")
    (norm,) = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm1d)]
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.fill_(1000.0)
    model.eval()
    model.recalibrate()
    statistics = norm.running_mean.clone(), norm.running_var.clone()
    assert not model.training and not norm.training and norm.momentum == 0.1
    z = torch.randn((20_000, 3), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        before = model.generator.layers[:3](z)  # type: ignore[index, operator]
    assert torch.allclose(statistics[0], before.mean(0), atol=4 * float(before.std()) / math.sqrt(1024))
    assert torch.allclose(statistics[1], before.var(0), rtol=0.3)
    norm.running_mean.fill_(-1.0)
    model.train()
    model.recalibrate()
    assert model.training and torch.equal(norm.running_mean, statistics[0])  # of fixed latents


def test_recalibration_without_batch_norm_changes_nothing() -> None:
    model = gan(batch_norm=False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.recalibrate()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_points_pass_as_they_are() -> None:
    model = gan((2, 1, 1), output="linear", batch_norm=False)
    z, x = torch.randn(4, 3), torch.tensor([-7.0, 9.0]).view(1, 2, 1, 1)
    assert torch.equal(model.decode(z), model.generate(z))
    assert torch.equal(model.discriminator_logits(x), model.discriminator(x))


@pytest.mark.parametrize(
    ("given", "kind", "shape", "binarization", "key"),
    [
        (
            {"output": "linear"},
            "images",
            (1, 9, 7),
            "none",
            "model.output: 'linear' does not cover the range of images",
        ),
        (
            {"output": "tanh"},
            "points",
            (2, 1, 1),
            "none",
            "model.output: 'tanh' does not cover the range of 2-D points",
        ),
        ({"output": "linear", "architecture": "conv"}, "points", (2, 1, 1), "none", "model.architecture"),
        ({}, "images", (1, 9, 7), "dynamic", "data.binarization: 'dynamic'"),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, kind: Any, shape: Shape, binarization: str, key: str) -> None:
    data = registry.dataset("mnist").options.model_validate({"binarization": binarization})
    with pytest.raises(ConfigError, match=key) as refused:
        check(options(**given), data, shape, kind)
    assert "\n" not in str(refused.value) and refused.value.hint


def test_capabilities() -> None:
    for size in (2, 3):
        available = capabilities(options(latent_dim=size))
        assert available["manifold"].available == (size == 2)
        assert all(available[name].available for name in ("sample", "decode", "invert", "critic"))
        assert all(not available[name].available and available[name].reason for name in ("encode", "log_prob", "trace"))


class Fixed(Gan):
    """A generator that draws z · spread, and a discriminator that reads the first pixel."""

    def __init__(self, spread: float) -> None:
        super().__init__(GanOptions(latent_dim=1), (1, 1, 1))
        self.spread = spread

    def decode(self, z: Tensor) -> Tensor:
        return self.spread * z.view(-1, 1, 1, 1)

    def discriminator_logits(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, 0] - 10.0


def reconstruct_with_metrics(model: Fixed, x: Tensor, chunk: int) -> dict[str, float]:
    evaluator = GanEvaluator(model, len(x), seed=4)
    for start in range(0, len(x), chunk):
        evaluator.add(x[start : start + chunk], start)
    return evaluator.result()


def test_diversity_is_the_ratio_of_mean_distances() -> None:
    x = torch.randn((600, 1, 1, 1), generator=torch.Generator().manual_seed(4))
    assert torch.equal(GanEvaluator(Fixed(1.0), 600, seed=4)._latents.view(-1), x.view(-1))
    metrics = reconstruct_with_metrics(Fixed(0.5), x, chunk=100)
    assert metrics["diversity"] == pytest.approx(0.5, rel=1e-6)
    assert metrics == pytest.approx(reconstruct_with_metrics(Fixed(0.5), x, chunk=600), rel=1e-6)
    assert metrics["real_logits"] == pytest.approx(float(x.mean()) - 10, rel=1e-5)
    assert (metrics["d_accuracy_real"], metrics["d_accuracy_fake"]) == (0, 1)
    assert reconstruct_with_metrics(Fixed(0.0), x, chunk=600)["diversity"] == 0


def test_mean_distance_by_hand() -> None:
    corners = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 0.0]])
    assert mean_distance(corners) == pytest.approx((5 + 3 + 4) / 3)
    assert mean_distance(corners[:1]) == 0


def test_only_the_first_test_images_are_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.families.gan.metrics.NUM_EVALUATED", 5)
    x = torch.cat((torch.arange(5.0), torch.full((7,), 99.0))).view(-1, 1, 1, 1)
    assert reconstruct_with_metrics(Fixed(1.0), x, chunk=4)["real_logits"] == pytest.approx(2 - 10)


@pytest.mark.parametrize(
    ("metrics", "codes"),
    [
        ({"diversity": 0.2, "d_accuracy_real": 0.8, "d_accuracy_fake": 1.0}, ["mode_collapse"]),
        ({"diversity": 0.3, "d_accuracy_real": 0.995, "d_accuracy_fake": 1.0}, ["discriminator_wins"]),
        ({"diversity": 0.9, "d_accuracy_real": 0.995, "d_accuracy_fake": 0.5}, []),
        ({}, []),
    ],
)
def test_warnings(metrics: dict[str, float], codes: list[str]) -> None:
    assert [warning.code for warning in gan().warnings(metrics, WarningContext())] == codes


def test_a_wasserstein_critic_may_win() -> None:
    sharp = {"diversity": 1.0, "d_accuracy_real": 1.0, "d_accuracy_fake": 1.0}
    assert list(gan(loss="wasserstein-gp").warnings(sharp, WarningContext())) == []


def test_metrics_name_the_kind_of_data() -> None:
    points = gan((2, 1, 1), output="linear", batch_norm=False).metrics()
    assert [spec.name for spec in points] == [spec.name for spec in gan().metrics()]
    assert "real points" in next(spec.title for spec in points if spec.name == "train/real_logits")
    assert not [spec for spec in points if "image" in spec.title + spec.setup]
    theory = theory_for(options(output="linear"), "points")
    assert not [term for term in (*theory.terms, *theory.also) if "image" in term.explanation]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_pipeline_of_one_image(loss: str) -> None:
    model, x = gan(loss=loss, r1=2.0).eval().requires_grad_(False), images((1, 9, 7), 1)
    with torch.inference_mode():
        stations, metrics = model.pipeline(x, torch.Generator().manual_seed(2))
    assert torch.equal(stations["x"], x)
    assert torch.allclose(stations["fake"], model.decode(stations["z"]))
    assert stations["real_logits"].shape == stations["fake_logits"].shape == (1, 1)
    assert float(stations["real_logits"]) == pytest.approx(metrics["real_logits"])
    parts = [metrics[f"loss_d_{part}"] for part in ("real", "fake", "penalty")]
    assert metrics["loss_d"] == pytest.approx(sum(parts)) and parts[2] > 0
    theory = theory_for(options(loss=loss), "images")
    assert {stage.shows for stage in theory.stages} == stations.keys()


def test_the_presets_count_as_published() -> None:
    from trainers import presets

    config = presets.assemble("uva2019-gan")
    generator = 100 * 128 + 128 + 128 * 256 + 256 + 256 * 512 + 512 + 512 * 1024 + 1024 + 1024 * 784 + 784
    discriminator = 784 * 512 + 512 + 512 * 256 + 256 + 256 + 1
    assert registry.parameter_count(GAN, config.model_options(), (1, 28, 28)) == (
        generator + 2 * (256 + 512 + 1024) + discriminator
    )
    model = tiny.built("gan", config.model_options(), (1, 28, 28))
    kinds = [type(layer).__name__ for layer in model.generator.layers]  # type: ignore[union-attr]
    assert kinds == ["Linear", "LeakyReLU", *["Linear", "BatchNorm1d", "LeakyReLU"] * 3, "Linear"]
