"""The GAN: networks of any size, training steps, recalibration, evaluation, checks and presets."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainers import tiny
from tests.trainers.families.gan.small_gan import SHAPES, Shape, context, gan, images, options
from trainers import registry
from trainers.errors import ConfigError
from trainers.families.gan.losses import LOSSES, squared_gradient
from trainers.families.gan.model import Gan, GanEvaluator, mean_distance
from trainers.families.gan.networks import frozen
from trainers.families.gan.spec import GAN, GanOptions, capabilities, check
from trainers.families.gan.theory import theory_for
from trainers.families.interface import WarningContext
from trainers.families.nn import eval_mode

NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_g": [6, 9, 8], "hidden_d": [7, 5]},
    "linear": {"hidden_g": [], "hidden_d": []},
    "conv": {"architecture": "conv", "channels": [4, 6]},
    "conv, spectral": {"architecture": "conv", "channels": [5], "spectral_norm": True, "batch_norm": False},
}


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
        ({"output": "linear", "diff_augment": ("color",)}, "points", (2, 1, 1), "none", "model.diff_augment"),
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
    monkeypatch.setattr("trainers.families.gan.metrics.EVALUATED_IMAGES", 5)
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
    assert not [term for term in (*theory.terms, *theory.other_metrics) if "image" in term.explanation]


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
    assert {stage.tensor_name for stage in theory.stages} == stations.keys()


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
