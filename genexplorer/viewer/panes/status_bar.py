"""The status bar (latency of the model, age of the snapshot, messages, newest alert) and the banner of failures."""

import re
import time
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from genexplorer.runs import layout
from genexplorer.runs.record import AlertRow
from genexplorer.session import formatting
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets.controls import fill_box, timer, tool_button
from genexplorer.viewer.widgets.labels import elided, literal_tooltip, muted, set_role, wrapped

_MESSAGE_DURATION_MS = 6000
_MAX_BANNER_LINES = 3
_MAX_HEADLINE_CHARACTERS, _MIN_FACT_CHARACTERS = 60, 20
_MARGINS_PX = (2 * GAP, GAP // 2, 2 * GAP, GAP // 2)


class AlertBanner(QFrame):
    """Shows the newest few failures, each once, until they are dismissed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: list[str] = []
        self.label = wrapped("", "warning")
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.dismiss = tool_button("✕", "Dismiss (Esc)")
        self.dismiss.setProperty("flat", "true")
        self.dismiss.clicked.connect(self.clear)
        row = fill_box(QHBoxLayout(self), (self.label, 1), self.dismiss, margins=_MARGINS_PX, spacing=-1)
        row.setAlignment(self.dismiss, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_alert(self, line: str) -> None:
        """Add a line, unless it is displayed already."""
        if line in self._lines:
            return
        self._lines = [*self._lines, line][-_MAX_BANNER_LINES:]
        self.label.setText("\n".join(f"⚠ {message}" for message in self._lines))
        self.show()

    def lines(self) -> list[str]:
        """Return the displayed lines."""
        return list(self._lines)

    def clear(self) -> None:
        """Dismiss everything."""
        self._lines = []
        self.hide()


class ViewerStatusBar(QWidget):
    """Latency and snapshot ("decode 8 ms · snapshot of step 8,400") at the left, messages and alerts at the right."""

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._latencies: dict[str, str] = {}  # of the last request of each tab, by title
        self._tab = ""
        self.facts, self.message, self.alert = muted(""), elided(), elided()
        self.alerts_button = tool_button("Alerts", "All alerts of this run (W)", name="small")
        items = (self.facts, None, self.message, 2 * GAP, self.alert, self.alerts_button)
        fill_box(QHBoxLayout(self), *items, margins=_MARGINS_PX, spacing=-1)
        self._show_alert()
        self._message_timer = timer(self, _MESSAGE_DURATION_MS, lambda: _set_text(self.message, ""), once=True)
        timer(self, 1000, self.refresh).start()
        context.status_message.connect(self.show_message)
        context.model_client.result_received.connect(self._on_result)
        context.model_client.busy_changed.connect(lambda _busy: self.refresh())
        context.run_changed.connect(self._on_run)
        context.data_changed.connect(lambda changed: self._show_alert() if "alerts" in changed else None)
        context.step_changed.connect(lambda _step: self.refresh())
        self._unsubscribe = context.step_selection.subscribe(self._show_alert)

    def closing(self) -> None:
        """Unsubscribe."""
        self._unsubscribe()

    def show_message(self, line: str) -> None:
        """Show a message for a few seconds."""
        _set_text(self.message, line)
        self._message_timer.start()

    def refresh(self) -> None:
        """Update latency and age, which grows by itself."""
        run, step = self._context.run, self._context.step
        snapshot = ""
        if run is not None and step is not None:
            write_time = _write_time(run.folder, step) if run.status.state.active else None
            age = f", {formatting.ago(max(0.0, time.time() - write_time))}" if write_time else ""
            snapshot = f"snapshot of step {step:,}{age}"
        activity = "computing…" if self._context.model_client.is_busy else ""
        latency = self._latencies.get(self._tab, "")
        self.facts.setText("  ·  ".join(fact for fact in (latency, snapshot, activity) if fact))

    def set_tab(self, title: str) -> None:
        """Show the latency of another tab's last request; one that has sent none has none."""
        self._tab = title
        self.refresh()

    def _on_result(self, op: str, seconds: float, _step: int) -> None:
        duration = f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
        self._latencies[self._tab] = f"{op} {duration}"
        self.refresh()

    def _on_run(self) -> None:
        self._latencies.clear()
        self._show_alert()
        self.refresh()

    def _show_alert(self) -> None:
        run = self._context.run
        alerts = [] if run is None else alerts_until(run.alerts, self._shown_step)
        self.alert.setVisible(bool(alerts))
        self.alerts_button.setVisible(run is not None and bool(run.alerts))
        if alerts:
            newest = alerts[-1]
            more = f" · {len(alerts) - 1} more" if len(alerts) > 1 else ""
            is_info = newest.severity == "info"
            set_role(self.alert, "muted" if is_info else "warning")
            mark = "" if is_info else "⚠ "
            _set_text(self.alert, f"{mark}{alert_headline(newest.message)}{more}", f"{mark}{newest.message}{more}")

    @property
    def _shown_step(self) -> int | None:
        """The step that the window shows; None while it follows the newest: an alert may be newer than its snapshot."""
        step_selection = self._context.step_selection
        return None if step_selection.following else step_selection.selected_step


def alerts_until(alerts: Sequence[AlertRow], step: int | None) -> list[AlertRow]:
    """Return the alerts at or before a step, oldest first; None returns all."""
    return [alert for alert in alerts if step is None or alert.step <= step]


def alert_headline(message: str) -> str:
    """Return the fact of a long alert, for one line beside others: the reason follows a colon or a semicolon."""
    fact = re.split("[:;] ", message, maxsplit=1)[0]
    return fact if len(message) > _MAX_HEADLINE_CHARACTERS and len(fact) >= _MIN_FACT_CHARACTERS else message


def _set_text(label: QLabel, line: str, tooltip: str = "") -> None:
    """Set the text of an elided label, with the whole text, or another, as its tooltip."""
    label.setText(line)
    label.setToolTip(literal_tooltip(tooltip or line))


def _write_time(folder: Path, step: int) -> float | None:
    """Return when a snapshot was written, in Unix time; None where it was removed meanwhile."""
    try:
        return (layout.step_folder(folder / layout.SNAPSHOTS, step) / layout.CARD).stat().st_mtime
    except OSError:
        return None
