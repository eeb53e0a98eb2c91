"""2-D densities known exactly, in closed form or by quadrature along a curve. NumPy only."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.data.dataset import Density

Doubles = NDArray[np.float64]
_MAX_BLOCK_VALUES = 1 << 22  # values in one block of points × components: 32 MB
_PANEL_STDS, _PANEL_NODES = 2.0, 5  # width and nodes of a quadrature panel: the error is below 1e-6 of the density
_MIN_SERIES_X = 50.0  # above this the asymptotic series of I₀ is exact to double precision
# The pinwheel: the mean and standard deviation are those of the position along an arm, before scaling.
NUM_ARMS, ARM_MEAN, ARM_STD, TWIST_RATE, PINWHEEL_SCALE = 5, 1.0, 0.3, 0.25, 1.9
PINWHEEL_RADIUS = 4.1  # radius that contains 99.9 % of the points
_SEARCH_STDS = 7.0  # range of a to search, in standard deviations; 1e-12 of the mass is outside
_NUM_INTERVALS, _NUM_BISECTIONS = 128, 48  # the grid separates all roots; bisection then halves to double precision


@dataclass(frozen=True)
class GaussianMixture(Density):
    """Mixture of isotropic Gaussians of one width: p(x) = Σ_k w_k N(x; c_k, σ² I).

    Args:
        centers: (K, 2).
        weights: (K,), summing to 1.
        std: σ.
        has_modes: Whether the centers are modes; the nodes of a quadrature are not.
    """

    centers: Doubles
    weights: Doubles
    std: float
    has_modes: bool = True

    @property
    def modes(self) -> Doubles | None:
        """Centers of the modes, (K, 2); None without separate modes."""
        return self.centers if self.has_modes else None

    @property
    def mode_std(self) -> float:
        """Standard deviation of each mode; 0 without separate modes."""
        return self.std if self.has_modes else 0.0

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
    return GaussianMixture(curve(t), mass / mass.sum(), std, has_modes=False)


def mix_equally(parts: list[GaussianMixture]) -> GaussianMixture:
    """Return the mixture of several mixtures of one width with equal weights."""
    weights = np.concatenate([part.weights for part in parts]) / len(parts)
    return GaussianMixture(np.concatenate([part.centers for part in parts]), weights, parts[0].std, parts[0].has_modes)


@dataclass(frozen=True)
class NoisyCircles(Density):
    """Equally weighted concentric circles with Gaussian noise: Σ_k (1/K) exp(−(r − R_k)²/2σ²) I₀ₑ(r R_k/σ²) / 2πσ².

    Args:
        radii: R.
        std: σ of the noise in each coordinate.
    """

    radii: tuple[float, ...]
    std: float

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
    small = np.minimum(x, _MIN_SERIES_X)
    large = np.maximum(x, _MIN_SERIES_X)
    term, series = np.ones_like(large), np.ones_like(large)
    for k in range(1, 16):
        term = term * (2 * k - 1) ** 2 / (8 * k * large)
        series = series + term
    return np.where(x <= _MIN_SERIES_X, np.i0(small) * np.exp(-small), series / np.sqrt(2 * np.pi * large))


@dataclass(frozen=True)
class Checkerboard(Density):
    """Uniform density on the dark squares of a board: 4 × 4 squares of side 2 on [−4, 4]²."""

    side: float = 2.0
    squares: int = 4

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p(x) in nats, (N,), for points (N, 2); −∞ outside the dark squares."""
        cells = np.floor(np.asarray(points, dtype=np.float64) / self.side).astype(np.int64) + self.squares // 2
        is_dark = ((cells >= 0) & (cells < self.squares)).all(1) & (cells.sum(1) % 2 == 0)
        return np.where(is_dark, -math.log(self.side**2 * self.squares**2 / 2), -np.inf)


