"""The row above the stages: direction, input, and playback."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QSpinBox, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.flow.trace_request import MAX_SEED, MAX_TEMPERATURE, TraceSelection
from genexplorer.viewer.widgets.controls import slider, tool_button
from genexplorer.viewer.widgets.labels import muted


class ControlsRow(QWidget):
    """Binds the choice to its widgets."""

    def __init__(self, selection: TraceSelection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self.forward = tool_button("x → z", "From a test image to the base distribution (D)", checkable=True)
        self.inverse = tool_button("z → x", "From a sample of the base to the data (D)", checkable=True)
        group = QButtonGroup(self)
        for button in (self.forward, self.inverse):
            group.addButton(button)
        self.index_name, self.index = muted("test image"), _spin(0, 0, "#")
        self.seed_name, self.seed = muted("seed"), _spin(0, MAX_SEED, "")
        self.resample = tool_button("Resample", "Choose another at random (R); ↑ ↓ step")
        self.temperature_name = muted("temperature 1.00")
        self.temperature_name.setMinimumWidth(self.temperature_name.sizeHint().width() + 4)
        tip = "Temperature: standard deviation of z (− +)"
        self.temperature = slider(0, round(MAX_TEMPERATURE * 100), 100, tip)
        self.temperature.setMinimumWidth(10 * GAP)
        self.temperature.setMaximumWidth(24 * GAP)
        self.play = tool_button("▶ Play", "Play through the stages (Enter); ← → step", checkable=True)
        self._lay_out()
        self._bind()

    def set_noun(self, points: bool) -> None:
        """Name the input: a test point or a test image."""
        self.index_name.setText("test point" if points else "test image")

    def show_selection(self) -> None:
        """Show the selection."""
        selection, forward = self._selection, self._selection.direction == "forward"
        (self.forward if forward else self.inverse).setChecked(True)
        of_data: tuple[QWidget, ...] = (self.index_name, self.index)
        of_base: tuple[QWidget, ...] = (self.seed_name, self.seed, self.temperature_name, self.temperature)
        for widget in (*of_data, *of_base):
            widget.setVisible((widget in of_data) == forward)
        for spin, value in ((self.index, selection.index), (self.seed, selection.seed)):
            spin.blockSignals(True)
            spin.setMaximum(MAX_SEED if spin is self.seed else max(0, selection.num_test - 1))
            spin.setValue(value)
            spin.blockSignals(False)
        self.temperature.blockSignals(True)
        self.temperature.setValue(round(selection.temperature * 100))
        self.temperature.blockSignals(False)
        self.temperature_name.setText(f"temperature {selection.temperature:.2f}")

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        pair = QHBoxLayout()
        pair.setSpacing(0)
        pair.addWidget(self.forward)
        pair.addWidget(self.inverse)
        row.addLayout(pair)
        row.addSpacing(GAP)
        widgets = (self.index_name, self.index, self.seed_name, self.seed, self.resample)
        for widget in (*widgets, self.temperature_name):
            row.addWidget(widget)
        row.addWidget(self.temperature, 1)
        row.addStretch(1)
        row.addWidget(self.play)

    def _bind(self) -> None:
        selection = self._selection
        self.forward.clicked.connect(lambda: selection.set_direction("forward"))
        self.inverse.clicked.connect(lambda: selection.set_direction("inverse"))
        self.index.valueChanged.connect(selection.set_index)
        self.seed.valueChanged.connect(lambda seed: selection.set_sample(seed=seed))
        self.resample.clicked.connect(selection.resample)
        self.temperature.valueChanged.connect(lambda hundredths: selection.set_sample(temperature=hundredths / 100))


def _spin(low: int, high: int, prefix: str) -> QSpinBox:
    spin_box = QSpinBox()
    spin_box.setRange(low, high)
    spin_box.setPrefix(prefix)
    spin_box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    spin_box.setKeyboardTracking(False)
    spin_box.setMinimumWidth(10 * GAP)
    return spin_box
