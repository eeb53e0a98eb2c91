"""Densities of the plane that are known exactly, in closed form or by quadrature along a curve; numpy alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
_AT_ONCE = 1 << 22  # numbers in one block of points × components: 32 MB
_PANEL_STDS, _PANEL_NODES = 2.0, 5  # of the quadrature: the error is below 1e-6 of the density
_ASYMPTOTIC = 50.0  # from here on the series of I₀ is exact to double precision


@dataclass(frozen=True)
class Mixture:
    """Round Gaussians of one width: p(x) = Σ_k w_k N(x; c_k, σ² I).

    Args:
        centers: (K, 2).
        weights: (K,), with a sum of 1.
        std: σ.
        separate: Whether the centers are modes; those of a quadrature are not.
    """

    centers: Doubles
    weights: Doubles
    std: float
    separate: bool = True

    @property
    def modes(self) -> Doubles | None:
        """The centers of its modes, (K, 2), where they are separate."""
        return self.centers if self.separate else None

    @property
    def mode_std(self) -> float:
        """The standard deviation of each mode; 0 where there are none."""
        return self.std if self.separate else 0.0

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p of points (N, 2), (N,), in nats."""
        precision = 1 / self.std**2
        constant = np.log(self.weights) - 0.5 * precision * np.square(self.centers).sum(1)
        pieces = []
        for part in blocks(points, len(self.centers)):
            exponents = part @ (precision * self.centers.T) + constant
            largest = exponents.max(1)
            total = np.exp(exponents - largest[:, None]).sum(1)
            pieces.append(largest + np.log(total) - 0.5 * precision * np.square(part).sum(1))
        return np.concatenate(pieces) - math.log(2 * math.pi * self.std**2)


def along(curve: Callable[[Doubles], Doubles], density: Callable[[Doubles], Doubles], std: float) -> Mixture:
    """Return the density of a point of a curve plus Gaussian noise, p(x) = ∫ ρ(t) N(x; c(t), σ² I) dt over [0, 1].

    By composite Gauss-Legendre quadrature on panels of at most two standard deviations, where the integrand is so
    smooth that a mixture of a few Gaussians a panel is numerically the density itself.

    Args:
        curve: c, from t (T,) to (T, 2).
        density: ρ, of t, (T,), with an integral of 1.
        std: σ of the noise.
    """
    fine = np.linspace(0, 1, 4097)
    fastest = float(np.linalg.norm(np.diff(curve(fine), axis=0), axis=1).max()) * (len(fine) - 1)
    panels = math.ceil(fastest / (_PANEL_STDS * std))
    nodes, weights = np.polynomial.legendre.leggauss(_PANEL_NODES)
    t = ((np.arange(panels)[:, None] + 0.5 * (nodes + 1)) / panels).ravel()
    mass = density(t) * np.tile(0.5 * weights / panels, panels)
    return Mixture(curve(t), mass / mass.sum(), std, separate=False)


def joined(parts: list[Mixture]) -> Mixture:
    """Return the mixture of several in equal shares, all of one width."""
    weights = np.concatenate([part.weights for part in parts]) / len(parts)
    return Mixture(np.concatenate([part.centers for part in parts]), weights, parts[0].std, parts[0].separate)


@dataclass(frozen=True)
class Circles:
    """Concentric circles in equal shares, with Gaussian noise: Σ_k (1/K) exp(−(r − R_k)²/2σ²) I₀ₑ(r R_k/σ²) / 2πσ².

    Args:
        radii: R.
        std: σ of the noise, in each coordinate.
    """

    radii: tuple[float, ...]
    std: float
    modes: Doubles | None = field(default=None, init=False)
    mode_std: float = field(default=0.0, init=False)

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p of points (N, 2), (N,), in nats."""
        r = np.linalg.norm(np.asarray(points, dtype=np.float64), axis=1)[:, None]
        radii, variance = np.array(self.radii), self.std**2
        terms = -np.square(r - radii) / (2 * variance) + np.log(i0e(r * radii / variance))
        largest = terms.max(1)
        total = np.exp(terms - largest[:, None]).sum(1)
        return np.asarray(largest + np.log(total) - math.log(2 * math.pi * variance * len(radii)))


def i0e(x: Doubles) -> Doubles:
    """Return exp(−x) I₀(x) of x ≥ 0: the modified Bessel function without its growth.

    Reference: Abramowitz & Stegun 1964, eq. 9.7.1, for large x.
    """
    small = np.minimum(x, _ASYMPTOTIC)
    large = np.maximum(x, _ASYMPTOTIC)
    term, series = np.ones_like(large), np.ones_like(large)
    for k in range(1, 16):
        term = term * (2 * k - 1) ** 2 / (8 * k * large)
        series = series + term
    return np.where(x <= _ASYMPTOTIC, np.i0(small) * np.exp(-small), series / np.sqrt(2 * np.pi * large))


@dataclass(frozen=True)
class Checkerboard:
    """Uniform on the dark squares of a board: 4 × 4 squares of side 2 on [−4, 4]²."""

    side: float = 2.0
    squares: int = 4
    modes: Doubles | None = field(default=None, init=False)
    mode_std: float = field(default=0.0, init=False)

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p of points (N, 2), (N,), in nats; −∞ on light squares and off the board."""
        cells = np.floor(np.asarray(points, dtype=np.float64) / self.side).astype(np.int64) + self.squares // 2
        dark = ((cells >= 0) & (cells < self.squares)).all(1) & (cells.sum(1) % 2 == 0)
        return np.where(dark, -math.log(self.side**2 * self.squares**2 / 2), -np.inf)


def blocks(points: NDArray[np.floating[Any]], width: int) -> list[Doubles]:
    """Return points (N, 2) in double precision, in pieces whose product with `width` fits the memory."""
    doubles = np.asarray(points, dtype=np.float64)
    size = max(1, _AT_ONCE // max(1, width))
    return [doubles[start : start + size] for start in range(0, max(1, len(doubles)), size)]
