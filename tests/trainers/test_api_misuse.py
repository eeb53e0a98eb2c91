"""The public API: data, arguments and modules that do not fit are rejected with an error that names them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import trainers
from tests.trainers.own_models import IMAGES, POINTS, Autoencoder, Mean, run


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros(10), r"data: shape \(10,\); expected images \(N, H, W\)"),
        (np.zeros((10, 3)), r"data: shape \(10, 3\)"),
        (np.zeros((10, 8, 8, 3)), r"channels come second: data\.transpose\(0, 3, 1, 2\)"),
        (np.zeros((10, 2, 8, 8)), "use 1 or 3 channels"),
        (np.zeros((10, 8, 8), np.int64), "data: dtype int64; expected uint8, bool or floats"),
        (np.full((10, 8, 8), 255.0), r"data: values from 255 to 255; expected \[0, 1\]"),
        (np.full((10, 8, 8), np.nan), r"data: values from nan to nan"),
        (np.full((10, 2), np.inf), "data: contains NaN or infinite"),
        (np.zeros((1, 8, 8)), "data: 1 example; at least 2"),
        ((IMAGES, IMAGES[:, :4]), r"training shape \(8, 6, 1\), but test shape \(4, 6, 1\)"),
        ((IMAGES, IMAGES, IMAGES), r"data: expected a pair"),
        (np.array(["a"]), "data: expected an array of numbers"),
        ([IMAGES, IMAGES[:5]], r"data: a list of arrays .* pass a tuple \(train, test\)"),
    ],
)
def test_unfit_data_are_rejected_by_name(data: Any, message: str) -> None:
    with pytest.raises(trainers.DataError, match=message):
        trainers.train("vae-2d", data=data)


@pytest.mark.parametrize("labels", [np.zeros(299, int), np.zeros(300), np.full(300, 256)])
def test_unfit_labels_are_rejected(labels: Any) -> None:
    with pytest.raises(trainers.DataError, match="labels: "):
        trainers.train("vae-2d", data=IMAGES, labels=labels)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("vea", {}, "did you mean 'vae"),
        (3, {}, "model: got int"),
        ("vae-2d", {"data": "minst"}, "did you mean 'mnist'"),
        ("vae-2d", {"epochs": 0}, r"schedule\.epochs"),
        ("vae-2d", {"epochs": 1, "steps": 2}, "exactly one of epochs, steps, minutes"),
        ("vae-2d", {"seed": -1}, "seed"),
        ("vae-2d", {"settings": {"model.bteta": 4}}, "did you mean 'beta'"),
        ("vae-2d", {"seed": 1.5}, "seed: must be a whole number"),
        ("vae-2d", {"seed": "x"}, "seed: must be a whole number"),
        ("vae-2d", {"seed": 2**70}, "seed: must be less than"),
        ("vae-2d", {"steps": True}, r"schedule\.steps: must be a number, not true or false \(got True\)"),
        ("vae-2d", {"settings": {"model.hidden": [8, True]}}, r"model\.hidden: must be a number, not true or false"),
        ("vae-2d", {"settings": [1]}, r'settings: expected a mapping such as \{"optim.lr": 1e-3\}, got \[1\]'),
        ("vae-2d", {"settings": {1: 2}}, "settings: key: expected text"),
        ("vae-2d", {"settings": {"execution.device": "mps"}}, "execution.device: 'mps' is not available here"),
        ("vae-2d", {"resume": 3}, "resume: expected a checkpoint folder or a ResumeState, got 3"),
        ("vae-2d", {"control": 3}, r"control: int lacks poll\(step\) or watchers\(\)"),
        ("vae-2d", {"data": POINTS}, r"model\.likelihood"),
        ("vae-2d", {"labels": [1, 2]}, "labels: only arrays"),
        (Mean(1, 8, 6), {"data": IMAGES, "settings": {"model.beta": 1}}, r"model\.beta: unknown key"),
    ],
)
def test_misuse_is_reported_before_anything_runs(model: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(trainers.ConfigError, match=message):
        trainers.train(model, **arguments)


def test_a_configuration_a_family_and_a_folder_of_another_type_are_rejected_by_name() -> None:
    with pytest.raises(trainers.ConfigError, match=r"^seed: must be a whole number"):
        trainers.RunConfig(model="vae", schedule={"steps": 1}, seed="x")
    with pytest.raises(trainers.ConfigError, match=r"spec: expected a trainers\.Family, got 3"):
        trainers.register_family(3)  # type: ignore[arg-type]
    with pytest.raises(trainers.ConfigError, match=r"spec: expected a trainers\.DataSet, got 'x'"):
        trainers.register_dataset("x")  # type: ignore[arg-type]
    with pytest.raises(trainers.DataError, match="folder: expected a folder, got 3"):
        trainers.save_images(3, IMAGES)  # type: ignore[arg-type]


def with_loss(returned: Any) -> nn.Module:
    module = Mean(1)
    module.loss = lambda x: returned  # type: ignore[method-assign]
    return module


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Linear(2, 2), r"Linear has no method loss\(batch\)"),
        (with_loss(torch.zeros(4)), r"returned a tensor of shape \(4,\) as 'loss'"),
        (with_loss(1.0), "returned a float as 'loss'"),
        (with_loss({"recon": torch.zeros(())}), "without 'loss'"),
        (with_loss({"loss": torch.zeros(()), "a b": torch.zeros(())}), "a value named 'a b'"),
    ],
)
def test_a_module_that_cannot_be_trained_is_rejected(module: nn.Module, message: str) -> None:
    with pytest.raises(trainers.ConfigError, match=message):
        run(module, data=IMAGES, steps=1)


def test_a_decoder_needs_a_latent_dim() -> None:
    module = Autoencoder()
    module.latent_dim = "two"  # type: ignore[assignment]
    with pytest.raises(trainers.ConfigError, match="no latent_dim"):
        trainers.train(module, data=IMAGES)
