"""Small GANs, and batches and contexts for them."""

from typing import Any

import torch
from torch import Tensor

from trainers.families.gan.model import Gan
from trainers.families.gan.spec import GanOptions
from trainers.families.interface import StepContext

Shape = tuple[int, int, int]
SHAPES: list[Shape] = [(1, 9, 7), (3, 17, 23), (2, 1, 5), (1, 28, 28)]


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
