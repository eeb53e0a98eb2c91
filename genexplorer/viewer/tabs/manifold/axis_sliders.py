"""Sliders for the most influential latent dimensions: they shift the grid, or only the cursor."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QSlider, QToolButton, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.manifold.latent_plane import axis_name
from genexplorer.viewer.tabs.manifold.plane_selector import AxisScores
from genexplorer.viewer.widgets.controls import discard, fill_box, set_value, tool_button
from genexplorer.viewer.widgets.labels import literal_tooltip, muted, set_role, text

NUM_SLIDERS = 6
MAX_OFFSET = 3.0  # a slider moves an axis so many units of z to either side
SLIDER_STEPS_PER_UNIT = 20  # of z
_SLIDER_COLUMNS = 3


class AxisSliders(QWidget):
    """One slider per axis; a double click sets it to 0.

    Signals:
        offset_changed(int, float): An axis is to be moved this far out of the plane.
        dragging(bool): A drag begins or ends.
        target_chosen(str): The sliders should shift "plane" or "image".
    """

    offset_changed = pyqtSignal(int, float)
    dragging = pyqtSignal(bool)
    target_chosen = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[int, AxisRow] = {}
        self.selected = 0  # index of the slider that keys move
        self.heading = muted("")
        self.targets: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        for target, label, shifted in (
            ("plane", "grid", "the whole plane"),
            ("image", "cursor", "only the decoded image at the right"),
        ):
            tooltip = f"The sliders shift {shifted} (X: grid or cursor)"
            button = self.targets[target] = tool_button(label, tooltip, checkable=True, name="small")
            button.clicked.connect(lambda _=False, target=target: self.target_chosen.emit(target))
            group.addButton(button)
        self.targets["plane"].setChecked(True)
        self.reset = tool_button("Reset", "Set every slider to 0 (Backspace)", name="small")
        self._indices: tuple[int, ...] = ()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(scaled(2 * GAP))
        self._grid.setVerticalSpacing(scaled(GAP // 2))
        for column in range(_SLIDER_COLUMNS):
            self._grid.setColumnStretch(column, 1)
        head = fill_box(QHBoxLayout(), self.heading, *self.targets.values(), None, self.reset, spacing=GAP // 2)
        fill_box(QVBoxLayout(self), head, self._grid, spacing=2)

    @property
    def target(self) -> str:
        """The object that the sliders shift: "plane" or, for the cursor alone, "image"."""
        return "plane" if self.targets["plane"].isChecked() else "image"

    def show_axes(self, axes: AxisScores | None, excluded: tuple[int, ...]) -> None:
        """Show the most influential axes outside of the plane; while one is moved, the order stays."""
        if axes is None:
            self.heading.setText("ranking dimensions…")
            return
        self.heading.setText(f"Most influential dimensions by {axes.measure}  ·  shift")
        self.heading.setToolTip(literal_tooltip(f"{axes.measure}, {axes.unit}"))
        scored = [(i, score) for i, score in zip(axes.indices, axes.scores, strict=True) if i not in excluded][
            :NUM_SLIDERS
        ]
        indices = tuple(index for index, _ in scored)
        if indices != self._indices and not any(row.value() for row in self.rows.values()):
            self._rebuild(indices)
        for index, score in scored:
            if index in self.rows:
                self.rows[index].show_score(score, axes)

    def show_values(self, offset: dict[int, float]) -> None:
        """Show the offset of each axis."""
        for index, row in self.rows.items():
            row.show_value(offset.get(index, 0.0))
        self.reset.setEnabled(any(offset.values()))

    def clear(self) -> None:
        """Show no axes."""
        self._rebuild(())
        self.reset.setEnabled(False)

    def next_axis(self, count: int) -> None:
        """Select another slider for the keys."""
        if self.rows:
            self.selected = (self.selected + count) % len(self.rows)
            self._highlight_selected()

    def nudge(self, count: int) -> None:
        """Move the selected slider by some steps."""
        if self.rows:
            row = list(self.rows.values())[self.selected]
            row.slider.setValue(row.slider.value() + count)

    def next_target(self) -> None:
        """Switch between grid and cursor."""
        other = "image" if self.target == "plane" else "plane"
        self.targets[other].setChecked(True)
        self.target_chosen.emit(other)

    def _rebuild(self, indices: tuple[int, ...]) -> None:
        for row in self.rows.values():
            self._grid.removeWidget(row)
            discard(row)
        self._indices, self.selected = indices, 0
        self.rows = {index: AxisRow(index) for index in indices}
        for place, (index, row) in enumerate(self.rows.items()):
            row.value_changed.connect(lambda value, index=index: self.offset_changed.emit(index, value))
            row.slider.sliderPressed.connect(lambda: self.dragging.emit(True))
            row.slider.sliderReleased.connect(lambda: self.dragging.emit(False))
            self._grid.addWidget(row, place // _SLIDER_COLUMNS, place % _SLIDER_COLUMNS)
        self._highlight_selected()

    def _highlight_selected(self) -> None:
        for place, row in enumerate(self.rows.values()):
            set_role(row.name, "heading" if place == self.selected else "plain")


class AxisSlider(QSlider):
    """A slider that a double click sets to 0."""

    def __init__(self, name: str, max_position: int) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(-max_position, max_position)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Set it to 0."""
        self.setValue(0)


class AxisRow(QWidget):
    """The name of an axis, its slider and its value.

    Signals:
        value_changed(float): The slider was moved.
    """

    value_changed = pyqtSignal(float)

    def __init__(self, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._index = index
        self.name, self.value_label = text(axis_name(index)), muted("")
        self.slider = AxisSlider(axis_name(index), round(MAX_OFFSET * SLIDER_STEPS_PER_UNIT))
        for label in (self.name, self.value_label):
            label.setFixedWidth(scaled(5 * GAP))
        fill_box(QHBoxLayout(self), self.name, (self.slider, 1), self.value_label, spacing=GAP // 2)
        self.slider.valueChanged.connect(lambda _: self.value_changed.emit(self.value()))

    def value(self) -> float:
        """Return the offset of the axis."""
        return self.slider.value() / SLIDER_STEPS_PER_UNIT

    def show_value(self, value: float) -> None:
        """Show the offset of the axis."""
        set_value(self.slider, round(value * SLIDER_STEPS_PER_UNIT))
        self.value_label.setText(f"{value:+.2f}".replace("-", "−") if value else "0")

    def show_score(self, score: float, axes: AxisScores) -> None:
        """Show the score of the axis in its tooltip."""
        score_text = f"{axis_name(self._index)}: {axes.measure} {formatting.number(score, axes.unit)}"
        self.setToolTip(literal_tooltip(f"{score_text}. Double click: 0. Keys: J and K select, comma and period move"))
