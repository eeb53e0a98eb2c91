"""A page of 40 test images."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, QPoint, QRectF, QSize, pyqtSignal
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QToolTip, QVBoxLayout, QWidget

from genexplorer.viewer.widgets.images import ImageView, montage, to_qimage

COLUMNS = 8
GAP_PX = 2  # image pixels between two thumbnails


class ThumbnailGrid(QWidget):
    """A page of thumbnails, the selected one framed.

    Signals:
        selected(int): The index of the test image that was clicked.
    """

    selected = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._indices = np.zeros(0, np.int64)
        self._size = (28, 28)
        self.page = ImageView("test images")
        self.page.max_factor = 1
        self.page.pressed.connect(self._pressed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.page)
        self.setFixedHeight(5 * (28 + GAP_PX) + 4)
        self.setMinimumWidth(COLUMNS * (28 + GAP_PX))

    def sizeHint(self) -> QSize:
        """Return room for eight by five thumbnails."""
        return QSize(COLUMNS * (28 + GAP_PX), 5 * (28 + GAP_PX))

    def show_page(self, images: NDArray[np.uint8] | None, indices: NDArray[np.int64], selected: int | None) -> None:
        """Show images, (N, H, W, C), of these test indices, (N,), and frame one."""
        self._indices = indices
        if images is None or not len(images):
            self.page.set_image(QImage(), hint="loading test images…")
            return
        self._size = images.shape[1], images.shape[2]
        self.page.set_image(to_qimage(montage(images, COLUMNS, GAP_PX)))
        matches = np.flatnonzero(indices == selected) if selected is not None else np.zeros(0, np.int64)
        self.page.set_frame(self._cell(int(matches[0])) if len(matches) else None)

    def event(self, event: QEvent | None) -> bool:
        """Show the index of the image under the mouse."""
        if event is not None and event.type() == QEvent.Type.ToolTip:
            position = event.pos()  # type: ignore[attr-defined]
            number = self._number(self.page.pixel_at(self.page.mapFrom(self, position).toPointF()))
            QToolTip.showText(event.globalPos(), f"#{self._indices[number]}" if number is not None else "")  # type: ignore[attr-defined]
            return True
        return super().event(event)

    def _pressed(self, pixel: QPoint) -> None:
        number = self._number(pixel)
        if number is not None:
            self.selected.emit(int(self._indices[number]))

    def _number(self, pixel: QPoint) -> int | None:
        if pixel.x() < 0:
            return None
        row, column = pixel.y() // (self._size[0] + GAP_PX), pixel.x() // (self._size[1] + GAP_PX)
        number = row * COLUMNS + column
        return number if column < COLUMNS and number < len(self._indices) else None

    def _cell(self, number: int) -> QRectF:
        height, width = self._size
        return QRectF(number % COLUMNS * (width + GAP_PX), number // COLUMNS * (height + GAP_PX), width, height)
