"""A latent by dimension: μ ± σ, or z alone, on the scale of the prior, with the KL of each dimension."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session.palette import Palette

ROW_PX = 22
_NAME_PX, _KL_PX, _TOP_PX, _BOTTOM_PX = 36, 104, 20, 22
_TICK_PX = 32  # room for a number on the axis
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
Floats = NDArray[np.float64]


def dimension_name(number: int) -> str:
    """Return a dimension's name, counted from one: "z₁"."""
    return "z" + str(number + 1).translate(_SUBSCRIPTS)


def half_width(mu: Floats, sigma: Floats) -> float:
    """Return the half width of the axis: at least 3, and all of μ ± σ."""
    furthest = float(np.max(np.abs(mu) + sigma, initial=0.0))
    return float(np.ceil(max(3.0, furthest * 1.05)))


class LatentBars(QWidget):
    """One row per latent dimension; as high as all rows, for a scroll area."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._mu = self._sigma = self._kl = np.zeros(0)
        self._kl_px = _KL_PX  # kept free at the right
        self._exact = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(260)
        self.setAccessibleName("q(z|x) by dimension")
        self.setToolTip("Each dimension on the scale of the prior (−1 to 1 is shaded), and its KL")

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self._palette = palette
        self.update()

    def set_posterior(self, mu: Floats, sigma: Floats | None, kl_dims: Floats | None) -> None:
        """Show a posterior, or, without `sigma`, a latent; all arrays are (d,)."""
        self._mu, self._sigma = mu, np.zeros_like(mu) if sigma is None else sigma
        self._mu, self._sigma = np.nan_to_num(self._mu, posinf=0.0, neginf=0.0), np.nan_to_num(self._sigma, posinf=0.0)
        self._exact = sigma is None
        self._kl, self._kl_px = (np.zeros_like(mu), 16) if kl_dims is None else (kl_dims, _KL_PX)
        self.setFixedHeight(self.sizeHint().height())
        words = (f"{dimension_name(n)} {m:.2f} ± {s:.2f}" for n, (m, s) in enumerate(zip(mu, self._sigma, strict=True)))
        self.setAccessibleDescription(", ".join(words))
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for every dimension."""
        return QSize(320, _TOP_PX + ROW_PX * max(1, len(self._mu)) + _BOTTOM_PX)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw axis, prior and bars, of the visible rows only."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not len(self._mu):
            return
        self._axis(painter)
        visible = event.rect() if event is not None else self.rect()
        first = max(0, (visible.top() - _TOP_PX) // ROW_PX)
        last = min(len(self._mu), (visible.bottom() - _TOP_PX) // ROW_PX + 1)
        for number in range(first, last):
            self._row(painter, number)

    @property
    def _reach(self) -> float:
        return half_width(self._mu, self._sigma)

    def _x(self, value: float) -> float:
        left, right = _NAME_PX, self.width() - self._kl_px
        return left + (value + self._reach) / (2 * self._reach) * (right - left)

    def _axis(self, painter: QPainter) -> None:
        bottom = self.height() - _BOTTOM_PX
        prior = QColor(self._palette.faint)
        prior.setAlphaF(0.35)
        painter.fillRect(QRectF(self._x(-1), _TOP_PX, self._x(1) - self._x(-1), bottom - _TOP_PX), prior)
        painter.setPen(QPen(QColor(self._palette.faint), 1))
        painter.drawLine(QPointF(self._x(0), _TOP_PX), QPointF(self._x(0), bottom))
        painter.setPen(QColor(self._palette.muted))
        middle = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        reach, room = int(self._reach), self.width() - self._kl_px - _NAME_PX
        step = max(1, -(-2 * reach * _TICK_PX // max(1, room)))
        for value in range(-(reach // step) * step, reach + 1, step):
            text = f"{value}".replace("-", "−")
            painter.drawText(QRectF(self._x(value) - 20, bottom + 3, 40, 18), middle, text)
        painter.drawText(QRectF(self._x(0) - 90, 0, 180, 18), middle, "z" if self._exact else "μ ± σ")
        if self._kl_px == _KL_PX:
            right = QRectF(self.width() - _KL_PX + 8, 0, _KL_PX - 8, 18)
            painter.drawText(right, Qt.AlignmentFlag.AlignLeft, "KL, nats")

    def _row(self, painter: QPainter, number: int) -> None:
        top = _TOP_PX + number * ROW_PX
        mu, sigma, kl = float(self._mu[number]), float(self._sigma[number]), float(self._kl[number])
        accent, text = QColor(self._palette.accent), QColor(self._palette.text)
        painter.setPen(QColor(self._palette.muted))
        painter.drawText(QRectF(0, top, _NAME_PX - 6, ROW_PX), _RIGHT, dimension_name(number))
        soft = QColor(accent)
        soft.setAlphaF(0.45)
        painter.fillRect(QRectF(self._x(mu - sigma), top + 6, self._x(mu + sigma) - self._x(mu - sigma), 10), soft)
        painter.fillRect(QRectF(self._x(mu) - 1.5, top + 3, 3, 16), accent)
        if self._kl_px != _KL_PX:
            return
        left, room = self.width() - _KL_PX + 8, _KL_PX - 60
        share = kl / max(float(self._kl.max()), 1e-9)
        painter.fillRect(QRectF(left, top + 8, max(1.0, share * room), 6), QColor(self._palette.muted))
        painter.setPen(text)
        painter.drawText(QRectF(left + room, top, 48, ROW_PX), _RIGHT, f"{kl:.2f}")


_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
