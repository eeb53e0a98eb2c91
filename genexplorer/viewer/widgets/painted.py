"""The base of widgets that paint themselves in the colors of the palette."""

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session.palette import Palette


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
