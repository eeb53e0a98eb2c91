"""Why a run asks for attention: its alerts, its reason to have ended, its last words."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from genexplorer.runs.record import AlertRow, State
from genexplorer.session import formatting
from genexplorer.session.run_poller import RunPoller
from genexplorer.viewer.style import GAP, mono_font
from genexplorer.viewer.widgets.controls import clear_default_button, scroll_area, tool_button
from genexplorer.viewer.widgets.labels import heading, muted, wrapped

_MOST = 100


class AlertsDialog(QDialog):
    """Lists alerts, the newest first; each can be gone to.

    Signals:
        step_chosen(int): The time of an alert.
    """

    step_chosen = pyqtSignal(int)

    def __init__(self, run: RunPoller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Why")
        self.resize(80 * GAP, 50 * GAP)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GAP)
        self._add_state(column, run)
        for alert in list(reversed(run.alerts))[:_MOST]:
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
        said = run.log_tail() if status.state in (State.LOST, State.FAILED) else ""
        if said:
            words = QPlainTextEdit(said)
            words.setReadOnly(True)
            words.setFont(mono_font(9))
            words.setMinimumHeight(16 * GAP)
            column.addWidget(muted("last words of its worker"))
            column.addWidget(words)

    def _row(self, alert: AlertRow) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2 * GAP)
        row.addWidget(muted(f"{formatting.clock(alert.time)}  step {alert.step:,}"))
        row.addWidget(wrapped(alert.message, "muted" if alert.severity == "info" else "warning"), 1)
        go = tool_button("go there", "Show the window as it was then")
        go.clicked.connect(lambda: self.step_chosen.emit(alert.step))
        row.addWidget(go)
        return row
