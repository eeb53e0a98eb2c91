"""The strip below the plane: the path's pictures in a row, with play, scrub, export and import."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets.images import to_qimage

Images = NDArray[np.uint8]


class Filmstrip(QWidget):
    """As many of the path's frames as there is room for; pressing or dragging walks along them.

    Signals:
        scrubbed(float): The share of the path that was pressed.
        scrubbing(bool): A drag begins or ends.
    """

    scrubbed = pyqtSignal(float)
    scrubbing = pyqtSignal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: list[QImage] = []
        self._position = 0.0
        self._hint = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(112)

    def sizeHint(self) -> QSize:
        """Return one row of thumbnails."""
        return QSize(400, 60)

    def set_frames(self, frames: Images | None, hint: str = "") -> None:
        """Show frames, (N, H, W, C), or None and why there are none."""
        self._frames = [] if frames is None else [to_qimage(frame) for frame in frames]
        self._hint = hint
        self.update()

    def set_position(self, position: float) -> None:
        """Mark a share of the path."""
        self._position = position
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the frames that fit, evenly chosen, and the walker's place."""
        painter = QPainter(self)
        if not self._frames:
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap, self._hint)
            return
        size = self._frames[0].size()
        factor = max(1, int((self.height() - 4) * self.devicePixelRatioF()) // max(1, size.height()))
        width = size.width() * factor / self.devicePixelRatioF()
        height = size.height() * factor / self.devicePixelRatioF()
        shrink = min(1.0, (self.height() - 4) / height)
        width, height = width * shrink, height * shrink
        count = max(1, min(len(self._frames), int(self.width() // width)))
        for place, number in enumerate(np.linspace(0, len(self._frames) - 1, count).round().astype(int)):
            painter.drawImage(QRectF(place * width, 0, width, height), self._frames[number])
        self._span = count * width
        x = self._position * (self._span - width)
        painter.fillRect(QRectF(x, height + 1, width, 3), self._accent())

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin to walk."""
        if event is not None and self._frames:
            self.scrubbing.emit(True)
            self._scrub(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Walk to where the mouse is."""
        if event is not None and self._frames and event.buttons() & Qt.MouseButton.LeftButton:
            self._scrub(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End the walk."""
        self.scrubbing.emit(False)

    def _scrub(self, event: QMouseEvent) -> None:
        span = max(1.0, getattr(self, "_span", float(self.width())))
        self.scrubbed.emit(min(1.0, max(0.0, event.position().x() / span)))

    def _accent(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.Highlight)


class PathStrip(QWidget):
    """The path's row of pictures with its buttons.

    Signals:
        play_wanted, gif_wanted, json_wanted, import_wanted, closed: A button was pressed.
    """

    play_wanted = pyqtSignal()
    gif_wanted = pyqtSignal()
    json_wanted = pyqtSignal()
    import_wanted = pyqtSignal()
    closed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.film = Filmstrip()
        self.play = _button("▶", "Walk along the path (Enter)", self.play_wanted)
        self.gif = _button("GIF", "Save the walk as an animation", self.gif_wanted)
        self.json = _button("JSON", "Save the path as a list of z", self.json_wanted)
        open_path = _button("Open…", "Read a path from a JSON file", self.import_wanted)
        close = _button("✕", "Put the path away (Escape)", self.closed)
        close.setAccessibleName("close path")
        self._title = QLabel("path")
        self._title.setProperty("role", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        left = QVBoxLayout()
        left.setSpacing(2)
        left.addWidget(self._title)
        left.addWidget(self.play)
        row.addLayout(left)
        row.addWidget(self.film, 1)
        for button in (self.gif, self.json, open_path, close):
            row.addWidget(button)
        self.set_frames(None, "")

    def set_frames(self, frames: Images | None, hint: str) -> None:
        """Show the path's frames, or why there are none; what needs frames is off without them."""
        self.film.set_frames(frames, hint)
        for button in (self.play, self.gif):
            button.setEnabled(frames is not None and len(frames) > 1)

    def set_playing(self, playing: bool) -> None:
        """Show whether the walk goes on."""
        self.play.setText("❚❚" if playing else "▶")


def _button(text: str, tip: str, signal: object) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(lambda: signal.emit())  # type: ignore[attr-defined]
    return button
