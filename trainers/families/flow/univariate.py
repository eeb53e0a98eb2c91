"""Elementwise invertible transforms used inside coupling layers, with parameters from the conditioner network."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.families.flow.architecture import Index

LogScale = Literal["tanh", "scaled-tanh", "free"]
Knots = tuple[Tensor, Tensor, Tensor]  # x, y and slope of each knot, (B, K + 1, N)
# Steeper or flatter splines than these bounds allow cannot be inverted in float32.
MIN_BIN_FRACTION = 0.1  # smallest bin width and height, as a fraction of 1/K of the domain
MIN_SLOPE = 0.01  # smallest slope at an inner knot
_UNIT_SLOPE_PARAMETER = math.log(math.expm1(1 - MIN_SLOPE))  # MIN_SLOPE + softplus(_UNIT_SLOPE) = 1


class UnivariateTransform(nn.Module):
    """A monotone function of each value. Values are (B, N), parameters (B, P, N); all zero is the identity.

    Attributes:
        num_parameters: P.
    """

    num_parameters: int

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log |dy/dx|, (B, N) each."""
        raise NotImplementedError

    def inverse(self, y: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and log |dx/dy|, (B, N) each."""
        raise NotImplementedError


class AffineTransform(UnivariateTransform):
    """y = x · exp(s) + t.

    Reference: Dinh et al. 2017, eq. 7 and 8, arXiv:1605.08803; the learned factor of the tanh: ibid., section 4.1.

    Args:
        log_scale: s is the network's output ("free"), its tanh, or its tanh times a learned factor ("scaled-tanh").
        groups: Which learned factor each value has, (N,): 0, 1, …
    """

    num_parameters = 2
    groups: Tensor

    def __init__(self, log_scale: LogScale, groups: Index) -> None:
        super().__init__()
        self.log_scale = log_scale
        if log_scale == "scaled-tanh":
            self.reach = nn.Parameter(torch.ones(int(groups.max()) + 1))  # the name is part of checkpoints
            self.register_buffer("groups", torch.from_numpy(groups), persistent=False)

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log |dy/dx| = s."""
        s = self._bound(parameters[:, 0])
        return x * torch.exp(s) + parameters[:, 1], s

    def inverse(self, y: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and log |dx/dy| = −s."""
        s = self._bound(parameters[:, 0])
        return (y - parameters[:, 1]) * torch.exp(-s), -s

    def _bound(self, s: Tensor) -> Tensor:
        if self.log_scale == "free":
            return s
        if self.log_scale == "tanh":
            return torch.tanh(s)
        return torch.tanh(s) * self.reach.index_select(0, self.groups)


class RationalQuadraticSpline(UnivariateTransform):
    """A monotone rational-quadratic spline through K + 1 knots on [−bound, bound], the identity outside.

    Reference: Durkan et al. 2019, section 3.1 and appendix A, arXiv:1906.04032; Gregory & Delbourgo 1982.
    """

    def __init__(self, bins: int, bound: float) -> None:
        super().__init__()
        self.num_parameters = 3 * bins - 1  # K widths, K heights, K − 1 slopes between them
        self.bound = bound

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log |dy/dx|: eq. 4 and 5, with ξ the position within the bin."""
        inside = (x >= -self.bound) & (x <= self.bound)
        knots = _knots(parameters, self.bound)
        bins = _find_bins(x.clamp(-self.bound, self.bound), knots[0], knots)
        xi = ((x.clamp(-self.bound, self.bound) - bins.left) / bins.width).clamp(0, 1)
        product = xi * (1 - xi)
        denominator = bins.mean_slope + (bins.slope_right + bins.slope_left - 2 * bins.mean_slope) * product
        y = bins.bottom + bins.height * (bins.mean_slope * xi.square() + bins.slope_left * product) / denominator
        log_slope = _log_slope(bins, xi, denominator)
        return torch.where(inside, y, x), torch.where(inside, log_slope, torch.zeros_like(log_slope))

    def inverse(self, y: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and log |dx/dy|: eq. 6 to 8, the root of a quadratic, in the form without cancellation."""
        inside = (y >= -self.bound) & (y <= self.bound)
        knots = _knots(parameters, self.bound)
        # Solve a ξ² + b ξ + c = 0 for the position ξ within the bin.
        bins = _find_bins(y.clamp(-self.bound, self.bound), knots[1], knots)
        rise = (y.clamp(-self.bound, self.bound) - bins.bottom).clamp_min(0)
        excess = bins.slope_right + bins.slope_left - 2 * bins.mean_slope
        a = bins.height * (bins.mean_slope - bins.slope_left) + rise * excess
        b = bins.height * bins.slope_left - rise * excess
        c = -bins.mean_slope * rise
        xi = (2 * c / (-b - (b.square() - 4 * a * c).clamp_min(0).sqrt())).clamp(0, 1)
        log_slope = _log_slope(bins, xi, bins.mean_slope + excess * xi * (1 - xi))
        x = bins.left + xi * bins.width
        return torch.where(inside, x, y), torch.where(inside, -log_slope, torch.zeros_like(log_slope))


@dataclass(frozen=True)
class _Bin:
    """For each value the bin that contains it: lower left corner, size, and slopes at both ends, (B, N) each."""

    left: Tensor
    bottom: Tensor
    width: Tensor
    height: Tensor
    slope_left: Tensor
    slope_right: Tensor

    @property
    def mean_slope(self) -> Tensor:
        """s = height / width."""
        return self.height / self.width


def _knots(parameters: Tensor, bound: float) -> Knots:
    bins = (parameters.shape[1] + 1) // 3
    widths, heights, slopes = torch.split(parameters, [bins, bins, bins - 1], dim=1)
    inner = MIN_SLOPE + F.softplus(slopes + _UNIT_SLOPE_PARAMETER)
    return _edges(widths, bound), _edges(heights, bound), F.pad(inner, (0, 0, 1, 1), value=1.0)


def _edges(logits: Tensor, bound: float) -> Tensor:
    """Return the K + 1 edges of bins with sizes in the proportions of a softmax; the outermost are exactly ±bound."""
    sizes = MIN_BIN_FRACTION / logits.shape[1] + (1 - MIN_BIN_FRACTION) * logits.softmax(1)
    inner = 2 * bound * sizes.cumsum(1)[:, :-1] - bound
    return F.pad(F.pad(inner, (0, 0, 1, 0), value=-bound), (0, 0, 0, 1), value=bound)


def _find_bins(values: Tensor, edges: Tensor, knots: Knots) -> _Bin:
    """Return the bin of each value among `edges`, which are the knots' x or y."""
    index = (values[:, None] >= edges[:, 1:-1]).sum(1, keepdim=True)
    ends = torch.cat((index, index + 1), dim=1)
    (left, right), (bottom, top), (slope_left, slope_right) = (knot.gather(1, ends).unbind(1) for knot in knots)
    return _Bin(left, bottom, right - left, top - bottom, slope_left, slope_right)


def _log_slope(bins: _Bin, xi: Tensor, denominator: Tensor) -> Tensor:
    """Return log f′ at position ξ of each bin (eq. 5)."""
    numerator = (
        bins.slope_right * xi.square() + 2 * bins.mean_slope * xi * (1 - xi) + bins.slope_left * (1 - xi).square()
    )
    return 2 * torch.log(bins.mean_slope) + torch.log(numerator) - 2 * torch.log(denominator)
