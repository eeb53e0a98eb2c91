"""What a coupling does to each value that it moves: a monotone function of the real line with given parameters."""

from typing import Literal

import torch
from torch import Tensor, nn

from trainers.families.flow import splines

LogScale = Literal["tanh", "scaled-tanh", "free"]


class UnivariateTransform(nn.Module):
    """A monotone function of each value. Parameters are (B, P, N) for values (B, N); all zero is the identity.

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
        log_scale: s is the network's output itself ("free"), its tanh, or its tanh times a learned factor.
        groups: For the learned factor, which one each value has, (N,): 0, 1, …
    """

    num_parameters = 2

    def __init__(self, log_scale: LogScale, groups: Tensor) -> None:
        super().__init__()
        self.log_scale = log_scale
        if log_scale == "scaled-tanh":
            self.reach = nn.Parameter(torch.ones(int(groups.max()) + 1))
            self.register_buffer("groups", groups, persistent=False)

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log |dy/dx| = s."""
        s = self._bounded(parameters[:, 0])
        return x * torch.exp(s) + parameters[:, 1], s

    def inverse(self, y: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and log |dx/dy| = −s."""
        s = self._bounded(parameters[:, 0])
        return (y - parameters[:, 1]) * torch.exp(-s), -s

    def _bounded(self, raw: Tensor) -> Tensor:
        if self.log_scale == "free":
            return raw
        if self.log_scale == "tanh":
            return torch.tanh(raw)
        groups = self.groups
        assert isinstance(groups, Tensor)
        return torch.tanh(raw) * self.reach.index_select(0, groups)


class RationalQuadraticSpline(UnivariateTransform):
    """A rational-quadratic spline on [−bound, bound], the identity outside.

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
