"""The curves of a chart, the view settings, and the plot items that draw them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg

from genexplorer.runs.record import XAxis
from genexplorer.session.charts import LineStyle
from genexplorer.viewer.plots.chart_layout import Floats, value_at


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
