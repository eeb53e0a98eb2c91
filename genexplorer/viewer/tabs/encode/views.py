"""What the Encode tab shows of an image or a point: pictures or planes, figures, and the latent in several ways."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from genexplorer.explore.protocol import Array
from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.session.prior import typical_norm
from genexplorer.viewer.plots.path_plot import PathPlot
from genexplorer.viewer.plots.plane_layers import Marker
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode.bars import LatentBars, half_width
from genexplorer.viewer.tabs.encode.encoding import SAMPLES, Encoding, Figure, two_colored
from genexplorer.viewer.tabs.encode.graphs import LatentHistogram, SearchHistory
from genexplorer.viewer.tabs.encode.search_panel import SearchPanel
from genexplorer.viewer.tabs.encode.square_row import SquareRow
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.images import PictureView, montage, to_qimage

How = Literal["spread", "exact", "search"]  # q(z|x) with a spread; one latent; one that is searched for
FEW = 8  # dimensions up to which the numbers themselves are told
MAP_REACH = 3.0  # values of a latent map at which its colors are full
Floats = NDArray[np.float64]


class Views(QWidget):
    """The middle and the right of the tab; it asks nothing itself."""

    def __init__(self, palette: Palette, search: SearchPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = search
        names = ("x", "latent", "reconstruction", "difference")
        self.pictures = {name: PictureView(name) for name in names}
        self.row = SquareRow(list(self.pictures.values()))
        self.data = PathPlot(("x₁", "x₂"), palette, picks=True)
        self.plane, self.map = (PathPlot(("z₁", "z₂"), palette, prior=True) for _ in range(2))
        self.samples = PictureView("posterior samples")
        self.bars = LatentBars(palette)
        self.histogram, self.history = LatentHistogram(palette), SearchHistory(palette)
        self.figures, self.setup, self.note = (
            labels.wrapped("", "heading"),
            labels.wrapped(),
            labels.wrapped("", "warning"),
        )
        self.length = labels.wrapped()
        self._how: How = "spread"
        self._points, self._size = False, 2
        self._build()
        self.note.hide()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        for widget in (self.data, self.plane, self.bars, self.map, self.histogram, self.history):
            widget.recolor(palette)

    def arrange(self, how: How, *, points: bool, size: int, is_image: bool) -> None:
        """Show what suits a model.

        Args:
            how: What its latents of data are.
            points: Whether the data are points of the plane.
            size: Dimensions of its latent.
            is_image: Whether the latent has as many values as an image, so that it can be laid out like one.
        """
        self._how, self._points, self._size = how, points, size
        self.search.setVisible(how == "search")
        self.row.setVisible(not points)
        self.pictures["latent"].setVisible(not points and is_image)
        self.row.lay_out()
        self._planes.setVisible(points)
        self.plane.setVisible(points and size == 2)
        self._sampled.setVisible(how == "spread" and not points)
        many = size > FEW and how != "spread"
        self.histogram.setVisible(many)
        self.history.setVisible(how == "search")
        self._graphs.setVisible(many or how == "search")
        self._side.setVisible(how == "spread" and not (points and size == 2))
        mapped = how == "spread" and size == 2 and not points
        self.map.setVisible(mapped)
        self._below.setVisible(mapped)
        self._scroll.setMaximumHeight(88 if mapped else 16_777_215)
        self.length.setVisible(self._side.isHidden())
        self.setup.setVisible(not points)

    def show_nothing(self, x: Array | None, what: str, hint: str) -> None:
        """Show the image alone, while its latent is waited for."""
        for picture in self.pictures.values():
            picture.set_picture(None, hint=hint)
        if x is not None and x.ndim == 3:
            self.pictures["x"].set_picture(x, what)
        markers = [Marker(x.astype(np.float64), "x")] if x is not None and x.ndim == 1 else []
        self.data.show_path(*markers, hint="" if markers else hint)
        for plane in (self.plane, self.map):
            plane.show_path(hint=hint)
        self.figures.setText("")
        self.length.setText("")
        self.bars.set_posterior(np.zeros(0), None, None)
        self.histogram.set_latent(None)
        self.samples.set_picture(None, hint=hint)

    def show_encoding(self, current: Encoding, what: str, sampled_z: Floats | None, decoded: str) -> None:
        """Show an encoding; `what` names the image, `decoded` says where the reconstruction comes from."""
        self.figures.setText("    ".join(figure_words(figure) for figure in current.figures))
        self.bars.set_posterior(current.mu, current.sigma, current.kl_dims)
        self.histogram.set_latent(current.mu)
        self.length.setText(_latent_words(current))
        if current.is_point:
            self._show_point(current, sampled_z)
            return
        self.pictures["x"].set_picture(current.x, what)
        self.pictures["reconstruction"].set_picture(current.recon, decoded)
        self.pictures["difference"].set_picture(current.difference(), "difference")
        if not self.pictures["latent"].isHidden():
            self.pictures["latent"].set_picture(latent_image(current), f"z, ±{MAP_REACH:g} is full color")
        if not self.map.isHidden() and current.sigma is not None:
            _show_posterior(self.map, current, sampled_z)

    def show_samples(self, samples: Array | None, hint: str) -> None:
        """Show what samples of q(z|x) decode to, images (N, H, W, C)."""
        images = None if samples is None or samples.ndim != 4 else np.asarray(samples, np.uint8)
        sheet = None if images is None else to_qimage(montage(images, SAMPLES // 2, 2))
        self.samples.set_picture(sheet, hint=hint)

    def row_image(self, current: Encoding) -> QImage:
        """Return the pictures side by side, or the planes as they are shown."""
        if current.is_point:
            return self._planes.grab().toImage()
        images = [np.broadcast_to(image, (*image.shape[:2], 3)) for image in (current.x, current.recon)]
        if not self.pictures["latent"].isHidden():
            images.insert(1, np.broadcast_to(latent_image(current), images[0].shape))
        row = montage(np.stack([*images, current.difference()]).astype(np.uint8), len(images) + 1, 2)
        return to_qimage(row.repeat(8, axis=0).repeat(8, axis=1))

    def _show_point(self, current: Encoding, sampled_z: Floats | None) -> None:
        x, recon = current.x.astype(np.float64), current.recon.astype(np.float64)
        self.data.show_path(Marker(recon, "x̂", hollow=True), Marker(x, "x"), path=np.stack([x, recon]))
        if self._size == 2:
            _show_posterior(self.plane, current, sampled_z)

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GAP)
        self._planes = _in_a_row(self.plane, self.data)
        self._graphs = _in_a_row(self.history, self.histogram)
        self._sampled = QWidget()
        sampled = QVBoxLayout(self._sampled)
        sampled.setContentsMargins(0, 0, 0, 0)
        sampled.addWidget(labels.rule())
        sampled.addWidget(labels.heading("Samples of q(z|x), decoded"))
        self.samples.setMaximumHeight(320)
        sampled.addWidget(self.samples, 1)
        middle = QVBoxLayout()
        middle.setSpacing(GAP)
        for widget in (self.note, self.search, self.row):
            middle.addWidget(widget)
        middle.addWidget(self._planes, 8)
        for label in (self.figures, self.length, self.setup):
            middle.addWidget(label)
        middle.addWidget(self._sampled, 4)
        middle.addWidget(self._graphs, 4)
        middle.addStretch(1)
        row.addLayout(middle, 5)
        row.addWidget(self._side_column(), 3)

    def _side_column(self) -> QWidget:
        self._side = QWidget()
        outer = QHBoxLayout(self._side)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2 * GAP)
        outer.addWidget(labels.upright_rule())
        column = QVBoxLayout()
        column.setSpacing(GAP)
        column.addWidget(labels.heading("q(z|x)"))
        scroll = QScrollArea()
        scroll.setWidget(self.bars)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setMinimumWidth(280)
        self._scroll = scroll
        column.addWidget(scroll, 1)
        column.addWidget(self.map)
        self._below = QWidget()  # takes the room that two dimensions leave
        column.addWidget(self._below, 1)
        outer.addLayout(column, 1)
        return self._side


def _show_posterior(plane: PathPlot, current: Encoding, sampled_z: Floats | None) -> None:
    """Show q(z|x) with samples of it, or the one latent."""
    sigma = current.sigma
    reach = half_width(current.mu, np.zeros(2) if sigma is None else sigma)
    plane.set_data(None, bounds=(-reach, reach, -reach, reach))
    plane.show_path(Marker(current.mu, "z" if sigma is None else "μ", sigma=sigma), dots=sampled_z)


def figure_words(figure: Figure) -> str:
    """Return a figure with name and unit: "ELBO −86.8 nats"."""
    size = abs(figure.value)
    tiny = 0 < size < 1e-3
    number = formatting.number(figure.value) if tiny else f"{figure.value:.{1 if size >= 10 else 3}f}"
    words = " ".join(part for part in (figure.name, number.replace("-", "−"), figure.unit) if part)
    return words.replace(" ", "\u00a0")  # a line is broken between figures, not within


def latent_image(current: Encoding) -> NDArray[np.uint8]:
    """Return a latent of an image's size laid out like the image, (H, W, 3); of color images, color by color."""
    height, width, channels = current.x.shape
    values = current.mu.reshape(channels, height, width).transpose(1, 2, 0) / MAP_REACH
    values = np.nan_to_num(values)
    if channels == 1:
        return two_colored(values[..., 0])
    shaded: NDArray[np.uint8] = np.round((0.5 + values / 2).clip(0, 1) * 255).astype(np.uint8)
    return shaded


def _latent_words(current: Encoding) -> str:
    """Return the latent's numbers where they are few, else its length."""
    z, sigma = current.mu, current.sigma
    if z.size <= FEW:
        return f"z = {_vector(z)}" if sigma is None else f"μ = {_vector(z)}    σ = {_vector(sigma)}"
    length, usual = np.linalg.norm(z), typical_norm(z.size)
    return f"|z| = {length:.2f} in {z.size} dimensions; a sample of N(0, I) has {usual:.1f} on average"


def _vector(values: Floats) -> str:
    return f"({', '.join(f'{value:.2f}' for value in values)})".replace("-", "−")


def _in_a_row(*widgets: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GAP)
    for widget in widgets:
        row.addWidget(widget, 1)
    return made
