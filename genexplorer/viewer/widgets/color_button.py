"""A button with a swatch that chooses a color."""

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPainter, QPixmap
from PyQt6.QtWidgets import QColorDialog, QToolButton, QWidget

from genexplorer.viewer.style import scaled
from genexplorer.viewer.widgets.labels import literal_tooltip

Color = tuple[int, int, int]
_SIDE_PX = 14


class ColorButton(QToolButton):
    """Shows a color; a click chooses another one.

    Signals:
        color_chosen(tuple): Red, green and blue, 0 to 255.
    """

    color_chosen = pyqtSignal(tuple)

    def __init__(self, name: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.color: Color = (0, 0, 0)
        self._title = tooltip
        self.setAccessibleName(name)
        self.setToolTip(literal_tooltip(tooltip))
        self.setText(name)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.clicked.connect(self.choose)

    def set_color(self, color: Color) -> None:
        """Show a color."""
        self.color = color
        side = scaled(_SIDE_PX)
        pixmap = QPixmap(side, side)
        pixmap.fill(QColor("#808080"))  # the frame
        painter = QPainter(pixmap)
        painter.fillRect(1, 1, side - 2, side - 2, QColor(*color))
        painter.end()
        self.setIcon(QIcon(pixmap))
        self.setIconSize(QSize(side, side))

    def choose(self) -> None:
        """Open the dialog of colors."""
        selected = QColorDialog.getColor(QColor(*self.color), self, self._title)
        if selected.isValid():
            self.set_color((selected.red(), selected.green(), selected.blue()))
            self.color_chosen.emit(self.color)
