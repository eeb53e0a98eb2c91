"""The base of widgets that paint themselves in the colors of the palette, in units of a pixel at a scale of 1."""

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.style import scale, text_font


def unscaled_painter(widget: QWidget) -> QPainter:
    """Return a painter of a widget in pixels at a scale of 1, so that its drawing grows with everything else."""
    painter = QPainter(widget)
    painter.scale(scale(), scale())
    painter.setFont(text_font(exact=True))
    return painter


def unscaled_size(widget: QWidget) -> tuple[float, float]:
    """Return the width and height of a widget in the units of `unscaled_painter`."""
    return widget.width() / scale(), widget.height() / scale()


class PaintedWidget(QWidget):
    """A widget of a fixed height that fills the width; `colors` is its palette."""

    def __init__(self, palette: Palette, name: str) -> None:
        super().__init__()
        self.colors = palette
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.colors = palette
        self.update()

    def paint_hint(self, painter: QPainter, hint: str) -> None:
        """Write in the middle why there is nothing to see."""
        painter.setPen(QColor(self.colors.muted))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, hint)
