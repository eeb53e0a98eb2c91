"""The curves of a chart: plot items, ranges with room for labels, and values at an x."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtGui import QColor

from genexplorer.runs.record import XAxis
from genexplorer.session.charts import LineStyle
from genexplorer.session.palette import Palette

Floats = NDArray[np.float64]
MIN_LABEL_WIDTH_PX = 60.0  # at the right of the curves this width is reserved for their labels, or more
# At either end this fraction of the values may be out of range, so that the first steps do not dominate.
_OUTLIER_FRACTION = 0.03
_MAX_PEAKS = 3  # arrows at either side of a chart for values that are out of range
# A detail is three visible widths wide and begins about this many of them left of the middle of the visible range, so
# that short pans need no new reading.
_DETAIL_MARGIN = 1.25
_VEIL_OPACITY, _VEIL_Z = 0.6, 4  # above the curves, below lines and labels
_VEIL_WIDTH = 1e12  # reaches beyond any step or second


def value_at(x: Floats, values: Floats, position: float) -> float | None:
    """Return the last finite value at or before an x, `position`; None where there is none."""
    before = np.flatnonzero(np.isfinite(values) & (x <= position + 1e-9))
    return float(values[before[-1]]) if before.size else None


def spread_labels(positions: list[float], distance: float, lowest: float) -> list[float]:
    """Return descending positions of labels, moved to be `distance` apart and not below `lowest`."""
    spread: list[float] = []
    for position in positions:
        spread.append(min(position, spread[-1] - distance) if spread else position)
    floor = lowest
    for index in reversed(range(len(spread))):
        spread[index] = max(spread[index], floor)
        floor = spread[index] + distance
    return spread


def range_with_label_room(
    low: float, high: float, width_px: float, label_width_px: float = MIN_LABEL_WIDTH_PX
) -> tuple[float, float]:
    """Return a range of x with room for labels at the right, in a plot of `width_px`."""
    span = high - low if high > low else 1.0
    label_fraction = min(0.5, label_width_px / max(1.0, width_px))
    return low - 0.01 * span, high + span * label_fraction / (1 - label_fraction)


def robust_range(values: Floats) -> tuple[float, float]:
    """Return a range of y that contains nearly all values."""
    if values.size > 60:
        low, high = (float(v) for v in np.quantile(values, (_OUTLIER_FRACTION, 1 - _OUTLIER_FRACTION)))
    else:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        padding = abs(low) * 0.05 or 1.0
        return low - padding, high + padding
    return low, high


def out_of_range_peaks(
    x: Floats,
    low: Floats,
    high: Floats,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    min_distance: float = 0.0,
) -> list[tuple[float, float]]:
    """Return x and y of the most extreme values far outside of the visible range of y, at most three at either side.

    Args:
        x: Of the buckets, (N,).
        low: The lowest value of each bucket, (N,).
        high: The highest value of each bucket, (N,).
        x_range: The visible range of x.
        y_range: The visible range of y. Values within half its height above and below are not far.
        min_distance: The smallest distance in x between two of them, or a twelfth of the range if that is larger.
    """
    margin, min_distance = (y_range[1] - y_range[0]) / 2, max(min_distance, (x_range[1] - x_range[0]) / 12)
    peaks: list[tuple[float, float]] = []
    for values, sign in ((high, 1.0), (low, -1.0)):
        edge = y_range[1] + margin if sign > 0 else margin - y_range[0]
        with np.errstate(invalid="ignore"):
            far = np.flatnonzero((sign * values > edge) & (x >= x_range[0]) & (x <= x_range[1]))
        # The most extreme first, then those that are not beside one.
        side: list[tuple[float, float]] = []
        for index in far[np.argsort(-sign * values[far])].tolist():
            if all(abs(x[index] - other) >= min_distance for other, _ in side):
                side.append((float(x[index]), float(values[index])))
            if len(side) == _MAX_PEAKS:
                break
        peaks += side
    return peaks


def separate_peaks(
    peaks: Sequence[tuple[float, float, QColor]], y_range: tuple[float, float], min_distance: float
) -> list[tuple[float, float, QColor]]:
    """Return the peaks of several curves without those beside a more extreme one at the same edge.

    Args:
        peaks: x, y and the color of the curve.
        y_range: The visible range of y; every peak is outside.
        min_distance: The width of a label in units of x.
    """
    bottom, top = y_range
    separate: list[tuple[float, float, QColor]] = []
    for x, y, color in sorted(peaks, key=lambda peak: -max(bottom - peak[1], peak[1] - top)):
        beside = [other for other in separate if abs(x - other[0]) < min_distance and (y > top) == (other[1] > top)]
        if not beside:
            separate.append((x, y, color))
    return separate


def detail_window(low: float, high: float, first: float, last: float) -> tuple[float, float] | None:
    """Return the part of x to read in detail for the visible range, `low` to `high`, of a curve from `first` to `last`.

    It is three times as wide as the visible range, in discrete steps, so that small moves do not change it; None where
    the full curve is detailed enough.
    """
    span = high - low
    if not (0 < span < (last - first) / 2):
        return None
    width = math.sqrt(2) ** math.ceil(math.log(span, math.sqrt(2)) - 1e-9)
    start = math.floor(((low + high) / 2 - _DETAIL_MARGIN * width) / (width / 2)) * width / 2
    return start, start + 3 * width


@dataclass(frozen=True, eq=False)
class Curve:
    """The values of one metric over x, one for each bucket of neighboring steps; all arrays are (N,)."""

    metric: str
    style: LineStyle
    x: Floats
    mean: Floats
    low: Floats  # the lowest value of each bucket
    high: Floats  # the highest value of each bucket
    special_x: tuple[float, ...] = ()  # the x of values that are NaN or infinite
    num_recorded: int = 0  # recorded values in all buckets; 0 where it is not known


def has_peaks(curve: Curve) -> bool:
    """Return whether the means hide values that are far from them."""
    finite = np.isfinite(curve.mean)
    if not finite.any():
        return False
    bottom, top = robust_range(curve.mean[finite])
    distance = np.fmax(curve.high - curve.mean, curve.mean - curve.low)[finite]
    return bool((distance > (top - bottom) / 2).any())


def inward_anchor(x_px: float, label_px: float, plot_px: float) -> float:
    """Return the fraction of a label that is left of its x: half, or as much as keeps all of it inside of the plot.

    Args:
        x_px: The x that is labeled, from the left edge of the plot.
        label_px: The width of the label.
        plot_px: The width of the plot.
    """
    return max(min(0.5, x_px / label_px), 1 - (plot_px - x_px) / label_px)


def veil(end: float, palette: Palette) -> pg.LinearRegionItem:
    """Return a region that makes the curves left of an x quieter, below the labels."""
    color = QColor(palette.background)
    color.setAlphaF(_VEIL_OPACITY)
    region = pg.LinearRegionItem((-_VEIL_WIDTH, end), brush=color, pen=pg.mkPen(None), movable=False)
    region.setZValue(_VEIL_Z)
    return region


@dataclass(frozen=True)
class ChartSettings:
    """The settings of a chart."""

    x_axis: XAxis = "step"
    logarithmic: bool = False
    smoothing: float = 0.0
    inherited_until: float | None = None  # x where a branch starts; the curves of its parent before are quieter


@dataclass(eq=False)
class CurveItem:
    """The plot items of a curve: the full curve, or its visible part in more detail."""

    full_curve: Curve
    full_smoothed: Floats  # the means of the full curve after smoothing
    line: pg.PlotDataItem
    band: (
        pg.PlotDataItem | None
    )  # the band from the lowest to the highest value of each bucket, behind a smoothed curve

    def __post_init__(self) -> None:
        self.curve, self.smoothed, self.y = self.full_curve, self.full_smoothed, self.full_smoothed

    @property
    def x(self) -> Floats:
        """The x of the values that are drawn."""
        return self.curve.x

    def set_data(self, curve: Curve, smoothed: Floats, to_axis_scale: Callable[[Floats], Floats]) -> None:
        """Draw the curve or a part of it; `to_axis_scale` maps values to the y axis, such as to logarithms."""
        self.curve, self.smoothed, self.y = curve, smoothed, to_axis_scale(smoothed)
        self.line.setData(curve.x, self.y)
        if self.band is not None:
            band = np.stack([to_axis_scale(curve.low), to_axis_scale(curve.high)], axis=1).reshape(-1)
            self.band.setData(np.repeat(curve.x, 2), band)

    def set_fast(self, fast: bool) -> None:
        """Turn antialiasing off or on; without it, drawing takes a third of the time."""
        if self.line.opts["antialias"] == fast:
            self.line.opts["antialias"] = self.line.curve.opts["antialias"] = not fast
            self.line.curve.update()

    def value_at(self, x: float) -> float | None:
        """Return the last value at or before an x, from the detail where there is one."""
        within = bool(self.x.size) and self.x[0] <= x <= self.x[-1]
        return value_at(self.x, self.smoothed, x) if within else value_at(self.full_curve.x, self.full_smoothed, x)

    def raw_value_at(self, x: float) -> float | None:
        """Return the last value before smoothing at or before an x."""
        within = bool(self.x.size) and self.x[0] <= x <= self.x[-1]
        curve = self.curve if within else self.full_curve
        return value_at(curve.x, curve.mean, x)
