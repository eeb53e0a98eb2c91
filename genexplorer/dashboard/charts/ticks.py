"""Axis scales, and round tick values for them."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.session.plane import tick_values

Floats = NDArray[np.float64]
ScaleKind = Literal["linear", "log", "mirrored log"]
_TIME_TICK_INTERVALS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


@dataclass(frozen=True)
class AxisScale:
    """An axis from `low` to `high`. "mirrored log" is for negative values: −1, −10, −100 downwards."""

    low: float
    high: float
    scale_kind: ScaleKind = "linear"

    def fraction(self, values: ArrayLike) -> Floats:
        """Map values, of any shape, to the axis: 0 at `low`, 1 at `high`, NaN where the logarithm is undefined."""
        low, high = self._transform(np.array([self.low, self.high]))
        return np.asarray((self._transform(values) - low) / ((high - low) or 1.0))

    def value(self, fraction: float) -> float:
        """Return the value at a fraction of the axis, the inverse of `fraction`."""
        low, high = self._transform(np.array([self.low, self.high]))
        position = float(low + fraction * (high - low))
        if self.scale_kind == "log":
            return float(10**position)
        return float(-(10**-position)) if self.scale_kind == "mirrored log" else position

    def _transform(self, values: ArrayLike) -> Floats:
        values = np.asarray(values, dtype=np.float64)
        if self.scale_kind == "linear":
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm = np.log10(values) if self.scale_kind == "log" else -np.log10(-values)
        return np.where(np.isfinite(logarithm), logarithm, np.nan)


def log_scale_kind(values: Floats) -> ScaleKind | None:
    """Return the logarithmic scale that fits finite values; None for mixed signs or zeros only."""
    if values.size and (values > 0).any() and not (values < 0).any():
        return "log"
    if values.size and (values < 0).any() and not (values > 0).any():
        return "mirrored log"
    return None


def ticks(scale: AxisScale, max_ticks: int) -> list[float]:
    """Return about `max_ticks` round values within a scale, ascending."""
    if scale.scale_kind == "linear":
        return tick_values(scale.low, scale.high, max_ticks)
    near, far = (scale.low, scale.high) if scale.scale_kind == "log" else (-scale.high, -scale.low)
    sign = 1 if scale.scale_kind == "log" else -1
    return sorted(sign * value for value in _log_ticks(near, far, max_ticks))


def time_ticks(low: float, high: float, max_ticks: int) -> list[float]:
    """Return round times in seconds: multiples of 1, 2, 5, 10, 15, 30 s, minutes or hours."""
    span = max(high - low, 1e-9)
    step = next((s for s in _TIME_TICK_INTERVALS_S if span / s <= max(max_ticks, 1)), None)
    if step is None:
        return tick_values(low, high, max_ticks)
    return [float(step * i) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def tick_texts(values: list[float], format_value: Callable[[float], str] | None = None) -> list[str]:
    """Return tick labels, by default with equal numbers of decimals: "−140", "2.5", "1e-4", "20k"."""
    if format_value is not None:
        return [format_value(value) for value in values]
    largest = max((abs(v) for v in values), default=0.0)
    gaps = [abs(b - a) for a, b in itertools.pairwise(values) if b != a]
    return [_tick_text(value, largest, min(gaps, default=largest or 1.0)) for value in values]


def _tick_text(value: float, largest: float, gap: float) -> str:
    """Return a tick label, given the largest absolute value and the smallest gap of the axis."""
    if value == 0:
        return "0"
    # Large and tiny values: an exponent, or a letter for thousands and millions.
    if largest >= 2e9:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")
    if largest >= 10_000:
        scaled, letter = (value / 1e6, "M") if largest >= 2e6 else (value / 1e3, "k")
        return f"{scaled:g}{letter}".replace("-", "−")
    if abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.0e}".partition("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    # As many decimals as the gap needs.
    decimals = 0
    while decimals < 6 and abs(round(gap, decimals) - gap) > gap * 1e-6:
        decimals += 1
    return f"{value:.{decimals}f}".replace("-", "−")


def _log_ticks(low: float, high: float, max_ticks: int) -> list[float]:
    """Return round values between two positive ones: decades, and multiples of them where more ticks fit."""
    if not 0 < low < high < math.inf:
        return [low] if 0 < low < math.inf else []
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits in ((1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        values = [d * 10.0**p for p in range(first, last + 1) for d in digits]
        values = [v for v in values if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        if len(values) <= max_ticks:
            break
    if len(values) < 2:
        values = [value for value in tick_values(low, high, max_ticks) if value > 0]
    return values[:: max(1, math.ceil(len(values) / max(max_ticks, 1)))]
