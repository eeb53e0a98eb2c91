"""Models small enough to know the answer to every query."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from trainers import plan, registry
from trainers.config import RunConfig
from trainers.events import MetricSpec
from trainers.families.interface import Evaluator, Model, Objective, StepContext, TransformTrace
from trainers.inference import session
from trainers.inference.loaded_model import LoadedModel
from trainers.model_card import Capability, DataCard, ModelCard

YES = Capability(available=True, how="exact")
NO = Capability(available=False, reason="this fake model has none")


class FakeModel(Model, abstract=True):
    """The methods of the training loop, which no test here calls."""

    available: frozenset[str] = frozenset()

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        raise NotImplementedError

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        raise NotImplementedError

    def metrics(self) -> Sequence[MetricSpec]:
        raise NotImplementedError

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        raise NotImplementedError


class Generator(FakeModel):
    """x = 0.5 + W z, W fixed, without an encoder; the column of axis i has length 0.02 (i + 1)."""

    available = frozenset({"sample", "decode", "invert"})

    def __init__(self, shape: tuple[int, int, int], size: int) -> None:
        super().__init__()
        self.image_shape, self.latent_shape = shape, (size,)
        values = shape[0] * shape[1] * shape[2]
        random = torch.linalg.qr(torch.randn(values, size, generator=torch.Generator().manual_seed(0)))[0]
        self.weight = nn.Parameter(random * 0.02 * torch.arange(1, size + 1))

    def decode(self, z: Tensor) -> Tensor:
        return (0.5 + z @ self.weight.T).view(-1, *self.image_shape)


class Level(FakeModel):
    """z = x / s in K equal steps: x is whatever the data are, s = `scale`."""

    available = frozenset({"sample", "decode", "encode", "log_prob", "trace", "critic"})
    steps = 4

    def __init__(self, shape: tuple[int, int, int], scale: float = 2.0) -> None:
        super().__init__()
        self.image_shape, self.latent_shape = shape, (shape[0] * shape[1] * shape[2],)
        self.scale = nn.Parameter(torch.tensor(scale))

    def decode(self, z: Tensor) -> Tensor:
        return (z * self.scale).view(-1, *self.image_shape)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = x.flatten(1) / self.scale
        return z, torch.full_like(z, -torch.inf)

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        z, logvar = self.encode(x)
        return {"mu": z, "logvar": logvar, "recon": self.decode(z)}

    def log_prob(self, x: Tensor) -> Tensor:
        z, _ = self.encode(x)
        size = self.latent_shape[0]
        return -0.5 * (z.square().sum(1) + size * math.log(2 * math.pi)) - size * torch.log(self.scale)

    def discriminator_logits(self, x: Tensor) -> Tensor:
        return -0.5 * x.flatten(1).square().sum(1)

    def trace(self, x: Tensor) -> TransformTrace:
        return self._trace(x, 1 / self.scale, "x")

    def inverse_trace(self, z: Tensor) -> TransformTrace:
        return self._trace(z.view(-1, *self.image_shape), self.scale, "z")

    def trace_images(self, stages: Tensor) -> Tensor:
        return stages

    def _trace(self, start: Tensor, factor: Tensor, name: str) -> TransformTrace:
        each = factor ** (1 / self.steps)
        stages = [start * each**k for k in range(self.steps + 1)]
        ladj = (torch.log(each) * self.latent_shape[0]).expand(self.steps, len(start))
        return TransformTrace((name, *(f"scale {k + 1}" for k in range(self.steps))), tuple(stages), ladj)


def explorer(model: FakeModel, config: RunConfig, kind: Any = "images") -> session.InferenceSession:
    """A session with a fake model and the capabilities that the registry would derive for it."""
    own = {
        name: YES if name in model.available else NO
        for name in ["sample", "decode", "encode", "invert", "log_prob", "trace", "critic"]
    }
    family = replace(
        registry.family("vae"),
        name="fake",
        latent_shape=lambda *_: model.latent_shape,
        parameter_count=lambda *_: 0,
        capabilities=lambda *_: own,
        check=lambda *_: None,
    )
    data = DataCard(name="tiny", num_train=256, num_test=60, kind=kind)
    card = ModelCard(
        family="fake",
        title="fake",
        step=0,
        images_seen=0,
        latent_shape=model.latent_shape,
        image_shape=model.image_shape,
        capabilities={"manifold": NO, **plan.capabilities(family, None, model.image_shape, kind)},
        data=data,
        num_parameters=1,
    )
    return session.InferenceSession(LoadedModel(model.eval().requires_grad_(False), card, config))
