"""Two small plots of a latent: the histogram of its values under the prior, and the progress of the search for it."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.base_plot import BasePlot
from genexplorer.viewer.plots.chart_axis import ChartAxis
from genexplorer.viewer.style import text_font

BINS = 33
_MIN_PX = 200, 140
Floats = NDArray[np.float64]


def histogram(z: Floats) -> tuple[Floats, Floats]:
    """Return edges, (BINS + 1,), symmetric about 0 and at least −4 to 4, and the densities, (BINS,)."""
    finite = z[np.isfinite(z)]
    reach = max(4.0, float(np.ceil(np.max(np.abs(finite), initial=0.0))))
    counts, edges = np.histogram(finite, BINS, (-reach, reach))
    return edges, counts / (max(1, finite.size) * (edges[1] - edges[0]))


def standard_normal(x: Floats) -> Floats:
    """Return the density of N(0, 1)."""
    density: Floats = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    return density


class LatentHistogram(BasePlot):
    """The values of a latent's dimensions, with the density of the prior N(0, 1)."""

    def __init__(self, palette: Palette) -> None:
        self._z = np.zeros(0)
        names = ("value of a dimension of z", "density")
        super().__init__(palette, ChartAxis("left"), ChartAxis("bottom"), names, interactive=False)
        self.setMinimumSize(*_MIN_PX)
        self.setAccessibleName("values of z against N(0, 1)")
        self._bars = pg.BarGraphItem(x0=[], x1=[], height=[])
        self._density = pg.PlotDataItem(antialias=True)
        self._name = pg.TextItem("N(0, 1)", anchor=(0, 1))
        for item in (self._bars, self._density, self._name):
            self.addItem(item, ignoreBounds=True)
        self.recolor(palette)
        self.set_latent(None)

    def set_latent(self, z: Floats | None) -> None:
        """Show a latent, (d,), or none yet."""
        self._z = np.zeros(0) if z is None else z
        edges, densities = histogram(self._z)
        self._bars.setOpts(x0=edges[:-1], x1=edges[1:], height=densities)
        x = np.linspace(edges[0], edges[-1], 121)
        self._density.setData(x, standard_normal(x))
        self._name.setPos(1.1, 0.25)
        self.setXRange(float(edges[0]), float(edges[-1]), padding=0)
        self.setYRange(0.0, max(0.45, float(densities.max()) * 1.1), padding=0)
        if self._z.size:
            self.setAccessibleDescription(
                f"{self._z.size} values, mean {self._z.mean():.2f}, standard deviation {self._z.std():.2f}"
            )

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        accent = pg.mkColor(palette.accent)
        accent.setAlphaF(0.45)
        self._bars.setOpts(brush=accent, pen=pg.mkPen(palette.background, width=0.5))
        self._density.setPen(pg.mkPen(palette.text, width=1.5))
        self._name.setColor(palette.text)


class SearchHistory(BasePlot):
    """The lowest error of a search by step, logarithmic."""

    def __init__(self, palette: Palette) -> None:
        left = ChartAxis("left")
        left.logarithmic = True
        names = ("step of the search", "MSE")
        super().__init__(palette, left, ChartAxis("bottom"), names, interactive=False)
        self.setMinimumSize(*_MIN_PX)
        self.setAccessibleName("error of the search by step")
        self._curve = pg.PlotDataItem(connect="finite", antialias=True)
        self._hint = pg.TextItem(anchor=(0.5, 0.5))
        self._hint.setFont(text_font(9))
        for item in (self._curve, self._hint):
            self.addItem(item, ignoreBounds=True)
        self.recolor(palette)

    def set_history(self, history: Floats | None, hint: str = "") -> None:
        """Show the errors, (steps,), or the hint why there are none."""
        errors = np.zeros(0) if history is None else history
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.log10(np.where(errors > 0, errors, np.nan))
        finite = y[np.isfinite(y)]
        self._curve.setData(np.arange(1.0, len(y) + 1), y)
        self._hint.setPlainText("" if finite.size else hint)
        for axis in ("left", "bottom"):
            self.getPlotItem().showAxis(axis, bool(finite.size))
        self.setXRange(0.0, float(max(1, len(y))), padding=0)
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (-1.0, 1.0)
        self.setYRange(low - 0.04, high + 0.04, padding=0)
        self._hint.setPos(max(1, len(y)) / 2, (low + high) / 2)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self._curve.setPen(pg.mkPen(palette.accent, width=2))
        self._hint.setColor(palette.muted)
