"""The cost of test data and its parts, and whether the inverse is the inverse, a chunk of images at a time."""

import math
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from trainers.families.flow.metrics import ROUND_TRIPS, SAMPLES
from trainers.families.interface import Evaluator

_SAMPLES_AT_ONCE = 64


class HasExactLikelihood(Protocol):
    """A model with an exact inverse and a likelihood."""

    def chance(self, x: Tensor, generator: torch.Generator) -> Tensor | None:
        """Return what the dequantization noise of images is made of."""
        ...

    def costs(self, x: Tensor, chance: Tensor | None) -> Mapping[str, Tensor]:
        """Return the objective and its parts by quantity, (B,) each: {"bits_per_dim": …, "prior_bits": …}."""
        ...

    def round_trip(self, x: Tensor) -> Tensor:
        """Return max |y − f⁻¹(f(y))| of each image."""
        ...

    def off_scale(self, z: Tensor, reach: float) -> Tensor:
        """Return whether f⁻¹(z) of each latent is not finite or far outside of the data's scale."""
        ...

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(D,)."""
        ...


class ExactEvaluator(Evaluator):
    """Accumulates −log₂ p(x) / D, or −log p(x) of points, with one draw of noise an image, the same every time.

    Reference: Theis et al. 2016, section 3.1, arXiv:1511.01844.

    Args:
        model: With the weights to judge.
        seed: Of the noise.
    """

    def __init__(self, model: HasExactLikelihood, seed: int) -> None:
        self._model = model
        self._generator = torch.Generator().manual_seed(seed)
        self._sums: dict[str, float] = {}
        self._count = 0
        self._error = 0.0
        self._reach = 0.0
        self._device = torch.device("cpu")

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Take in test images, (B, C, H, W), level/255, or points, (B, 2, 1, 1)."""
        chance = self._model.chance(x, self._generator)
        for name, costs in self._model.costs(x, chance).items():
            self._sums[name] = self._sums.get(name, 0.0) + float(costs.cpu().double().sum())
        self._count += len(x)
        self._device = x.device
        self._reach = max(self._reach, float(x.abs().max()))
        if start < ROUND_TRIPS:
            error = self._model.round_trip(x[: ROUND_TRIPS - start]).max()
            self._error = max(self._error, float(error)) if bool(torch.isfinite(error)) else math.inf

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return the objective and its parts, averaged over images, round_trip_error and samples_off_scale."""
        averages = {name: total / self._count for name, total in self._sums.items()}  # of images, not of chunks
        return {
            **averages,
            "round_trip_error": self._error,
            "samples_off_scale": self._share_off_scale(),
        }

    def _share_off_scale(self) -> float:
        z = torch.randn((SAMPLES, *self._model.latent_shape), generator=self._generator).to(self._device)
        parts = [self._model.off_scale(part, self._reach) for part in torch.split(z, _SAMPLES_AT_ONCE)]
        return float(torch.cat(parts).float().mean())
