"""A sheet of equal pictures: recorded or decoded, laid out in columns, with one that is pointed at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QBuffer, QByteArray, QPoint, QRectF, pyqtSignal
from PyQt6.QtGui import QImageReader, QResizeEvent
from PyQt6.QtWidgets import QWidget

from genexplorer.errors import UserError
from genexplorer.runs.artifacts import images as recorded
from genexplorer.runs.record import PictureRef
from genexplorer.viewer.widgets.images import PictureView, Pixels, montage, to_array

GAP_PX = 1
_MAX_SIDE_PX = 8192  # what a picture of a run may measure at most
Images = NDArray[np.uint8]  # (N, H, W, C)


@dataclass(frozen=True)
class ImageGrid:
    """Pictures and what there is to say of them."""

    images: Images
    columns: int  # as recorded
    step: int
    caption: str
    z: NDArray[np.float32] | None = None  # (N, d), where they were decoded from


def read_sheet(ref: PictureRef, caption: str) -> ImageGrid:
    """Read a recorded sheet.

    Raises:
        UserError: if the file is not the picture that the run's database announces.
    """
    data = QByteArray(recorded.content(ref.path))
    buffer = QBuffer(data)
    buffer.open(QBuffer.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"png"))
    reader.setAutoDetectImageFormat(False)  # only PNG is unpacked, whatever else the file may be
    size = reader.size()
    height, width = ref.tile_px
    wanted = (ref.columns * width, ref.rows * height)
    if max(wanted) > _MAX_SIDE_PX or (size.width(), size.height()) != wanted:
        raise UserError(f"{ref.path.name} is not the picture that was recorded", "look at another step")
    image = reader.read()
    if image.isNull():
        raise UserError(f"{ref.path.name} cannot be read: {reader.errorString()}", "look at another step")
    pixels = to_array(image)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    tiles = pixels.reshape(ref.rows, height, ref.columns, width, pixels.shape[2]).swapaxes(1, 2)
    return ImageGrid(tiles.reshape(-1, height, width, pixels.shape[2]), ref.columns, ref.step, caption)


def best_columns(count: int, tile: tuple[int, int], room: tuple[int, int]) -> int:
    """Return the columns at which tiles (height, width) are enlarged most in a room (width, height)."""

    def factor(columns: int) -> tuple[float, int]:
        rows = -(-count // columns)
        across, down = room[0] / (columns * (tile[1] + GAP_PX)), room[1] / (rows * (tile[0] + GAP_PX))
        fit = min(across, down)
        return (float(int(fit)) if fit >= 1 else fit, -(rows * columns - count))

    return max(range(1, count + 1), key=factor) if count else 1


class ImageGridView(PictureView):
    """Shows a sheet; the picture under the mouse is framed.

    Signals:
        pointed(int): The picture under the mouse, or the chosen one when the mouse leaves; -1 for none.
        chosen(int): The picture that was clicked.
    """

    pointed = pyqtSignal(int)
    chosen = pyqtSignal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.columns_wanted = 0  # 0: as many as suit the room
        self.columns = 1
        self.frames_one = True  # whether the picture that is pointed at gets a frame
        self.index = 0  # the picture that is chosen
        self._sheet: ImageGrid | None = None
        self._paper = "#ffffff"
        self.hovered.connect(self._on_hovered)
        self.pressed.connect(self._on_pressed)

    def set_paper(self, color: str) -> None:
        """Take the color of the gaps: the window's background."""
        self._paper = color
        self._lay_out_sheet()

    def set_sheet(self, sheet: ImageGrid | None, hint: str = "") -> None:
        """Show a sheet, or none and why."""
        self._sheet = sheet
        if sheet is None:
            self.mark(None)
            self.set_picture(None, hint=hint)
            self.pointed.emit(-1)
            return
        self.index = min(self.index, len(sheet.images) - 1)
        self._lay_out_sheet()

    @property
    def sheet(self) -> ImageGrid | None:
        """What is shown."""
        return self._sheet

    def set_columns(self, columns: int) -> None:
        """Lay out in so many columns; 0 for as many as suit the room."""
        self.columns_wanted = max(0, columns)
        self._lay_out_sheet()

    def choose(self, index: int) -> None:
        """Point at a picture."""
        if self._sheet is not None:
            self.index = min(max(0, index), len(self._sheet.images) - 1)
            self._frame(self.index)
            self.chosen.emit(self.index)

    def picture(self, index: int) -> Pixels | None:
        """Return one picture of the sheet."""
        if self._sheet is None or not 0 <= index < len(self._sheet.images):
            return None
        found: Pixels = self._sheet.images[index]
        return found

    def index_at(self, pixel: QPoint) -> int:
        """Return the picture that a pixel of the laid out sheet belongs to, or -1."""
        if self._sheet is None or pixel.x() < 0:
            return -1
        height, width = self._sheet.images.shape[1:3]
        index = pixel.y() // (height + GAP_PX) * self.columns + pixel.x() // (width + GAP_PX)
        return index if index < len(self._sheet.images) else -1

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Find the columns that suit the new room."""
        super().resizeEvent(event)
        self._lay_out_sheet()

    def _lay_out_sheet(self) -> None:
        if self._sheet is None:
            return
        images = self._sheet.images
        count, height, width = images.shape[:3]
        ratio = self.devicePixelRatioF()
        room = (int(self.width() * ratio), int((self.height() - 3 * GAP_PX) * ratio))
        self.columns = min(self.columns_wanted or best_columns(count, (height, width), room), count)
        self.set_picture(montage(images, self.columns, GAP_PX, self._paper), "")
        self._frame(self.index)

    def _frame(self, index: int) -> None:
        if self._sheet is None or index < 0 or not self.frames_one:
            self.mark(None)
            return
        height, width = self._sheet.images.shape[1:3]
        left = index % self.columns * (width + GAP_PX)
        top = index // self.columns * (height + GAP_PX)
        self.mark(QRectF(left, top, width, height))
        self.pointed.emit(index)

    def _on_hovered(self, pixel: QPoint) -> None:
        index = self.index_at(pixel)
        self._frame(index if index >= 0 else self.index)

    def _on_pressed(self, pixel: QPoint) -> None:
        index = self.index_at(pixel)
        if index >= 0:
            self.choose(index)
