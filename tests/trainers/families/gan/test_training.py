"""A GAN in the training loop: two optimizers that take turns, exact resume, metrics, images and alerts."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from tests.trainers import idx_files, tiny
from trainers import presets
from trainers.config import RunConfig
from trainers.errors import ConfigError
from trainers.events import (
    Alert,
    Command,
    CommandApplied,
    Finished,
    ImagesReady,
    Metrics,
    Set,
    SnapshotReady,
    Started,
    Stop,
)
from trainers.families.gan.model import Gan
from trainers.families.interface import Objective, StepContext
from trainers.step import optim
from trainers.storage import checkpoint
from trainers.training import loop
from trainers.training.session import TrainingSession

STEPS = 16
SMALL = {"latent_dim": 3, "hidden_g": [8, 8], "hidden_d": [8]}
KINDS: dict[str, dict[str, Any]] = {
    "mlp": {"r1": 1.0, "r1_every": 3},
    "conv": {"architecture": "conv", "channels": [3, 4], "spectral_norm": True, "loss": "hinge"},
    "critic": {"loss": "wasserstein-gp", "d_steps": 2, "batch_norm": False},
}


def config(folder: Path, *layers: Mapping[str, Any], steps: int = STEPS) -> RunConfig:
    """A tiny GAN; not through `tiny.config`, which names options of a VAE."""
    base: dict[str, Any] = {
        "data": {"name": "idx", "path": str(folder), "binarization": "none"},
        "model": SMALL,
        "optim": {"batch_size": 32, "lr": 1e-3},
        "schedule": {"steps": steps, "lr": "constant", "warmup_steps": 0},
        "execution": {"threads": 1},
    }
    return presets.assemble("gan", base, *layers)


@pytest.mark.parametrize("kind", KINDS)
def test_exact_resume_of_both_players(folder: Path, tmp_path: Path, kind: str) -> None:
    execution = {"deterministic": True, "eval_every": 5}
    given = config(folder, {"model": KINDS[kind], "execution": execution})
    change: list[Command] = [Set({"optim.lr": 1e-4}), Set({"model.lr_d_scale": 2.0})]
    uninterrupted = tiny.train(given, {4: change})
    first = tiny.train(given, {4: change, 7: [Stop()]})
    state = tiny.last_checkpoint(first)
    checkpoint.save(tmp_path / "c", state.arrays, state.meta)
    second = tiny.train(given, resume=checkpoint.load(tmp_path / "c"))
    assert tiny.of(second, Started)[0].step == 7 and second[-1] == Finished(STEPS, "succeeded")
    assert not tiny.unequal(tiny.last_checkpoint(uninterrupted).arrays, tiny.last_checkpoint(second).arrays)
    resumed_metrics = {**tiny.metrics_by_step(first), **tiny.metrics_by_step(second)}
    assert resumed_metrics == tiny.metrics_by_step(uninterrupted)


@pytest.fixture(scope="module")
def events(folder: Path) -> list[Any]:
    return list(loop.train(config(folder, {"model": KINDS["critic"], "execution": {"eval_every": 5}}, steps=10)))


def test_every_recorded_metric_is_declared_with_unit_and_words(events: list[Any]) -> None:
    declared = {spec.name: spec for spec in tiny.of(events, Started)[0].metrics}
    recorded = {name for event in tiny.of(events, Metrics) for name in event.values}
    assert recorded == set(declared)
    assert "256 gray levels" in declared["test/diversity_ema"].setup
    assert "EMA weights" in declared["test/diversity_ema"].title
    assert declared["train/loss_d"].panel == "objective" and declared["train/real_logits"].panel == "discriminator"
    assert {"train/loss_g", "train/grad_norm_g", "train/grad_norm_d"} <= set(declared)


def test_losses_are_in_nats_where_they_are_likelihoods(folder: Path) -> None:
    def unit(loss: str) -> str:
        given = config(folder, {"model": {"loss": loss}}, steps=1)
        return {s.name: s.unit for s in tiny.of(list(loop.train(given)), Started)[0].metrics}["train/loss_g"]

    assert (unit("non-saturating"), unit("hinge")) == ("nats", "")


def test_the_terms_add_up_at_every_step(events: list[Any]) -> None:
    steps = [event.values for event in tiny.of(events, Metrics) if "train/loss_d" in event.values]
    assert len(steps) == 10
    for values in steps:
        parts = sum(values[f"train/loss_d_{part}"] for part in ("real", "fake", "penalty"))
        assert values["train/loss_d"] == pytest.approx(parts, rel=1e-4, abs=1e-6)
        assert values["train/grad_norm_d"] > 0 and values["train/grad_norm_g"] > 0


def test_a_step_takes_a_batch_for_each_update_of_the_discriminator(events: list[Any]) -> None:
    assert [event.images_seen for event in tiny.of(events, Metrics) if "train/lr" in event.values][:2] == [64, 128]


def test_cards_and_pictures(events: list[Any]) -> None:
    card = tiny.of(events, SnapshotReady)[-1].card
    assert card.family == "gan" and card.latent_shape == (3,) and card.capability("critic").available
    assert not card.capability("encode").available and "inversion" in card.capability("encode").reason
    assert card.metrics["test/diversity_ema"] > 0
    assert {event.kind for event in tiny.of(events, ImagesReady)} == {"samples"}


def test_color_of_any_size(tmp_path: Path) -> None:
    color = idx_files.write_folder(tmp_path / "c", size=(3, 17, 23), labels=False)
    given = config(color, {"model": KINDS["conv"]}, steps=2)
    assert tiny.of(list(loop.train(given)), ImagesReady)[-1].images.shape == (64, 17, 23, 3)


def test_the_learning_rate_of_the_discriminator_can_be_set_beside_the_generators(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    real = optim.set_lr

    def spy(optimizer: Optimizer, lr: float) -> None:
        rates.append(lr)
        real(optimizer, lr)

    monkeypatch.setattr(optim, "set_lr", spy)
    given = config(folder, {"model": {"lr_d_scale": 3.0}}, steps=2)
    answers = tiny.of(
        tiny.train(given, {1: [Set({"model.lr_d_scale": 0.5}), Set({"model.d_steps": 2})]}), CommandApplied
    )
    assert rates == [3e-3, 1e-3, 5e-4, 1e-3]  # d, g, d, g
    assert not answers[0].error and "cannot be changed during training" in answers[1].error


class NonFiniteGan(Gan):
    """A GAN in which one player's loss is not finite from step 3 on."""

    player = "d"

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        for objective in super().training_step(batch, context):
            bad = context.step >= 3 and objective.optimizer == self.player
            yield Objective(objective.optimizer, objective.loss * (math.nan if bad else 1), objective.values)