@dataclass(frozen=True)
class Pinwheel(Density):
    """The pinwheel: elongated Gaussians twisted into arms, and their density by the change of variables.

    A point (a, b), a ~ N(1, 0.3²) along arm k and b ~ N(0, σ²) across it, is rotated by the angle of the arm plus
    ω(a) = rate · eᵃ, and scaled: x = s R(2πk/5 + ω(a)) (a, b), with |∂x/∂(a, b)| = s² |1 − ω(a) b|.

    Reference: Johnson et al. 2016, section 6.1, arXiv:1603.06277.

    Args:
        std: σ across an arm, before scaling.
    """

    std: float

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p(x) in nats, (N,), for points (N, 2); −∞ outside the support."""
        return np.concatenate(
            [self._log_prob(block) for block in split_into_blocks(points, 2 * NUM_ARMS * _NUM_INTERVALS)]
        )

    def _log_prob(self, points: Doubles) -> Doubles:
        """Sum the density over all preimages (a, b) of each point."""
        r, angle = np.hypot(points[:, 0], points[:, 1]) / PINWHEEL_SCALE, np.arctan2(points[:, 1], points[:, 0])
        total = np.zeros(len(points))
        for arm in range(NUM_ARMS):
            index, a = _roots(r, angle - 2 * np.pi * arm / NUM_ARMS)
            b = r[index] * np.sin(angle[index] - 2 * np.pi * arm / NUM_ARMS - twist(a))
            jacobian = np.abs(1 - twist(a) * b)
            exponent = -0.5 * np.square((a - ARM_MEAN) / ARM_STD) - 0.5 * np.square(b / self.std)
            np.add.at(total, index, np.exp(exponent) / jacobian)
        with np.errstate(divide="ignore"):
            return np.log(total) - math.log(2 * math.pi * ARM_STD * self.std * PINWHEEL_SCALE**2 * NUM_ARMS)


def twist(a: Doubles) -> Doubles:
    """Return ω(a), the rotation in radians at position a along an arm; it equals its own derivative."""
    return TWIST_RATE * np.exp(a)


def arm_points(a: Doubles, b: Doubles, arm: NDArray[np.integer[Any]]) -> Doubles:
    """Return the points (N, 2) at positions `a` along and `b` across their arms, (N,) each."""
    angle = 2 * np.pi * arm / NUM_ARMS + twist(a)
    cos, sin = np.cos(angle), np.sin(angle)
    return PINWHEEL_SCALE * np.stack((cos * a - sin * b, sin * a + cos * b), axis=1)


def _roots(r: Doubles, angle: Doubles) -> tuple[NDArray[np.int64], Doubles]:
    """Solve a = r cos(angle − ω(a)) for each point by sign changes and bisection.

    Returns:
        The index of the point of each root, and the roots; a point can have several.
    """
    grid = np.linspace(ARM_MEAN - _SEARCH_STDS * ARM_STD, ARM_MEAN + _SEARCH_STDS * ARM_STD, _NUM_INTERVALS + 1)
    is_positive = grid - r[:, None] * np.cos(angle[:, None] - twist(grid)) > 0
    index, cell = np.nonzero(is_positive[:, 1:] != is_positive[:, :-1])
    low, high, rises = grid[cell], grid[cell + 1], is_positive[index, cell + 1]
    for _ in range(_NUM_BISECTIONS):
        middle = 0.5 * (low + high)
        same_sign = (middle - r[index] * np.cos(angle[index] - twist(middle)) > 0) == rises
        low, high = np.where(same_sign, low, middle), np.where(same_sign, middle, high)
    return index, 0.5 * (low + high)


def split_into_blocks(points: NDArray[np.floating[Any]], width: int) -> list[Doubles]:
    """Split points (N, 2), as float64, into blocks whose (block, width) intermediates fit in memory."""
    doubles = np.asarray(points, dtype=np.float64)
    size = max(1, _MAX_BLOCK_VALUES // max(1, width))
    return [doubles[start : start + size] for start in range(0, max(1, len(doubles)), size)]


def _logsumexp(terms: Doubles) -> Doubles:
    """Return log Σ_k exp(terms), (N,), for terms (N, K)."""
    maximum = terms.max(1)
    total: Doubles = maximum + np.log(np.exp(terms - maximum[:, None]).sum(1))
    return total
