"""Test likelihood of a flow and its terms, round-trip error, and the share of samples out of range."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trainers.families.flow.metrics import NUM_ROUND_TRIPS, NUM_SAMPLES
from trainers.families.interface import Evaluator

if TYPE_CHECKING:
    from trainers.families.flow.model import Flow

_SAMPLE_BATCH = 64


class FlowEvaluator(Evaluator):
    """Accumulates −log₂ p(x) / D of images, or −log p(x) of points, with one fixed noise sample per image.

    Reference: Theis et al. 2016, section 3.1, arXiv:1511.01844.

    Args:
        model: With the weights to evaluate.
        seed: Of the noise.
    """

    def __init__(self, model: "Flow", seed: int) -> None:
        self._model = model
        self._generator = torch.Generator().manual_seed(seed)
        self._sums: dict[str, float] = {}
        self._count = 0
        self._round_trip_error = 0.0
        self._data_max = 0.0
        self._device = torch.device("cpu")

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Add test images level/255, (B, C, H, W), or points, (B, 2, 1, 1)."""
        noise = self._model.sample_noise(x, self._generator)
        for name, values in self._model.nll_terms(x, noise).items():
            self._sums[name] = self._sums.get(name, 0.0) + float(values.cpu().double().sum())
        self._count += len(x)
        self._device = x.device
        self._data_max = max(self._data_max, float(x.abs().max()))
        if start < NUM_ROUND_TRIPS:
            error = self._model.round_trip(x[: NUM_ROUND_TRIPS - start]).max()
            self._round_trip_error = max(self._round_trip_error, float(error)) if error.isfinite() else math.inf

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return the mean of the objective and its terms, round_trip_error and samples_off_scale."""
        means = {name: total / self._count for name, total in self._sums.items()}
        return {
            **means,
            "round_trip_error": self._round_trip_error,
            "samples_off_scale": self.share_out_of_range(),
        }

    def share_out_of_range(self) -> float:
        """Return the share of samples of the model that are not finite or far outside the data's range."""
        z = torch.randn((NUM_SAMPLES, *self._model.latent_shape), generator=self._generator).to(self._device)
        flags = [self._model.out_of_range(part, self._data_max) for part in torch.split(z, _SAMPLE_BATCH)]
        return float(torch.cat(flags).float().mean())
