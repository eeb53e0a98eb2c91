"""Layout of a chart: labels that do not overlap, ranges with room for them, and values at an x."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LABEL_PX = 60.0  # reserved at the right for the labels of the curves, at least
_TRIM = 0.03  # share of the values at either end that may be out of range, so that the first steps do not dominate
_MARGIN = 1.25  # of its width that a detail extends from the middle of the visible range, so that panning rarely reads


def value_at(x: Floats, values: Floats, position: float) -> float | None:
    """Return the last finite value at or before an x."""
    before = np.flatnonzero(np.isfinite(values) & (x <= position + 1e-9))
    return float(values[before[-1]]) if before.size else None


def spread_labels(positions: list[float], distance: float, lowest: float) -> list[float]:
    """Return descending positions, moved to be `distance` apart and not below `lowest`."""
    spread: list[float] = []
    for position in positions:
        spread.append(min(position, spread[-1] - distance) if spread else position)
    floor = lowest
    for index in reversed(range(len(spread))):
        spread[index] = max(spread[index], floor)
        floor = spread[index] + distance
    return spread


def range_with_label_room(low: float, high: float, width_px: float, label_px: float = LABEL_PX) -> tuple[float, float]:
    """Return a range of x with room for labels at the right, in a plot of `width_px`."""
    span = high - low if high > low else 1.0
    share = min(0.5, label_px / max(1.0, width_px))
    return low - 0.01 * span, high + span * share / (1 - share)


def robust_range(values: Floats) -> tuple[float, float]:
    """Return a range of y that contains nearly all values."""
    if values.size > 60:
        low, high = (float(v) for v in np.quantile(values, (_TRIM, 1 - _TRIM)))
    else:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        room = abs(low) * 0.05 or 1.0
        return low - room, high + room
    return low, high


def detail_window(low: float, high: float, first: float, last: float) -> tuple[float, float] | None:
    """Return the part of x to read in detail for a visible range; None where the full curve is detailed enough.

    It is three times as wide as the visible range, in discrete steps, so that small moves do not change it.

    Args:
        low: The first visible x.
        high: The last visible x.
        first: The first x of the curve.
        last: The last x of the curve.
    """
    span = high - low
    if not (0 < span < (last - first) / 2):
        return None
    width = math.sqrt(2) ** math.ceil(math.log(span, math.sqrt(2)) - 1e-9)
    start = math.floor(((low + high) / 2 - _MARGIN * width) / (width / 2)) * width / 2
    return start, start + 3 * width
