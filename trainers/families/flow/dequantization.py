"""From data to real numbers and back: dequantization of 256 gray levels and the logit, with their log-determinants.

Reference: Uria et al. 2013 (uniform dequantization); Dinh et al. 2017, section 4.1 (logit with alpha),
arXiv:1605.08803; Ho et al. 2019, section 3.1 (variational dequantization), arXiv:1902.00275.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainers.families.flow.transforms import Transform, through
from trainers.families.gaussian import standard_normal

LEVELS = 256
CENTER = 0.5  # of a gray level's bin: where an image is encoded from, so that its latent is one point


@dataclass(frozen=True)
class DequantizedBatch:
    """Data as the transforms take them.

    Args:
        v: (B, C, H, W), any real numbers.
        ladj: log |det ∂v/∂level|, (B,), in nats; 0 where nothing was done.
        noise: log q(u|x) of the noise that fills the bins, (B,), in nats; 0 for uniform noise.
    """

    v: Tensor
    ladj: Tensor
    noise: Tensor


class Dequantization(nn.Module):
    """What lies between the data and the transforms."""

    def chance(self, shape: Sequence[int], generator: torch.Generator) -> Tensor | None:
        """Return what the noise of images (B, C, H, W) is made of, on the generator's device; None without noise."""
        raise NotImplementedError

    def forward(self, x: Tensor, chance: Tensor | None) -> DequantizedBatch:
        """Return the data as the transforms take them; `chance` None takes the centers of the bins."""
        raise NotImplementedError

    def data_of(self, v: Tensor) -> Tensor:
        """Return the data of what the transforms took: the way back."""
        raise NotImplementedError

    def ladj_back(self, v: Tensor) -> Tensor:
        """Return log |det| of the way back at v, (B,), in nats."""
        raise NotImplementedError

    def center(self, x: Tensor) -> Tensor:
        """Return the data that a round trip starts from: in [0, 1], at the centers of the bins."""
        raise NotImplementedError

    def limit(self, reach: float) -> float:
        """Return how large |v| may be before it is off the scale, of data of which the largest is `reach`."""
        raise NotImplementedError


class NoDequantization(Dequantization):
    """Points of the plane: real numbers already."""

    def chance(self, shape: Sequence[int], generator: torch.Generator) -> Tensor | None:
        """Return None."""
        return None

    def forward(self, x: Tensor, chance: Tensor | None) -> DequantizedBatch:
        """Return the points."""
        zero = x.new_zeros(len(x))
        return DequantizedBatch(x, zero, zero)

    def data_of(self, v: Tensor) -> Tensor:
        """Return the points."""
        return v

    def ladj_back(self, v: Tensor) -> Tensor:
        """Return 0."""
        return v.new_zeros(len(v))

    def center(self, x: Tensor) -> Tensor:
        """Return the points."""
        return x

    def limit(self, reach: float) -> float:
        """Return twice the reach of the data."""
        return 2 * reach


class UniformDequantization(Dequantization):
    """Uniform noise fills each gray level's bin, the logit opens the scale to all real numbers.

    Args:
        alpha: Keeps the logit finite at black and white.
    """

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def chance(self, shape: Sequence[int], generator: torch.Generator) -> Tensor | None:
        """Return u in [0, 1)."""
        return torch.rand(tuple(shape), generator=generator, device=generator.device)

    def forward(self, x: Tensor, chance: Tensor | None) -> DequantizedBatch:
        """Return the logits of the dequantized images."""
        levels = to_levels(x)
        noise = torch.full_like(levels, CENTER) if chance is None else chance
        v, ladj = logit_of_levels(levels, noise, self.alpha)
        return DequantizedBatch(v, ladj, torch.zeros_like(ladj))

    def data_of(self, v: Tensor) -> Tensor:
        """Return images in [0, 1]."""
        return unit_of_logit(v, self.alpha)

    def ladj_back(self, v: Tensor) -> Tensor:
        """Return log |det ∂level/∂v|."""
        slopes = (F.logsigmoid(v) + F.logsigmoid(-v)).flatten(1).sum(1)
        return slopes - v[0].numel() * (math.log1p(-self.alpha) - math.log(LEVELS))

    def center(self, x: Tensor) -> Tensor:
        """Return (level + ½) / 256."""
        return (to_levels(x) + CENTER) / LEVELS

    def limit(self, reach: float) -> float:
        """Return twice as far out as black and white."""
        return 2 * abs(math.log(self.alpha / 2))


class VariationalDequantization(UniformDequantization):
    """Learned noise fills the bins: u = Φ(g(ε; x)), ε from N(0, I), with g a conditional flow.

    The likelihood becomes a lower bound, E_q(u|x)[log p(x + u) − log q(u|x)]. Where g is the identity, as it is at
    the start, u is uniform: that is why Φ stands where the paper has the logistic function.

    Reference: Ho et al. 2019, eq. 11 and 12, arXiv:1902.00275.

    Args:
        alpha: Of the logit.
        chain: The transforms of g; their context is the image in [−½, ½].
    """

    def __init__(self, alpha: float, chain: Sequence[Transform]) -> None:
        super().__init__(alpha)
        self.transforms = nn.ModuleList(chain)

    def chance(self, shape: Sequence[int], generator: torch.Generator) -> Tensor | None:
        """Return ε."""
        return torch.randn(tuple(shape), generator=generator, device=generator.device)

    def forward(self, x: Tensor, chance: Tensor | None) -> DequantizedBatch:
        """Return the logits of the dequantized images."""
        if chance is None:
            return super().forward(x, None)
        levels = to_levels(x)
        w, ladj_g = through(list(self.transforms), chance, x.flatten(1) - 0.5)  # type: ignore[arg-type]
        log_q = standard_normal(chance.flatten(1)) - ladj_g - standard_normal(w.flatten(1))
        v, ladj = logit_of_levels(levels, torch.special.ndtr(w), self.alpha)
        return DequantizedBatch(v, ladj, log_q)


def to_levels(x: Tensor) -> Tensor:
    """Return the gray levels 0..255, as floats, of images in [0, 1] that were stored as level/255."""
    return (x * (LEVELS - 1)).round()


def logit_of_levels(levels: Tensor, noise: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Return v = logit(s), s = (1 − α) y + α/2, y = (level + u)/256, and log |det ∂v/∂level|, (B,).

    Both s and 1 − s are computed from small numbers, so that neither end of the gray scale loses digits to the other.

    Args:
        levels: Gray levels 0..255, (B, C, H, W), float.
        noise: u in [0, 1], of the same shape.
        alpha: Keeps the logit finite at black and white.
    """
    low, high = (levels + noise) / LEVELS, ((LEVELS - 1 - levels) + (1 - noise)) / LEVELS
    log_s = torch.log((1 - alpha) * low + alpha / 2)
    log_rest = torch.log((1 - alpha) * high + alpha / 2)
    ladj = (-log_s - log_rest).flatten(1).sum(1)
    return log_s - log_rest, ladj + prod(levels.shape[1:]) * (math.log1p(-alpha) - math.log(LEVELS))


def unit_of_logit(v: Tensor, alpha: float) -> Tensor:
    """Return y in [0, 1] of v = logit((1 − α) y + α/2): the way back, alpha's rescaling included.

    Values beyond the image of the gray scale are clamped to black and white.
    """
    return ((torch.sigmoid(v) - alpha / 2) / (1 - alpha)).clamp(0, 1)
