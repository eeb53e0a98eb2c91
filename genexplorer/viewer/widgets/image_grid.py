"""A grid of images of equal size, recorded or decoded, with one that is selected."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QBuffer, QByteArray, QPoint, QRectF, pyqtSignal
from PyQt6.QtGui import QImageReader, QResizeEvent
from PyQt6.QtWidgets import QWidget

from genexplorer.errors import UserError
from genexplorer.runs.artifacts import images as recorded
from genexplorer.runs.record import ImageRef
from genexplorer.viewer.widgets.images import ImageView, Pixels, montage, to_array

GAP_PX = 1
_MAX_CACHED_GRIDS = 96
_MAX_SIDE_PX = 8192  # the largest recorded image that is read
_log = logging.getLogger(__name__)
Images = NDArray[np.uint8]  # (N, H, W, C)


@dataclass(frozen=True)
class ImageGrid:
    """Images with their step and caption."""

    images: Images
    columns: int  # as recorded
    step: int
    caption: str
    z: NDArray[np.float32] | None = None  # (N, d), the latents they were decoded from


def read_image_grid(ref: ImageRef, caption: str) -> ImageGrid:
    """Read a recorded grid of images.

    Raises:
        UserError: if the file is not as the database of the run describes it.
    """
    data = QByteArray(recorded.read_file_bytes(ref.path))
    buffer = QBuffer(data)
    buffer.open(QBuffer.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"png"))
    reader.setAutoDetectImageFormat(False)  # decode PNG only, whatever the file is
    size = reader.size()
    height, width = ref.tile_px
    expected = (ref.columns * width, ref.rows * height)
    if max(expected) > _MAX_SIDE_PX or (size.width(), size.height()) != expected:
        raise UserError(f"{ref.path.name} has another size than recorded", "choose another step")
    image = reader.read()
    if image.isNull():
        raise UserError(f"{ref.path.name} cannot be read: {reader.errorString()}", "choose another step")
    # Cut the montage into its images.
    pixels = to_array(image)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    tiles = pixels.reshape(ref.rows, height, ref.columns, width, pixels.shape[2]).swapaxes(1, 2)
    return ImageGrid(tiles.reshape(-1, height, width, pixels.shape[2]), ref.columns, ref.step, caption)


class RecordedGrids:
    """Reads recorded grids and caches them; one that cannot be read is reported and logged.

    Args:
        report: Gets the reason, one line.
    """

    def __init__(self, report: Callable[[str], object]) -> None:
        self._report = report
        self._cached = lru_cache(_MAX_CACHED_GRIDS)(read_image_grid)

    def read(self, ref: ImageRef) -> ImageGrid | None:
        """Return a grid with its caption, or None where it cannot be read."""
        try:
            return self._cached(ref, f"recorded at step {ref.step:,}")
        except UserError as error:
            _log.warning("%s", error)
            self._report(str(error))
            return None

    def clear(self) -> None:
        """Discard the cached grids, as when another run is opened."""
        self._cached.cache_clear()


def best_columns(count: int, tile: tuple[int, int], available: tuple[int, int]) -> int:
    """Return the number of columns at which tiles (height, width) are largest in a space (width, height), in pixels."""

    def factor(columns: int) -> tuple[float, int]:
        rows = -(-count // columns)
        across, down = available[0] / (columns * (tile[1] + GAP_PX)), available[1] / (rows * (tile[0] + GAP_PX))
        fit = min(across, down)
        return (float(int(fit)) if fit >= 1 else fit, -(rows * columns - count))

    return max(range(1, count + 1), key=factor) if count else 1


class ImageGridView(ImageView):
    """Shows a grid; the image under the mouse is framed.

    Signals:
        pointed(int): The image under the mouse, or the selected one when the mouse leaves; -1 for none.
        selected(int): The image that was clicked.
    """

    pointed = pyqtSignal(int)
    selected = pyqtSignal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.requested_columns = 0  # 0: automatic
        self.columns = 1
        self.has_frame = True  # whether the image under the mouse is framed
        self.index = 0  # of the selected image
        self.grid: ImageGrid | None = None  # set by `set_grid`
        self._background = "#ffffff"
        self.hovered.connect(self._on_hovered)
        self.pressed.connect(self._on_pressed)

    def set_background(self, color: str) -> None:
        """Set the color of the gaps."""
        self._background = color
        self._lay_out_grid()

    def set_grid(self, grid: ImageGrid | None, hint: str = "") -> None:
        """Show a grid, or None and why there is none."""
        self.grid = grid
        if grid is None:
            self.set_frame(None)
            self.set_image(None, hint=hint)
            self.pointed.emit(-1)
            return
        self.index = min(self.index, len(grid.images) - 1)
        self._lay_out_grid()

    def set_columns(self, columns: int) -> None:
        """Set the number of columns; 0 for automatic."""
        self.requested_columns = max(0, columns)
        self._lay_out_grid()

    def select(self, index: int) -> None:
        """Select an image."""
        if self.grid is not None:
            self.index = min(max(0, index), len(self.grid.images) - 1)
            self._frame(self.index)
            self.selected.emit(self.index)

    def tile(self, index: int) -> Pixels | None:
        """Return one image of the grid."""
        if self.grid is None or not 0 <= index < len(self.grid.images):
            return None
        image: Pixels = self.grid.images[index]
        return image

    def index_at(self, pixel: QPoint) -> int:
        """Return the image at a pixel of the whole grid, or -1."""
        if self.grid is None or pixel.x() < 0:
            return -1
        height, width = self.grid.images.shape[1:3]
        index = pixel.y() // (height + GAP_PX) * self.columns + pixel.x() // (width + GAP_PX)
        return index if index < len(self.grid.images) else -1

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Choose the columns for the new size."""
        super().resizeEvent(event)
        self._lay_out_grid()

    def _lay_out_grid(self) -> None:
        if self.grid is None:
            return
        images = self.grid.images
        count, height, width = images.shape[:3]
        ratio = self.devicePixelRatioF()
        available = (int(self.width() * ratio), int((self.height() - 3 * GAP_PX) * ratio))
        self.columns = min(self.requested_columns or best_columns(count, (height, width), available), count)
        self.set_image(montage(images, self.columns, GAP_PX, self._background), "")
        self._frame(self.index)

    def _frame(self, index: int) -> None:
        if self.grid is None or index < 0 or not self.has_frame:
            self.set_frame(None)
            return
        height, width = self.grid.images.shape[1:3]
        left = index % self.columns * (width + GAP_PX)
        top = index // self.columns * (height + GAP_PX)
        self.set_frame(QRectF(left, top, width, height))
        self.pointed.emit(index)

    def _on_hovered(self, pixel: QPoint) -> None:
        index = self.index_at(pixel)
        self._frame(index if index >= 0 else self.index)

    def _on_pressed(self, pixel: QPoint) -> None:
        index = self.index_at(pixel)
        if index >= 0:
            self.select(index)
