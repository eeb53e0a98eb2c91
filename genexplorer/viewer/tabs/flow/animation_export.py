"""The way as a film: image after image, or points that move from station to station."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QColor, QImage, QPainter

from genexplorer.session.palette import Palette
from genexplorer.viewer.tabs.flow.point_batch import Swarm
from genexplorer.viewer.tabs.flow.stage_detail import SwarmView
from genexplorer.viewer.tabs.flow.trace import Way
from genexplorer.viewer.widgets.images import to_array

BETWEEN = 8  # frames from one station of points to the next
_SIDE = 420
IMAGE_MS, POINTS_MS = 400, 60


def frames(way: Way, swarm: Swarm | None, palette: Palette) -> tuple[NDArray[np.uint8], int]:
    """Return the frames, (N, H, W, C), and how long each is shown, in milliseconds."""
    if not way.is_points:
        return np.asarray(way.stages, np.uint8), IMAGE_MS
    followed = way.stages.astype(np.float64)
    seen = swarm or Swarm(followed[:, None], np.zeros(1, np.int64))
    places = np.linspace(0, len(way.stations) - 1, (len(way.stations) - 1) * BETWEEN + 1)
    view = SwarmView(palette)
    shown = [_frame(view, seen, followed, float(place), palette) for place in places]
    return np.stack(shown), POINTS_MS


def _frame(
    view: SwarmView, swarm: Swarm, followed: NDArray[np.float64], place: float, palette: Palette
) -> NDArray[np.uint8]:
    image = QImage(_SIDE, _SIDE, QImage.Format.Format_RGB888)
    image.fill(QColor(palette.background))
    view.show_place(swarm, followed, place, "v")
    painter = QPainter(image)
    view.draw(painter, QRectF(36, 6, _SIDE - 46, _SIDE - 46))
    painter.end()
    return to_array(image)
