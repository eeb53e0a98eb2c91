"""Plots of a latent: its dimensions on the scale of the prior, a histogram, and the history of a search."""

import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.base_plot import BasePlot, ChartAxis
from genexplorer.viewer.style import make_pen, scale, scaled, text_font
from genexplorer.viewer.widgets.painted import PaintedWidget, unscaled_painter, unscaled_size

ROW_HEIGHT_PX = 22
_NAME_WIDTH_PX, _KL_WIDTH_PX, _TOP_MARGIN_PX, _BOTTOM_MARGIN_PX = 36, 104, 20, 22
_TICK_LABEL_WIDTH_PX = 32  # reserved for each number on the axis
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
Floats = NDArray[np.float64]
_ALIGN_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
FULL_BAR_NATS = 5.0  # the KL of a dimension that carries much; unused ones have less than 0.01
NUM_BINS = 33  # odd, so that one bin is centered at 0
_MIN_PLOT_SIZE_PX = 200, 100  # width and height


def dimension_name(number: int) -> str:
    """Return a dimension's name, counted from one: "z₁"."""
    return "z" + str(number + 1).translate(_SUBSCRIPTS)


def axis_limit(mu: Floats, sigma: Floats) -> float:
    """Return the largest value of the axis, which is symmetric about 0: at least 3, so that all of μ ± σ is within."""
    furthest = float(np.max(np.abs(mu) + sigma, initial=0.0))
    return float(np.ceil(max(3.0, furthest * 1.05)))


def kl_fraction(kl: float, all_kl: Floats) -> float:
    """Return the length of the bar of a KL divergence, in nats, as a fraction of the longest: the same for every image.

    A full bar is `FULL_BAR_NATS`, or the largest of `all_kl`, (d,), if that is larger.
    """
    finite = all_kl[np.isfinite(all_kl)]
    full = max(FULL_BAR_NATS, float(np.max(finite, initial=0.0)))
    return min(1.0, max(0.0, kl / full)) if np.isfinite(kl) else 1.0


