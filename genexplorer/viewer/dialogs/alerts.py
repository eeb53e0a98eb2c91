"""The dialog that explains a run's state: its alerts with hints, and the end of its worker's log."""

from typing import TYPE_CHECKING

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from genexplorer.runs.record import State
from genexplorer.session import formatting
from genexplorer.session.alert_hints import ALERT_HINTS
from genexplorer.session.run_poller import RunPoller
from genexplorer.session.steering import Suggestion, suggestion
from genexplorer.viewer.style import GAP, mono_font, scaled, set_font
from genexplorer.viewer.widgets.controls import close_buttons, fill_box, scroll_area, tool_button
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, wrapped

if TYPE_CHECKING:
    from trainers.config import RunConfig

_MAX_ALERTS = 100


class AlertsDialog(QDialog):
    """Lists alerts, the newest first, each with a hint and a button that shows its step.

    Signals:
        step_chosen(int): The step of an alert.
        change_chosen(Suggestion): The change of settings that an alert advises.
    """

    step_chosen = pyqtSignal(int)
    change_chosen = pyqtSignal(object)

    def __init__(self, run: RunPoller, config: "RunConfig | None", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Alerts")
        self.resize(scaled(80 * GAP), scaled(50 * GAP))
        status, page = run.status, QWidget()
        column = fill_box(QVBoxLayout(page))
        # The state of the run, with the end of the log where the worker died.
        state = f"{formatting.state_symbol(status.state)} {formatting.state_word(status.state)}"
        column.addWidget(heading(f"{status.name}  {state}"))
        if status.reason:
            column.addWidget(wrapped(status.reason, "warning"))
        log_tail = run.log_tail() if status.state in (State.LOST, State.FAILED) else ""
        if log_tail:
            log_view = QPlainTextEdit(log_tail)
            log_view.setReadOnly(True)
            set_font(log_view, mono_font(9))
            log_view.setMinimumHeight(scaled(16 * GAP))
            column.addWidget(muted("end of the worker's log"))
            column.addWidget(log_view)
        # The alerts.
        advised: set[str] = set()
        for alert in list(reversed(run.alerts))[:_MAX_ALERTS]:
            when = muted(f"{formatting.clock(alert.time)}  step {alert.step:,}")
            message = wrapped(alert.message, "muted" if alert.severity == "info" else "warning")
            go = tool_button("Go to step", "Show everything as of this step")
            go.clicked.connect(lambda _checked, step=alert.step: self.step_chosen.emit(step))
            column.addLayout(fill_box(QHBoxLayout(), when, (message, 1), go, spacing=2 * GAP))
            if alert.code in ALERT_HINTS:
                column.addWidget(wrapped(ALERT_HINTS[alert.code]))
            # The advice as a button, once for each kind of alert.
            advice = None if config is None or alert.code in advised else suggestion(alert.code, config)
            if advice is not None and config is not None:
                advised.add(alert.code)
                command = advice.command(status, config)
                button = QPushButton(advice.label_for(status, config))
                button.setAutoDefault(False)
                button.setToolTip(literal_tooltip(command))
                button.clicked.connect(lambda _checked, advice=advice: self._choose(advice))
                copy = tool_button("Copy as command", command)
                copy.clicked.connect(lambda _checked, command=command: _copy(command))
                column.addLayout(fill_box(QHBoxLayout(), button, copy, None, spacing=GAP))
        if not run.alerts:
            column.addWidget(muted("No alerts."))
        column.addStretch(1)
        margins = (2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        fill_box(QVBoxLayout(self), scroll_area(page), close_buttons(self), margins=margins, spacing=-1)

    def _choose(self, advice: Suggestion) -> None:
        """Close, so that the outcome is seen, and emit the change."""
        self.accept()
        self.change_chosen.emit(advice)


def _copy(command: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(command)
