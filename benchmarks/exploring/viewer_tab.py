"""A tab of the viewer without its window; the measurement processes the events."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from PyQt6.QtCore import QEvent, QPointF, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication, QWidget

from genexplorer.explore.client import ExplorerClient
from genexplorer.session.run_poller import RunPoller
from genexplorer.viewer import style
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.tabs.tab import Tab


def make_application() -> QApplication:
    """Return the application in dark colors; it draws offscreen where there is no display."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication(sys.argv[:1])
    style.apply(app, style.palette_for("dark"))
    return app


def open_run(tab: Tab, context: ViewerContext, run: Path, size: tuple[int, int]) -> None:
    """Show a tab in a size and open a run in it."""
    context.run_changed.connect(lambda: tab.set_run(context.run))
    context.step_changed.connect(lambda step: tab.on_time(None if step < 0 else step))
    tab.resize(*size)
    tab.show()
    tab.is_active = True
    poller = RunPoller(run)
    poller.poll()
    context.open(poller)
    tab.activated()


def process_events(app: QApplication, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Process events for some time, or until a condition is true."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not until():
        app.processEvents()
        time.sleep(0.0002)


def send_mouse(widget: QWidget, kind: QEvent.Type, position: QPointF) -> None:
    """Send a press, move or release of the left button."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button = none if kind == QEvent.Type.MouseMove else left
    buttons = none if kind == QEvent.Type.MouseButtonRelease else left
    no_modifier = Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(kind, position, widget.mapToGlobal(position), button, buttons, no_modifier)
    QApplication.sendEvent(widget, event)


def cpu_seconds(client: ExplorerClient) -> float:
    """Return the CPU seconds of this process and of the model process."""
    child = client._child
    times = psutil.Process(child.pid).cpu_times() if child is not None else psutil.Process().cpu_times()
    return time.process_time() + times.user + times.system
