"""The exponential moving average (EMA) of the weights."""

import copy

import torch
from torch import Tensor

from trainers.families.interface import Model

EMA_UPDATE_EVERY = 4  # steps between updates: the average moves by decay^4, for a quarter of the memory traffic


class Ema:
    """A second model with averaged weights.

    The decay grows to its value as (1 + t)/(10 + t), so that early images are not those of the initial weights. With a
    decay of 0 there is no second model: the EMA weights are the raw weights.

    Reference: Polyak & Juditsky 1992; the growing decay is TensorFlow's `ExponentialMovingAverage`.

    Args:
        model: Model whose weights are averaged.
        decay: Decay per step, in [0, 1).
    """

    def __init__(self, model: Model, decay: float) -> None:
        self._source = model
        self._decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False) if decay else model
        self._averages: list[Tensor] = list(self.model.parameters())
        self._weights: list[Tensor] = list(model.parameters())
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))
        self._is_recalibrated = False

    @property
    def is_separate(self) -> bool:
        """True if the EMA weights are a copy beside the raw weights."""
        return self.model is not self._source

    def recalibrated(self) -> Model:
        """Return the averaged model, with statistics that cannot be averaged recomputed; see `Model.recalibrate`."""
        if self.is_separate and not self._is_recalibrated:
            self.model.recalibrate()
            self._is_recalibrated = True
        return self.model

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Average in the weights after update number `step`, from 1."""
        if not self.is_separate or (step % EMA_UPDATE_EVERY and step > EMA_UPDATE_EVERY):
            return
        self._is_recalibrated = False
        decay = min(self._decay, (1 + step) / (10 + step)) ** (EMA_UPDATE_EVERY if step > EMA_UPDATE_EVERY else 1)
        torch._foreach_lerp_(self._averages, self._weights, 1 - decay)
        for average, buffer in self._buffers:
            average.copy_(buffer)
