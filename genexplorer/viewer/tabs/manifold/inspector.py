"""The column at the right of the plane: the cursor's image, the picked test image, the pins; and the hover card."""

from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPoint, QRectF, Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.manifold.inspector_data import NUM_HOVER_SAMPLES, EncodedImage, PosteriorSamples
from genexplorer.viewer.tabs.manifold.plane_selector import PIN_NAMES
from genexplorer.viewer.widgets.controls import Toolbar, fill_box
from genexplorer.viewer.widgets.images import ImageView
from genexplorer.viewer.widgets.labels import heading, muted, rule, wrapped

WIDTH_PX = 264
_THUMBNAIL_SIDE_PX = 56
Images = NDArray[np.uint8]


class HoverCard(QFrame):
    """A card over the plane, beside the mouse; it gets no mouse events."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("hover-card")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAutoFillBackground(True)
        self.setFrameShape(QFrame.Shape.Box)
        self.title, self.metrics = heading(), muted()
        self.original = _make_image_view("x", _THUMBNAIL_SIDE_PX)
        self.samples = [_make_image_view(f"sample {number}", _THUMBNAIL_SIDE_PX) for number in range(NUM_HOVER_SAMPLES)]
        row = fill_box(QHBoxLayout(), self.original, muted("→"), *self.samples, spacing=GAP // 2)
        column = QVBoxLayout(self)
        fill_box(column, self.title, row, self.metrics, margins=(GAP, GAP, GAP, GAP), spacing=GAP // 2)
        self.hide()

    def show_point(
        self,
        title: str,
        encoded_image: EncodedImage | None,
        posterior: PosteriorSamples | None,
        *,
        samples_posterior: bool = True,
    ) -> None:
        """Show the hovered point with samples of its q(z|x), or, without sampling, its reconstruction."""
        # The images beside the original.
        images: list[Images] = []
        if samples_posterior:
            images = [] if posterior is None else list(posterior.images)
        elif encoded_image is not None:
            images = [encoded_image.recon]
        for image_view, image in zip_longest(self.samples, images[:NUM_HOVER_SAMPLES]):
            image_view.set_image(image, hint="…")
        for image_view in self.samples[1:]:
            image_view.setVisible(samples_posterior)
        # The original and the caption.
        self.title.setText(title)
        self.original.set_image(None if encoded_image is None else encoded_image.x, hint="…")
        if encoded_image is None:
            caption = "decoding…"
        elif samples_posterior:
            caption = f"x → samples of q(z|x) · σ = ({encoded_image.sigma[0]:.2f}, {encoded_image.sigma[1]:.2f})"
        else:
            caption = "x → reconstruction"
        self.metrics.setText(caption)
        self.adjustSize()

    def place_beside(self, at: QPoint, room: QRectF) -> None:
        """Move to the right of a point and above it, or where there is room."""
        size = self.sizeHint()
        x = at.x() + 24 if at.x() + 24 + size.width() <= room.right() else at.x() - 24 - size.width()
        y = at.y() - size.height() - 16 if at.y() - size.height() - 16 >= room.top() else at.y() + 24
        self.move(max(int(room.left()), x), y)
        self.show()
        self.raise_()


class ManifoldInspector(QWidget):
    """Shows the selection in images and metrics; it sends no requests.

    Signals:
        pin_wanted(str): "A", "B" or "C" should be set to the cursor.
        command_wanted: The command line of this image should be copied.
    """

    pin_wanted = pyqtSignal(str)
    command_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(scaled(WIDTH_PX))
        # The cursor.
        self.where = wrapped("", "heading")
        self.where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.decoded = _make_image_view("decoded", 224)
        # The picked test image and the nearest one.
        self.no_encoder, self.picked = wrapped(), wrapped()
        self.original, self.recon = _make_image_view("x", 112), _make_image_view("reconstruction", 112)
        self.metrics, self.nearest_text = wrapped("", "plain"), wrapped("", "plain")
        self.nearest = _make_image_view("nearest", _THUMBNAIL_SIDE_PX)
        divider = rule()
        self._encoded_parts = [self.picked, divider, self.nearest, self.nearest_text]
        # The pins, each with its button.
        self.pins = {name: _make_image_view(f"pin-{name}", _THUMBNAIL_SIDE_PX) for name in PIN_NAMES}
        self._pin_buttons: dict[str, QPushButton] = {}
        self._pin_layout = QHBoxLayout()
        for name, image_view in self.pins.items():
            button = self._pin_buttons[name] = QPushButton(f"Pin {name}")
            both = "A and B make a straight path" if name != "C" else "A, B and C span a plane"
            button.setToolTip(f"Pin the cursor as {name} (key {name}); {both}")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, name=name: self.pin_wanted.emit(name))
            fill_box(self._pin_layout, image_view, (button, 1))
        self.command = QPushButton("Copy as command")
        self.command.setToolTip("Copy the shell command that makes this image")
        self.command.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.command.clicked.connect(self.command_wanted)
        # The layout.
        fill_box(
            QVBoxLayout(self),
            self.where,
            (self.decoded, 8),
            rule(),
            self.no_encoder,
            self.picked,
            fill_box(QHBoxLayout(), self.original, self.recon),
            self.metrics,
            divider,
            fill_box(QHBoxLayout(), self.nearest, self.nearest_text),
            Toolbar(rule(), self._pin_layout, vertical=True),
            None,
            Toolbar(self.command),
            margins=(GAP, 0, GAP, GAP),
        )
        self.allow()
        self.clear()

    def clear(self) -> None:
        """Show nothing yet."""
        self.set_cursor(np.zeros(2))
        self.set_decoded(None)
        self.set_pair(None, None, "Click a point to see a test image and its reconstruction.", "")
        self.set_nearest(None, "")
        for name in self.pins:
            self.set_pin(name, None)

    def set_cursor(self, z: NDArray[np.float64], place: NDArray[np.float64] | None = None) -> None:
        """Show the cursor's z, (d,), and, in more than two dimensions, its coordinates in the plane, (2,)."""
        if len(z) == 2 or place is None:
            self.where.setText(f"z = ({', '.join(_decimal_text(value) for value in z[:2])})")
            return
        self.where.setText(f"({_decimal_text(place[0])}, {_decimal_text(place[1])})   |z| = {np.linalg.norm(z):.2f}")
        first = ", ".join(_decimal_text(value) for value in z[:8])
        more = f", … of {len(z)}" if len(z) > 8 else ""
        self.where.setToolTip(
            f"z = ({first}{more}). Samples of the prior have |z| near √{len(z)} = {len(z) ** 0.5:.1f}."
        )

    def recolor(self, palette: Palette) -> None:
        """Take the width that suits the size of the fonts, which changes with the palette."""
        self.setFixedWidth(scaled(WIDTH_PX))

    def allow(self, *, encoder: str = "", third_pin: bool = False) -> None:
        """Show the encodings or the reason why there are none; offer a third pin where a plane goes through it."""
        for part in self._encoded_parts:
            part.setVisible(not encoder)
        self.no_encoder.setText(encoder)
        self.no_encoder.setVisible(bool(encoder))
        # Three images with their buttons fill the width, so that buttons have short names.
        for part in (self.pins["C"], self._pin_buttons["C"]):
            part.setVisible(third_pin)
        for name, button in self._pin_buttons.items():
            button.setText(name if third_pin else f"Pin {name}")
            if self.pins[name].image().isNull():
                self.set_pin(name, None)
            button.setStyleSheet("padding: 4px 0;" if third_pin else "")
            button.setMinimumWidth(scaled(20 if third_pin else 0))
            button.setMaximumWidth(scaled(20 if third_pin else WIDTH_PX))
        self._pin_layout.setSpacing(scaled(GAP // 2 if third_pin else GAP))

    def set_decoded(self, image: Images | None, hint: str = "decoding…") -> None:
        """Show the decoded image of the cursor, (H, W, C)."""
        self.decoded.set_image(image, hint=hint)

    def set_pair(self, x: Images | None, recon: Images | None, title: str, metrics: str) -> None:
        """Show the picked test image beside its reconstruction, with their metrics."""
        self.picked.setText(title)
        self.original.set_image(x, "x" if x is not None else "")
        self.recon.set_image(recon, "reconstruction" if recon is not None else "")
        self.metrics.setText(metrics)
        for widget in (self.original, self.recon, self.metrics):
            widget.setVisible(x is not None)

    def set_nearest(self, image: Images | None, text: str) -> None:
        """Show the test image whose encoding is nearest to the cursor."""
        self.nearest.set_image(image)
        self.nearest_text.setText(text or "…")

    def set_pin(self, name: str, image: Images | None) -> None:
        """Show the image of a pin; without one, its name, unless that is the text of its button."""
        hint = name if self._pin_buttons[name].text() != name else ""
        self.pins[name].set_image(image, hint=hint)


def _decimal_text(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _make_image_view(name: str, size: int) -> ImageView:
    image_view = ImageView(name)
    image_view.setMinimumSize(scaled(min(size, 84)), scaled(min(size, 84)))
    if size <= 56:
        image_view.setFixedSize(scaled(size), scaled(size))
    else:
        image_view.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        image_view.setMaximumHeight(scaled(size + (24 if size < 200 else 0)))  # a small window takes a smaller factor
        if size < 200:
            image_view.setMinimumHeight(scaled(84 + 24))
    image_view.setAccessibleName(name)
    return image_view
