"""From 256 grey levels to real numbers and back: uniform dequantisation and the logit, with their log-determinants.

Reference: Uria et al. 2013 (dequantisation); Dinh et al. 2017, section 4.1 (logit with alpha), arXiv:1605.08803.
"""

import math

import torch
from torch import Tensor

LEVELS = 256


def to_levels(x: Tensor) -> Tensor:
    """Return the grey levels 0..255, as floats, of images in [0, 1] that were stored as level/255."""
    return (x * (LEVELS - 1)).round()


def logit_of_levels(levels: Tensor, noise: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Return v = logit(s), s = (1 − α) y + α/2, y = (level + u)/256, and log |det ∂v/∂level|, (B,).

    Both s and 1 − s are computed from small numbers, so that neither end of the grey scale loses digits to the other.

    Args:
        levels: Grey levels 0..255, (B, C, H, W), float.
        noise: u in [0, 1), of the same shape.
        alpha: Keeps the logit finite at black and white.
    """
    low, high = (levels + noise) / LEVELS, ((LEVELS - 1 - levels) + (1 - noise)) / LEVELS
    log_s = torch.log((1 - alpha) * low + alpha / 2)
    log_rest = torch.log((1 - alpha) * high + alpha / 2)
    ladj = (-log_s - log_rest).flatten(1).sum(1)
    return log_s - log_rest, ladj + levels[0].numel() * (math.log1p(-alpha) - math.log(LEVELS))


def unit_of_logit(v: Tensor, alpha: float) -> Tensor:
    """Return y in [0, 1] of v = logit((1 − α) y + α/2): the way back, alpha's rescaling included.

    Values beyond the image of the grey scale are clamped to black and white.
    """
    return ((torch.sigmoid(v) - alpha / 2) / (1 - alpha)).clamp(0, 1)
