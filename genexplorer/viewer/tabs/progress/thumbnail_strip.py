"""A row of thumbnails spread over the training; the present one is marked, and a click selects a step."""

from collections.abc import Sequence

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session import formatting
from genexplorer.viewer.style import GAP, text_font
from genexplorer.viewer.widgets.image_grid import ImageGrid
from genexplorer.viewer.widgets.images import montage, to_qimage

SIDE_PX = 8 * GAP  # logical; of a thumbnail
COUNT = 8
_LABEL_PX = 2 * GAP
_THUMBNAIL_SIDE = 3  # rows and columns of a sheet of samples in a thumbnail


class ThumbnailStrip(QWidget):
    """Thumbnails with their steps.

    Signals:
        chosen(int): The step of the thumbnail that was pressed.
    """

    chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: list[tuple[int, QImage]] = []
        self._step: int | None = None
        self.setFixedHeight(SIDE_PX + _LABEL_PX + 4)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("images through training")
        self.setToolTip("Images through training: click to go to a step")

    @property
    def steps(self) -> list[int]:
        """The steps that are shown."""
        return [step for step, _ in self._frames]

    def set_frames(self, frames: Sequence[tuple[int, QImage]]) -> None:
        """Show images with their steps, ascending."""
        self._frames = list(frames)
        self.setCursor(Qt.CursorShape.PointingHandCursor if frames else Qt.CursorShape.ArrowCursor)
        self.update()

    def set_step(self, step: int | None) -> None:
        """Mark the image of a step."""
        self._step = step
        self.update()

    def sizeHint(self) -> QSize:
        """Return a row."""
        return QSize(COUNT * (SIDE_PX + GAP), SIDE_PX + _LABEL_PX + 4)

    @property
    def marked(self) -> int | None:
        """The index of the marked image: the last one at or before the step."""
        if self._step is None:
            return None
        past = [place for place, step in enumerate(self.steps) if step <= self._step]
        return past[-1] if past else None

    def box_of(self, place: int) -> QRectF:
        """Return the rectangle of a thumbnail; the row fills the width."""
        count = max(1, len(self._frames))
        side = min(SIDE_PX, (self.width() - (count - 1) * GAP / 2) / count)
        gap = min(3.0 * GAP, (self.width() - count * side) / max(1, count - 1))
        return QRectF(place * (side + gap), SIDE_PX - side, side, side)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw thumbnails, steps and the mark."""
        painter = QPainter(self)
        painter.setFont(text_font(8))
        colors = self.palette()
        for place, (step, image) in enumerate(self._frames):
            box, here = self.box_of(place), place == self.marked
            size = image.size().scaled(box.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
            inside = QRectF(0, 0, size.width(), size.height())
            inside.moveCenter(box.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(inside, image)
            role = QPalette.ColorRole.Highlight if here else QPalette.ColorRole.PlaceholderText
            color: QColor = colors.color(role)
            if here:
                painter.setPen(QPen(color, 2))
                painter.drawRect(inside.adjusted(1, 1, -1, -1))
            painter.setPen(colors.color(QPalette.ColorRole.Text) if here else color)
            words = formatting.count(step).replace(".0", "")
            below = QRectF(box.left() - GAP, SIDE_PX + 2, box.width() + 2 * GAP, _LABEL_PX)
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, words)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Select a step."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        for place, step in enumerate(self.steps):
            box = self.box_of(place)
            if box.left() <= event.position().x() <= box.right():
                self.chosen.emit(step)
                return


def thumbnail(sheet: ImageGrid, kind: str) -> QImage:
    """Return the first nine samples of a sheet, or, of other kinds, the whole image."""
    if kind == "samples" and len(sheet.images) >= _THUMBNAIL_SIDE * _THUMBNAIL_SIDE:
        columns = min(sheet.columns, _THUMBNAIL_SIDE)
        rows = [row * sheet.columns + column for row in range(_THUMBNAIL_SIDE) for column in range(columns)]
        first = sheet.images[[index for index in rows if index < len(sheet.images)]]
        return to_qimage(montage(first, columns))
    return to_qimage(montage(sheet.images, sheet.columns))
