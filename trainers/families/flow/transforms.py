"""Invertible transforms with the log-determinants of their Jacobians, each exact in both directions.

A transform maps a batch to a batch of the same shape. `forward` goes from the data towards the base distribution,
`inverse` back; both return the log-determinant of the way they went, in nats.

Reference: Dinh et al. 2017, arXiv:1605.08803; Papamakarios et al. 2021, arXiv:1912.02762, section 3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainers.families.flow.masks import CouplingMask
from trainers.families.flow.univariate import UnivariateTransform


class Transform(nn.Module):
    """An invertible map with its log-determinant.

    Attributes:
        label: What a trace calls it: "coupling 3".
    """

    label: str = "transform"

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z = f(x) and log |det ∂f/∂x|, (B,); `context` (B, N) is what f may depend on besides."""
        raise NotImplementedError

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x = f⁻¹(z) and log |det ∂f⁻¹/∂z|, (B,)."""
        raise NotImplementedError


class Coupling(Transform):
    """Some values stay, a network reads them, and others are bent by what it says: z_b = g(x_b; net(x_a)), z_a = x_a.

    The values are split by index: what a mask would multiply by zero is never computed.

    Reference: Dinh et al. 2017, eq. 4 and 5, arXiv:1605.08803.

    Args:
        split: Which values stay and which are moved.
        net: From the values that stay, (B, N) (the context beside them), to parameters, (B, P · M) or (B, P, M).
        bend: What happens to each value that is moved.
        label: What a trace calls it.
    """

    def __init__(self, split: CouplingMask, net: nn.Module, bend: UnivariateTransform, label: str) -> None:
        super().__init__()
        self.label = label
        self.split = split
        self.net = net
        self.bend = bend

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and its log-determinant."""
        kept, moved, rest = self.split.apart(x)
        moved, ladj = self.bend(moved, self._asked(kept, context))
        return self.split.together(kept, moved, rest, x), ladj.sum(1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x and its log-determinant."""
        kept, moved, rest = self.split.apart(z)
        moved, ladj = self.bend.inverse(moved, self._asked(kept, context))
        return self.split.together(kept, moved, rest, z), ladj.sum(1)

    def _asked(self, kept: Tensor, context: Tensor | None) -> Tensor:
        read = kept if context is None else torch.cat((kept, context), dim=1)
        parameters: Tensor = self.net(read).to(kept.dtype)
        return parameters.view(len(kept), self.bend.num_parameters, self.split.num_moved)


class LULinear(Transform):
    """z = L U x + b on flat values, L lower triangular with a unit diagonal, U upper triangular with a positive one.

    Reference: Kingma & Dhariwal 2018, section 3.2, arXiv:1807.03039; Durkan et al. 2019, section 3.2.

    Args:
        size: How many values.
        label: What a trace calls it.
    """

    def __init__(self, size: int, label: str) -> None:
        super().__init__()
        self.label = label
        self.size = size
        below = size * (size - 1) // 2
        self.lower, self.upper = nn.Parameter(torch.zeros(below)), nn.Parameter(torch.zeros(below))
        self.log_diagonal, self.shift = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and its log-determinant, the same for every image."""
        with torch.autocast(x.device.type, enabled=False):  # this product is of the map itself: all digits count
            lower, upper = self._factors()
            z = x.flatten(1) @ (lower @ upper).T + self.shift
        return z.view_as(x), self.log_diagonal.sum().expand(len(x))

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x and its log-determinant."""
        lower, upper = self._factors()
        y = (z.flatten(1) - self.shift).T
        y = torch.linalg.solve_triangular(lower, y, upper=False, unitriangular=True)
        x = torch.linalg.solve_triangular(upper, y, upper=True).T
        return x.reshape_as(z), -self.log_diagonal.sum().expand(len(z))

    def _factors(self) -> tuple[Tensor, Tensor]:
        rows, columns = torch.tril_indices(self.size, self.size, -1, device=self.lower.device)
        eye = torch.eye(self.size, dtype=self.lower.dtype, device=self.lower.device)
        lower = eye.index_put((rows, columns), self.lower)
        upper = torch.diag(self.log_diagonal.exp()).index_put((columns, rows), self.upper)
        return lower, upper


class ElementwiseAffine(Transform):
    """z = x · exp(s) + b, with a learned s and b of each value.

    Reference: Kingma & Dhariwal 2018, section 3.1 (actnorm, here of each value and started as the identity).

    Args:
        size: How many values.
        label: What a trace calls it.
    """

    def __init__(self, size: int, label: str) -> None:
        super().__init__()
        self.label = label
        self.log_scale, self.shift = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and its log-determinant, the same for every image."""
        z = x.flatten(1) * self.log_scale.exp() + self.shift
        return z.view_as(x), self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x and its log-determinant."""
        x = (z.flatten(1) - self.shift) * (-self.log_scale).exp()
        return x.view_as(z), -self.log_scale.sum().expand(len(z))


def through(chain: Sequence[Transform], x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return what a chain of transforms makes of x, and its log-determinant, (B,)."""
    ladj = x.new_zeros(len(x))
    for transform in chain:
        x, own = transform(x, context)
        ladj = ladj + own
    return x, ladj


def back(chain: Sequence[Transform], z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return what the inverse of a chain makes of z, and its log-determinant, (B,)."""
    ladj = z.new_zeros(len(z))
    for transform in reversed(chain):
        z, own = transform.inverse(z, context)
        ladj = ladj + own
    return z, ladj


def checkerboard(image_shape: tuple[int, int, int], parity: int) -> tuple[Tensor, Tensor]:
    """Return the flat indices of the squares of one parity of c + h + w, and those of the other."""
    channels, height, width = image_shape
    c, h, w = torch.meshgrid(torch.arange(channels), torch.arange(height), torch.arange(width), indexing="ij")
    color = ((c + h + w) % 2).flatten()
    return (color == parity).nonzero().flatten(), (color != parity).nonzero().flatten()
