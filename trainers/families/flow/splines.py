"""Monotone rational-quadratic splines: bends of the real line that are exact to invert.

Inside [−bound, bound] a spline through K + 1 knots, outside the identity. It starts as the identity where every
parameter is zero.

Reference: Durkan et al. 2019, section 3.1 and appendix A, arXiv:1906.04032; Gregory & Delbourgo 1982.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

# How far a spline may go: where it is steeper or flatter than this, float32 has no digits left for its inverse.
MIN_SHARE = 0.1  # of an equal share of the width and of the height, that a bin keeps at least
MIN_SLOPE = 0.01
_UNIT_SLOPE = math.log(math.expm1(1 - MIN_SLOPE))  # where softplus and the least slope together give 1


@dataclass(frozen=True)
class _Bin:
    """The bin that each value lies in: its lower left corner, its size, and the slopes at both of its ends."""

    left: Tensor
    bottom: Tensor
    width: Tensor
    height: Tensor
    slope_left: Tensor
    slope_right: Tensor

    @property
    def slope(self) -> Tensor:
        """The mean slope s = height / width."""
        return self.height / self.width


def num_parameters(bins: int) -> int:
    """Return how many parameters a value's spline has: K widths, K heights, K − 1 slopes between them."""
    return 3 * bins - 1


def forward(x: Tensor, parameters: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return y = f(x) and log f′(x), (B, N) each.

    Args:
        x: (B, N).
        parameters: (B, 3K − 1, N), unconstrained.
        bound: The spline's domain and range are [−bound, bound].

    Reference: Durkan et al. 2019, eq. 4 and 5.
    """
    inside = (x >= -bound) & (x <= bound)
    y, log_slope = _bend(x.clamp(-bound, bound), _knots(parameters, bound))
    return torch.where(inside, y, x), torch.where(inside, log_slope, torch.zeros_like(log_slope))


def inverse(y: Tensor, parameters: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return x = f⁻¹(y) and log (f⁻¹)′(y), (B, N) each.

    Reference: Durkan et al. 2019, eq. 6 to 8: the root of a quadratic, in the form that cancels nothing.
    """
    inside = (y >= -bound) & (y <= bound)
    x, log_slope = _unbend(y.clamp(-bound, bound), _knots(parameters, bound))
    return torch.where(inside, x, y), torch.where(inside, -log_slope, torch.zeros_like(log_slope))


Knots = tuple[Tensor, Tensor, Tensor]  # x, y and slope of each knot, (B, K + 1, N)


def _knots(parameters: Tensor, bound: float) -> Knots:
    bins = (parameters.shape[1] + 1) // 3
    widths, heights, slopes = torch.split(parameters, [bins, bins, bins - 1], dim=1)
    inner = MIN_SLOPE + F.softplus(slopes + _UNIT_SLOPE)
    return _edges(widths, bound), _edges(heights, bound), F.pad(inner, (0, 0, 1, 1), value=1.0)


def _edges(shares: Tensor, bound: float) -> Tensor:
    """Return the K + 1 edges of bins whose sizes are in the proportions of a softmax; the outer ones are exact."""
    sizes = MIN_SHARE / shares.shape[1] + (1 - MIN_SHARE) * shares.softmax(1)
    inner = 2 * bound * sizes.cumsum(1)[:, :-1] - bound
    return F.pad(F.pad(inner, (0, 0, 1, 0), value=-bound), (0, 0, 0, 1), value=bound)


def _bin(values: Tensor, edges: Tensor, knots: Knots) -> _Bin:
    """Return the bin of each value among `edges`, which are the knots' x or y."""
    index = (values[:, None] >= edges[:, 1:-1]).sum(1, keepdim=True)
    both = torch.cat((index, index + 1), dim=1)
    (left, right), (bottom, top), (slope_left, slope_right) = (knot.gather(1, both).unbind(1) for knot in knots)
    return _Bin(left, bottom, right - left, top - bottom, slope_left, slope_right)


def _bend(x: Tensor, knots: Knots) -> tuple[Tensor, Tensor]:
    at = _bin(x, knots[0], knots)
    share = ((x - at.left) / at.width).clamp(0, 1)
    rest = share * (1 - share)
    below = at.slope + (at.slope_right + at.slope_left - 2 * at.slope) * rest
    y = at.bottom + at.height * (at.slope * share.square() + at.slope_left * rest) / below
    return y, _log_slope(at, share, below)


def _unbend(y: Tensor, knots: Knots) -> tuple[Tensor, Tensor]:
    at = _bin(y, knots[1], knots)
    rise = (y - at.bottom).clamp_min(0)
    excess = at.slope_right + at.slope_left - 2 * at.slope
    a = at.height * (at.slope - at.slope_left) + rise * excess
    b = at.height * at.slope_left - rise * excess
    c = -at.slope * rise
    share = (2 * c / (-b - (b.square() - 4 * a * c).clamp_min(0).sqrt())).clamp(0, 1)
    below = at.slope + excess * share * (1 - share)
    return at.left + share * at.width, _log_slope(at, share, below)


def _log_slope(at: _Bin, share: Tensor, below: Tensor) -> Tensor:
    above = at.slope_right * share.square() + 2 * at.slope * share * (1 - share) + at.slope_left * (1 - share).square()
    return 2 * torch.log(at.slope) + torch.log(above) - 2 * torch.log(below)
