"""A recorded picture made small enough for the film strip, and still told apart."""

from PyQt6.QtGui import QImage

from genexplorer.viewer.widgets.image_grid import ImageGrid
from genexplorer.viewer.widgets.images import montage, to_qimage

_FEW = 3  # rows and columns of a sheet of samples that a thumbnail shows


def thumbnail(sheet: ImageGrid, kind: str) -> QImage:
    """Return the first nine samples of a sheet; of other kinds the whole picture, which is drawn smaller."""
    if kind == "samples" and len(sheet.images) >= _FEW * _FEW:
        columns = min(sheet.columns, _FEW)
        rows = [row * sheet.columns + column for row in range(_FEW) for column in range(columns)]
        few = sheet.images[[place for place in rows if place < len(sheet.images)]]
        return to_qimage(montage(few, columns))
    return to_qimage(montage(sheet.images, sheet.columns))
