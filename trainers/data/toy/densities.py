"""2-D densities known exactly, in closed form or by quadrature along a curve. NumPy only."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
_BLOCK_VALUES = 1 << 22  # values in one block of points × components: 32 MB
_PANEL_STDS, _PANEL_NODES = 2.0, 5  # of the quadrature: the error is below 1e-6 of the density
_SERIES_FROM = 50.0  # above this the asymptotic series of I₀ is exact to double precision


@dataclass(frozen=True)
class GaussianMixture:
    """Mixture of isotropic Gaussians of one width: p(x) = Σ_k w_k N(x; c_k, σ² I).

    Args:
        centers: (K, 2).
        weights: (K,), summing to 1.
        std: σ.
        separate: Whether the centers are modes; the nodes of a quadrature are not.
    """

    centers: Doubles
    weights: Doubles
    std: float
    separate: bool = True

    @property
    def modes(self) -> Doubles | None:
        """Centers of the modes, (K, 2); None without separate modes."""
        return self.centers if self.separate else None

    @property
    def mode_std(self) -> float:
        """Standard deviation of each mode; 0 without separate modes."""
        return self.std if self.separate else 0.0

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p(x) in nats, (N,), for points (N, 2)."""
        precision = 1 / self.std**2
        constant = np.log(self.weights) - 0.5 * precision * np.square(self.centers).sum(1)
        log_probs = []
        for block in split_into_blocks(points, len(self.centers)):
            exponents = block @ (precision * self.centers.T) + constant
            log_probs.append(_logsumexp(exponents) - 0.5 * precision * np.square(block).sum(1))
        return np.concatenate(log_probs) - math.log(2 * math.pi * self.std**2)


def noisy_curve(
    curve: Callable[[Doubles], Doubles], density: Callable[[Doubles], Doubles], std: float
) -> GaussianMixture:
    """Return the density of points on a curve with Gaussian noise, p(x) = ∫₀¹ ρ(t) N(x; c(t), σ² I) dt.

    Composite Gauss-Legendre quadrature on panels of at most two standard deviations, where the integrand is smooth
    enough that a few Gaussians per panel reproduce the density numerically.

    Args:
        curve: c, maps t (T,) to points (T, 2).
        density: ρ, maps t (T,) to densities (T,); integrates to 1.
        std: σ of the noise.
    """
    fine = np.linspace(0, 1, 4097)
    max_speed = float(np.linalg.norm(np.diff(curve(fine), axis=0), axis=1).max()) * (len(fine) - 1)
    num_panels = math.ceil(max_speed / (_PANEL_STDS * std))
    nodes, weights = np.polynomial.legendre.leggauss(_PANEL_NODES)
    t = ((np.arange(num_panels)[:, None] + 0.5 * (nodes + 1)) / num_panels).ravel()
    mass = density(t) * np.tile(0.5 * weights / num_panels, num_panels)
    return GaussianMixture(curve(t), mass / mass.sum(), std, separate=False)


def mix_equally(parts: list[GaussianMixture]) -> GaussianMixture:
    """Return the mixture of several mixtures of one width with equal weights."""
    weights = np.concatenate([part.weights for part in parts]) / len(parts)
    return GaussianMixture(np.concatenate([part.centers for part in parts]), weights, parts[0].std, parts[0].separate)


@dataclass(frozen=True)
class NoisyCircles:
    """Equally weighted concentric circles with Gaussian noise: Σ_k (1/K) exp(−(r − R_k)²/2σ²) I₀ₑ(r R_k/σ²) / 2πσ².

    Args:
        radii: R.
        std: σ of the noise in each coordinate.
    """

    radii: tuple[float, ...]
    std: float
    modes: Doubles | None = field(default=None, init=False)
    mode_std: float = field(default=0.0, init=False)

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p(x) in nats, (N,), for points (N, 2)."""
        r = np.linalg.norm(np.asarray(points, dtype=np.float64), axis=1)[:, None]
        radii, variance = np.array(self.radii), self.std**2
        terms = -np.square(r - radii) / (2 * variance) + np.log(i0e(r * radii / variance))
        return _logsumexp(terms) - math.log(2 * math.pi * variance * len(radii))


def i0e(x: Doubles) -> Doubles:
    """Return exp(−x) I₀(x) for x ≥ 0, the exponentially scaled modified Bessel function.

    Reference: Abramowitz & Stegun 1964, eq. 9.7.1, for large x.
    """
    small = np.minimum(x, _SERIES_FROM)
    large = np.maximum(x, _SERIES_FROM)
    term, series = np.ones_like(large), np.ones_like(large)
    for k in range(1, 16):
        term = term * (2 * k - 1) ** 2 / (8 * k * large)
        series = series + term
    return np.where(x <= _SERIES_FROM, np.i0(small) * np.exp(-small), series / np.sqrt(2 * np.pi * large))


@dataclass(frozen=True)
class Checkerboard:
    """Uniform density on the dark squares of a board: 4 × 4 squares of side 2 on [−4, 4]²."""

    side: float = 2.0
    squares: int = 4
    modes: Doubles | None = field(default=None, init=False)
    mode_std: float = field(default=0.0, init=False)

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p(x) in nats, (N,), for points (N, 2); −∞ outside the dark squares."""
        cells = np.floor(np.asarray(points, dtype=np.float64) / self.side).astype(np.int64) + self.squares // 2
        dark = ((cells >= 0) & (cells < self.squares)).all(1) & (cells.sum(1) % 2 == 0)
        return np.where(dark, -math.log(self.side**2 * self.squares**2 / 2), -np.inf)


def split_into_blocks(points: NDArray[np.floating[Any]], width: int) -> list[Doubles]:
    """Split points (N, 2), as float64, into blocks whose (block, width) intermediates fit in memory."""
    doubles = np.asarray(points, dtype=np.float64)
    size = max(1, _BLOCK_VALUES // max(1, width))
    return [doubles[start : start + size] for start in range(0, max(1, len(doubles)), size)]


def _logsumexp(terms: Doubles) -> Doubles:
    """Return log Σ_k exp(terms), (N,), for terms (N, K)."""
    peak = terms.max(1)
    total: Doubles = peak + np.log(np.exp(terms - peak[:, None]).sum(1))
    return total
