"""Images on the screen: conversion of arrays, enlargement by whole factors, and a widget for one image."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QContextMenuEvent,
    QGuiApplication,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PyQt6.QtWidgets import QFileDialog, QMenu, QSizePolicy, QWidget

from genexplorer.errors import UserError
from genexplorer.viewer.style import make_pen, scaled
from trainers.storage.atomic_files import write_bytes

Pixels = NDArray[np.uint8]  # (H, W), (H, W, 1) or (H, W, 3)


def to_qimage(pixels: NDArray[Any]) -> QImage:
    """Return a QImage that owns its memory.

    Args:
        pixels: uint8, (H, W), (H, W, 1) or (H, W, 3).
    """
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    image_format = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    packed = np.ascontiguousarray(pixels, dtype=np.uint8)
    height, width = packed.shape[:2]
    if not packed.size:
        return QImage()
    return QImage(packed.tobytes(), width, height, packed.strides[0], image_format).copy()


def to_array(image: QImage) -> Pixels:
    """Return a QImage's pixels: (H, W) where it is gray, else (H, W, 3)."""
    gray = image.format() == QImage.Format.Format_Grayscale8
    image = image if gray else image.convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    if bits is None:
        return np.zeros((0, 0), np.uint8)
    rows = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8).reshape(image.height(), image.bytesPerLine())
    used = rows[:, : image.width() * (1 if gray else 3)].copy()
    return used if gray else used.reshape(image.height(), image.width(), 3)


def montage(images: NDArray[np.uint8], columns: int, gap_px: int = 0, background: str = "#000000") -> Pixels:
    """Arrange images row by row.

    Args:
        images: (N, H, W, C), C is 1 or 3.
        columns: Images in a row.
        gap_px: Pixels between two images.
        background: Color of gaps and missing images; if it is not gray, the result is RGB.
    Returns:
        (rows·(H+gap)−gap, columns·(W+gap)−gap, C).
    """
    # Gray images on a background with a hue need three channels.
    color = QColor(background)
    background_rgb = np.array([color.red(), color.green(), color.blue()], np.uint8)
    if images.shape[3] == 1 and len(set(background_rgb.tolist())) > 1:
        images = np.repeat(images, 3, axis=3)
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + gap_px), columns * (width + gap_px), channels)
    canvas = np.empty(shape, np.uint8)
    canvas[:] = background_rgb[:channels]
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap_px), (index % columns) * (width + gap_px)
        canvas[top : top + height, left : left + width] = image
    return canvas[: shape[0] - gap_px, : shape[1] - gap_px] if gap_px else canvas


def integer_scale(image: QSize, available: QSize, device_pixel_ratio: float = 1.0) -> int:
    """Return the largest whole factor, at least 1, at which an image fits a space.

    Args:
        image: The size of the image, in device pixels.
        available: The size of the space, in logical pixels.
        device_pixel_ratio: Device pixels per logical pixel.
    """
    if image.isEmpty():
        return 1
    across = int(available.width() * device_pixel_ratio) // image.width()
    down = int(available.height() * device_pixel_ratio) // image.height()
    return max(1, min(across, down))


def enlarged(image: QImage, factor: int) -> QImage:
    """Return the image enlarged by a whole factor, without smoothing."""
    size = image.size() * max(1, factor)
    return image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.FastTransformation)


def save_image(image: QImage, path: Path) -> None:
    """Write an image in the format of the suffix, PNG without one; an existing file is replaced atomically.

    Raises:
        UserError: if the image is empty or the format is unknown.
        OSError: if the file cannot be written.
    """
    if image.isNull():
        raise UserError("there is no image to save", "wait until it is shown")
    image_format = path.suffix.lstrip(".").upper() or "PNG"
    if image_format == "PNG":
        encoded = QByteArray()
        buffer = QBuffer(encoded)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(buffer, "PNG")
        write_bytes(path, encoded.data())
        return
    # Other formats are those of Pillow.
    from PIL import Image  # deferred: only saving needs it

    content = io.BytesIO()
    try:
        Image.fromarray(to_array(image)).save(content, "JPEG" if image_format == "JPG" else image_format)
    except (KeyError, ValueError):
        raise UserError(f"{path.name}: images cannot be saved as {image_format}", "use .png") from None
    write_bytes(path, content.getvalue())


