"""Invertible transforms with log-determinants, exact in both directions.

A transform maps a batch to a batch of the same shape. `forward` goes from the data to the base distribution, `inverse`
from the base to the data; each returns its own log|det J|, in nats.

Reference: Dinh et al. 2017, arXiv:1605.08803; Papamakarios et al. 2021, arXiv:1912.02762, section 3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainers.families.flow.architecture import CouplingMask
from trainers.families.flow.univariate import UnivariateTransform


class Transform(nn.Module):
    """An invertible map with its log-determinant.

    Attributes:
        label: Name of the transform in a trace: "coupling 3".
    """

    label: str = "transform"

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z = f(x) and log |det ∂f/∂x|, (B,); a conditional f also depends on `context`, (B, N)."""
        raise NotImplementedError

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x = f⁻¹(z) and log |det ∂f⁻¹/∂z|, (B,)."""
        raise NotImplementedError


class Coupling(Transform):
    """z_a = x_a, z_b = g(x_b; net(x_a)), with g a univariate transform of each value.

    Reference: Dinh et al. 2017, eq. 4 and 5, arXiv:1605.08803.

    Args:
        mask: Mask that splits x into x_a and x_b.
        net: Conditioner from x_a, (B, N), and the context where there is one, to parameters, (B, P · M) or (B, P, M).
        univariate: Univariate transform g.
        label: Name of the transform in a trace.
    """

    def __init__(self, mask: CouplingMask, net: nn.Module, univariate: UnivariateTransform, label: str) -> None:
        super().__init__()
        self.label = label
        self.mask = mask
        self.net = net
        self.bend = univariate  # the name is part of checkpoints

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and its log-determinant."""
        identity, transformed, others = self.mask.split(x)
        transformed, ladj = self.bend(transformed, self._condition(identity, context))
        return self.mask.merge(identity, transformed, others, x), ladj.sum(1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x and its log-determinant."""
        identity, transformed, others = self.mask.split(z)
        transformed, ladj = self.bend.inverse(transformed, self._condition(identity, context))
        return self.mask.merge(identity, transformed, others, z), ladj.sum(1)

    def _condition(self, identity: Tensor, context: Tensor | None) -> Tensor:
        inputs = identity if context is None else torch.cat((identity, context), dim=1)
        parameters: Tensor = self.net(inputs).to(identity.dtype)
        return parameters.view(identity.shape[0], self.bend.num_parameters, self.mask.num_transformed)


class LULinear(Transform):
    """z = L U x + b on flat values, L lower triangular with a unit diagonal, U upper triangular with a positive one.

    Reference: Kingma & Dhariwal 2018, section 3.2, arXiv:1807.03039; Durkan et al. 2019, section 3.2.

    Args:
        size: Number of values.
        label: Name of the transform in a trace.
    """

    def __init__(self, size: int, label: str) -> None:
        super().__init__()
        self.label = label
        self.size = size
        num_below = size * (size - 1) // 2
        self.lower, self.upper = nn.Parameter(torch.zeros(num_below)), nn.Parameter(torch.zeros(num_below))
        self.log_diagonal, self.shift = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and its log-determinant, the same for every image."""
        with torch.autocast(x.device.type, enabled=False):  # rounding here would make the inverse inexact
            lower, upper = self._factors()
            z = x.flatten(1) @ (lower @ upper).T + self.shift
        return z.view_as(x), self.log_diagonal.sum().expand(x.shape[0])

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x and its log-determinant."""
        lower, upper = self._factors()
        y = (z.flatten(1) - self.shift).T
        y = torch.linalg.solve_triangular(lower, y, upper=False, unitriangular=True)
        x = torch.linalg.solve_triangular(upper, y, upper=True).T
        return x.reshape_as(z), -self.log_diagonal.sum().expand(z.shape[0])

    def to_onnx_module(self) -> "DenseLinear":
        """Return the same map with its matrix and the inverse: ONNX has no triangular solve."""
        with torch.no_grad():
            lower, upper = (factor.double() for factor in self._factors())
            matrix = lower @ upper
            return DenseLinear(matrix.float(), torch.linalg.inv(matrix).float(), self.shift, self.log_diagonal.sum())

    def _factors(self) -> tuple[Tensor, Tensor]:
        rows, columns = torch.tril_indices(self.size, self.size, -1, device=self.lower.device)
        eye = torch.eye(self.size, dtype=self.lower.dtype, device=self.lower.device)
        lower = eye.index_put((rows, columns), self.lower)
        upper = torch.diag(self.log_diagonal.exp()).index_put((columns, rows), self.upper)
        return lower, upper


class DenseLinear(Transform):
    """z = A x + b on flat values, with A and its inverse as buffers; for exports, not for training.

    Args:
        matrix: A, (D, D).
        inverse_matrix: A⁻¹, (D, D).
        shift: b, (D,).
        ladj: log |det A|, a scalar.
    """

    def __init__(self, matrix: Tensor, inverse_matrix: Tensor, shift: Tensor, ladj: Tensor) -> None:
        super().__init__()
        for name, value in (("matrix", matrix), ("inverse_matrix", inverse_matrix), ("shift", shift), ("ladj", ladj)):
            self.register_buffer(name, value.detach().clone())

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and its log-determinant, the same for every image."""
        z = x.flatten(1) @ self.get_buffer("matrix").T + self.get_buffer("shift")
        return z.view_as(x), self.get_buffer("ladj").expand(x.shape[0])

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x and its log-determinant."""
        x = (z.flatten(1) - self.get_buffer("shift")) @ self.get_buffer("inverse_matrix").T
        return x.view_as(z), -self.get_buffer("ladj").expand(z.shape[0])


class ElementwiseAffine(Transform):
    """z = x · exp(s) + b, with a learned s and b for each value.

    Reference: Kingma & Dhariwal 2018, section 3.1 (actnorm, here per value and initialized as the identity).

    Args:
        size: Number of values.
        label: Name of the transform in a trace.
    """

    def __init__(self, size: int, label: str) -> None:
        super().__init__()
        self.label = label
        self.log_scale, self.shift = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and its log-determinant, the same for every image."""
        z = x.flatten(1) * self.log_scale.exp() + self.shift
        return z.view_as(x), self.log_scale.sum().expand(x.shape[0])

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return x and its log-determinant."""
        x = (z.flatten(1) - self.shift) * (-self.log_scale).exp()
        return x.view_as(z), -self.log_scale.sum().expand(z.shape[0])


def compose(chain: Sequence[Transform], x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the output of a chain of transforms and its log-determinant, (B,)."""
    total = x.new_zeros(x.shape[0])
    for transform in chain:
        x, ladj = transform(x, context)
        total = total + ladj
    return x, total


def compose_inverse(chain: Sequence[Transform], z: Tensor) -> Tensor:
    """Return the output of a chain's inverse."""
    for transform in reversed(chain):
        z, _ = transform.inverse(z)
    return z
