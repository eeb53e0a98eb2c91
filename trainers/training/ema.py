"""The exponential moving average of the weights: what is looked at and evaluated beside the raw weights."""

import copy

import torch
from torch import Tensor

from trainers.families.interface import Model

EVERY = 4  # steps between updates: the average moves by decay^4, for a quarter of the memory traffic


class Ema:
    """A second model whose weights follow the first one's.

    The decay grows to its value as (1 + t)/(10 + t), so that early pictures are not of the first random weights. A
    decay of 0 means no second model: the EMA weights are the raw weights.

    Reference: Polyak & Juditsky 1992; the growing decay is TensorFlow's `ExponentialMovingAverage`.

    Args:
        model: The model to follow.
        decay: For one step.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self._source = model
        self._decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False) if decay else model
        self._mine: list[Tensor] = list(self.model.parameters())
        self._theirs: list[Tensor] = list(model.parameters())
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))
        self._settled = False

    @property
    def separate(self) -> bool:
        """Whether the EMA weights are others than the raw weights."""
        return self.model is not self._source

    def settled(self) -> Model:
        """Return the averaged model, fit to be looked at: what its average does not carry is estimated anew."""
        if self.separate and not self._settled:
            self.model.recalibrate()
            self._settled = True
        return self.model

    def update(self, step: int) -> None:
        """Follow the weights after update number `step` (from 1)."""
        if self.separate and (step % EVERY == 0 or step <= EVERY):
            self._follow(step)

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        self._settled = False
        decay = min(self._decay, (1 + step) / (10 + step)) ** (EVERY if step > EVERY else 1)
        torch._foreach_lerp_(self._mine, self._theirs, 1 - decay)
        for mine, theirs in self._buffers:
            mine.copy_(theirs)
