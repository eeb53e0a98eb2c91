"""The dialog of alerts, with the state of a run and the end of its worker's log."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from genexplorer.runs.record import AlertRow, State
from genexplorer.session import formatting
from genexplorer.session.run_poller import RunPoller
from genexplorer.viewer.style import GAP, mono_font
from genexplorer.viewer.widgets.controls import clear_default_button, scroll_area, tool_button
from genexplorer.viewer.widgets.labels import heading, muted, wrapped

_MAX_ALERTS = 100


class AlertsDialog(QDialog):
    """Lists alerts, the newest first, with a button that goes to the step of each.

    Signals:
        step_chosen(int): The step of an alert.
    """

    step_chosen = pyqtSignal(int)

    def __init__(self, run: RunPoller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Alerts")
        self.resize(80 * GAP, 50 * GAP)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GAP)
        self._add_state(column, run)
        for alert in list(reversed(run.alerts))[:_MAX_ALERTS]:
            column.addLayout(self._row(alert))
        if not run.alerts:
            column.addWidget(muted("No alerts."))
        column.addStretch(1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        clear_default_button(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        layout.addWidget(scroll_area(page))
        layout.addWidget(buttons)

    def _add_state(self, column: QVBoxLayout, run: RunPoller) -> None:
        status = run.status
        column.addWidget(
            heading(f"{status.name}  {formatting.state_symbol(status.state)} {formatting.state_word(status.state)}")
        )
        if status.reason:
            column.addWidget(wrapped(status.reason, "warning"))
        log_tail = run.log_tail() if status.state in (State.LOST, State.FAILED) else ""
        if log_tail:
            log_view = QPlainTextEdit(log_tail)
            log_view.setReadOnly(True)
            log_view.setFont(mono_font(9))
            log_view.setMinimumHeight(16 * GAP)
            column.addWidget(muted("end of the worker's log"))
            column.addWidget(log_view)

    def _row(self, alert: AlertRow) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2 * GAP)
        row.addWidget(muted(f"{formatting.clock(alert.time)}  step {alert.step:,}"))
        row.addWidget(wrapped(alert.message, "muted" if alert.severity == "info" else "warning"), 1)
        go = tool_button("Go to step", "Show everything as of this step")
        go.clicked.connect(lambda: self.step_chosen.emit(alert.step))
        row.addWidget(go)
        return row
