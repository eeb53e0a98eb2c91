"""The pinwheel: elongated Gaussians twisted into arms, and their density by the change of variables.

A point (a, b), a ~ N(1, 0.3²) along arm k and b ~ N(0, σ²) across it, is rotated by the angle of the arm plus
ω(a) = rate · eᵃ, and scaled: x = s R(2πk/5 + ω(a)) (a, b), with |∂x/∂(a, b)| = s² |1 − ω(a) b|.

Reference: Johnson et al. 2016, section 6.1, arXiv:1603.06277.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.data.toy.densities import Doubles, split_into_blocks

ARMS, MEAN, ALONG, RATE, SCALE = 5, 1.0, 0.3, 0.25, 1.9
REACH = 4.1  # radius that contains 99.9 % of the points
_SEARCH_STDS = 7.0  # range of a to search, in standard deviations; 1e-12 of the mass is outside
_NUM_INTERVALS, _NUM_BISECTIONS = 128, 48


@dataclass(frozen=True)
class Pinwheel:
    """Density of the pinwheel.

    Args:
        std: σ across an arm, before scaling.
    """

    std: float
    modes: Doubles | None = field(default=None, init=False)
    mode_std: float = field(default=0.0, init=False)

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p(x) in nats, (N,), for points (N, 2); −∞ outside the support."""
        return np.concatenate([self._log_prob(block) for block in split_into_blocks(points, 2 * ARMS * _NUM_INTERVALS)])

    def _log_prob(self, points: Doubles) -> Doubles:
        """Sum the density over all preimages (a, b) of each point."""
        r, angle = np.hypot(points[:, 0], points[:, 1]) / SCALE, np.arctan2(points[:, 1], points[:, 0])
        total = np.zeros(len(points))
        for arm in range(ARMS):
            index, a = _roots(r, angle - 2 * np.pi * arm / ARMS)
            b = r[index] * np.sin(angle[index] - 2 * np.pi * arm / ARMS - twist(a))
            jacobian = np.abs(1 - twist(a) * b)
            exponent = -0.5 * np.square((a - MEAN) / ALONG) - 0.5 * np.square(b / self.std)
            np.add.at(total, index, np.exp(exponent) / jacobian)
        with np.errstate(divide="ignore"):
            return np.log(total) - math.log(2 * math.pi * ALONG * self.std * SCALE**2 * ARMS)


def twist(a: Doubles) -> Doubles:
    """Return ω(a), the rotation in radians at position a along an arm; it equals its own derivative."""
    return RATE * np.exp(a)


def arm_points(a: Doubles, b: Doubles, arm: NDArray[np.integer[Any]]) -> Doubles:
    """Return the points (N, 2) at positions `a` along and `b` across their arms, (N,) each."""
    angle = 2 * np.pi * arm / ARMS + twist(a)
    cos, sin = np.cos(angle), np.sin(angle)
    return SCALE * np.stack((cos * a - sin * b, sin * a + cos * b), axis=1)


def _roots(r: Doubles, angle: Doubles) -> tuple[NDArray[np.int64], Doubles]:
    """Solve a = r cos(angle − ω(a)) for each point by sign changes and bisection.

    Returns:
        The index of the point of each root, and the roots; a point can have several.
    """
    grid = np.linspace(MEAN - _SEARCH_STDS * ALONG, MEAN + _SEARCH_STDS * ALONG, _NUM_INTERVALS + 1)
    is_positive = grid - r[:, None] * np.cos(angle[:, None] - twist(grid)) > 0
    index, cell = np.nonzero(is_positive[:, 1:] != is_positive[:, :-1])
    low, high, rises = grid[cell], grid[cell + 1], is_positive[index, cell + 1]
    for _ in range(_NUM_BISECTIONS):
        middle = 0.5 * (low + high)
        same_sign = (middle - r[index] * np.cos(angle[index] - twist(middle)) > 0) == rises
        low, high = np.where(same_sign, low, middle), np.where(same_sign, middle, high)
    return index, 0.5 * (low + high)
