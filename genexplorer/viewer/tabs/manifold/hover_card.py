"""The card beside a hovered point: its image, and reconstructions sampled from its q(z|x)."""

from PyQt6.QtCore import QPoint, QRectF, Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold.inspector_data import SAMPLES, EncodedImage, PosteriorSamples
from genexplorer.viewer.widgets.images import ImageView

_THUMB = 56


class HoverCard(QFrame):
    """Floats over the plane, never under the mouse; takes no mouse events itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("hover-card")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAutoFillBackground(True)
        self.setFrameShape(QFrame.Shape.Box)
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.metrics = QLabel()
        self.metrics.setProperty("role", "caption")
        self.original = _thumb("x")
        self.samples = [_thumb(f"sample {number}") for number in range(SAMPLES)]
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(GAP // 2)
        column.addWidget(self.title)
        row = QHBoxLayout()
        row.setSpacing(GAP // 2)
        row.addWidget(self.original)
        arrow = QLabel("→")
        arrow.setProperty("role", "muted")
        row.addWidget(arrow)
        for picture in self.samples:
            row.addWidget(picture)
        column.addLayout(row)
        column.addWidget(self.metrics)
        self.hide()

    def show_point(
        self,
        title: str,
        encoded_image: EncodedImage | None,
        posterior: PosteriorSamples | None,
        *,
        samples_posterior: bool = True,
    ) -> None:
        """Show what is known of the hovered point; where nothing is drawn from q(z|x), its reconstruction."""
        for picture in self.samples[1:]:
            picture.setVisible(samples_posterior)
        if not samples_posterior:
            self._show_pair(title, encoded_image)
            return
        self.title.setText(title)
        self.original.set_image(None if encoded_image is None else encoded_image.x, hint="…")
        for number, picture in enumerate(self.samples):
            known = posterior is not None and number < len(posterior.images)
            picture.set_image(posterior.images[number] if known and posterior is not None else None, hint="…")
        words = "decoding…"
        if encoded_image is not None:
            words = f"x → samples of q(z|x) · σ = ({encoded_image.sigma[0]:.2f}, {encoded_image.sigma[1]:.2f})"
        self.metrics.setText(words)
        self.adjustSize()

    def _show_pair(self, title: str, encoded_image: EncodedImage | None) -> None:
        self.title.setText(title)
        self.original.set_image(None if encoded_image is None else encoded_image.x, hint="…")
        self.samples[0].set_image(None if encoded_image is None else encoded_image.recon, hint="…")
        self.metrics.setText("decoding…" if encoded_image is None else "x → reconstruction")
        self.adjustSize()

    def place_beside(self, at: QPoint, room: QRectF) -> None:
        """Stand right of a place and above it, or where there is room."""
        size = self.sizeHint()
        x = at.x() + 24 if at.x() + 24 + size.width() <= room.right() else at.x() - 24 - size.width()
        y = at.y() - size.height() - 16 if at.y() - size.height() - 16 >= room.top() else at.y() + 24
        self.move(max(int(room.left()), x), y)
        self.show()
        self.raise_()


def _thumb(name: str) -> ImageView:
    picture = ImageView(name)
    picture.setFixedSize(_THUMB, _THUMB)
    return picture