class LatentBars(PaintedWidget):
    """One row per latent dimension with its posterior and KL; as high as all rows, for a scroll area."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "q(z|x) by dimension")
        self._mu = self._sigma = self._kl = np.zeros(0)
        self._kl_width_px = _KL_WIDTH_PX  # the width of the column of KL divergences, or a margin without them
        self._is_exact = False  # whether there is one latent without a standard deviation
        self.setMinimumWidth(scaled(260))
        self.setToolTip(
            "Each dimension on the scale of the prior (−1 to 1 is shaded), and its KL: "
            f"a full bar is {FULL_BAR_NATS:g} nats, or the largest KL if that is larger"
        )

    def set_posterior(self, mu: Floats, sigma: Floats | None, kl_dims: Floats | None) -> None:
        """Show a posterior, or, without `sigma`, a latent; all arrays are (d,)."""
        self._mu = np.nan_to_num(mu, posinf=0.0, neginf=0.0)
        self._sigma = np.zeros_like(mu) if sigma is None else np.nan_to_num(sigma, posinf=0.0)
        self._is_exact = sigma is None
        self._kl, self._kl_width_px = (np.zeros_like(mu), 16) if kl_dims is None else (kl_dims, _KL_WIDTH_PX)
        self.setFixedHeight(self.sizeHint().height())
        words = (f"{dimension_name(n)} {m:.2f} ± {s:.2f}" for n, (m, s) in enumerate(zip(mu, self._sigma, strict=True)))
        self.setAccessibleDescription(", ".join(words))
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for every dimension."""
        height = _TOP_MARGIN_PX + ROW_HEIGHT_PX * max(1, len(self._mu)) + _BOTTOM_MARGIN_PX
        return QSize(scaled(320), scaled(height))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw axis, prior and bars, of the visible rows only."""
        painter = unscaled_painter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not len(self._mu):
            return
        self._paint_axis(painter)
        visible = event.rect() if event is not None else self.rect()
        rows = [int((side / scale() - _TOP_MARGIN_PX) // ROW_HEIGHT_PX) for side in (visible.top(), visible.bottom())]
        first, last = max(0, rows[0]), min(len(self._mu), rows[1] + 1)
        for number in range(first, last):
            self._paint_row(painter, number)

    @property
    def _axis_limit(self) -> float:
        return axis_limit(self._mu, self._sigma)

    def _x(self, value: float) -> float:
        left, right = _NAME_WIDTH_PX, unscaled_size(self)[0] - self._kl_width_px
        return left + (value + self._axis_limit) / (2 * self._axis_limit) * (right - left)

    def _paint_axis(self, painter: QPainter) -> None:
        width, height = unscaled_size(self)
        bottom = height - _BOTTOM_MARGIN_PX
        prior = QColor(self.colors.faint)
        prior.setAlphaF(0.35)
        painter.fillRect(QRectF(self._x(-1), _TOP_MARGIN_PX, self._x(1) - self._x(-1), bottom - _TOP_MARGIN_PX), prior)
        painter.setPen(make_pen(self.colors.faint, 1))
        painter.drawLine(QPointF(self._x(0), _TOP_MARGIN_PX), QPointF(self._x(0), bottom))
        painter.setPen(QColor(self.colors.muted))
        middle = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        limit, room = int(self._axis_limit), width - self._kl_width_px - _NAME_WIDTH_PX
        step = max(1, math.ceil(2 * limit * _TICK_LABEL_WIDTH_PX / max(1.0, room)))
        for value in range(-(limit // step) * step, limit + 1, step):
            text = f"{value}".replace("-", "−")
            painter.drawText(QRectF(self._x(value) - 20, bottom + 3, 40, 18), middle, text)
        painter.drawText(QRectF(self._x(0) - 90, 0, 180, 18), middle, "z" if self._is_exact else "μ ± σ")
        if self._kl_width_px == _KL_WIDTH_PX:
            right = QRectF(width - _KL_WIDTH_PX + 8, 0, _KL_WIDTH_PX - 8, 18)
            painter.drawText(right, Qt.AlignmentFlag.AlignLeft, "KL, nats")

    def _paint_row(self, painter: QPainter, number: int) -> None:
        top = _TOP_MARGIN_PX + number * ROW_HEIGHT_PX
        mu, sigma, kl = float(self._mu[number]), float(self._sigma[number]), float(self._kl[number])
        accent, text = QColor(self.colors.accent), QColor(self.colors.text)
        painter.setPen(QColor(self.colors.muted))
        painter.drawText(QRectF(0, top, _NAME_WIDTH_PX - 6, ROW_HEIGHT_PX), _ALIGN_RIGHT, dimension_name(number))
        soft = QColor(accent)
        soft.setAlphaF(0.45)
        painter.fillRect(QRectF(self._x(mu - sigma), top + 6, self._x(mu + sigma) - self._x(mu - sigma), 10), soft)
        painter.fillRect(QRectF(self._x(mu) - 1.5, top + 3, 3, 16), accent)
        if self._kl_width_px != _KL_WIDTH_PX:
            return
        left, room = unscaled_size(self)[0] - _KL_WIDTH_PX + 8, _KL_WIDTH_PX - 60
        width_px = kl_fraction(kl, self._kl) * room
        painter.fillRect(QRectF(left, top + 8, width_px, 6), QColor(self.colors.muted))
        painter.setPen(text)
        painter.drawText(QRectF(left + room, top, 48, ROW_HEIGHT_PX), _ALIGN_RIGHT, f"{kl:.2f}")


def histogram(z: Floats) -> tuple[Floats, Floats]:
    """Return the bins' edges, (NUM_BINS + 1,), symmetric about 0 and at least −4 to 4, and densities, (NUM_BINS,)."""
    finite = z[np.isfinite(z)]
    limit = max(4.0, float(np.ceil(np.max(np.abs(finite), initial=0.0))))
    counts, edges = np.histogram(finite, NUM_BINS, (-limit, limit))
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
        self.setMinimumSize(*map(scaled, _MIN_PLOT_SIZE_PX))
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
        self._bars.setOpts(brush=accent, pen=make_pen(palette.background, 0.5))
        self._density.setPen(make_pen(palette.text, 1.5))
        self._name.setColor(palette.text)
        self._name.setFont(text_font())


class SearchHistory(BasePlot):
    """The lowest error of a search so far, by step, on a logarithmic axis."""

    def __init__(self, palette: Palette) -> None:
        left = ChartAxis("left")
        left.logarithmic = True
        names = ("step of the search", "MSE")
        super().__init__(palette, left, ChartAxis("bottom"), names, interactive=False)
        self.setMinimumSize(*map(scaled, _MIN_PLOT_SIZE_PX))
        self.setAccessibleName("error of the search by step")
        self._curve = pg.PlotDataItem(connect="finite", antialias=True)
        self._hint = pg.TextItem(anchor=(0.5, 0.5))
        for item in (self._curve, self._hint):
            self.addItem(item, ignoreBounds=True)
        self.recolor(palette)

    def set_history(self, history: Floats | None, hint: str = "") -> None:
        """Show the lowest errors so far, (steps,), or the hint why there are none."""
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
        self._curve.setPen(make_pen(palette.accent, 2))
        self._hint.setColor(palette.muted)
        self._hint.setFont(text_font())
