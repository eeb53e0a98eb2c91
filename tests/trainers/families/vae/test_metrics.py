"""Values of a VAE are what their names and setups say."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainers import tiny
from trainers.events import Alert, Metrics, Started
from trainers.families.nn import kl_per_dim, reparameterize
from trainers.families.vae.metrics import LIKELIHOOD_TITLES, NUM_ELBO_SAMPLES
from trainers.families.vae.model import Vae, kl_weight
from trainers.families.vae.spec import VaeOptions
from trainers.training.loop import train

LIKELIHOODS = {"bernoulli": "dynamic", "gaussian": "none", "discretized-logistic": "none"}


def run(folder: Path, *layers: Any, steps: int = 4) -> list[Any]:
    return list(train(tiny.config(folder, *layers, steps=steps)))


def vae(likelihood: str, shape: tuple[int, int, int] = (1, 4, 4)) -> Vae:
    torch.manual_seed(0)
    model = Vae(VaeOptions(likelihood=likelihood, latent_dim=2, hidden=(16,)), shape)
    with torch.no_grad():  # a posterior that is wide, and a decoder that depends on z
        for parameter in model.parameters():
            parameter.mul_(2)
    return model.eval()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "discretized-logistic"])
def test_the_elbo_of_single_images_is_that_of_samples_of_z(likelihood: str) -> None:
    model = vae(likelihood)
    x = (torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    with torch.inference_mode():
        values, (mu, logvar) = model.reconstruct_with_metrics(x), model.encode(x)
        noise = torch.randn(1000, 40, 2, generator=torch.Generator().manual_seed(2))
        recon = torch.stack([model.recon(x, reparameterize(mu, logvar, each)) for each in noise])
        elbo = -recon - kl_per_dim(mu, logvar).sum(1)
        error = float(elbo.std(0).mean()) * math.sqrt((1 / NUM_ELBO_SAMPLES + 1 / len(noise)) / len(x))
        assert float(values["elbo"].mean()) == pytest.approx(float(elbo.mean()), abs=4 * error)
        at_mean = -model.recon(x, mu) - kl_per_dim(mu, logvar).sum(1)
        assert float(at_mean.mean() - elbo.mean()) > 10 * error  # which is no lower bound
        torch.testing.assert_close(values["elbo"], -values["recon_nats"] - values["kl_nats"])
        torch.testing.assert_close(values["elbo"], model.log_prob(x))
        torch.testing.assert_close(values["elbo"], model.reconstruct_with_metrics(x)["elbo"], rtol=0, atol=0)
    assert "samples" in model.metric_labels()["elbo"][0]


@pytest.mark.parametrize(("likelihood", "binarization"), LIKELIHOODS.items())
def test_the_likelihood_is_part_of_every_setup_and_masses_have_bits_per_dimension(
    folder: Path, likelihood: str, binarization: str
) -> None:
    events = run(folder, {"model": {"likelihood": likelihood}, "data": {"binarization": binarization}})
    (started,) = tiny.of(events, Started)
    setups = {spec.name: spec.setup for spec in started.metrics if spec.panel in ("objective", "latent")}
    assert setups and all(LIKELIHOOD_TITLES[likelihood] in setup for setup in setups.values())
    # Bits per dimension of discrete likelihoods only.
    assert ("test/bits_per_dim_ema" in setups) == ("train/bits_per_dim" in setups) == (likelihood != "gaussian")
    if likelihood != "gaussian":
        last = [event.values for event in tiny.of(events, Metrics) if "test/elbo_ema" in event.values][-1]
        for weights in ("ema", "raw"):
            expected = -last[f"test/elbo_{weights}"] / (63 * math.log(2))
            assert last[f"test/bits_per_dim_{weights}"] == pytest.approx(expected)
        first = next(event.values for event in tiny.of(events, Metrics) if "train/elbo" in event.values)
        assert first["train/bits_per_dim"] == pytest.approx(-first["train/elbo"] / (63 * math.log(2)), rel=1e-5)


def test_a_limited_test_set_is_named_once(folder: Path) -> None:
    (started,) = tiny.of(run(folder, {"data": {"limit_test": 20}}), Started)
    setups = {spec.name: spec.setup for spec in started.metrics}
    for name in ("test/elbo_ema", "test/kl_raw", "test/kl_dim_0_ema"):
        assert setups[name].count("first 20 test images") == 1 and "whole test set" not in setups[name]
    assert "test images" not in setups["train/elbo"]
    (whole,) = tiny.of(run(folder), Started)
    assert "whole test set" in {spec.name: spec.setup for spec in whole.metrics}["test/elbo_ema"]


def weights_of(events: list[Any]) -> list[float]:
    return [event.values["train/kl_weight"] for event in tiny.of(events, Metrics) if "train/lr" in event.values]


def test_a_warmup_that_is_too_long_ends_at_half_of_the_training(folder: Path) -> None:
    events = run(folder, {"model": {"kl_warmup": 2000, "beta": 4.0}}, steps=10)
    assert weights_of(events) == pytest.approx([max(4 * (s + 1) / 2001, 4 * min(1, s / 5)) for s in range(10)])
    (alert,) = tiny.of(events, Alert)
    assert (alert.step, alert.code) == (0, "kl_warmup_shortened")
    assert "2,000 steps are more than half of the run's 10; the KL weight reaches beta after 5" in alert.message


@pytest.mark.parametrize("warmup", [0, 4, 5])
def test_a_warmup_that_fits_is_as_configured(folder: Path, warmup: int) -> None:
    events = run(folder, {"model": {"kl_warmup": warmup, "beta": 2.0}}, steps=10)
    options = VaeOptions(kl_warmup=warmup, beta=2.0)
    assert weights_of(events) == pytest.approx([kl_weight(options, step) for step in range(10)])
    assert not tiny.of(events, Alert)
