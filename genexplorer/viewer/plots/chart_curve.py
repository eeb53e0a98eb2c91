"""What a chart draws: curves, how they are drawn, and the lines that they become."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg

from genexplorer.runs.record import XAxis
from genexplorer.session.charts import LineStyle
from genexplorer.viewer.plots.chart_places import Floats, value_at


@dataclass(frozen=True, eq=False)
class Curve:
    """One metric, ready to be drawn."""

    metric: str
    style: LineStyle
    x: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class View:
    """How curves are drawn."""

    x_axis: XAxis = "step"
    logarithmic: bool = False
    smoothing: float = 0.0


@dataclass(eq=False)
class Line:
    """A curve as it is drawn: the whole of it, or the part in sight in detail."""

    whole: Curve
    calm_whole: Floats  # its values, smoothed where that is wanted
    line: pg.PlotDataItem
    raw: pg.PlotDataItem | None  # what smoothing hides: from the lowest to the highest value of each bucket, faint

    def __post_init__(self) -> None:
        self.curve, self.calm, self.y = self.whole, self.calm_whole, self.calm_whole

    @property
    def x(self) -> Floats:
        """Where the points are that are drawn."""
        return self.curve.x

    def take(self, curve: Curve, calm: Floats, on_axis: Callable[[Floats], Floats]) -> None:
        """Draw a curve, or a part of it, in place of what is drawn."""
        self.curve, self.calm, self.y = curve, calm, on_axis(calm)
        self.line.setData(curve.x, self.y)
        if self.raw is not None:
            band = np.stack([on_axis(curve.low), on_axis(curve.high)], axis=1).reshape(-1)
            self.raw.setData(np.repeat(curve.x, 2), band)

    def set_moving(self, moving: bool) -> None:
        """Draw ragged, in a third of the time, or smooth."""
        if self.line.opts["antialias"] == moving:
            self.line.opts["antialias"] = self.line.curve.opts["antialias"] = not moving
            self.line.curve.update()

    def value_at(self, x: float) -> float | None:
        """Return the last value at or before an x, in detail where it is drawn so."""
        within = bool(self.x.size) and self.x[0] <= x <= self.x[-1]
        return value_at(self.x, self.calm, x) if within else value_at(self.whole.x, self.calm_whole, x)
