"""Pictures side by side, each about as high as it is wide."""

from collections.abc import Sequence

from PyQt6.QtCore import QSize
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from genexplorer.viewer.style import GAP

CAPTION_PX = 24
MAX_HEIGHT = 420


class SquareRow(QWidget):
    """Keeps its height to what its pictures need, so that no gaps open above and below them."""

    def __init__(self, pictures: Sequence[QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._count = len(pictures)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        for picture in pictures:
            picture.setMinimumSize(72, 72)
            row.addWidget(picture, 1)

    def hasHeightForWidth(self) -> bool:
        """Say that the height follows the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return a square picture's height, and its caption's."""
        cell = (width - GAP * (self._count - 1)) // self._count
        return min(MAX_HEIGHT, cell + CAPTION_PX)

    def sizeHint(self) -> QSize:
        """Return room for pictures of a common size."""
        return QSize(480, self.heightForWidth(480))
