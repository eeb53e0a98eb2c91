"""A small plane for two latent dimensions: the prior's circles, q(z|x) as an ellipse, and the samples from it."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.tabs.encode.bars import half_width

Floats = NDArray[np.float64]
_EDGE_PX = 26


class LatentMap(QWidget):
    """Where q(z|x) lies under the prior."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._mu: Floats | None = None
        self._sigma = np.ones(2)
        self._samples: Floats | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumSize(160, 160)
        self.setAccessibleName("q(z|x) in the latent plane")

    def set_style(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """Prefer a square."""
        return QSize(260, 260)

    def heightForWidth(self, width: int) -> int:
        """Return a square's height."""
        return width

    def set_posterior(self, mu: Floats | None, sigma: Floats, samples: Floats | None) -> None:
        """Show a posterior, mean and standard deviation (2,), and samples from it, (N, 2)."""
        self._mu, self._sigma, self._samples = mu, sigma, samples
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the plane."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = min(self.width(), self.height()) - 2.0 * _EDGE_PX
        frame = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        reach = 3.0 if self._mu is None else half_width(self._mu, self._sigma)
        self._prior(painter, frame, reach)
        if self._mu is None:
            return
        accent = QColor(self._palette.accent)
        for scale, style in ((1.0, Qt.PenStyle.SolidLine), (2.0, Qt.PenStyle.DashLine)):
            painter.setPen(QPen(accent, 1.5, style))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            radii = self._sigma * scale * side / (2 * reach)
            painter.drawEllipse(_place(self._mu, frame, reach), max(1.5, radii[0]), max(1.5, radii[1]))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._palette.text))
        for z in self._samples if self._samples is not None else ():
            painter.drawEllipse(_place(z, frame, reach), 1.8, 1.8)

    def _prior(self, painter: QPainter, frame: QRectF, reach: float) -> None:
        painter.setPen(QPen(QColor(self._palette.faint), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for scale in (1.0, 2.0):
            radius = scale * frame.width() / (2 * reach)
            painter.drawEllipse(frame.center(), radius, radius)
        painter.drawLine(QPointF(frame.left(), frame.center().y()), QPointF(frame.right(), frame.center().y()))
        painter.drawLine(QPointF(frame.center().x(), frame.top()), QPointF(frame.center().x(), frame.bottom()))
        painter.setPen(QColor(self._palette.muted))
        center = Qt.AlignmentFlag.AlignCenter
        for value in (-reach, 0.0, reach):
            text = f"{value:g}".replace("-", "−")
            x, y = (
                _place(np.array([value, value]), frame, reach).x(),
                _place(np.array([value, value]), frame, reach).y(),
            )
            painter.drawText(QRectF(x - 16, frame.bottom() + 2, 32, 16), center, text)
            if value > -reach:  # the corner is named once
                painter.drawText(QRectF(frame.left() - 26, y - 8, 22, 16), center, text)
        painter.drawText(QRectF(frame.right() - 24, frame.center().y() - 20, 24, 16), center, "z₁")
        painter.drawText(QRectF(frame.center().x() + 4, frame.top() - 4, 24, 16), center, "z₂")


def _place(z: Floats, frame: QRectF, reach: float) -> QPointF:
    across, up = float(z[0]) / (2 * reach) + 0.5, float(z[1]) / (2 * reach) + 0.5
    return QPointF(frame.left() + across * frame.width(), frame.bottom() - up * frame.height())
