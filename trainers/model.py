"""What the loop asks of a model, whatever its family.

A family's `build(options, image_shape)` returns a `Model`. The loop never looks inside: a training step is a generator
that yields one objective after another, so that a GAN steps its discriminator, then its generator, with the weights
that the first update left, in the same loop as a VAE with its single one.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainers.events import MetricSpec


@dataclass(frozen=True)
class StepContext:
    """What a training step may depend on besides its batch.

    Args:
        step: Optimizer updates done before this one.
        generator: The stream of this training's random numbers, on the batch's device.
        options: The family's options as they are now; a `Set` command changes them.
    """

    step: int
    generator: torch.Generator
    options: Any


@dataclass(frozen=True)
class Objective:
    """One loss to descend with one optimizer.

    Args:
        optimizer: A key of `Model.optimizer_groups`.
        loss: A scalar with a graph.
        values: Scalars to record by quantity, without a graph: {"recon": …, "kl": …}.
    """

    optimizer: str
    loss: Tensor
    values: Mapping[str, Tensor] = field(default_factory=dict)


class Evaluator:
    """Accumulates the figures of a test set, a chunk at a time, so that the loop can breathe in between."""

    def add(self, x: Tensor, start: int) -> None:
        """Take in test images `start` to `start + len(x)`, (B, C, H, W) in [0, 1]."""
        raise NotImplementedError

    def result(self) -> dict[str, float]:
        """Return the figures by quantity: {"elbo": …, "kl_dim_0": …}."""
        raise NotImplementedError


class Model(nn.Module):
    """A generative model of images, (B, C, H, W) in [0, 1]."""

    image_shape: tuple[int, int, int]
    latent_shape: tuple[int, ...]
    settable: frozenset[str] = frozenset()  # options that a `Set` command may change while it trains

    @abstractmethod
    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters of each optimizer by its name."""

    @abstractmethod
    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield the objectives of one step; the loop updates the weights before it asks for the next one."""

    @abstractmethod
    def metrics(self) -> Sequence[MetricSpec]:
        """Return what `training_step` and the evaluator record, declared for the faces."""

    @abstractmethod
    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return a fresh accumulator for a test set of that size; its chance comes from `seed` alone."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Return the expected images under p(x|z), (N, C, H, W) in [0, 1], of latents (N, …)."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), (N, d) each; only where the ability `encode` is declared."""
        raise NotImplementedError

    def recon(self, x: Tensor, z: Tensor) -> Tensor:
        """Return the reconstruction cost −log p(x|z), (B,), in nats; only where `encode` is declared."""
        raise NotImplementedError
