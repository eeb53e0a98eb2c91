"""Playback controls: play, position, interpolation mode, number of images."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QSpinBox, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.interpolate.interpolation import (
    COUNT,
    MAX_COUNT,
    MIN_COUNT,
    MODES,
    Interpolation,
    InterpolationFrames,
    Mode,
)
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import slider, tool_button

FINE = 1000  # positions of the slider


class PlaybackControls(QWidget):
    """The widgets of an interpolation.

    Signals:
        play_wanted, swap_wanted, random_wanted: A button was pressed.
        mode_chosen(str): "spherical" or "linear".
        count_chosen(int): Images of the strip.
        moved(float): The t of the slider.
        dragging(bool): A drag of the slider begins or ends.
    """

    play_requested = pyqtSignal()
    swap_requested = pyqtSignal()
    resample_requested = pyqtSignal()
    mode_chosen = pyqtSignal(str)
    count_chosen = pyqtSignal(int)
    scrubbed = pyqtSignal(float)
    dragging = pyqtSignal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.play = tool_button("▶", "Play back and forth (Space)")
        self.play.setAccessibleName("play")
        self.slider = slider(0, FINE, FINE // 2, "Position t (← →)")
        self.position = labels.text()
        self.position.setMinimumWidth(18 * GAP)
        self.modes = {mode: tool_button(mode, _TIPS[mode], checkable=True) for mode in MODES}
        self.count = QSpinBox()
        self.count.setRange(MIN_COUNT, MAX_COUNT)
        self.count.setValue(COUNT)
        self.count.setSuffix(" images")
        self.count.setKeyboardTracking(False)
        self.count.setAccessibleName("images of the strip")
        self.count.setToolTip("Images of the strip (+ −)")
        self.swap = tool_button("A ⇄ B", "Swap A and B (X)")
        self.resample = tool_button("Resample", "Choose random endpoints (R)")
        self._group = QButtonGroup(self)
        self._build()
        self._bind()

    def refresh(self, interpolation: Interpolation, frames: InterpolationFrames | None, *, points: bool) -> None:
        """Show mode, number of images and position."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(interpolation.t * FINE))
        self.slider.blockSignals(False)
        self.modes[interpolation.mode].setChecked(True)
        self.count.blockSignals(True)
        self.count.setValue(interpolation.count)
        self.count.blockSignals(False)
        self.count.setSuffix(" points" if points else " images")
        is_decoded = frames is not None
        for widget in (self.play, self.slider):
            widget.setEnabled(is_decoded)
        if frames is None:
            self.position.setText("")
        else:
            self.position.setText(
                f"t = {frames.t[interpolation.row]:.2f}   |z| = {frames.norms[interpolation.row]:.2f}"
            )

    def set_playing(self, playing: bool) -> None:
        """Show whether the animation is running."""
        self.play.setText("❚❚" if playing else "▶")

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.play)
        row.addWidget(self.slider, 1)
        row.addWidget(self.position)
        for mode, button in self.modes.items():
            self._group.addButton(button)
            button.setObjectName(mode)
            row.addWidget(button)
        row.addWidget(self.count)
        row.addWidget(self.swap)
        row.addWidget(self.resample)

    def _bind(self) -> None:
        self.play.clicked.connect(self.play_requested)
        self.swap.clicked.connect(self.swap_requested)
        self.resample.clicked.connect(self.resample_requested)
        self.count.valueChanged.connect(self.count_chosen)
        self.slider.valueChanged.connect(lambda value: self.scrubbed.emit(value / FINE))
        self.slider.sliderPressed.connect(lambda: self.dragging.emit(True))
        self.slider.sliderReleased.connect(lambda: self.dragging.emit(False))
        for mode, button in self.modes.items():
            button.clicked.connect(lambda _=False, mode=mode: self.mode_chosen.emit(mode))


_TIPS: dict[Mode, str] = {
    "spherical": "Along a great circle: |z| stays between those of the endpoints (M)",
    "linear": "Along a straight line: in many dimensions |z| gets smaller than that of any sample (M)",
}
