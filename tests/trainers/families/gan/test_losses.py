"""GAN losses and gradient penalties against values computed by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from tests.trainers.families.gan.small_gan import context, gan, images, options
from trainers.families.gan.losses import LOSSES, gradient_penalty, squared_gradient
from trainers.families.gan.networks import MlpDiscriminator
from trainers.families.gan.theory import theory_for

REAL, FAKE = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([-3.0, 0.25])


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

    def penalty(step: int, interval: int) -> float:
        return model.penalty(real, real, context(step, r1=2.0), interval).item()

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


@pytest.mark.parametrize("loss", LOSSES)
def test_the_discriminators_loss_is_the_sum_of_its_terms(loss: str) -> None:
    model = gan(loss=loss, r1=1.0)
    theory = theory_for(options(loss=loss, r1=1.0), "images")
    objective, _ = model.training_step(images((1, 9, 7)), context(loss=loss, r1=1.0))
    values = {name: float(value) for name, value in objective.values.items()}
    assert objective.loss.item() == pytest.approx(sum(t.sign * values[t.quantity] for t in theory.terms), rel=1e-5)
    assert values["loss_d_penalty"] > 0
    recorded = {spec.quantity for spec in model.metrics()}
    assert {theory.objective_quantity} | {term.quantity for term in (*theory.terms, *theory.other_metrics)} <= recorded
    assert "γ/2" in theory.equation and ("λ" in theory.equation) == (loss == "wasserstein-gp")
