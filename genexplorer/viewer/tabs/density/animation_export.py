"""The walk of a cloud from the base to the data as pictures."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage

from genexplorer.viewer.tabs.density.data_plane import DataPlane
from genexplorer.viewer.widgets.images import to_array

_LONGEST_PX = 480


def frames(plane: DataPlane, count: int) -> NDArray[np.uint8]:
    """Return pictures of the plane, (count, H, W, 3), from base to data; the plane is left at the data."""
    plane.glider.stop()
    shown = []
    for share in np.linspace(0, 1, count):
        plane.set_share(float(share))
        image = plane.image()
        size = image.size() * min(1.0, _LONGEST_PX / max(image.width(), image.height()))
        smooth = Qt.TransformationMode.SmoothTransformation
        small = image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
        shown.append(to_array(small.convertToFormat(QImage.Format.Format_RGB888)))
    return np.stack(shown)
