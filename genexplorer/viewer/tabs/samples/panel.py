"""The inspector of the Samples tab: one sample enlarged, the same latent through training, and settings."""

from typing import Any

import numpy as np
from PyQt6.QtCore import QPoint, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, slider, tool_button
from genexplorer.viewer.widgets.image_grid import ImageGrid, ImageGridView
from genexplorer.viewer.widgets.images import ImageView, Pixels
from genexplorer.viewer.widgets.labels import heading, muted, vertical_rule, wrapped

WIDTH_PX = 34 * GAP
_HISTORY_COLUMNS = 4
_LARGE_SAMPLE_PX, _SMALL_SAMPLE_PX = 26 * GAP, 15 * GAP
_LARGE_SAMPLE_MIN_HEIGHT_PX, _HISTORY_MIN_HEIGHT_PX = (
    89 * GAP,
    78 * GAP,
)  # of the panel: a lower one has a smaller sample, or no history


class SamplesPanel(QWidget):
    """The inspector; the tab connects buttons, seed and columns.

    Signals:
        temperature_chosen(float): The slider was moved.
        step_chosen(int): An image of the history was clicked.
    """

    temperature_chosen = pyqtSignal(float)
    step_chosen = pyqtSignal(int)

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._steps: list[int] = []
        self._history_index = -1
        self.setFixedWidth(scaled(WIDTH_PX))
        self.one = ImageView("sample")
        self.one.on_saved = context.status_message.emit
        self.name, self.detail = heading(""), wrapped("")
        self.history_title = muted("the same latent through training")
        self.history = ImageGridView("sample-through-training")
        self.history.set_columns(_HISTORY_COLUMNS)
        self.history.max_factor = 2
        self.history.setFixedHeight(scaled(22 * GAP))
        self.history.on_saved = context.status_message.emit
        self.fixed = tool_button(
            "Fixed seed", "Recorded samples, of the same latents at every step (F)", checkable=True
        )
        self.resample = tool_button("Resample", "New samples from the present snapshot (R)")
        self.seed, self.columns = _make_spin_box(0, 2**31 - 1), _make_spin_box(0, 64)
        self.columns.setSpecialValueText("auto")
        self.temperature = slider(0, 200, 100, "Temperature: scales the standard deviation of the prior")
        self.temperature_label = muted("temperature 1.00")
        self._build()
        # Connect the signals.
        self.temperature.valueChanged.connect(self._on_temperature)
        self.history.pressed.connect(self._on_history_pressed)
        self.history.hovered.connect(self._on_history_hovered)

    def show_seed(self, seed: int | None) -> None:
        """Show the seed of the samples; None stands for the recorded ones."""
        self.fixed.setChecked(seed is None)
        if seed is not None:
            with QSignalBlocker(self.seed):
                self.seed.setValue(seed)
        else:
            self.set_temperature(1.0)

    def set_columns(self, columns: int) -> None:
        """Set the columns; 0 for as many as fit."""
        self.columns.setValue(columns)

    def set_temperature(self, temperature: float) -> None:
        """Show a temperature without emitting a signal."""
        with QSignalBlocker(self.temperature):
            self.temperature.setValue(round(temperature * 100))
        self.temperature_label.setText(f"temperature {temperature:.2f}")

    def show_sample(self, index: int, image: Pixels, grid: ImageGrid) -> None:
        """Show one sample of a grid enlarged."""
        self.one.set_image(image)
        self.name.setText(f"sample {index + 1}")
        lines = [grid.caption] if grid.caption else []
        if grid.z is not None and grid.z.shape[1] <= 4:
            lines.append(f"z = ({', '.join(formatting.number(float(value)) for value in grid.z[index])})")
        self.detail.setText("\n".join(lines))

    def show_no_sample(self) -> None:
        """Show no sample."""
        self.one.set_image(None)
        self.name.setText("")
        self.detail.setText("")
        self.show_history(-1, [])

    def show_history(self, index: int, images_by_step: list[tuple[int, Any]]) -> None:
        """Show the images of one latent at several steps, each with its step; a click selects the step."""
        steps = [step for step, _ in images_by_step]
        if (index, steps) == (self._history_index, self._steps):
            return
        self._history_index, self._steps = index, steps
        self._show_history_if_room()
        images = np.stack([image for _, image in images_by_step]) if images_by_step else None
        self.history.set_grid(None if images is None else ImageGrid(images, _HISTORY_COLUMNS, 0, ""))
        self.history.set_frame(None)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Hide the history, then shrink the sample, where the window is low."""
        super().resizeEvent(event)
        self._show_history_if_room()

    def _show_history_if_room(self) -> None:
        has_room = len(self._steps) > 1 and self.height() >= scaled(_HISTORY_MIN_HEIGHT_PX)
        is_small = has_room and self.height() < scaled(_LARGE_SAMPLE_MIN_HEIGHT_PX)
        self.one.setFixedHeight(scaled(_SMALL_SAMPLE_PX if is_small else _LARGE_SAMPLE_PX))
        self.history.setVisible(has_room)
        self.history_title.setVisible(has_room)

    def recolor(self) -> None:
        """Apply the colors of the context's palette."""
        self.history.set_background(self._context.palette.background)
        self.history.set_frame(None)

    def _build(self) -> None:
        buttons = fill_box(QHBoxLayout(), self.fixed, self.resample, None)
        form = QGridLayout()
        form.setHorizontalSpacing(scaled(2 * GAP))
        form.addWidget(muted("seed"), 0, 0)
        form.addWidget(self.seed, 0, 1)
        form.addWidget(muted("columns"), 1, 0)
        form.addWidget(self.columns, 1, 1)
        form.addWidget(self.temperature_label, 2, 0, 1, 2)
        form.addWidget(self.temperature, 3, 0, 1, 2)
        form.setColumnStretch(1, 1)
        column = fill_box(QVBoxLayout(), self.one, self.name, self.detail, self.history_title, self.history, None)
        fill_box(column, Toolbar(buttons, form, vertical=True), margins=(2 * GAP, 2 * GAP, 2 * GAP, GAP))
        fill_box(QHBoxLayout(self), vertical_rule(), (column, 1), spacing=0)

    def _on_temperature(self, hundredths: int) -> None:
        self.temperature_label.setText(f"temperature {hundredths / 100:.2f}")
        self.temperature_chosen.emit(hundredths / 100)

    def _on_history_pressed(self, pixel: QPoint) -> None:
        index = self.history.index_at(pixel)
        if 0 <= index < len(self._steps):
            self.step_chosen.emit(self._steps[index])

    def _on_history_hovered(self, pixel: QPoint) -> None:
        index = self.history.index_at(pixel)
        is_image = 0 <= index < len(self._steps)
        title = f"step {self._steps[index]:,}: click to go there" if is_image else "the same latent through training"
        self.history_title.setText(title)
        if not is_image:
            self.history.set_frame(None)


def _make_spin_box(low: int, high: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    box.setKeyboardTracking(False)
    return box
