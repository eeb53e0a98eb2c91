"""Where things stand in a chart: names apart from each other, ranges with room for them, values at a place."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NAMES_PX = 60.0  # kept free at the right for the names of the curves, at least
_TRIM = 0.03  # share of the values at either end that may lie outside, so that a first second does not flatten all
_MARGIN = 1.25  # of its width that a detail reaches beyond the middle of what is seen, so that panning rarely asks


def value_at(x: Floats, values: Floats, place: float) -> float | None:
    """Return the last finite value at or before a place."""
    before = np.flatnonzero(np.isfinite(values) & (x <= place + 1e-9))
    return float(values[before[-1]]) if before.size else None


def spread(places: list[float], apart: float, lowest: float) -> list[float]:
    """Return places, given from the highest to the lowest, moved so that all are `apart` and none below `lowest`."""
    moved: list[float] = []
    for place in places:
        moved.append(min(place, moved[-1] - apart) if moved else place)
    floor = lowest
    for index in reversed(range(len(moved))):
        moved[index] = max(moved[index], floor)
        floor = moved[index] + apart
    return moved


def with_room_for_names(low: float, high: float, width_px: float, names_px: float = NAMES_PX) -> tuple[float, float]:
    """Widen a range of x so that the names of the curves stand right of their ends, in a plot of some width."""
    span = high - low if high > low else 1.0
    share = min(0.5, names_px / max(1.0, width_px))
    return low - 0.01 * span, high + span * share / (1 - share)


def calm_bounds(values: Floats) -> tuple[float, float]:
    """Return a range of y in which nearly all values lie."""
    if values.size > 60:
        low, high = (float(v) for v in np.quantile(values, (_TRIM, 1 - _TRIM)))
    else:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        room = abs(low) * 0.05 or 1.0
        return low - room, high + room
    return low, high


def detail_window(low: float, high: float, first: float, last: float) -> tuple[float, float] | None:
    """Return the part of x that is read in detail where a range is seen; None where the whole curve is detail enough.

    Three times as wide as what is seen, and on a lattice: panning and zooming a little find it unchanged.

    Args:
        low: The first x that is seen.
        high: The last.
        first: The first x there is.
        last: The last.
    """
    span = high - low
    if not (0 < span < (last - first) / 2):
        return None
    width = math.sqrt(2) ** math.ceil(math.log(span, math.sqrt(2)) - 1e-9)
    start = math.floor(((low + high) / 2 - _MARGIN * width) / (width / 2)) * width / 2
    return start, start + 3 * width
