"""The middle of the tab: the image at t, large; for 2-D data, the path in the plane."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.path_plot import PathPlot
from genexplorer.viewer.plots.plane_layers import Marker
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.interpolate.interpolation import InterpolationFrames
from genexplorer.viewer.widgets.images import ImageView, to_array

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]


class InterpolationPreview(QStackedWidget):
    """Either an image, or the plane of the data beside that of a 2-D latent."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = ImageView("interpolation")
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
        """Show images or points, decoded from `size` dimensions."""
        self.setCurrentIndex(int(points))
        self.latent.setVisible(size == 2)

    def show_frames(
        self, frames: InterpolationFrames | None, endpoints: Floats | None, row: int, caption: str, hint: str
    ) -> None:
        """Show one row of a path, or the hint why there is none."""
        if frames is None:
            self.picture.set_image(None, hint=hint)
            for plane in (self.data, self.latent):
                plane.show_path(hint=hint)
        elif frames.images.ndim == 4:
            self.picture.set_image(frames.images[row], caption)
        else:
            self._show_planes(frames, row)

    def image(self) -> QImage:
        """Return what is on the screen."""
        return self.picture.displayed_image() if self.currentIndex() == 0 else self._grabbed()

    def animation_frames(self, frames: InterpolationFrames) -> Images:
        """Return the frames of an animation, (N, H, W, C): of points, the planes with the marker at each t."""
        if frames.images.ndim == 4:
            return np.asarray(frames.images, np.uint8)
        pictures = []
        for row in range(len(frames.t)):
            self._show_planes(frames, row)
            pictures.append(to_array(self._grabbed()))
        return np.stack(pictures)

    def _show_planes(self, frames: InterpolationFrames, row: int) -> None:
        points = frames.images.astype(np.float64)
        planes = [(self.data, points), (self.latent, frames.z)] if frames.z.shape[1] == 2 else [(self.data, points)]
        for plane, path in planes:
            markers = Marker(path[0], "A"), Marker(path[-1], "B"), Marker(path[row], "", hollow=True)
            plane.show_path(*markers, path=path, dots=path[:: frames.every])

    def _grabbed(self) -> QImage:
        widget = self.currentWidget()
        return QImage() if widget is None else widget.grab().toImage()
