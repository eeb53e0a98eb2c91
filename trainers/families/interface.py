"""What the loop asks of a model, whatever its family.

A family's `build(options, image_shape)` returns a `Model`. The loop never looks inside: a training step is a generator
that yields one objective after another, so that a GAN steps its discriminator, then its generator, with the weights
that the first update left, in the same loop as a VAE with its single one.
"""

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainers.compiled.precision import AutocastContext
from trainers.events import MetricSpec


@dataclass(frozen=True)
class StepContext:
    """What a training step may depend on besides its batch.

    Args:
        step: Optimizer updates done before this one.
        generator: The stream of this training's random numbers, on the batch's device.
        options: The family's options as they are now; a `Set` command changes them.
        compute: Does the heavy arithmetic: what is a pure function of tensors is handed to it.
        numbers: What stands for `Model.scalars` while a step is traced, as scalars; empty else.
    """

    step: int
    generator: torch.Generator
    options: Any
    compute: AutocastContext = field(default_factory=AutocastContext)
    scalars: Mapping[str, Tensor] = field(default_factory=dict)


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


@dataclass(frozen=True)
class Trace:
    """The way of a batch through a chain of transforms, K of them, in the order in which it went.

    Args:
        labels: K + 1 names: where it starts ("x" or "z"), then each transform.
        stages: K + 1 tensors of the batch's shape (B, C, H, W): the start, then what each transform made of it.
        ladj: (K, B): each transform's log-determinant in the direction it went, in nats.
    """

    labels: tuple[str, ...]
    stages: tuple[Tensor, ...]
    ladj: Tensor


class Model(nn.Module):
    """A generative model of images, (B, C, H, W) in [0, 1], or of points of the plane, (B, 2, 1, 1), any real numbers.

    Latents are flat: (B, d). What a model cannot do it does not define, and its family does not declare the capability.
    """

    image_shape: tuple[int, int, int]
    latent_shape: tuple[int, ...]
    settable: frozenset[str] = frozenset()  # options that a `Set` command may change while it trains
    supports_bf16: bool = False  # whether its figures were shown to be the same where products are taken in bfloat16
    compile_speedup: float = 0.0  # share of a step's time that compiling has been seen to save; 0: none
    batches_per_step: int = 1  # how many batches of data one step gets, as one tensor (batches · B, C, H, W)

    def lr_scale(self, optimizer: str, options: Any) -> float:
        """Return the factor on `optim.lr` for one of the optimizers, with the family's options as they are now."""
        return 1.0

    def scalars(self, options: Any, step: int) -> dict[str, float]:
        """Return what changes from step to step, or by a `Set`, and that a step's arithmetic only multiplies by."""
        return {}

    def step_scalars(self, context: StepContext) -> Mapping[str, float | Tensor]:
        """Return the numbers of a step, for its arithmetic."""
        return context.scalars or self.scalars(context.options, context.step)

    def graph_key(self, options: Any, step: int) -> Hashable:
        """Return what decides which arithmetic a step takes: steps of equal variants differ in tensors alone.

        These are the weights, the batch, the chance and the `scalars`. A compiled step is one of a variant.
        """
        return tuple(getattr(options, name) for name in sorted(self.settable))

    def recalibrate(self) -> None:
        """Make averaged weights fit to be looked at: re-estimate what an average of weights does not carry."""

    def warnings(self, figures: Mapping[str, float]) -> Iterator[tuple[str, str]]:
        """Yield (code, message) for what a person should look at in an evaluation's figures, by quantity.

        Each code is told once, when it begins.
        """
        yield from ()

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
        """Return images, (N, C, H, W) in [0, 1], or points, (N, 2, 1, 1), of latents (N, d).

        For a VAE the expected images under p(x|z).
        """

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), (N, d) each; only where the capability `encode` is declared."""
        raise NotImplementedError

    def recon(self, x: Tensor, z: Tensor) -> Tensor:
        """Return the reconstruction cost −log p(x|z), (B,), in nats; only where `encode` is declared."""
        raise NotImplementedError

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        """Return what `encode` answers of images (B, C, H, W), each with a first axis of B.

        Always `mu`, `logvar` (B, d) and `recon` (B, C, H, W); besides, figures of each image (B,) that
        `metric_labels` explains. Only where `encode` is declared.
        """
        raise NotImplementedError

    def metric_labels(self) -> dict[str, tuple[str, str]]:
        """Return name and unit of each metric of an image: {"recon_nats": ("reconstruction", "nats")}."""
        return {}

    def pipeline(self, x: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return the stations of one image's way, named as the theory's stages, and the objective's terms.

        Args:
            x: One image, (1, C, H, W).
            generator: Of chance, on the CPU.

        Returns:
            Tensors with a first axis of 1, images as (1, C, H, W); figures by quantity.
        """
        raise NotImplementedError

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) of data (B, C, H, W), or what is known of it, (B,), in nats; where `log_prob` is declared."""
        raise NotImplementedError

    def trace(self, x: Tensor) -> Trace:
        """Follow data (B, C, H, W) to the base distribution; only where `trace` is declared."""
        raise NotImplementedError

    def inverse_trace(self, z: Tensor) -> Trace:
        """Follow latents (B, d) to the data; only where `trace` is declared."""
        raise NotImplementedError

    def trace_images(self, stages: Tensor) -> Tensor:
        """Return a trace's stages, (B, C, H, W), as they can be shown: in [0, 1], or, for points, as they are."""
        raise NotImplementedError

    def discriminator_logits(self, x: Tensor) -> Tensor:
        """Return the discriminator's logits, (B,), of data (B, C, H, W); only where `critic` is declared."""
        raise NotImplementedError