@pytest.mark.parametrize("player", ["d", "g"])
def test_a_loss_that_is_not_finite_stops_before_its_weights_take_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sessions: list[TrainingSession], player: str
) -> None:
    monkeypatch.setattr(NonFiniteGan, "player", player)
    monkeypatch.setattr("trainers.families.gan.model.Gan", NonFiniteGan)
    events = list(loop.train(config(folder)))
    assert isinstance(events[-1], Finished) and events[-1].outcome == "failed"
    assert f"at step 4 the loss of {player} is nan" in events[-1].reason
    assert "loss_not_finite" in [alert.code for alert in tiny.of(events, Alert)]
    assert all(parameter.isfinite().all() for parameter in sessions[0].model.parameters())


class Collapsed(Gan):
    """A generator that forgets z."""

    def generate(self, z: Tensor) -> Tensor:
        return super().generate(1e-6 * z)


def test_a_collapse_is_reported_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.families.gan.model.Gan", Collapsed)
    given = config(folder, {"model": {"batch_norm": False}, "execution": {"eval_every": 2}}, steps=6)
    alerts = [alert for alert in tiny.of(list(loop.train(given)), Alert) if alert.code == "mode_collapse"]
    assert len(alerts) == 1 and "almost independent of z" in alerts[0].message


def test_an_average_of_weights_is_shown_with_statistics_of_its_own(
    folder: Path, sessions: list[TrainingSession]
) -> None:
    list(loop.train(config(folder, {"optim": {"ema_decay": 0.9}}, steps=8)))
    (session,) = sessions
    ema, raw = (dict(model.named_buffers()) for model in (session.ema.recalibrated(), session.model))
    name = next(name for name in ema if name.endswith("running_mean"))
    assert not torch.equal(ema[name], raw[name])
    before = ema[name].clone()
    session.ema.model.recalibrate()
    assert torch.allclose(dict(session.ema.model.named_buffers())[name], before, rtol=1e-5, atol=1e-6)


def test_points_outside_the_range_of_tanh_are_refused_before_anything_is_built() -> None:
    given = presets.assemble("gan-toy", {"model": {"output": "tanh"}, "execution": {"threads": 1}})
    with pytest.raises(ConfigError, match=r"model.output: 'tanh' does not cover the range of 2-D points"):
        list(loop.train(given))
