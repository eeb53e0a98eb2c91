"""The views of an encoding: images or planes, metrics, and plots of the latent."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.explore.protocol import Array
from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.session.plane import typical_norm
from genexplorer.viewer.plots.plane_layers import Marker
from genexplorer.viewer.plots.plane_plot import PathPlot
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode.encoding import SAMPLES, Encoding, ImageMetric, diverging_colors
from genexplorer.viewer.tabs.encode.latent_plots import LatentBars, LatentHistogram, SearchHistory, half_width
from genexplorer.viewer.tabs.encode.search_panel import SearchPanel
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import fill_box, scroll_area
from genexplorer.viewer.widgets.images import ImageView, montage, to_qimage

CAPTION_PX = 24
MAX_HEIGHT = 420
EncodingMethod = Literal["posterior", "exact", "search"]  # a distribution q(z|x); one latent; an optimized latent
MAX_PRINTED_DIMS = 8  # dimensions up to which all coordinates are printed
MAP_REACH = 3.0  # the values at the ends of the color scale of a latent image
Floats = NDArray[np.float64]


class SquareView(ImageView):
    """An image in a square, with its caption below it and without gaps above and below."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        """Return the height of the square and its caption."""
        return min(MAX_HEIGHT, width + CAPTION_PX)


class EncodeViews(QWidget):
    """The middle and the right of the tab."""

    def __init__(self, palette: Palette, search: SearchPanel) -> None:
        super().__init__()
        self.search = search
        names = ("x", "latent", "reconstruction", "difference")
        self.pictures = {name: SquareView(name) for name in names}
        self.row = QWidget()
        self.data = PathPlot(("x₁", "x₂"), palette, picks=True)
        self.plane, self.map = (PathPlot(("z₁", "z₂"), palette, shows_prior=True) for _ in range(2))
        self.samples = ImageView("posterior samples")
        self.bars = LatentBars(palette)
        self.histogram, self.history = LatentHistogram(palette), SearchHistory(palette)
        self.metrics, self.note = labels.wrapped("", "heading"), labels.wrapped("", "warning")
        self.setup, self.norm = labels.wrapped(), labels.wrapped()
        self._size = 2  # dimensions of the latent
        self._build()
        self.note.hide()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        for widget in (self.data, self.plane, self.bars, self.map, self.histogram, self.history):
            widget.recolor(palette)

    def arrange(self, method: EncodingMethod, *, points: bool, size: int, is_image: bool) -> None:
        """Show the views that suit a model.

        Args:
            method: How the model encodes.
            points: Whether the data are 2-D points.
            size: Dimensions of its latent.
            is_image: Whether the latent has as many values as an image, so that it can be shown like one.
        """
        self._size = size
        # The middle: images or planes, samples, graphs.
        self.search.setVisible(method == "search")
        self.row.setVisible(not points)
        self.pictures["latent"].setVisible(not points and is_image)
        self._planes.setVisible(points)
        self.plane.setVisible(points and size == 2)
        self._sampled.setVisible(method == "posterior" and not points)
        has_histogram = size > MAX_PRINTED_DIMS and method != "posterior"
        self.histogram.setVisible(has_histogram)
        self.history.setVisible(method == "search")
        self._graphs.setVisible(has_histogram or method == "search")
        # The right: q(z|x) by dimension, and as a map for two dimensions.
        self._side.setVisible(method == "posterior" and not (points and size == 2))
        has_map = method == "posterior" and size == 2 and not points
        self.map.setVisible(has_map)
        self._below.setVisible(has_map)
        self._scroll.setMaximumHeight(88 if has_map else 16_777_215)
        self.norm.setVisible(self._side.isHidden())
        self.setup.setVisible(not points)

    def show_waiting(self, x: Array | None, caption: str, hint: str) -> None:
        """Show the image alone while its latent is computed."""
        for picture in self.pictures.values():
            picture.set_image(None, hint=hint)
        if x is not None and x.ndim == 3:
            self.pictures["x"].set_image(x, caption)
        markers = [Marker(x.astype(np.float64), "x")] if x is not None and x.ndim == 1 else []
        self.data.show_path(*markers, hint="" if markers else hint)
        for plane in (self.plane, self.map):
            plane.show_path(hint=hint)
        self.metrics.setText("")
        self.norm.setText("")
        self.bars.set_posterior(np.zeros(0), None, None)
        self.histogram.set_latent(None)
        self.samples.set_image(None, hint=hint)

    def show_encoding(self, current: Encoding, caption: str, sampled_z: Floats | None, decoded: str) -> None:
        """Show an encoding; `caption` names the image, `decoded` the latent of the reconstruction."""
        self.metrics.setText("    ".join(format_metric(metric) for metric in current.metrics))
        self.bars.set_posterior(current.mu, current.sigma, current.kl_dims)
        self.histogram.set_latent(current.mu)
        self.norm.setText(_latent_text(current))
        # The planes of a point, or the images.
        if current.is_point:
            x, recon = current.x.astype(np.float64), current.recon.astype(np.float64)
            self.data.show_path(Marker(recon, "x̂", hollow=True), Marker(x, "x"), path=np.stack([x, recon]))
            if self._size == 2:
                _show_posterior(self.plane, current, sampled_z)
            return
        self.pictures["x"].set_image(current.x, caption)
        self.pictures["reconstruction"].set_image(current.recon, decoded)
        self.pictures["difference"].set_image(current.difference(), "difference")
        if not self.pictures["latent"].isHidden():
            self.pictures["latent"].set_image(latent_image(current), f"z (color scale ±{MAP_REACH:g})")
        if not self.map.isHidden() and current.sigma is not None:
            _show_posterior(self.map, current, sampled_z)

    def show_samples(self, samples: Array | None, hint: str) -> None:
        """Show decoded samples of q(z|x), (N, H, W, C)."""
        images = None if samples is None or samples.ndim != 4 else np.asarray(samples, np.uint8)
        sheet = None if images is None else to_qimage(montage(images, SAMPLES // 2, 2))
        self.samples.set_image(sheet, hint=hint)

    def row_image(self, current: Encoding) -> QImage:
        """Return the images side by side, or the planes."""
        if current.is_point:
            return self._planes.grab().toImage()
        images = [np.broadcast_to(image, (*image.shape[:2], 3)) for image in (current.x, current.recon)]
        if not self.pictures["latent"].isHidden():
            images.insert(1, np.broadcast_to(latent_image(current), images[0].shape))
        row = montage(np.stack([*images, current.difference()]).astype(np.uint8), len(images) + 1, 2)
        return to_qimage(row.repeat(8, axis=0).repeat(8, axis=1))

    def _build(self) -> None:
        # The middle: images or planes, metrics, samples, graphs.
        self.row.setMinimumSize(3 * 96, 96 + CAPTION_PX)
        fill_box(QHBoxLayout(self.row), *((picture, 1) for picture in self.pictures.values()))
        self._planes = QWidget()
        fill_box(QHBoxLayout(self._planes), (self.plane, 1), (self.data, 1))
        self._graphs = QWidget()
        fill_box(QHBoxLayout(self._graphs), (self.history, 1), (self.histogram, 1))
        self._sampled = QWidget()
        self.samples.setMaximumHeight(320)
        title = labels.heading("Samples of q(z|x), decoded")
        fill_box(QVBoxLayout(self._sampled), labels.rule(), title, (self.samples, 1), spacing=-1)
        middle = fill_box(QVBoxLayout(), self.note, self.search, self.row, (self._planes, 8))
        fill_box(middle, self.metrics, self.norm, self.setup, (self._sampled, 4), (self._graphs, 4), None)
        # The right: q(z|x) by dimension.
        self._scroll = scroll_area(self.bars)
        self._scroll.setMinimumWidth(280)
        self._below = QWidget()  # takes the remaining height
        column = fill_box(QVBoxLayout(), labels.heading("q(z|x)"), (self._scroll, 1), self.map, (self._below, 1))
        self._side = QWidget()
        fill_box(QHBoxLayout(self._side), labels.vertical_rule(), (column, 1), spacing=2 * GAP)
        fill_box(QHBoxLayout(self), (middle, 5), (self._side, 3), spacing=2 * GAP)


def _show_posterior(plane: PathPlot, current: Encoding, sampled_z: Floats | None) -> None:
    """Show q(z|x) with samples of it, or the one latent."""
    sigma = current.sigma
    reach = half_width(current.mu, np.zeros(2) if sigma is None else sigma)
    plane.set_data(None, bounds=(-reach, reach, -reach, reach))
    plane.show_path(Marker(current.mu, "z" if sigma is None else "μ", sigma=sigma), dots=sampled_z)


def format_metric(metric: ImageMetric) -> str:
    """Return name, value and unit: "ELBO −86.8 nats"."""
    size = abs(metric.value)
    tiny = 0 < size < 1e-3
    number = formatting.number(metric.value) if tiny else f"{metric.value:.{1 if size >= 10 else 3}f}"
    text = " ".join(part for part in (metric.name, number.replace("-", "−"), metric.unit) if part)
    return text.replace(" ", "\u00a0")  # lines break between metrics, not within


def latent_image(current: Encoding) -> NDArray[np.uint8]:
    """Return a latent of an image's size in colors, (H, W, 3), channel by channel."""
    height, width, channels = current.x.shape
    values = current.mu.reshape(channels, height, width).transpose(1, 2, 0) / MAP_REACH
    values = np.nan_to_num(values)
    if channels == 1:
        return diverging_colors(values[..., 0])
    shaded: NDArray[np.uint8] = np.round((0.5 + values / 2).clip(0, 1) * 255).astype(np.uint8)
    return shaded


def _latent_text(current: Encoding) -> str:
    """Return the coordinates where they are few, else the norm."""
    z, sigma = current.mu, current.sigma
    if z.size <= MAX_PRINTED_DIMS:
        vector = formatting.vector
        return f"z = {vector(z)}" if sigma is None else f"μ = {vector(z)}    σ = {vector(sigma)}"
    norm, typical = np.linalg.norm(z), typical_norm(z.size)
    return f"|z| = {norm:.2f} in {z.size} dimensions (mean of N(0, I): {typical:.1f})"
