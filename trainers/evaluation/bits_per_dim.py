"""Test bits per dimension and its parts, and whether the inverse is the inverse, a chunk of images at a time."""

import math
from typing import Protocol

import torch
from torch import Tensor

from trainers.flow_metrics import ROUND_TRIPS, SAMPLES
from trainers.model import Evaluator

_SAMPLES_AT_ONCE = 64


class Exact(Protocol):
    """A model with an exact likelihood of dequantised images."""

    def terms(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return z, log p(z) and the log-determinant."""
        ...

    def round_trip(self, x: Tensor) -> Tensor:
        """Return max |y − f⁻¹(f(y))| of each image."""
        ...

    def off_scale(self, z: Tensor) -> Tensor:
        """Return whether f⁻¹(z) of each latent is not finite or far outside of the data's scale."""
        ...

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(D,)."""
        ...


class BitsPerDimEvaluator(Evaluator):
    """Accumulates −log₂ p(x) / D with one draw of dequantisation noise an image, the same for every evaluation.

    Reference: Theis et al. 2016, section 3.1, arXiv:1511.01844.

    Args:
        model: With the weights to judge.
        seed: Of the noise.
    """

    def __init__(self, model: Exact, seed: int) -> None:
        self._model = model
        self._generator = torch.Generator().manual_seed(seed)
        self._prior = 0.0
        self._ladj = 0.0
        self._dimensions = 0
        self._error = 0.0
        self._device = torch.device("cpu")

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Take in test images, (B, C, H, W), level/255."""
        noise = torch.rand(x.shape, generator=self._generator).to(x.device)
        _, prior, ladj = self._model.terms(x, noise)
        self._prior += float(prior.cpu().double().sum())
        self._ladj += float(ladj.cpu().double().sum())
        self._dimensions += x.numel()
        self._device = x.device
        if start < ROUND_TRIPS:
            error = self._model.round_trip(x[: ROUND_TRIPS - start]).max()
            self._error = max(self._error, float(error)) if bool(torch.isfinite(error)) else math.inf

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return bits_per_dim = prior_bits − ladj_bits, round_trip_error, samples_off_scale."""
        per_dim = 1 / (math.log(2) * self._dimensions)
        prior, ladj = -self._prior * per_dim, self._ladj * per_dim
        return {
            "bits_per_dim": prior - ladj,
            "prior_bits": prior,
            "ladj_bits": ladj,
            "round_trip_error": self._error,
            "samples_off_scale": self._share_off_scale(),
        }

    def _share_off_scale(self) -> float:
        z = torch.randn((SAMPLES, *self._model.latent_shape), generator=self._generator).to(self._device)
        return float(
            torch.cat([self._model.off_scale(part) for part in torch.split(z, _SAMPLES_AT_ONCE)]).float().mean()
        )
