"""Two small graphs of a latent: how its values lie under the prior, and how the search for it went."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.painted_axes import PaintedAxes

BINS = 33
_RIGHT_PX = 24.0
Floats = NDArray[np.float64]


def histogram(z: Floats) -> tuple[Floats, Floats]:
    """Return edges, (BINS + 1,), symmetric about 0 with at least the prior's bulk, and the densities, (BINS,)."""
    finite = z[np.isfinite(z)]
    reach = max(4.0, float(np.ceil(np.max(np.abs(finite), initial=0.0))))
    counts, edges = np.histogram(finite, BINS, (-reach, reach))
    return edges, counts / (max(1, finite.size) * (edges[1] - edges[0]))


def standard_normal(x: Floats) -> Floats:
    """Return the density of N(0, 1)."""
    density: Floats = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    return density


class _Graph(QWidget):
    def __init__(self, palette: Palette, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self.setMinimumSize(200, 140)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)

    def sizeHint(self) -> QSize:
        """Prefer a wide graph."""
        return QSize(360, 200)

    def set_style(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        self.update()

    def _begin(self, painter: QPainter, axes: PaintedAxes) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        axes.paint(painter, self._palette)
        painter.setBrush(Qt.BrushStyle.NoBrush)


class LatentHistogram(_Graph):
    """The values of a latent's dimensions, against the prior that each of them has."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(palette, "values of z against N(0, 1)", parent)
        self._z: Floats | None = None

    def set_latent(self, z: Floats | None) -> None:
        """Show a latent, (d,), or nothing yet."""
        self._z = z
        if z is not None:
            self.setAccessibleDescription(f"{z.size} values, mean {z.mean():.2f}, standard deviation {z.std():.2f}")
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw bars and bell."""
        edges, densities = histogram(np.zeros(0) if self._z is None else self._z)
        top = max(0.45, float(densities.max()) * 1.1)
        bounds = (float(edges[0]), float(edges[-1]))
        room = QRectF(self.rect())
        axes = PaintedAxes(room, bounds, (0.0, top), "value of a dimension of z", "density", right_px=_RIGHT_PX)
        painter = QPainter(self)
        self._begin(painter, axes)
        soft = QColor(self._palette.accent)
        soft.setAlphaF(0.45)
        for left, right, density in zip(edges[:-1], edges[1:], densities, strict=True):
            corner, foot = axes.place(float(left), float(density)), axes.place(float(right), 0.0)
            painter.fillRect(QRectF(corner, foot).adjusted(0.5, 0, -0.5, 0), soft)
        x = np.linspace(*bounds, 121)
        painter.setPen(QPen(QColor(self._palette.text), 1.5))
        painter.drawPolyline(axes.polygon(x, standard_normal(x)))
        place = axes.place(1.0, float(standard_normal(np.array([1.0]))[0]))
        painter.drawText(QRectF(place.x() + 8, place.y() - 16, 80, 16), Qt.AlignmentFlag.AlignLeft, "N(0, 1)")


class SearchHistory(_Graph):
    """The best error so far, step by step."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(palette, "error of the search by step", parent)
        self._history: Floats | None = None
        self._hint = ""

    def set_history(self, history: Floats | None, hint: str = "") -> None:
        """Show the errors, (steps,), or the hint that says why there are none."""
        self._history, self._hint = history, hint
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the curve."""
        painter = QPainter(self)
        history = self._history
        positive = np.zeros(0) if history is None else history[np.isfinite(history) & (history > 0)]
        if history is None or not positive.size:
            painter.setPen(QColor(self._palette.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 8, -16, -8), flags, self._hint)
            return
        low, high = float(positive.min()), float(positive.max())
        y = (low / 1.1, high * 1.1)
        name = "mean squared error of the best z so far"
        axes = PaintedAxes(
            QRectF(self.rect()),
            (0.0, float(len(history))),
            y,
            "step of the search",
            name,
            log_y=True,
            right_px=_RIGHT_PX,
        )
        self._begin(painter, axes)
        painter.setPen(QPen(QColor(self._palette.accent), 2))
        painter.drawPolyline(axes.polygon(np.arange(1.0, len(history) + 1), history))
