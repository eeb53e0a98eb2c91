"""The middle of the tab: the image at t, large; for data that are points the way itself, in their plane."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.path_plot import PathPlot
from genexplorer.viewer.plots.plane_layers import Marker
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.interpolate.path import Frames
from genexplorer.viewer.widgets.images import PictureView, to_array

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]


class Stage(QStackedWidget):
    """Either a picture, or the plane of the data beside that of a latent with two dimensions."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = PictureView("interpolation")
        self.data = PathPlot(("x₁", "x₂"), palette)
        self.latent = PathPlot(("z₁", "z₂"), palette, prior=True)
        planes = QWidget()
        row = QHBoxLayout(planes)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.latent, 1)
        row.addWidget(self.data, 1)
        self.addWidget(self.picture)
        self.addWidget(planes)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.data.recolor(palette)
        self.latent.recolor(palette)

    def set_kind(self, *, points: bool, size: int) -> None:
        """Show data of a kind, decoded from so many dimensions."""
        self.setCurrentIndex(int(points))
        self.latent.setVisible(size == 2)

    def show_way(self, frames: Frames | None, ends: Floats | None, here: int, caption: str, hint: str) -> None:
        """Show where on a way one stands, or the hint that says what is waited for."""
        if frames is None:
            self.picture.set_picture(None, hint=hint)
            for plane in (self.data, self.latent):
                plane.show_path(hint=hint)
        elif frames.images.ndim == 4:
            self.picture.set_picture(frames.images[here], caption)
        else:
            self._show_planes(frames, here)

    def image(self) -> QImage:
        """Return what is shown, to copy it."""
        return self.picture.shown_image() if self.currentIndex() == 0 else self._grabbed()

    def film(self, frames: Frames) -> Images:
        """Return the pictures of the walk, (N, H, W, C): of points, the planes with the mark at each t."""
        if frames.images.ndim == 4:
            return np.asarray(frames.images, np.uint8)
        shots = []
        for here in range(len(frames.t)):
            self._show_planes(frames, here)
            shots.append(to_array(self._grabbed()))
        return np.stack(shots)

    def _show_planes(self, frames: Frames, here: int) -> None:
        points = frames.images.astype(np.float64)
        planes = [(self.data, points), (self.latent, frames.z)] if frames.z.shape[1] == 2 else [(self.data, points)]
        for plane, path in planes:
            markers = Marker(path[0], "A"), Marker(path[-1], "B"), Marker(path[here], "", hollow=True)
            plane.show_path(*markers, path=path, dots=path[:: frames.every])

    def _grabbed(self) -> QImage:
        widget = self.currentWidget()
        return QImage() if widget is None else widget.grab().toImage()
