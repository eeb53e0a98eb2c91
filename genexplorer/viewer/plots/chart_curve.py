"""The curves of a chart: plot items, ranges with room for labels, and values at an x."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from genexplorer.runs.record import XAxis
from genexplorer.session.charts import LineStyle

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
    """Return the part of x to read in detail for the visible range, `low` to `high`, of a curve from `first` to `last`.

    It is three times as wide as the visible range, in discrete steps, so that small moves do not change it; None where
    the full curve is detailed enough.
    """
    span = high - low
    if not (0 < span < (last - first) / 2):
        return None
    width = math.sqrt(2) ** math.ceil(math.log(span, math.sqrt(2)) - 1e-9)
    start = math.floor(((low + high) / 2 - _MARGIN * width) / (width / 2)) * width / 2
    return start, start + 3 * width


@dataclass(frozen=True, eq=False)
class Curve:
    """The values of one metric, in buckets."""

    metric: str
    style: LineStyle
    x: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class CurveView:
    """The settings of a chart."""

    x_axis: XAxis = "step"
    logarithmic: bool = False
    smoothing: float = 0.0


@dataclass(eq=False)
class CurveItem:
    """The plot items of a curve: the full curve, or its visible part in more detail."""

    full: Curve
    smoothed_full: Floats  # its values after smoothing
    line: pg.PlotDataItem
    raw: pg.PlotDataItem | None  # the band from the lowest to the highest value of each bucket, behind a smoothed curve

    def __post_init__(self) -> None:
        self.curve, self.smoothed, self.y = self.full, self.smoothed_full, self.smoothed_full

    @property
    def x(self) -> Floats:
        """The x of the points that are drawn."""
        return self.curve.x

    def set_data(self, curve: Curve, smoothed: Floats, on_axis: Callable[[Floats], Floats]) -> None:
        """Draw the curve, or a part of it."""
        self.curve, self.smoothed, self.y = curve, smoothed, on_axis(smoothed)
        self.line.setData(curve.x, self.y)
        if self.raw is not None:
            band = np.stack([on_axis(curve.low), on_axis(curve.high)], axis=1).reshape(-1)
            self.raw.setData(np.repeat(curve.x, 2), band)

    def set_fast(self, fast: bool) -> None:
        """Turn antialiasing off, which takes a third of the time, or on."""
        if self.line.opts["antialias"] == fast:
            self.line.opts["antialias"] = self.line.curve.opts["antialias"] = not fast
            self.line.curve.update()

    def value_at(self, x: float) -> float | None:
        """Return the last value at or before an x, from the detail where there is one."""
        within = bool(self.x.size) and self.x[0] <= x <= self.x[-1]
        return value_at(self.x, self.smoothed, x) if within else value_at(self.full.x, self.smoothed_full, x)
