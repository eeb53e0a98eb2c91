"""The views of an encoding: images or planes, metrics, and plots of the latent."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QSize
from PyQt6.QtGui import QImage, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.explore.protocol import Array
from genexplorer.session import formatting
from genexplorer.session.latent_colors import latent_image, latent_legend
from genexplorer.session.palette import Palette
from genexplorer.session.plane import typical_norm
from genexplorer.viewer.plots.plane_layers import Marker
from genexplorer.viewer.plots.plane_plot import PathPlot
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.encode.encoding import NUM_POSTERIOR_SAMPLES, Encoding, ImageMetric
from genexplorer.viewer.tabs.encode.latent_plots import LatentBars, LatentHistogram, SearchHistory, axis_limit
from genexplorer.viewer.tabs.encode.search_panel import SearchPanel
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, scroll_area
from genexplorer.viewer.widgets.images import ImageView, integer_scale, montage, to_qimage

CAPTION_HEIGHT_PX = 24
MAX_VIEW_HEIGHT_PX = 420
_TWO_BARS_HEIGHT_PX = 88  # of `LatentBars` with two rows
# The encoder's distribution q(z|x); the one latent of an invertible model; a latent found by optimization.
EncodingMethod = Literal["posterior", "exact", "search"]
MAX_PRINTED_DIMS = 8  # of a latent with more dimensions the norm is printed instead of the coordinates
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
        return min(scaled(MAX_VIEW_HEIGHT_PX), width + scaled(CAPTION_HEIGHT_PX))


class EncodeViews(QWidget):
    """The middle and the right of the tab: images or planes, samples, and plots of the latent."""

    def __init__(self, palette: Palette, search: SearchPanel) -> None:
        super().__init__()
        self.search = search
        names = ("x", "latent", "reconstruction", "difference")
        self.image_views = {name: SquareView(name) for name in names}
        self.row = QWidget()
        self.data = PathPlot(("x₁", "x₂"), palette, picks=True)
        self.plane, self.posterior_plane = (PathPlot(("z₁", "z₂"), palette, shows_prior=True) for _ in range(2))
        self.samples = ImageView("posterior samples")
        self.bars = LatentBars(palette)
        self.histogram, self.history = LatentHistogram(palette), SearchHistory(palette)
        self.metrics, self.note = labels.wrapped("", "heading"), labels.wrapped("", "warning")
        self.setup, self.latent_label = labels.wrapped(), labels.wrapped()
        self._latent_size = 2  # the number of latent dimensions
        self._sample_images: NDArray[np.uint8] | None = None
        self._samples_hint = ""
        self._build()
        self.note.hide()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        for widget in (self.data, self.plane, self.bars, self.posterior_plane, self.histogram, self.history):
            widget.recolor(palette)

    def arrange(self, method: EncodingMethod, *, is_point_data: bool, latent_size: int, latent_is_image: bool) -> None:
        """Show the views that suit a model.

        Args:
            method: How the model encodes.
            is_point_data: Whether the data are 2-D points.
            latent_size: The number of latent dimensions.
            latent_is_image: Whether the latent has as many values as an image, so that it can be shown like one.
        """
        self._latent_size = latent_size
        # The middle: images or planes, samples, graphs.
        self.search.setVisible(method == "search")
        self.row.setVisible(not is_point_data)
        self.image_views["latent"].setVisible(not is_point_data and latent_is_image)
        self._planes_host.setVisible(is_point_data)
        self.plane.setVisible(is_point_data and latent_size == 2)
        self._samples_host.setVisible(method == "posterior" and not is_point_data)
        has_histogram = latent_size > MAX_PRINTED_DIMS and method != "posterior"
        self.histogram.setVisible(has_histogram)
        self.history.setVisible(method == "search")
        self._graphs_host.setVisible(has_histogram or method == "search")
        # The right: q(z|x) by dimension, and as a map for two dimensions.
        self._side_column.setVisible(method == "posterior" and not (is_point_data and latent_size == 2))
        has_map = method == "posterior" and latent_size == 2 and not is_point_data
        self.posterior_plane.setVisible(has_map)
        self._spacer.setVisible(has_map)
        # Beside a map the two rows are never cut.
        self._bars_area.setMinimumHeight(scaled(_TWO_BARS_HEIGHT_PX if has_map else 0))
        self._bars_area.setMaximumHeight(scaled(_TWO_BARS_HEIGHT_PX if has_map else 16_777_215))
        self.latent_label.setVisible(self._side_column.isHidden())
        self.setup.setVisible(not is_point_data)

    def show_waiting(self, x: Array | None, caption: str, hint: str) -> None:
        """Show the image alone while its latent is computed; the hint once, in the first view without content."""
        has_image = x is not None and x.ndim == 3
        for name, image_view in self.image_views.items():
            image_view.set_image(None, hint=hint if name == ("reconstruction" if has_image else "x") else "")
        if x is not None and x.ndim == 3:
            self.image_views["x"].set_image(x, caption)
        markers = [Marker(x.astype(np.float64), "x")] if x is not None and x.ndim == 1 else []
        self.data.show_path(*markers, hint="" if markers else hint)
        for plane in (self.plane, self.posterior_plane):
            plane.show_path()
        self.metrics.setText("")
        self.latent_label.setText("")
        self.bars.set_posterior(np.zeros(0), None, None)
        self.histogram.set_latent(None)
        self.samples.set_image(None)

    def show_encoding(self, current: Encoding, caption: str, sampled_z: Floats | None, decoded: str) -> None:
        """Show an encoding; `caption` names the image, `decoded` the latent of the reconstruction."""
        self.metrics.setText("    ".join(format_metric(metric) for metric in current.metrics))
        self.bars.set_posterior(current.mu, current.sigma, current.kl_dims)
        self.histogram.set_latent(current.mu)
        self.latent_label.setText(_latent_text(current))
        # The planes of a point, or the images.
        if current.is_point_data:
            x, recon = current.x.astype(np.float64), current.recon.astype(np.float64)
            self.data.show_path(Marker(recon, "x̂", hollow=True), Marker(x, "x"), path=np.stack([x, recon]))
            if self._latent_size == 2:
                _show_posterior(self.plane, current, sampled_z)
            return
        self.image_views["x"].set_image(current.x, caption)
        self.image_views["reconstruction"].set_image(current.recon, decoded)
        self.image_views["difference"].set_image(current.difference(), "difference")
        if not self.image_views["latent"].isHidden():
            self.image_views["latent"].set_image(_colored_latent(current), "z")
            self.image_views["latent"].setToolTip(f"z: {latent_legend(current.x.shape[2])}")
        if not self.posterior_plane.isHidden() and current.sigma is not None:
            _show_posterior(self.posterior_plane, current, sampled_z)

    def show_samples(self, samples: Array | None, hint: str) -> None:
        """Show decoded samples of q(z|x), (N, H, W, C)."""
        self._sample_images = None if samples is None or samples.ndim != 4 else np.asarray(samples, np.uint8)
        self._samples_hint = hint
        self._arrange_samples()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Arrange the samples in one row or two."""
        super().resizeEvent(event)
        self._arrange_samples()

    def _arrange_samples(self) -> None:
        """Show the samples in as many columns as make them largest."""
        images = self._sample_images
        if images is None:
            self.samples.set_image(None, hint=self._samples_hint)
            return
        columns = max(
            (NUM_POSTERIOR_SAMPLES // 2, NUM_POSTERIOR_SAMPLES),
            key=lambda count: integer_scale(_montage_size(images, count), self.samples.size()),
        )
        self.samples.set_image(to_qimage(montage(images, columns, 2)))

    def row_image(self, current: Encoding) -> QImage:
        """Return the images side by side, or the planes."""
        if current.is_point_data:
            return self._planes_host.grab().toImage()
        images = [np.broadcast_to(image, (*image.shape[:2], 3)) for image in (current.x, current.recon)]
        if not self.image_views["latent"].isHidden():
            images.insert(1, np.broadcast_to(_colored_latent(current), images[0].shape))
        row = montage(np.stack([*images, current.difference()]).astype(np.uint8), len(images) + 1, 2)
        return to_qimage(row.repeat(8, axis=0).repeat(8, axis=1))

    def _build(self) -> None:
        # The middle: images or planes, metrics, samples, graphs.
        self.row.setMinimumSize(scaled(3 * 96), scaled(96 + CAPTION_HEIGHT_PX))
        fill_box(QHBoxLayout(self.row), *((image_view, 1) for image_view in self.image_views.values()))
        self._planes_host = QWidget()
        fill_box(QHBoxLayout(self._planes_host), (self.plane, 1), (self.data, 1))
        self._graphs_host = QWidget()
        fill_box(QHBoxLayout(self._graphs_host), (self.history, 1), (self.histogram, 1))
        self._samples_host = QWidget()
        self.samples.setMaximumHeight(scaled(320))
        title = labels.heading("Samples of q(z|x), decoded")
        fill_box(QVBoxLayout(self._samples_host), labels.rule(), title, (self.samples, 1), spacing=-1)
        middle = fill_box(QVBoxLayout(), self.note, Toolbar(self.search), self.row, (self._planes_host, 8))
        fill_box(
            middle, self.metrics, self.latent_label, self.setup, (self._samples_host, 4), (self._graphs_host, 4), None
        )
        # The right: q(z|x) by dimension.
        self._bars_area = scroll_area(self.bars)
        self._bars_area.setMinimumWidth(scaled(280))
        self._spacer = QWidget()  # takes the remaining height
        column = fill_box(
            QVBoxLayout(), labels.heading("q(z|x)"), (self._bars_area, 1), self.posterior_plane, (self._spacer, 1)
        )
        self._side_column = QWidget()
        fill_box(QHBoxLayout(self._side_column), labels.vertical_rule(), (column, 1), spacing=2 * GAP)
        fill_box(QHBoxLayout(self), (middle, 5), (self._side_column, 3), spacing=2 * GAP)


def _show_posterior(plane: PathPlot, current: Encoding, sampled_z: Floats | None) -> None:
    """Show q(z|x) with samples of it, or the one latent."""
    sigma = current.sigma
    limit = axis_limit(current.mu, np.zeros(2) if sigma is None else sigma)
    plane.set_data(None, bounds=(-limit, limit, -limit, limit))
    plane.show_path(Marker(current.mu, "z" if sigma is None else "μ", sigma=sigma), dots=sampled_z)


def _montage_size(images: NDArray[np.uint8], columns: int) -> QSize:
    """Return the size of images, (N, H, W, C), in rows of so many."""
    height, width = images.shape[1:3]
    return QSize(columns * (width + 2) - 2, -(-len(images) // columns) * (height + 2) - 2)


def format_metric(metric: ImageMetric) -> str:
    """Return name, value and unit: "ELBO −86.8 nats"."""
    size = abs(metric.value)
    tiny = 0 < size < 1e-3
    number = formatting.number(metric.value) if tiny or size >= 10_000 else f"{metric.value:.{1 if size >= 10 else 3}f}"
    text = " ".join(part for part in (metric.name, number.replace("-", "−"), metric.unit) if part)
    return text.replace(" ", "\u00a0")  # lines break between metrics, not within


def _colored_latent(current: Encoding) -> NDArray[np.uint8]:
    """Return a latent of an image's size in colors, (H, W, 3)."""
    height, width, channels = current.x.shape
    return latent_image(current.mu, (channels, height, width))


def _latent_text(current: Encoding) -> str:
    """Return the coordinates where they are few, else the norm."""
    z, sigma = current.mu, current.sigma
    if z.size <= MAX_PRINTED_DIMS:
        vector = formatting.vector
        return f"z = {vector(z)}" if sigma is None else f"μ = {vector(z)}    σ = {vector(sigma)}"
    norm, typical = np.linalg.norm(z), typical_norm(z.size)
    return f"|z| = {norm:.2f} in {z.size} dimensions (mean of N(0, I): {typical:.1f})"
