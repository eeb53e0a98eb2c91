"""The status bar: latency of the model, age of the snapshot, messages and the newest alert."""

import time
from pathlib import Path

from PyQt6.QtWidgets import QHBoxLayout, QWidget

from genexplorer.runs import layout
from genexplorer.session import formatting
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets.controls import timer, tool_button
from genexplorer.viewer.widgets.labels import muted, set_role, text

_MESSAGE_MS = 6000


class ViewerStatusBar(QWidget):
    """ "decode 8 ms · snapshot of step 8,400, 1 s ago" at the left; messages and alerts at the right."""

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._answer = ""
        self.facts, self.message, self.alert = muted(""), muted(""), text("")
        self.alerts_button = tool_button("Alerts", "All alerts of this run (W)", name="small")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GAP, GAP // 2, 2 * GAP, GAP // 2)
        layout.addWidget(self.facts)
        layout.addStretch(1)
        layout.addWidget(self.message)
        layout.addSpacing(2 * GAP)
        layout.addWidget(self.alert)
        layout.addWidget(self.alerts_button)
        self._show_alert()
        self._fade = timer(self, _MESSAGE_MS, self.message.clear, once=True)
        timer(self, 1000, self.refresh).start()
        context.status_message.connect(self.show_message)
        context.model_client.answered.connect(self._on_answer)
        context.model_client.busy.connect(lambda _busy: self.refresh())
        context.run_changed.connect(self._on_run)
        context.changes.connect(lambda what: self._show_alert() if "alerts" in what else None)
        context.time_changed.connect(lambda _step: self.refresh())

    def show_message(self, line: str) -> None:
        """Show a message for a few seconds."""
        self.message.setText(line)
        self._fade.start()

    def refresh(self) -> None:
        """Update latency and age, which grows by itself."""
        self.facts.setText("  ·  ".join(fact for fact in (self._answer, self._age(), self._working()) if fact))

    def _age(self) -> str:
        run, step = self._context.run, self._context.step
        if run is None or step is None:
            return ""
        written = _written(run.folder, step)
        age = f", {formatting.ago(max(0.0, time.time() - written))}" if written and run.status.state.live else ""
        return f"snapshot of step {step:,}{age}"

    def _working(self) -> str:
        return "computing…" if self._context.model_client.is_busy else ""

    def _on_answer(self, op: str, seconds: float, _step: int) -> None:
        self._answer = f"{op} {seconds * 1000:.0f} ms" if seconds < 10 else f"{op} {seconds:.0f} s"
        self.refresh()

    def _on_run(self) -> None:
        self._answer = ""
        self._show_alert()
        self.refresh()

    def _show_alert(self) -> None:
        run = self._context.run
        alerts = list(run.alerts) if run is not None else []
        self.alert.setVisible(bool(alerts))
        self.alerts_button.setVisible(bool(alerts))
        if alerts:
            newest = alerts[-1]
            more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
            set_role(self.alert, "muted" if newest.severity == "info" else "warning")
            self.alert.setText(f"⚠ {newest.message}{more}")


def _written(folder: Path, step: int) -> float | None:
    """Return when a snapshot was written, in Unix time; None where it was removed meanwhile."""
    try:
        return (layout.step_folder(folder / layout.SNAPSHOTS, step) / layout.CARD).stat().st_mtime
    except OSError:
        return None
