"""The visible part of a 2-D latent plane: conversion between latents, plane coordinates and screen fractions.

A plane is shown in coordinates "z" (linear) or "u" = Φ(z), in which a standard normal latent is uniform on [0, 1]².
On a screen x grows to the right and y upwards; rows and fractions count from the top.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Coords = Literal["z", "u"]
Axis = Literal["x", "y"]
Bounds = tuple[float, float, float, float]  # x0, x1, y0, y1
Floats = NDArray[np.float64]

# Bounds that show nearly all of a standard normal latent.
DEFAULT_BOUNDS: dict[Coords, Bounds] = {"z": (-3.0, 3.0, -3.0, 3.0), "u": (0.0, 1.0, 0.0, 1.0)}
MAX_Z = 8.0  # Φ(8) is 1 to fifteen digits

_ROUND_FACTORS = (1.0, 2.0, 2.5, 5.0, 10.0)  # a round value is a multiple of one of these times a power of ten
_standard_normal = NormalDist()
_erf = np.frompyfunc(math.erf, 1, 1)
_inverse_normal_cdf = np.frompyfunc(_standard_normal.inv_cdf, 1, 1)
_MIN_U = _standard_normal.cdf(-MAX_Z)
_MAX_U = 1 - 1e-15


@dataclass(frozen=True)
class AxisTick:
    """A tick on an axis: position in plane coordinates, and the value of z there."""

    position: float
    label: str


@dataclass(frozen=True)
class Plane:
    """The visible part of a plane with two latent dimensions.

    Points in plane coordinates and latents z are arrays (…, 2), x first.
    """

    coords: Coords = "z"
    bounds: Bounds = DEFAULT_BOUNDS["z"]

    def from_z(self, z: ArrayLike) -> Floats:
        """Return the plane coordinates of latent points."""
        return phi(z) if self.coords == "u" else np.asarray(z, dtype=np.float64)

    def to_z(self, points: ArrayLike) -> Floats:
        """Return the latent points at plane coordinates."""
        return phi_inverse(points) if self.coords == "u" else np.asarray(points, dtype=np.float64)

    def to_fraction(self, points: ArrayLike) -> Floats:
        """Return screen fractions of plane coordinates: (0, 0) is top left, (1, 1) bottom right."""
        x0, x1, y0, y1 = self.bounds
        xy = np.asarray(points, dtype=np.float64)
        return np.stack([(xy[..., 0] - x0) / (x1 - x0), (y1 - xy[..., 1]) / (y1 - y0)], axis=-1)

    def from_fraction(self, fractions: ArrayLike) -> Floats:
        """Return plane coordinates of screen fractions."""
        x0, x1, y0, y1 = self.bounds
        xy = np.asarray(fractions, dtype=np.float64)
        return np.stack([x0 + xy[..., 0] * (x1 - x0), y1 - xy[..., 1] * (y1 - y0)], axis=-1)

    def cell(self, point: ArrayLike, rows: int, columns: int) -> tuple[int, int] | None:
        """Return (row, column) of the tile under plane coordinates (2,), row 0 on top; None outside."""
        across, down = self.to_fraction(point)
        if not (0 <= across <= 1 and 0 <= down <= 1):
            return None
        return min(int(down * rows), rows - 1), min(int(across * columns), columns - 1)

    def ticks(self, axis: Axis, count: int = 7) -> list[AxisTick]:
        """Return about `count` ticks at round values of z, labeled with z in both coordinates."""
        low, high = self.bounds[:2] if axis == "x" else self.bounds[2:]
        ends = self.to_z([low, high])
        first, last = (float(value) for value in np.clip(ends, -4.0, 4.0)) if self.coords == "u" else map(float, ends)
        values = tick_values(first, last, count)
        positions = self.from_z(values)
        # As many digits as the distance between two ticks has.
        step = values[1] - values[0] if len(values) > 1 else 0.1
        digits = next((digits for digits in range(9) if abs(step - round(step, digits)) < step * 1e-6), 9)
        return [
            AxisTick(float(position), f"{value:.{digits}f}".replace("-", "−"))
            for position, value in zip(positions, values, strict=True)
            if low <= position <= high
        ]


def data_bounds(meta: Mapping[str, object]) -> Bounds | None:
    """Return the bounds of the data in the meta of a response; None if they are missing or invalid."""
    edges = meta.get("bounds")
    if isinstance(edges, list | tuple) and len(edges) == 4 and all(isinstance(edge, int | float) for edge in edges):
        x0, x1, y0, y1 = (float(edge) for edge in edges)
        if x0 < x1 and y0 < y1:
            return x0, x1, y0, y1
    return None


def phi(z: ArrayLike) -> Floats:
    """Return Φ(z), the standard normal distribution function, of any shape."""
    scaled = np.asarray(z, dtype=np.float64) / math.sqrt(2)
    return np.asarray(0.5 * (1 + _erf(scaled)), dtype=np.float64)


def phi_inverse(u: ArrayLike) -> Floats:
    """Return Φ⁻¹(u), of any shape; clipped to ±8, so that 0 and 1 give no infinities.

    Reference: Wichura 1988, algorithm AS 241 (as Python's `statistics` has it).
    """
    inside = np.clip(np.asarray(u, dtype=np.float64), _MIN_U, _MAX_U)
    return np.clip(np.asarray(_inverse_normal_cdf(inside), dtype=np.float64), -MAX_Z, MAX_Z)


def typical_norm(size: int) -> float:
    """Return the mean norm of a sample of N(0, I) in `size` dimensions (a chi distribution), about √size."""
    return math.sqrt(2) * math.exp(math.lgamma((size + 1) / 2) - math.lgamma(size / 2))


def tick_values(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round values in [low, high], a step of 1, 2, 2.5 or 5 times a power of ten apart."""
    span = high - low
    if not (math.isfinite(span) and span > 0) or count < 1:
        return []
    min_step = span / count
    power = 10.0 ** math.floor(math.log10(min_step))
    step = next(factor for factor in _ROUND_FACTORS if factor * power >= min_step * 0.999) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step + 0.0 for i in range(first, last + 1)]
