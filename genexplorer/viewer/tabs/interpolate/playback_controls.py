"""The line of controls between picture and strip: play, where one stands, how one goes, how many images."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QSpinBox, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.interpolate.path import COUNT, MAX_COUNT, MIN_COUNT, MODES, Frames, Mode, Way
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import slider, tool_button

FINE = 1000  # places of the slider


class Transport(QWidget):
    """Binds the way to its controls.

    Signals:
        play_wanted, swap_wanted, random_wanted: A button was pressed.
        mode_chosen(str): "spherical" or "linear".
        count_chosen(int): Images of the strip.
        moved(float): The slider was moved to a t.
        dragging(bool): The slider is held, or let go.
    """

    play_wanted = pyqtSignal()
    swap_wanted = pyqtSignal()
    random_wanted = pyqtSignal()
    mode_chosen = pyqtSignal(str)
    count_chosen = pyqtSignal(int)
    moved = pyqtSignal(float)
    dragging = pyqtSignal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.play = tool_button("▶", "Walk to and fro (Space)")
        self.play.setAccessibleName("play")
        self.slider = slider(0, FINE, FINE // 2, "where on the way (← →)")
        self.where = labels.text()
        self.where.setMinimumWidth(18 * GAP)
        self.modes = {mode: tool_button(mode, _TIPS[mode], checkable=True) for mode in MODES}
        self.count = QSpinBox()
        self.count.setRange(MIN_COUNT, MAX_COUNT)
        self.count.setValue(COUNT)
        self.count.setSuffix(" images")
        self.count.setKeyboardTracking(False)
        self.count.setAccessibleName("images of the strip")
        self.count.setToolTip("Images of the strip (+ −)")
        self.swap = tool_button("A ⇄ B", "Let A and B change places (X)")
        self.random = tool_button("random", "Others for both ends (R)")
        self._group = QButtonGroup(self)
        self._build()
        self._bind()

    def refresh(self, way: Way, frames: Frames | None, *, points: bool) -> None:
        """Show the way as it is."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(way.t * FINE))
        self.slider.blockSignals(False)
        self.modes[way.mode].setChecked(True)
        self.count.blockSignals(True)
        self.count.setValue(way.count)
        self.count.blockSignals(False)
        self.count.setSuffix(" points" if points else " images")
        there = frames is not None
        for widget in (self.play, self.slider):
            widget.setEnabled(there)
        if frames is None:
            self.where.setText("")
        else:
            self.where.setText(f"t = {frames.t[way.here]:.2f}   |z| = {frames.norms[way.here]:.2f}")

    def set_playing(self, playing: bool) -> None:
        """Show whether the walk goes on."""
        self.play.setText("❚❚" if playing else "▶")

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(self.play)
        row.addWidget(self.slider, 1)
        row.addWidget(self.where)
        for mode, button in self.modes.items():
            self._group.addButton(button)
            button.setObjectName(mode)
            row.addWidget(button)
        row.addWidget(self.count)
        row.addWidget(self.swap)
        row.addWidget(self.random)

    def _bind(self) -> None:
        self.play.clicked.connect(self.play_wanted)
        self.swap.clicked.connect(self.swap_wanted)
        self.random.clicked.connect(self.random_wanted)
        self.count.valueChanged.connect(self.count_chosen)
        self.slider.valueChanged.connect(lambda value: self.moved.emit(value / FINE))
        self.slider.sliderPressed.connect(lambda: self.dragging.emit(True))
        self.slider.sliderReleased.connect(lambda: self.dragging.emit(False))
        for mode, button in self.modes.items():
            button.clicked.connect(lambda _=False, mode=mode: self.mode_chosen.emit(mode))


_TIPS: dict[Mode, str] = {
    "spherical": "Along a great circle: |z| stays between those of the ends (M)",
    "linear": "Straight on: in many dimensions through a middle where no sample lies (M)",
}
