"""Dequantization of 256 gray levels and the logit, with log-determinants.

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

from trainers.families.flow.transforms import Transform, compose
from trainers.families.nn import standard_normal_log_prob

NUM_GRAY_LEVELS = 256
BIN_CENTER = 0.5  # an image is encoded from the centers of its bins, so that its latent is a single point


@dataclass(frozen=True)
class DequantizedBatch:
    """Data as the transforms take them.

    Args:
        v: (B, C, H, W), unbounded.
        ladj: log |det ∂v/∂level|, (B,), in nats; 0 without dequantization.
        log_q: log q(u|x) of the noise, (B,), in nats; 0 for uniform noise.
    """

    v: Tensor
    ladj: Tensor
    log_q: Tensor


class Dequantization(nn.Module):
    """Maps data to the unbounded real numbers that the transforms take, and back; here the identity, for points."""

    def sample_noise(self, shape: Sequence[int], generator: torch.Generator) -> Tensor | None:
        """Return the noise for images (B, C, H, W), on the generator's device; None where none is needed."""
        return None

    def forward(self, x: Tensor, noise: Tensor | None) -> DequantizedBatch:
        """Return data as the transforms take them; without noise they are at the centers of their bins."""
        zero = x.new_zeros(x.shape[0])
        return DequantizedBatch(x, zero, zero)

    def to_data(self, v: Tensor) -> Tensor:
        """Return the data, in [0, 1] for images: the inverse of `forward`."""
        return v

    def inverse_ladj(self, v: Tensor) -> Tensor:
        """Return log |det ∂level/∂v|, (B,), in nats."""
        return v.new_zeros(v.shape[0])

    def bin_centers(self, x: Tensor) -> Tensor:
        """Return data at the centers of their bins, in [0, 1] for images: the result of an exact round trip."""
        return x

    def max_abs(self, data_max: float) -> float:
        """Return the |v| beyond which a sample is out of range, where the largest |x| is `data_max`."""
        return 2 * data_max


class UniformDequantization(Dequantization):
    """Uniform noise within each gray level's bin, then the logit.

    Args:
        alpha: Keeps the logit finite at black and white.
    """

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def sample_noise(self, shape: Sequence[int], generator: torch.Generator) -> Tensor | None:
        """Return u ~ U[0, 1)."""
        return torch.rand(tuple(shape), generator=generator, device=generator.device)

    def forward(self, x: Tensor, noise: Tensor | None) -> DequantizedBatch:
        """Return the logits of the dequantized images."""
        levels = to_levels(x)
        v, ladj = logit_of_levels(levels, torch.full_like(levels, BIN_CENTER) if noise is None else noise, self.alpha)
        return DequantizedBatch(v, ladj, torch.zeros_like(ladj))

    def to_data(self, v: Tensor) -> Tensor:
        """Return images in [0, 1]."""
        return inverse_logit(v, self.alpha)

    def inverse_ladj(self, v: Tensor) -> Tensor:
        """Return log |det ∂level/∂v|."""
        log_slope = (F.logsigmoid(v) + F.logsigmoid(-v)).flatten(1).sum(1)
        return log_slope - v[0].numel() * (math.log1p(-self.alpha) - math.log(NUM_GRAY_LEVELS))

    def bin_centers(self, x: Tensor) -> Tensor:
        """Return (level + ½) / 256."""
        return (to_levels(x) + BIN_CENTER) / NUM_GRAY_LEVELS

    def max_abs(self, data_max: float) -> float:
        """Return twice the |logit| of black and white."""
        return 2 * abs(math.log(self.alpha / 2))


class VariationalDequantization(UniformDequantization):
    """Learned noise: u = Φ(g(ε; x)) with ε ~ N(0, I) and g a conditional flow.

    The likelihood becomes a lower bound, E_q(u|x)[log p(x + u) − log q(u|x)]. Φ takes the place of the paper's logistic
    function, so that u is uniform while g is the identity, as at initialization.

    Reference: Ho et al. 2019, eq. 11 and 12, arXiv:1902.00275.

    Args:
        alpha: Keeps the logit finite at black and white.
        chain: The transforms of g; their context is the image, scaled to [−½, ½].
    """

    def __init__(self, alpha: float, chain: Sequence[Transform]) -> None:
        super().__init__(alpha)
        self.transforms = nn.ModuleList(chain)

    def sample_noise(self, shape: Sequence[int], generator: torch.Generator) -> Tensor | None:
        """Return ε ~ N(0, I)."""
        return torch.randn(tuple(shape), generator=generator, device=generator.device)

    def forward(self, x: Tensor, noise: Tensor | None) -> DequantizedBatch:
        """Return the logits of the dequantized images."""
        if noise is None:
            return super().forward(x, None)
        w, ladj_g = compose(list(self.transforms), noise, x.flatten(1) - 0.5)  # type: ignore[arg-type]
        log_q = standard_normal_log_prob(noise.flatten(1)) - ladj_g - standard_normal_log_prob(w.flatten(1))
        v, ladj = logit_of_levels(to_levels(x), torch.special.ndtr(w), self.alpha)
        return DequantizedBatch(v, ladj, log_q)


def to_levels(x: Tensor) -> Tensor:
    """Return gray levels 0..255, as floats, for images level/255."""
    return (x * (NUM_GRAY_LEVELS - 1)).round()


def logit_of_levels(levels: Tensor, noise: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Return v = logit(s), s = (1 − α) y + α/2, y = (level + u)/256, and log |det ∂v/∂level|, (B,).

    s and 1 − s are computed separately, each without cancellation.

    Args:
        levels: Gray levels 0..255, (B, C, H, W), float.
        noise: u in [0, 1], of the same shape.
        alpha: Keeps the logit finite at black and white.
    """
    y, one_minus_y = (
        (levels + noise) / NUM_GRAY_LEVELS,
        ((NUM_GRAY_LEVELS - 1 - levels) + (1 - noise)) / NUM_GRAY_LEVELS,
    )
    log_s = torch.log((1 - alpha) * y + alpha / 2)
    log_one_minus_s = torch.log((1 - alpha) * one_minus_y + alpha / 2)
    ladj = (-log_s - log_one_minus_s).flatten(1).sum(1)
    return log_s - log_one_minus_s, ladj + prod(levels.shape[1:]) * (math.log1p(-alpha) - math.log(NUM_GRAY_LEVELS))


def inverse_logit(v: Tensor, alpha: float) -> Tensor:
    """Return y for v = logit((1 − α) y + α/2), clamped to [0, 1]."""
    return ((torch.sigmoid(v) - alpha / 2) / (1 - alpha)).clamp(0, 1)
