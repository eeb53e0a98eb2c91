"""Elementwise invertible transforms used inside coupling layers, with parameters from the conditioner network."""

from typing import Literal

import torch
from torch import Tensor, nn

from trainers.families.flow import splines
from trainers.families.flow.architecture import Index

LogScale = Literal["tanh", "scaled-tanh", "free"]


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
    """A monotone rational-quadratic spline on [−bound, bound], the identity outside.

    Reference: Durkan et al. 2019, arXiv:1906.04032.
    """

    def __init__(self, bins: int, bound: float) -> None:
        super().__init__()
        self.num_parameters = splines.num_parameters(bins)
        self.bound = bound

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log |dy/dx|."""
        return splines.forward(x, parameters, self.bound)

    def inverse(self, y: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and log |dx/dy|."""
        return splines.inverse(y, parameters, self.bound)
