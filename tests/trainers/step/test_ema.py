"""The average of the weights, against its definition."""

import pytest
import torch

from tests.trainers import tiny
from trainers.step.ema import EMA_UPDATE_EVERY, Ema


def followed(decay: float, steps: int) -> tuple[list[float], Ema, list[float]]:
    """Move one weight and follow it; return where it was, and the average after each step."""
    model = tiny.vae(tiny.options(), (1, 9, 7))
    weight, ema = next(model.parameters()), Ema(model, decay)
    average, raw, averages = next(ema.model.parameters()), [], []
    for step in range(1, steps + 1):
        with torch.no_grad():
            weight.fill_(float(step % 7))
        ema.update(step)
        raw.append(float(step % 7))
        averages.append(average.flatten()[0].item())
    return raw, ema, averages


def test_it_follows_the_definition_at_its_updates() -> None:
    raw, _, averages = followed(0.9, 40)
    expected = averages[0]
    for step in range(2, 41):
        if step <= EMA_UPDATE_EVERY or step % EMA_UPDATE_EVERY == 0:
            decay = min(0.9, (1 + step) / (10 + step)) ** (EMA_UPDATE_EVERY if step > EMA_UPDATE_EVERY else 1)
            expected = decay * expected + (1 - decay) * raw[step - 1]
        assert averages[step - 1] == pytest.approx(expected, rel=1e-5)


def test_the_initial_weights_are_soon_forgotten() -> None:
    model = tiny.vae(tiny.options(), (1, 9, 7))
    ema, weight = Ema(model, 0.9999), next(model.parameters())
    with torch.no_grad():
        weight.fill_(1.0)
    for step in range(1, 101):
        ema.update(step)
    assert next(ema.model.parameters()).flatten()[0].item() == pytest.approx(1.0, abs=1e-3)


def test_a_decay_of_zero_makes_no_second_model() -> None:
    model = tiny.vae(tiny.options(), (1, 9, 7))
    ema = Ema(model, 0)
    assert ema.model is model and not ema.is_separate
    ema.update(1)


def test_averages_require_no_gradient() -> None:
    _, ema, _ = followed(0.9, 1)
    assert ema.is_separate and not any(parameter.requires_grad for parameter in ema.model.parameters())
