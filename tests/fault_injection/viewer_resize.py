"""A program that breaks one method after the other of every tab of a real viewer, and tells what became of each.

    python -m tests.fault_injection.viewer_resize RUN STATE COUNT

For each method that was called it prints a line of JSON: its name, and what the window said of it. A window that is
gone prints nothing any more, which its caller notices.
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
from genexplorer.viewer.main import make_application, make_window, report_faults
from genexplorer.viewer.tabs.tab import Tab
from genexplorer.viewer.tabs.tab_types import TABS
from genexplorer.viewer.window import MainWindow
from tests.genexplorer.viewer.fake_client import StandIn
from tests.genexplorer.viewer.mouse import QTest

_WORDS = "a slot broke"
_KEYS = ("Left", "Right", "Up", "Down", "Plus", "Minus", "Return", "Home", "End", "Delete", *"ACDEGHIMPRVXZ")
_SHIELDED = ("set_run", "on_changes", "on_time", "activated", "deactivated")  # each tab by itself
_TAB_TYPES = [spec.load() for spec in TABS]
_armed: list[tuple[type, str]] = []
_fired: list[str] = []
_escaped: list[str] = []


def main() -> int:
    """Break each method once; return 0 if the window outlived all of it."""
    run, state, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    methods = list(_methods())
    for owner, name in methods:
        _make_breakable(owner, name)
    _answer_dialogs(state)
    app = make_application()
    window = _window(app, run)
    reporter = report_faults(window)
    said: list[str] = []
    reporter.happened.connect(said.append)
    for owner, name in methods[:: max(1, len(methods) // count)]:
        for noted in (said, _fired, _escaped):
            noted.clear()
        _armed[:] = [(owner, name)]
        _live_through(app, window, run)
        _armed.clear()
        window.banner.clear()
        if _fired:
            healthy = _stands(window, run) and not (name in _SHIELDED and _escaped)
            _tell(f"{owner.__name__}.{name}", [line for line in said if _WORDS in line], healthy)
    return _closes(app, window, run, said)


def _closes(app: QApplication, window: MainWindow, run: Path, said: list[str]) -> int:
    """Break what is called as a window opens and closes; each closes all the same."""
    window.close()
    _forget(app, window)
    reporter = ErrorHandler()
    reporter.happened.connect(said.append)
    reporter.install()
    for owner in _TAB_TYPES:
        for name in ("restore", "state", "closing"):
            said.clear()
            _fired.clear()
            _armed[:] = [(owner, name)] if name == "restore" else []
            again = _window(app, run)
            _armed[:] = [(owner, name)]
            again.close()
            closed = again.context.run is None
            _armed.clear()
            _forget(app, again)
            if _fired:
                _tell(f"{owner.__name__}.{name}", list(said), closed)
    return 0


def _forget(app: QApplication, window: MainWindow) -> None:
    """Let go of a closed window at once: each that is left makes the next one slower."""
    window.deleteLater()
    app.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _tell(name: str, said: list[str], healthy: bool) -> None:
    print(json.dumps({"name": name, "said": said[:1], "healthy": healthy}), flush=True)  # noqa: T201


def _window(app: QApplication, run: Path) -> MainWindow:
    window = make_window(app, run.parent, StandIn)
    window.resize(1200, 800)
    window.show()
    window.open_run(run)
    app.processEvents()
    return window


def _methods() -> Iterator[tuple[type, str]]:
    """Yield the methods of every tab that it or its base implements, those of `Tab` first."""
    seam = [name for name in vars(Tab) if not name.startswith("_")]
    for owner in _TAB_TYPES:
        bases = [base for base in owner.__mro__ if issubclass(base, Tab) and base is not Tab]
        methods = {name: value for base in reversed(bases) for name, value in vars(base).items()}
        names = [name for name, value in methods.items() if inspect.isfunction(value) and not name.startswith("__")]
        yield from ((owner, name) for name in sorted(names, key=lambda name: (name not in seam, name)))


def _make_breakable(owner: type, name: str) -> None:
    """Let a method raise while it is armed."""
    method = getattr(owner, name)
    parameters = inspect.signature(method).parameters.values()
    most = None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(parameters)

    def breakable(*given: Any, **named: Any) -> Any:
        if (owner, name) in _armed:
            _fired.append(name)
            raise ValueError(f"{_WORDS}: {owner.__name__}.{name}")
        return method(*given[:most], **named)  # a signal may bring more than its slot takes

    breakable.__name__ = name
    setattr(owner, name, breakable)


def _live_through(app: QApplication, window: MainWindow, run: Path) -> None:
    """Do what a person does: open, look at each tab, move, wheel, press keys, save, copy, resize."""
    owner = _armed[0][0]
    acts: list[Callable[[], object]] = [
        lambda: window.open_run(run),
        lambda: window.pages.show_tab((_TAB_TYPES.index(owner) + 1) % len(_TAB_TYPES)),
        lambda: window.pages.show_tab(_TAB_TYPES.index(owner)),
        lambda: window.context.changes.emit(frozenset({"status", "metrics", "pictures", "snapshots", "log"})),
        lambda: window.context.cursor.go(100),
        lambda: window.context.cursor.go(600),
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
    for act in acts:
        try:
            act()
        except Exception:  # raised through Python frames of ours, where Qt would have come to the hook
            _escaped.append(_armed[0][1])
            sys.excepthook(*sys.exc_info())
        app.processEvents()
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # outside of an event loop nobody does


def _press(window: MainWindow, name: str) -> None:
    key = getattr(Qt.Key, f"Key_{name}")
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(window, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier))


def _mouse(tab: QWidget) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for child in [tab, *tab.findChildren(QWidget)][:25]:
        if isinstance(child, QAbstractButton | QComboBox):
            continue  # those open menus and start processes
        if child.isVisible() and child.width() > 40 and child.height() > 40:
            middle = child.rect().center()
            QTest.mouseMove(child, middle)
            QTest.mousePress(child, left, none, middle)
            QTest.mouseMove(child, middle + QPoint(15, 10))
            QTest.mouseRelease(child, left, none, middle + QPoint(15, 10))
            _wheel(child, middle)


def _wheel(child: QWidget, middle: QPoint) -> None:
    place, none = QPointF(middle), Qt.MouseButton.NoButton
    turned = QWheelEvent(
        place, QPointF(child.mapToGlobal(middle)), QPoint(), QPoint(0, 120), none,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(child, turned)


def _stands(window: MainWindow, run: Path) -> bool:
    """Return whether the window still opens a run and shows it."""
    return window.open_run(run) and window.isVisible() and window.context.run is not None


def _answer_dialogs(state: Path) -> None:
    """Let no dialog wait for anybody: files are saved, everything else is cancelled."""
    QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: (str(state / "saved.png"), ""))  # type: ignore[method-assign]
    QFileDialog.getOpenFileName = staticmethod(lambda *_, **__: ("", ""))  # type: ignore[method-assign]
    QDialog.exec = lambda *_: 0  # type: ignore[method-assign]
    QMenu.exec = lambda *_: None  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main())