class ImageView(QWidget):
    """An image, enlarged by a whole factor without smoothing, with a caption; Save… and Copy are in its menu.

    Without an image it shows a hint. Sizes are in device pixels, so that images are sharp on HiDPI screens.

    Signals:
        hovered(QPoint): The pixel of the image under the mouse; (-1, -1) when it leaves.
        pressed(QPoint): The pixel that was clicked.
    """

    hovered = pyqtSignal(QPoint)
    pressed = pyqtSignal(QPoint)

    def __init__(self, name: str = "image", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = name  # of a saved file
        self.max_factor = 64
        self.is_drawing = False  # points and lines, which are smoothed and fill the space; images have whole pixels
        self.on_saved: Callable[[str], None] | None = None  # receives the outcome of a save, one line
        self._image = QImage()
        self._caption = ""
        self._hint = ""
        self._frame_rect: QRectF | None = None
        self.setMouseTracking(True)
        self.setMinimumSize(scaled(56), scaled(56))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_image(self, image: "QImage | NDArray[Any] | None", caption: str = "", hint: str = "") -> None:
        """Show an image, or None and the hint why there is none."""
        self._image = QImage() if image is None else image if isinstance(image, QImage) else to_qimage(image)
        self._caption, self._hint = caption, hint
        self.setAccessibleDescription(caption or hint)
        self.update()

    def set_frame(self, pixels: QRectF | None) -> None:
        """Draw a frame around a rectangle, in pixels of the image."""
        if pixels != self._frame_rect:
            self._frame_rect = pixels
            self.update()

    def image(self) -> QImage:
        """Return the image in its own size; null where there is none."""
        return self._image

    def displayed_image(self) -> QImage:
        """Return the image as large as on the screen."""
        return self._image if self._image.isNull() else enlarged(self._image, self._factor())

    def sizeHint(self) -> QSize:
        """Return a square that shows MNIST at six times its size."""
        return QSize(scaled(168), scaled(168))

    def image_rect(self) -> QRectF:
        """Return the rectangle of the image, in logical pixels of the widget."""
        available, ratio = self._available_size(), self.devicePixelRatioF()
        if self._image.isNull():
            return QRectF()
        factor = self.max_factor if self.is_drawing else self._factor()
        width, height = self._image.width() * factor / ratio, self._image.height() * factor / ratio
        shrink = min(1.0, available.width() / width, available.height() / height)
        width, height = width * shrink, height * shrink
        left = round((available.width() - width) / 2 * ratio) / ratio
        top = round((available.height() - height) / 2 * ratio) / ratio
        return QRectF(left, top, width, height)

    def pixel_at(self, position: QPointF) -> QPoint:
        """Return the pixel of the image at a position of the widget, (-1, -1) outside."""
        rect = self.image_rect()
        if not rect.contains(position):
            return QPoint(-1, -1)
        across = (position.x() - rect.left()) / rect.width() * self._image.width()
        down = (position.y() - rect.top()) / rect.height() * self._image.height()
        return QPoint(min(int(across), self._image.width() - 1), min(int(down), self._image.height() - 1))

    def copy(self) -> None:
        """Copy the image to the clipboard, as large as on the screen."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None and not self._image.isNull():
            clipboard.setImage(self.displayed_image())

    def save_as(self) -> None:
        """Save the image as large as on the screen, under a name from a dialog."""
        name, _ = QFileDialog.getSaveFileName(self, f"Save {self.name}", f"{self.name}.png", "PNG (*.png)")
        if not name:
            return
        try:
            save_image(self.displayed_image(), Path(name))
            self._report(f"saved {name}")
        except (UserError, OSError) as error:
            self._report(f"not saved: {error}")

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw image, frame and caption."""
        painter = QPainter(self)
        rect = self.image_rect()
        shrunk = rect.width() * self.devicePixelRatioF() < self._image.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, shrunk or self.is_drawing)
        if not self._image.isNull():
            painter.drawImage(rect, self._image)
            if self._frame_rect is not None:
                frame, scale = self._frame_rect, rect.width() / self._image.width()
                left, top = rect.left() + frame.left() * scale, rect.top() + frame.top() * scale
                pen = make_pen(self.palette().color(QPalette.ColorRole.Highlight), 2)
                pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
                painter.setPen(pen)
                painter.drawRect(QRectF(left, top, frame.width() * scale, frame.height() * scale))
        # The hint without an image, else the caption.
        color: QColor = self.palette().color(QPalette.ColorRole.PlaceholderText)
        painter.setPen(color)
        if self._image.isNull():
            middle = QRectF(self.rect()).adjusted(8, 8, -8, -8)
            painter.drawText(middle, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._hint)
        elif self._caption:
            line = self.fontMetrics().height()
            below = QRectF(0, rect.bottom() + 4, self.width(), line)
            text = self.fontMetrics().elidedText(self._caption, Qt.TextElideMode.ElideRight, self.width())
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, text)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        """Show the menu with Save and Copy."""
        if event is None or self._image.isNull():
            return
        menu = QMenu(self)
        menu.addAction("Save image…", self.save_as)
        menu.addAction("Copy image", self.copy)
        menu.exec(event.globalPos())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Emit the hovered pixel."""
        if event is not None:
            self.hovered.emit(self.pixel_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Emit the clicked pixel."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            pixel = self.pixel_at(event.position())
            if pixel.x() >= 0:
                self.pressed.emit(pixel)

    def leaveEvent(self, event: object) -> None:
        """Emit that no pixel is hovered."""
        self.hovered.emit(QPoint(-1, -1))

    def _available_size(self) -> QSize:
        line = self.fontMetrics().height() + 8 if self._caption else 0
        return QSize(self.width(), max(1, self.height() - line))

    def _factor(self) -> int:
        return min(self.max_factor, integer_scale(self._image.size(), self._available_size(), self.devicePixelRatioF()))

    def _report(self, line: str) -> None:
        if self.on_saved is not None:
            self.on_saved(line)
