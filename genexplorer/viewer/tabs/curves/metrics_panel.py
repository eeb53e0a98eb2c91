"""The column at the right of the Curves tab: metrics with their values, axes, smoothing."""

from collections.abc import Mapping

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.session import formatting
from genexplorer.session.charts import Chart
from genexplorer.viewer.plots.chart_curve import CurveView
from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets.controls import discard, scroll_area, slider, tool_button
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, menu_text, muted, text, vertical_rule

WIDTH = 34 * GAP
_X_LABELS = {"step": "step", "images": "images", "time": "time"}
_PREFERRED = ("test/{}_ema", "train/{}", "test/{}_raw")


class _ElidedCheckBox(QCheckBox):
    """A check box with an elided name, so that the value beside it is always visible."""

    def __init__(self, name: str) -> None:
        super().__init__(menu_text(name))
        self._name = name
        self.setAccessibleName(name)
        self.setToolTip(literal_tooltip(name))

    def minimumSizeHint(self) -> QSize:
        """Return a small width, so that the value has room."""
        return self.sizeHint()

    def sizeHint(self) -> QSize:
        """Return a small width; the layout gives the remaining room to the name."""
        return QSize(4 * GAP, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Elide the name."""
        super().resizeEvent(event)
        room = self.width() - 3 * GAP  # the box itself and its gap
        self.setText(menu_text(self.fontMetrics().elidedText(self._name, Qt.TextElideMode.ElideRight, room)))


class MetricsPanel(QWidget):
    """Check boxes of the metrics, each with the value at the current step.

    Signals:
        toggled(quantity, on), x_axis_chosen(axis), logarithmic_chosen(on), smoothing_chosen(weight), reset_requested,
        full_range_requested.
    """

    toggled = pyqtSignal(str, bool)
    x_axis_chosen = pyqtSignal(str)
    logarithmic_chosen = pyqtSignal(bool)
    smoothing_chosen = pyqtSignal(float)
    reset_requested = pyqtSignal()
    full_range_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.boxes: dict[str, QCheckBox] = {}
        self.x_buttons: dict[str, QToolButton] = {}
        self._values: dict[str, QLabel] = {}
        self._charts: list[Chart] = []
        self.logarithmic = QCheckBox("logarithmic (Y)")
        self.smoothing = slider(0, 99, 0, "Smoothing (+ and −)")
        self.smoothing_label, self.step_label = muted("no smoothing"), muted("")
        self.logarithmic.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._lay_out()
        self.logarithmic.toggled.connect(self.logarithmic_chosen)
        self.smoothing.valueChanged.connect(lambda value: self.smoothing_chosen.emit(value / 100))

    def show_view(self, view: CurveView) -> None:
        """Show the settings, without emitting signals."""
        for widget in (self.logarithmic, self.smoothing):
            widget.blockSignals(True)
        self.logarithmic.setChecked(view.logarithmic)
        self.smoothing.setValue(round(view.smoothing * 100))
        for widget in (self.logarithmic, self.smoothing):
            widget.blockSignals(False)
        self.x_buttons[view.x_axis].setChecked(True)
        self.smoothing_label.setText(f"smoothing {view.smoothing:.2f}" if view.smoothing else "no smoothing")

    def show_charts(self, charts: list[Chart], visible: set[str]) -> None:
        """List the metrics of the run, and check those that are visible."""
        if charts != self._charts:
            self._charts = list(charts)
            self._list_charts()
        for quantity, box in self.boxes.items():
            box.blockSignals(True)
            box.setChecked(quantity in visible)
            box.blockSignals(False)

    def show_step(self, step: int | None, values: Mapping[str, float]) -> None:
        """Show the values at a step."""
        self.step_label.setText("" if step is None else f"at step {step:,}")
        for chart in self._charts:
            self._values[chart.quantity].setText(_value(chart, values))

    def _lay_out(self) -> None:
        self._list_host = QWidget()
        self._list = QGridLayout(self._list_host)
        self._list.setContentsMargins(0, 0, 2, 0)
        self._list.setVerticalSpacing(2)
        scroll = scroll_area(self._list_host)
        column = QVBoxLayout()
        column.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, GAP)
        column.setSpacing(GAP)
        column.addLayout(self._axis_row())
        column.addWidget(self.logarithmic)
        column.addWidget(self.smoothing_label)
        column.addWidget(self.smoothing)
        column.addSpacing(GAP)
        head = QHBoxLayout()
        head.addWidget(heading("Metrics"))
        head.addStretch(1)
        head.addWidget(self.step_label)
        column.addLayout(head)
        column.addWidget(scroll, 1)
        column.addLayout(self._button_row())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(vertical_rule())
        layout.addLayout(column, 1)

    def _axis_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GAP // 2)
        row.addWidget(muted("x"))
        row.addSpacing(GAP // 2)
        group = QButtonGroup(self)
        for axis, label in _X_LABELS.items():
            button = tool_button(label, f"x by {label} (X)", checkable=True)
            button.clicked.connect(lambda _on, axis=axis: self.x_axis_chosen.emit(axis))
            group.addButton(button)
            row.addWidget(button)
            self.x_buttons[axis] = button
        self.x_buttons["step"].setChecked(True)
        row.addStretch(1)
        return row

    def _button_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for label, tooltip, signal in (
            ("Reset view", "Show the default metrics", self.reset_requested),
            ("Full range", "Show all steps (0)", self.full_range_requested),
        ):
            button = tool_button(label, tooltip)
            button.clicked.connect(signal)
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _list_charts(self) -> None:
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                discard(widget)
        self.boxes, self._values = {}, {}
        panel, row = "", 0
        for chart in self._charts:
            if chart.panel != panel:
                panel = chart.panel
                self._list.addWidget(muted(panel), row, 0, 1, 2)
                row += 1
            self._add(chart, row)
            row += 1
        self._list.setRowStretch(row, 1)
        self._list.setColumnStretch(0, 1)

    def _add(self, chart: Chart, row: int) -> None:
        box = _ElidedCheckBox(chart.title)
        box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        box.toggled.connect(lambda on, quantity=chart.quantity: self.toggled.emit(quantity, on))
        value = text("")
        value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.boxes[chart.quantity], self._values[chart.quantity] = box, value
        self._list.addWidget(box, row, 0)
        self._list.addWidget(value, row, 1)


def _value(chart: Chart, values: Mapping[str, float]) -> str:
    if chart.style(chart.metrics[0]).index is not None:
        return ""  # several curves: the heading of the chart has their values
    names = [pattern.format(chart.quantity) for pattern in _PREFERRED]
    value = next((values[name] for name in (*names, *chart.metrics[:1]) if name in values), None)
    return "" if value is None else formatting.number(value)
