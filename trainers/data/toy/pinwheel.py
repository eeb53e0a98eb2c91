"""A pinwheel: stretched Gaussians, bent into arms, and their density by the change of variables.

An arm's point (a, b), a ~ N(1, 0.3²) along it and b ~ N(0, σ²) across, is turned by its arm's angle and by
ω(a) = rate · eᵃ, and scaled: x = s R(2πk/5 + ω(a)) (a, b), with |∂x/∂(a, b)| = s² |1 − ω(a) b|.

Reference: Johnson et al. 2016, section 6.1, arXiv:1603.06277.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.data.toy.densities import Doubles, blocks

ARMS, MEAN, ALONG, RATE, SCALE = 5, 1.0, 0.3, 0.25, 1.9
REACH = 4.1  # from the center to where 99.9 % of the points lie within
_SEARCHED = 7.0  # standard deviations of a that are searched: beyond lies 1e-12 of the mass
_INTERVALS, _HALVINGS = 128, 48


@dataclass(frozen=True)
class Pinwheel:
    """The density of a pinwheel.

    Args:
        std: σ across an arm, before the scale.
    """

    std: float
    modes: Doubles | None = field(default=None, init=False)
    mode_std: float = field(default=0.0, init=False)

    def log_prob(self, points: NDArray[np.floating[Any]]) -> Doubles:
        """Return log p of points (N, 2), (N,), in nats; −∞ where no point of an arm can lie."""
        return np.concatenate([self._log_prob(part) for part in blocks(points, 2 * ARMS * _INTERVALS)])

    def _log_prob(self, points: Doubles) -> Doubles:
        """Sum the density of every (a, b) that is sent to a point."""
        r, angle = np.hypot(points[:, 0], points[:, 1]) / SCALE, np.arctan2(points[:, 1], points[:, 0])
        total = np.zeros(len(points))
        for arm in range(ARMS):
            which, a = _roots(r, angle - 2 * np.pi * arm / ARMS)
            b = r[which] * np.sin(angle[which] - 2 * np.pi * arm / ARMS - turn(a))
            stretch = np.abs(1 - turn(a) * b)
            exponent = -0.5 * np.square((a - MEAN) / ALONG) - 0.5 * np.square(b / self.std)
            np.add.at(total, which, np.exp(exponent) / stretch)
        with np.errstate(divide="ignore"):
            return np.log(total) - math.log(2 * math.pi * ALONG * self.std * SCALE**2 * ARMS)


def turn(a: Doubles) -> Doubles:
    """Return ω(a), the angle in radians by which a point so far along an arm is turned; it is its own derivative."""
    return RATE * np.exp(a)


def bent(a: Doubles, b: Doubles, arm: NDArray[np.integer[Any]]) -> Doubles:
    """Return points of the plane, (N, 2), of places along and across their arms, (N,)."""
    angle = 2 * np.pi * arm / ARMS + turn(a)
    cos, sin = np.cos(angle), np.sin(angle)
    return SCALE * np.stack((cos * a - sin * b, sin * a + cos * b), axis=1)


def _roots(r: Doubles, angle: Doubles) -> tuple[NDArray[np.int64], Doubles]:
    """Return every a with a = r cos(angle − ω(a)) and the index of its point, by sign changes and bisection."""
    grid = np.linspace(MEAN - _SEARCHED * ALONG, MEAN + _SEARCHED * ALONG, _INTERVALS + 1)
    positive = grid - r[:, None] * np.cos(angle[:, None] - turn(grid)) > 0
    which, place = np.nonzero(positive[:, 1:] != positive[:, :-1])
    low, high, rises = grid[place], grid[place + 1], positive[which, place + 1]
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = (middle - r[which] * np.cos(angle[which] - turn(middle)) > 0) == rises
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return which, 0.5 * (low + high)
