"""Pictures side by side, each about as high as it is wide."""

from collections.abc import Sequence

from PyQt6.QtCore import QSize
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.viewer.style import GAP

CAPTION_PX = 24
MAX_HEIGHT = 420


class SquareRow(QWidget):
    """A row that is as high as its pictures, without gaps above and below.

    It places them itself: Qt does not use the height for a width of a widget that has a layout.
    """

    def __init__(self, pictures: Sequence[QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures = list(pictures)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumSize(3 * 96, 96 + CAPTION_PX)
        for picture in self._pictures:
            picture.setParent(self)

    def hasHeightForWidth(self) -> bool:
        """Return that the height depends on the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return a square picture's height, and its caption's."""
        return min(MAX_HEIGHT, self._cell(width) + CAPTION_PX)

    def sizeHint(self) -> QSize:
        """Return room for pictures of a common size."""
        return QSize(480, self.heightForWidth(480))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Place the pictures side by side."""
        self.lay_out()

    def lay_out(self) -> None:
        """Place the visible pictures."""
        cell = self._cell(self.width())
        for number, picture in enumerate(self._visible()):
            picture.setGeometry(number * (cell + GAP), 0, cell, self.height())
        self.updateGeometry()

    def _visible(self) -> list[QWidget]:
        return [picture for picture in self._pictures if not picture.isHidden()]

    def _cell(self, width: int) -> int:
        count = max(1, len(self._visible()))
        return max(1, (width - GAP * (count - 1)) // count)
