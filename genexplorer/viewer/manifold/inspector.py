"""The column at the right of the plane: the cursor's picture, the picked test image, the pins."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.viewer.pictures import PictureView
from genexplorer.viewer.style import GAP

WIDTH = 264
Images = NDArray[np.uint8]


class Inspector(QWidget):
    """Shows what the selection is, in pictures and figures; it asks nothing itself.

    Signals:
        pin_wanted(str): "A" or "B" should be set to the cursor.
        command_wanted: The command line of this picture should be copied.
    """

    pin_wanted = pyqtSignal(str)
    command_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.where = _label("heading")
        self.where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.decoded = _picture("decoded", 224)
        self.picked = _label("caption")
        self.original, self.recon = _picture("x", 112), _picture("reconstruction", 112)
        self.figures = _label("")
        self.nearest = _picture("nearest", 56)
        self.nearest_text = _label("")
        self.pins = {name: _picture(f"pin-{name}", 56) for name in ("A", "B")}
        self._build()
        self.clear()

    def clear(self) -> None:
        """Show nothing yet."""
        self.set_cursor(np.zeros(2))
        self.set_decoded(None)
        self.set_pair(None, None, "Click a point to see a test image and its reconstruction.", "")
        self.set_nearest(None, "")
        for name in self.pins:
            self.set_pin(name, None)

    def set_cursor(self, z: NDArray[np.float64]) -> None:
        """Show where the cursor is."""
        self.where.setText(f"z = ({_number(z[0])}, {_number(z[1])})")

    def set_decoded(self, image: Images | None, hint: str = "decoding…") -> None:
        """Show the decoder's picture of the cursor, (H, W, C)."""
        self.decoded.set_picture(image, hint=hint)

    def set_pair(self, x: Images | None, recon: Images | None, title: str, figures: str) -> None:
        """Show the picked test image beside its reconstruction, with their figures."""
        self.picked.setText(title)
        self.original.set_picture(x, "x" if x is not None else "")
        self.recon.set_picture(recon, "reconstruction" if recon is not None else "")
        self.figures.setText(figures)
        for widget in (self.original, self.recon, self.figures):
            widget.setVisible(x is not None)

    def set_nearest(self, image: Images | None, text: str) -> None:
        """Show the test image whose encoding is nearest to the cursor."""
        self.nearest.set_picture(image)
        self.nearest_text.setText(text or "…")

    def set_pin(self, name: str, image: Images | None) -> None:
        """Show a pin's picture, or how to set it."""
        self.pins[name].set_picture(image, hint=name)

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, 0, GAP, GAP)
        column.setSpacing(GAP)
        column.addWidget(self.where)
        column.addWidget(self.decoded, 8)
        column.addWidget(_rule())
        column.addWidget(self.picked)
        column.addLayout(_row(self.original, self.recon))
        column.addWidget(self.figures)
        column.addWidget(_rule())
        column.addLayout(_row(self.nearest, self.nearest_text))
        column.addWidget(_rule())
        column.addLayout(self._pin_row())
        column.addStretch(1)
        command = QPushButton("Copy as command")
        command.setToolTip("Copy the command line that makes this picture")
        command.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        command.clicked.connect(self.command_wanted)
        column.addWidget(command)

    def _pin_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GAP)
        for name, picture in self.pins.items():
            button = QPushButton(f"Pin {name}")
            button.setToolTip(f"Keep the cursor's place as {name} (key {name}); both make a straight path")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, name=name: self.pin_wanted.emit(name))
            row.addWidget(picture)
            row.addWidget(button, 1)
        return row


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _picture(name: str, size: int) -> PictureView:
    picture = PictureView(name)
    picture.setMinimumSize(min(size, 84), min(size, 84))
    if size <= 56:
        picture.setFixedSize(size, size)
    else:
        picture.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        picture.setMaximumHeight(size + (24 if size < 200 else 0))  # a small window takes a smaller factor
        if size < 200:
            picture.setMinimumHeight(84 + 24)
    picture.setAccessibleName(name)
    return picture


def _label(role: str) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    return label


def _rule() -> QFrame:
    rule = QFrame()
    rule.setProperty("role", "rule")
    rule.setFixedHeight(1)
    return rule


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GAP)
    for widget in widgets:
        row.addWidget(widget)
    return row
