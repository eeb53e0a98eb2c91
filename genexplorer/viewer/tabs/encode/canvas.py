"""A canvas to draw on with the mouse, at the resolution of the model's images."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.viewer.widgets.images import to_qimage

PEN_RADIUS_FRACTION = 0.045  # of the image's shorter side: MNIST's strokes are about this thick
CANVAS_SIDE_PX, SMALL_CANVAS_SIDE_PX = 168, 112  # six and four times the side of an MNIST image


Color = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


class Drawing:
    """A drawing of the model's image size, (C, H, W). Positions are in its pixels, (x, y), from the top left corner.

    Gray images are drawn white on black, as MNIST is; color images in any color.

    Attributes:
        pen: Color of the next strokes, RGB.
        background: Color where nothing is drawn, RGB.
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        self.image_shape = image_shape
        self.pen, self.background = WHITE, BLACK
        self._coverage = np.zeros(image_shape[1:], np.float64)  # opacity of the ink, in [0, 1]
        self._ink = np.zeros((*image_shape[1:], 3), np.float64)  # premultiplied with it
        self._pen_radius = PEN_RADIUS_FRACTION * min(image_shape[1:])

    @property
    def has_colors(self) -> bool:
        """Whether the images have colors."""
        return self.image_shape[0] == 3

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return not self._coverage.any()

    def clear(self) -> None:
        """Clear the drawing; the colors stay."""
        self._coverage[:] = 0
        self._ink[:] = 0

    def stroke(self, start: tuple[float, float], end: tuple[float, float], *, erase: bool = False) -> None:
        """Draw, or erase, a straight line; a dot where both ends are equal."""
        height, width = self._coverage.shape
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = dx * dx + dy * dy
        along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / length, 0, 1) if length > 0 else np.zeros_like(x)
        distance = np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)
        strength = np.clip(self._pen_radius + 0.5 - distance, 0, 1)  # one pixel of soft edge
        # Erase, draw over what is there, or, in the one color of gray images, draw without hardening soft edges.
        if erase:
            factor = np.minimum(self._coverage, 1 - strength) / np.maximum(self._coverage, 1e-9)
            self._coverage, self._ink = self._coverage * factor, self._ink * factor[..., None]
        elif self.has_colors:
            self._coverage = self._coverage + (1 - self._coverage) * strength
            self._ink = self._ink + (np.array(self.pen) - self._ink) * strength[..., None]
        else:
            self._coverage = np.maximum(self._coverage, strength)
            self._ink = self._coverage[..., None] * np.array(self.pen)

    def to_image(self) -> NDArray[np.uint8]:
        """Return the drawing, (H, W, C)."""
        pixels = self._ink + (1 - self._coverage[..., None]) * np.array(self.background)
        image: NDArray[np.uint8] = np.round(pixels).astype(np.uint8)[..., : self.image_shape[0]]
        return image


class DrawingCanvas(QWidget):
    """Draws with the left button, erases with the right one.

    Signals:
        changed: The `drawing` has changed.
    """

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.drawing = Drawing((1, 28, 28))
        self._last_position: QPointF | None = None  # of the mouse, while a button is pressed
        self._side_px = CANVAS_SIDE_PX
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("drawing canvas")
        self.setToolTip("Draw with the left button, erase with the right one")

    def sizeHint(self) -> QSize:
        """Return the image's size times a whole factor, at most the side."""
        _, height, width = self.drawing.image_shape
        factor = max(1, self._side_px // max(height, width))
        return QSize(width * factor, height * factor)

    def set_side(self, side_px: int) -> None:
        """Set the largest side, in logical pixels."""
        if side_px != self._side_px:
            self._side_px = side_px
            self.updateGeometry()
            self.update()

    def set_shape(self, image_shape: tuple[int, int, int]) -> None:
        """Use another image size, (C, H, W); the drawing is cleared."""
        if image_shape != self.drawing.image_shape:
            self.drawing = Drawing(image_shape)
            self.updateGeometry()
            self.update()

    def clear(self) -> None:
        """Clear the drawing."""
        self.drawing.clear()
        self.update()

    def set_colors(self, *, pen: Color | None = None, background: Color | None = None) -> None:
        """Draw in another color, or on another background."""
        self.drawing.pen = pen or self.drawing.pen
        if background is not None and background != self.drawing.background:
            self.drawing.background = background
            self.update()
            if not self.drawing.is_empty:
                self.changed.emit()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the drawing, or a hint."""
        painter = QPainter(self)
        painter.drawImage(QRectF(self.rect()), to_qimage(self.drawing.to_image()))
        if self.drawing.is_empty:
            painter.setPen(QColor("#9BA1A9"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, "draw here")
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Start a stroke with a dot."""
        if event is not None:
            self._last_position = event.position()
            self._stroke(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Continue the stroke."""
        if event is not None and self._last_position is not None:
            self._stroke(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End the stroke."""
        self._last_position = None

    def _stroke(self, event: QMouseEvent) -> None:
        last = self._last_position or event.position()
        erase = bool(event.buttons() & Qt.MouseButton.RightButton)
        self.drawing.stroke(self._pixel(last), self._pixel(event.position()), erase=erase)
        self._last_position = event.position()
        self.update()
        self.changed.emit()

    def _pixel(self, position: QPointF) -> tuple[float, float]:
        _, height, width = self.drawing.image_shape
        return position.x() / self.width() * width, position.y() / self.height() * height
