"""The column at the right of the Curves tab: the metrics with their values, the x axis, and the smoothing."""

from collections.abc import Mapping

from PyQt6.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFontMetrics, QResizeEvent
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
from genexplorer.viewer.plots.chart_curve import ChartSettings
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.widgets.controls import Toolbar, clear_layout, fill_box, scroll_area, slider, tool_button
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, menu_text, muted, text, vertical_rule

MIN_WIDTH_PX, MAX_WIDTH_PX = 34 * GAP, 46 * GAP  # as wide as the longest name with its value, within these bounds
_MARGINS_PX = 6 * GAP  # left and right of the list, with its scroll bar
_BOX_PX = 3 * GAP  # the box of a check box, and the gap to its name
_X_AXIS_LABELS = {"step": "step", "images": "images", "time": "time"}
_PREFERRED_METRICS = ("test/{}_ema", "train/{}", "test/{}_raw")  # of a quantity, the first that has a value is shown


class _WrappedCheckBox(QCheckBox):
    """A check box whose name is broken into two lines where it does not fit, so that the value beside it is visible."""

    def __init__(self, name: str) -> None:
        super().__init__(menu_text(name))
        self._name = name
        self.setAccessibleName(name)
        self.setToolTip(literal_tooltip(name))

    @property
    def full_width_px(self) -> int:
        """The width that shows the whole name."""
        return scaled(_BOX_PX) + self.fontMetrics().horizontalAdvance(self._name) + 2

    def minimumSizeHint(self) -> QSize:
        """Return a small width, so that the value has room."""
        return self.sizeHint()

    def sizeHint(self) -> QSize:
        """Return a small width; the layout gives the remaining room to the name."""
        return QSize(scaled(4 * GAP), super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Break the name."""
        super().resizeEvent(event)
        name = menu_text(break_in_two(self._name, self.fontMetrics(), self.width() - scaled(_BOX_PX)))
        if name != self.text():
            self.setText(name)
            self.updateGeometry()


def break_in_two(name: str, metrics: QFontMetrics, width_px: int) -> str:
    """Return a name in one line if it fits a width, else in two, broken between words; the second may be elided."""
    if metrics.horizontalAdvance(name) <= width_px:
        return name
    words = name.split(" ")
    fitting = [n for n in range(1, len(words)) if metrics.horizontalAdvance(" ".join(words[:n])) <= width_px]
    count = max(fitting, default=0)
    first, second = " ".join(words[:count]), " ".join(words[count:])
    elided = metrics.elidedText(second, Qt.TextElideMode.ElideRight, width_px)
    return f"{first}\n{elided}" if first else elided


class MetricsPanel(Toolbar):
    """Check boxes of the metrics, each with its value at the selected step.

    Signals:
        toggled(str, bool): The check box of a quantity was switched on or off.
        x_axis_chosen(str): "step", "images" or "time".
        smoothing_chosen(float): The weight of the smoothing, in [0, 1).
        reset_requested: The default metrics should be shown.
        full_range_requested: All steps should be shown.
    """

    toggled = pyqtSignal(str, bool)
    x_axis_chosen = pyqtSignal(str)
    smoothing_chosen = pyqtSignal(float)
    reset_requested = pyqtSignal()
    full_range_requested = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(scaled(MIN_WIDTH_PX))
        self.boxes: dict[str, _WrappedCheckBox] = {}
        self.x_buttons: dict[str, QToolButton] = {}
        self._values: dict[str, QLabel] = {}
        self._charts: list[Chart] = []
        self.logarithmic = QCheckBox("logarithmic (Y)")
        self.smoothing = slider(0, 99, 0, "Smoothing (+ and −)")
        self.smoothing_label, self.step_label = muted("no smoothing"), muted("")
        self.logarithmic.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._build()
        self.smoothing.valueChanged.connect(lambda value: self.smoothing_chosen.emit(value / 100))

    def show_settings(self, settings: ChartSettings) -> None:
        """Show the settings, without emitting signals."""
        with QSignalBlocker(self.logarithmic), QSignalBlocker(self.smoothing):
            self.logarithmic.setChecked(settings.logarithmic)
            self.smoothing.setValue(round(settings.smoothing * 100))
        self.x_buttons[settings.x_axis].setChecked(True)
        self.smoothing_label.setText(f"smoothing {settings.smoothing:.2f}" if settings.smoothing else "no smoothing")

    def show_charts(self, charts: list[Chart], visible: set[str]) -> None:
        """List the metrics of the run, and check those that are visible."""
        if charts != self._charts:
            self._charts = list(charts)
            self._list_charts()
        for quantity, box in self.boxes.items():
            with QSignalBlocker(box):
                box.setChecked(quantity in visible)

    def show_step(self, step: int | None, values: Mapping[str, float]) -> None:
        """Show the values at a step."""
        self.step_label.setText("" if step is None else f"at step {step:,}")
        for chart in self._charts:
            value = None
            if chart.style(chart.metrics[0]).index is None:  # else the heading of the chart has the values
                names = [pattern.format(chart.quantity) for pattern in _PREFERRED_METRICS]
                value = next((values[name] for name in (*names, *chart.metrics[:1]) if name in values), None)
            self._values[chart.quantity].setText("" if value is None else formatting.number(value, chart.unit))
        self._fit_width()

    def _fit_width(self) -> None:
        """Make room for the longest name with its value; the panel never gets narrower while values change."""
        rows = ((box.full_width_px, self._values[name].sizeHint().width()) for name, box in self.boxes.items())
        names_px, values_px = (max(widths) for widths in zip(*rows, strict=True)) if self.boxes else (0, 0)
        needed = names_px + values_px + self._list_grid.horizontalSpacing() + scaled(_MARGINS_PX)
        self.setFixedWidth(min(max(self.width(), scaled(MIN_WIDTH_PX), needed), scaled(MAX_WIDTH_PX)))

    def _build(self) -> None:
        self._list_host = QWidget()
        self._list_grid = QGridLayout(self._list_host)
        self._list_grid.setContentsMargins(0, 0, scaled(2), 0)
        self._list_grid.setVerticalSpacing(scaled(2))
        # The x axis.
        group = QButtonGroup(self)
        for axis, label in _X_AXIS_LABELS.items():
            self.x_buttons[axis] = button = tool_button(label, f"x by {label} (X)", checkable=True)
            button.clicked.connect(lambda _on, axis=axis: self.x_axis_chosen.emit(axis))
            group.addButton(button)
        self.x_buttons["step"].setChecked(True)
        axes = fill_box(QHBoxLayout(), muted("x"), GAP // 2, *self.x_buttons.values(), None, spacing=GAP // 2)
        # The other settings, and the list of metrics.
        reset = tool_button("Reset view", "Show the default metrics")
        reset.clicked.connect(self.reset_requested)
        full_range = tool_button("Full range", "Show all steps (0)")
        full_range.clicked.connect(self.full_range_requested)
        buttons = fill_box(QHBoxLayout(), reset, full_range, None, spacing=-1)
        head = fill_box(QHBoxLayout(), heading("Metrics"), None, self.step_label, spacing=-1)
        column = fill_box(QVBoxLayout(), axes, self.logarithmic, self.smoothing_label, self.smoothing, GAP, head)
        fill_box(column, (scroll_area(self._list_host), 1), buttons, margins=(2 * GAP, 2 * GAP, 2 * GAP, GAP))
        fill_box(QHBoxLayout(self), vertical_rule(), (column, 1), spacing=0)

    def _list_charts(self) -> None:
        clear_layout(self._list_grid)
        for row in range(self._list_grid.rowCount()):  # the rows of the former list stay, and so do their stretches
            self._list_grid.setRowStretch(row, 0)
        self.boxes, self._values = {}, {}
        self.setFixedWidth(scaled(MIN_WIDTH_PX))
        # A heading for each panel, then a row for each of its charts.
        panel, row = "", 0
        for chart in self._charts:
            if chart.panel != panel:
                panel = chart.panel
                self._list_grid.addWidget(muted(panel), row, 0, 1, 2)
                row += 1
            box = _WrappedCheckBox(chart.title)
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            box.toggled.connect(lambda on, quantity=chart.quantity: self.toggled.emit(quantity, on))
            value = text("")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.boxes[chart.quantity], self._values[chart.quantity] = box, value
            self._list_grid.addWidget(box, row, 0)
            self._list_grid.addWidget(value, row, 1)
            row += 1
        self._list_grid.setRowStretch(row, 1)
        self._list_grid.setColumnStretch(0, 1)
