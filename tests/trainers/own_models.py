"""Own data and own modules, as a user of the API would write them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import trainers
from tests.trainers import tiny

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 8, 6), dtype=np.uint8)
POINTS = np.random.default_rng(1).normal(size=(500, 2))
TINY = {"model.hidden": [8], "optim.batch_size": 16, "execution.threads": 1}


class Autoencoder(nn.Module):
    latent_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(48, 2), nn.Linear(2, 48)
        self.norm = nn.BatchNorm1d(2)

    def encode(self, x: Tensor) -> Tensor:
        mu: Tensor = self.norm(self.down(x.flatten(1)))
        return mu

    def decode(self, z: Tensor) -> Tensor:
        images: Tensor = self.up(z).sigmoid().view(-1, 1, 8, 6)
        return images

    def loss(self, x: Tensor) -> dict[str, Tensor]:
        z = self.encode(x)
        recon = (self.decode(z + 0.1 * torch.randn_like(z)) - x).square().mean()
        return {"loss": recon, "code_norm": z.norm()}


class Mean(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(shape))

    def loss(self, x: Tensor) -> Tensor:
        return (x - self.mean).square().mean()


def run(*args: Any, **kwargs: Any) -> list[Any]:
    settings = {"execution.threads": 1, **kwargs.pop("settings", {})}
    return list(trainers.train(*args, settings=settings, **kwargs))


def last_snapshot(events: list[Any]) -> trainers.SnapshotReady:
    return tiny.of(events, trainers.SnapshotReady)[-1]
