"""Titles and setups of metrics say what was computed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainers import idx_files, tiny
from trainers import presets, registry
from trainers.events import Metrics, MetricSpec, Started
from trainers.families.gan import metrics as gan_metrics
from trainers.training.loop import train

GAN = {
    "data": {"binarization": "none"},
    "model": {"latent_dim": 3, "hidden_g": [8], "hidden_d": [8]},
    "optim": {"batch_size": 32, "ema_decay": 0},
    "schedule": {"steps": 4, "lr": "constant", "warmup_steps": 0},
    "execution": {"threads": 1},
}
FLOW = {**GAN, "model": {"architecture": "mlp", "couplings": 2, "hidden": [8]}}


def run(preset: str, folder: Path, *layers: Any) -> tuple[dict[str, MetricSpec], list[dict[str, float]]]:
    """Return the declared metrics by name, and the values of each step."""
    data = {"data": {"name": "idx", "path": str(folder)}}
    events = list(train(presets.assemble(preset, data, *layers)))
    (started,) = tiny.of(events, Started)
    return {spec.name: spec for spec in started.metrics}, [dict(event.values) for event in tiny.of(events, Metrics)]


def test_a_small_test_set_is_named_with_its_size(folder: Path) -> None:
    specs, _ = run("gan", folder, GAN)
    count = idx_files.NUM_TEST
    assert f"first {count} test images, as many samples" in specs["test/real_logits_ema"].setup
    diversity = specs["test/diversity_ema"].setup
    assert f"mean distance of {count} samples of fixed latents over that of the first {count} test images" in diversity
    specs, _ = run("realnvp", folder, FLOW)
    assert f"first {count} test images" in specs["test/round_trip_error_ema"].setup
    assert specs["test/samples_off_scale_ema"].title.startswith("share of out-of-range samples")


def test_augmentation_is_named_with_metrics_of_training_batches_alone(folder: Path) -> None:
    augmented = {"data": {"random_flip": True, "random_crop": 2}, "model": {"diff_augment": ["translation"]}}
    specs, _ = run("gan", folder, GAN, augmented)
    for name in ("loss_d", "loss_g", "real_logits"):
        setup = specs[f"train/{name}"].setup
        assert "random flip, random crop (padding 2)" in setup and "DiffAugment (translation)" in setup
    assert not any("random flip" in s.setup or "DiffAugment" in s.setup for s in specs.values() if "test/" in s.name)


def test_levels_of_color_images_are_not_called_gray(tmp_path: Path) -> None:
    for channels, setup in ((1, "256 gray levels"), (3, "256 levels per color")):
        images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, channels), dtype=np.uint8)
        np.save(tmp_path / f"{channels}.npy", images)
        layers = presets.changes(data=str(tmp_path / f"{channels}.npy"))
        (started,) = tiny.of(list(train(presets.assemble("gan", layers, GAN))), Started)
        setups = [spec.setup for spec in started.metrics if "diversity" in spec.name]
        assert setups and all(text.startswith(setup) for text in setups)


@pytest.mark.parametrize("loss", ["non-saturating", "hinge", "least-squares", "wasserstein-gp"])
def test_setups_of_a_gan_name_loss_threshold_and_interval(loss: str, folder: Path) -> None:
    specs, values = run("gan", folder, GAN, {"model": {"loss": loss, "r1": 2.0, "r1_every": 3}})
    losses = [spec for spec in specs.values() if spec.name.startswith("train/loss")]
    assert len(losses) == 5 and all(f"{loss} loss" in spec.setup for spec in losses)
    assert "R1 every 3 steps, times 3" in specs["train/loss_d"].setup
    assert "R1" not in specs["train/loss_g"].setup and "R1" not in specs["train/loss_d_real"].setup
    has_threshold = ["halfway" in specs[name].setup for name in ("train/d_accuracy_real", "test/d_accuracy_fake_ema")]
    assert has_threshold == [loss == "wasserstein-gp"] * 2 and "halfway" not in specs["test/real_logits_ema"].setup
    if loss != "wasserstein-gp":
        assert [step["train/loss_d_penalty"] > 0 for step in values if "train/lr" in step] == [True, False, False, True]
    # The theory has the same threshold.
    family = registry.family("gan")
    terms = {
        term.quantity: term.symbol for term in family.theory_for(family.options(loss=loss), "images").other_metrics
    }
    assert terms["d_accuracy_real"] == ("P(D(x) > t)" if loss == "wasserstein-gp" else "P(D(x) > 0)")


def test_setups_of_a_gan_with_one_interval_name_none() -> None:
    specs = {spec.name: spec.setup for spec in gan_metrics.specs("nats")}
    assert specs["train/loss_d"] == "non-saturating loss, batch mean"
    assert specs["train/d_accuracy_real"] == "batch mean"


def test_the_training_loss_of_a_vae_has_the_weight_of_its_kl(folder: Path) -> None:
    layers = {"model": {"beta": 4.0, "kl_warmup": 3}}
    events = list(train(tiny.config(folder, layers, steps=6)))
    (started,) = tiny.of(events, Started)
    (loss,) = [spec for spec in started.metrics if spec.name == "train/loss"]
    assert "KL weight · KL" in loss.setup and " likelihood" in loss.setup
    steps = [event.values for event in tiny.of(events, Metrics) if "train/lr" in event.values]
    assert len(steps) == 6
    for values in steps:
        expected = values["train/recon"] + values["train/kl_weight"] * values["train/kl"]
        assert values["train/loss"] == pytest.approx(expected, rel=1e-5)


def test_the_density_of_a_flow_on_images_is_named_as_one_of_gray_levels() -> None:
    family = registry.family("flow")
    images, points = (
        family.capabilities(family.options(dequantization=kind))["log_prob"].how for kind in ("uniform", "none")
    )
    assert points == "exact" and "at the centers of the gray levels" in images
    options = family.options(architecture="mlp", couplings=2, hidden=(8,), dequantization="uniform")
    flow = tiny.built("flow", options, (1, 3, 2))
    x = torch.full((2, 1, 3, 2), 17 / 255)
    noise = torch.full_like(x, 0.5)
    with torch.no_grad():
        bits = flow.nll_terms(x, noise)["bits_per_dim"]  # type: ignore[operator]
        torch.testing.assert_close(flow.log_prob(x), -bits * 6 * torch.tensor(2.0).log())  # type: ignore[operator]
