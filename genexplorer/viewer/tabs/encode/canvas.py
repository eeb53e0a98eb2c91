"""A canvas to draw on with the mouse, at the resolution of the model's images."""

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.viewer.tabs.encode.brush import Brush
from genexplorer.viewer.widgets.images import to_qimage

SIDE_PX, SMALL_SIDE_PX = 168, 112


class DrawingCanvas(QWidget):
    """Draws with the left button, erases with the right one.

    Signals:
        drawn: The drawing has changed; `brush` holds it.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.brush = Brush((1, 28, 28))
        self._last: QPointF | None = None
        self._side_px = SIDE_PX
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("drawing canvas")
        self.setToolTip("Draw with the left button, erase with the right one")

    def sizeHint(self) -> QSize:
        """Return a whole factor of the image's size."""
        _, height, width = self.brush.image_shape
        factor = max(1, self._side_px // max(height, width))
        return QSize(width * factor, height * factor)

    def set_side(self, side_px: int) -> None:
        """Set the approximate side; the scale is a whole number."""
        if side_px != self._side_px:
            self._side_px = side_px
            self.updateGeometry()
            self.update()

    def set_shape(self, image_shape: tuple[int, int, int]) -> None:
        """Use another image size, (C, H, W); the drawing is cleared."""
        if image_shape != self.brush.image_shape:
            self.brush = Brush(image_shape)
            self.updateGeometry()
            self.update()

    def clear(self) -> None:
        """Clear the drawing."""
        self.brush.clear()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the drawing, or a hint."""
        painter = QPainter(self)
        painter.drawImage(QRectF(self.rect()), to_qimage(self.brush.pixels()))
        if self.brush.is_empty:
            painter.setPen(QColor("#9BA1A9"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, "draw here")
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Start a stroke with a dot."""
        if event is not None:
            self._last = event.position()
            self._stroke(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Continue the stroke."""
        if event is not None and self._last is not None:
            self._stroke(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End the stroke."""
        self._last = None

    def _stroke(self, event: QMouseEvent) -> None:
        last = self._last or event.position()
        erase = bool(event.buttons() & Qt.MouseButton.RightButton)
        self.brush.stroke(self._pixel(last), self._pixel(event.position()), erase=erase)
        self._last = event.position()
        self.update()
        self.changed.emit()

    def _pixel(self, position: QPointF) -> tuple[float, float]:
        _, height, width = self.brush.image_shape
        return position.x() / self.width() * width, position.y() / self.height() * height
