"""A program that raises an error in each method of each tab of a real viewer in turn.

    python -m tests.fault_injection.viewer_errors RUN STATE COUNT

For each method that was called it prints a line of JSON: its name, the messages of the window, and whether the window
still works. If the viewer crashes, so does this program.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QKeyEvent, QWheelEvent
from PyQt6.QtWidgets import QAbstractButton, QApplication, QComboBox, QDialog, QFileDialog, QMenu, QWidget

from genexplorer.viewer.error_handler import ErrorHandler
from genexplorer.viewer.main import make_application, make_window, report_errors
from genexplorer.viewer.tabs.tab import Tab
from genexplorer.viewer.tabs.tab_types import TABS
from genexplorer.viewer.window import MainWindow
from tests.genexplorer.viewer.fake_client import StandIn
from tests.genexplorer.viewer.mouse import QTest

_ERROR_TEXT = "an error in a slot"
_KEYS = ("Left", "Right", "Up", "Down", "Plus", "Minus", "Return", "Home", "End", "Delete", *"ACDEGHIMPRVXZ")
# Exceptions of these must not reach the caller.
_ISOLATED = ("set_run", "on_changes", "on_time", "activated", "deactivated")
_TAB_TYPES = [spec.load() for spec in TABS]
_armed: list[tuple[type, str]] = []
_fired: list[str] = []
_escaped: list[str] = []


def main() -> int:
    """Break each method once; return 0 if the window still works."""
    run, state, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    methods = list(_methods())
    for owner, name in methods:
        _wrap(owner, name)
    _answer_dialogs(state)
    app = make_application()
    window = _window(app, run)
    reporter = report_errors(window)
    messages: list[str] = []
    reporter.happened.connect(messages.append)
    for owner, name in methods[:: max(1, len(methods) // count)]:
        for log in (messages, _fired, _escaped):
            log.clear()
        _armed[:] = [(owner, name)]
        _use_window(app, window, run)
        _armed.clear()
        window.banner.clear()
        if _fired:
            healthy = _is_usable(window, run) and not (name in _ISOLATED and _escaped)
            _report(f"{owner.__name__}.{name}", [line for line in messages if _ERROR_TEXT in line], healthy)
    return _break_opening_and_closing(app, window, run, messages)


def _break_opening_and_closing(app: QApplication, window: MainWindow, run: Path, messages: list[str]) -> int:
    """Break each method that is called while a window opens and closes: it must still close."""
    window.close()
    _delete(app, window)
    reporter = ErrorHandler()
    reporter.happened.connect(messages.append)
    reporter.install()
    for owner in _TAB_TYPES:
        for name in ("restore", "state", "closing"):
            messages.clear()
            _fired.clear()
            _armed[:] = [(owner, name)] if name == "restore" else []
            again = _window(app, run)
            _armed[:] = [(owner, name)]
            again.close()
            closed = again.context.run is None
            _armed.clear()
            _delete(app, again)
            if _fired:
                _report(f"{owner.__name__}.{name}", list(messages), closed)
    return 0


def _delete(app: QApplication, window: MainWindow) -> None:
    """Delete a closed window now: each one that is left makes the next one slower."""
    window.deleteLater()
    app.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _report(name: str, messages: list[str], healthy: bool) -> None:
    print(json.dumps({"name": name, "messages": messages[:1], "healthy": healthy}), flush=True)  # noqa: T201


def _window(app: QApplication, run: Path) -> MainWindow:
    window = make_window(app, run.parent, StandIn)
    window.resize(1200, 800)
    window.show()
    window.open_run(run)
    app.processEvents()
    return window


def _methods() -> Iterator[tuple[type, str]]:
    """Yield the methods of every tab that it or its base implements, those of `Tab` first."""
    interface = [name for name in vars(Tab) if not name.startswith("_")]
    for owner in _TAB_TYPES:
        bases = [base for base in owner.__mro__ if issubclass(base, Tab) and base is not Tab]
        methods = {name: value for base in reversed(bases) for name, value in vars(base).items()}
        names = [name for name, value in methods.items() if inspect.isfunction(value) and not name.startswith("__")]
        yield from ((owner, name) for name in sorted(names, key=lambda name: (name not in interface, name)))


def _wrap(owner: type, name: str) -> None:
    """Replace a method by one that raises while it is armed."""
    method = getattr(owner, name)
    parameters = inspect.signature(method).parameters.values()
    max_args = None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(parameters)

    def breakable(*args: Any, **kwargs: Any) -> Any:
        if (owner, name) in _armed:
            _fired.append(name)
            raise ValueError(f"{_ERROR_TEXT}: {owner.__name__}.{name}")
        return method(*args[:max_args], **kwargs)  # a signal may have more arguments than its slot

    breakable.__name__ = name
    setattr(owner, name, breakable)


def _use_window(app: QApplication, window: MainWindow, run: Path) -> None:
    """Use the window as a user does: open, select tabs, drag, scroll, press keys, save, copy, resize."""
    owner = _armed[0][0]
    user_actions: list[Callable[[], object]] = [
        lambda: window.open_run(run),
        lambda: window.pages.show_tab((_TAB_TYPES.index(owner) + 1) % len(_TAB_TYPES)),
        lambda: window.pages.show_tab(_TAB_TYPES.index(owner)),
        lambda: window.context.data_changed.emit(frozenset({"status", "metrics", "images", "snapshots", "log"})),
        lambda: window.context.step_selection.select(100),
        lambda: window.context.step_selection.select(600),
        *(lambda key=key: _press(window, key) for key in _KEYS),
        lambda: _mouse(window.pages.current),
        window.save,
        window.copy_image,
        window.copy_command,
        lambda: window.resize(900, 700),
        lambda: window.resize(1200, 800),
        window.toggle_dark,
        lambda: window.pages.show_tab((_TAB_TYPES.index(owner) + 1) % len(_TAB_TYPES)),
    ]
    for action in user_actions:
        try:
            action()
        except Exception:  # called from here, not from Qt, which would have called the hook
            _escaped.append(_armed[0][1])
            sys.excepthook(*sys.exc_info())
        app.processEvents()
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # outside of an event loop Qt does not


def _press(window: MainWindow, name: str) -> None:
    key = getattr(Qt.Key, f"Key_{name}")
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(window, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier))


def _mouse(tab: QWidget) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for child in [tab, *tab.findChildren(QWidget)][:25]:
        if isinstance(child, QAbstractButton | QComboBox):
            continue  # these open menus and start processes
        if child.isVisible() and child.width() > 40 and child.height() > 40:
            center = child.rect().center()
            QTest.mouseMove(child, center)
            QTest.mousePress(child, left, none, center)
            QTest.mouseMove(child, center + QPoint(15, 10))
            QTest.mouseRelease(child, left, none, center + QPoint(15, 10))
            _wheel(child, center)


def _wheel(child: QWidget, center: QPoint) -> None:
    position, none = QPointF(center), Qt.MouseButton.NoButton
    event = QWheelEvent(
        position, QPointF(child.mapToGlobal(center)), QPoint(), QPoint(0, 120), none,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(child, event)


def _is_usable(window: MainWindow, run: Path) -> bool:
    """Return True if the window still opens a run and shows it."""
    return window.open_run(run) and window.isVisible() and window.context.run is not None


def _answer_dialogs(state: Path) -> None:
    """Let no dialog wait for a user: files are saved, everything else is canceled."""
    QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: (str(state / "saved.png"), ""))  # type: ignore[method-assign]
    QFileDialog.getOpenFileName = staticmethod(lambda *_, **__: ("", ""))  # type: ignore[method-assign]
    QDialog.exec = lambda *_: 0  # type: ignore[method-assign]
    QMenu.exec = lambda *_: None  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main())
