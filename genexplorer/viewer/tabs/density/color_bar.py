"""The color bar of a heat map: its name with the unit, the colors, and values below them."""

import numpy as np
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session.palette import Palette
from genexplorer.session.plane import round_values
from genexplorer.viewer.style import GAP, text_font
from genexplorer.viewer.tabs.density.heat_map import HeatMap, colorize
from genexplorer.viewer.widgets.images import to_qimage

_LINE, _BAR = 16, 12


class ColorBar(QWidget):
    """The scale of the heat map."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._map: HeatMap | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(2 * _LINE + _BAR + 6)

    def set_heat(self, heat: HeatMap | None) -> None:
        """Show the scale of another heat map, or none."""
        self._map = heat
        self.setAccessibleDescription("" if heat is None else heat.name)
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """Return the width of the panel."""
        return QSize(24 * GAP, self.height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw name, colors and values."""
        if self._map is None:
            return
        painter, scale = QPainter(self), self._map.scale
        painter.setFont(text_font(8.5))
        painter.setPen(QColor(self._palette.text))
        painter.drawText(QRectF(0, 0, self.width(), _LINE), Qt.AlignmentFlag.AlignLeft, self._map.name)
        strip = colorize(np.linspace(0, 1, 240)[None, :], scale, self._palette)
        bar = QRectF(8, _LINE + 2, self.width() - 16, _BAR)
        painter.drawImage(bar, to_qimage(strip))
        painter.setPen(QPen(QColor(self._palette.faint), 1))
        painter.drawRect(bar)
        painter.setPen(QColor(self._palette.muted))
        painter.setFont(text_font(8))
        for value in round_values(scale.low, scale.high, 4):
            x = bar.left() + float(scale.normalize(np.array(value))) * bar.width()
            painter.drawLine(round(x), round(bar.bottom()), round(x), round(bar.bottom()) + 3)
            label = f"{value:g}".replace("-", "−")
            if self._map.kind != "critic" and value == scale.low:
                label = f"≤ {label}"
            elif self._map.kind == "difference" and value == scale.high:
                label = f"≥ {label}"
            box = QRectF(min(max(x - 24, 0), self.width() - 48), bar.bottom() + 3, 48, _LINE)
            side = Qt.AlignmentFlag.AlignHCenter
            if x - 24 < 0:
                side = Qt.AlignmentFlag.AlignLeft
            elif x + 24 > self.width():
                side = Qt.AlignmentFlag.AlignRight
            painter.drawText(box, side, label)
