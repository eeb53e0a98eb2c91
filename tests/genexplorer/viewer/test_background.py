"""Work in threads: its outcome and its progress arrive in Qt's thread, or nowhere once the window is gone."""

import threading

import pytest
from PyQt6 import sip
from PyQt6.QtCore import QCoreApplication, QObject
from pytestqt.qtbot import QtBot

from genexplorer.errors import ConfigError
from genexplorer.viewer.background import Background


def test_progress_and_outcome_arrive_in_the_thread_of_qt(qtbot: QtBot) -> None:
    background, seen = Background(), list[tuple[str, bool]]()

    def note(text: str) -> None:
        seen.append((text, threading.current_thread() is threading.main_thread()))

    def work() -> str:
        background.deliver(lambda: note("half"))
        return "done"

    background.run(work, note, note)
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [("half", True), ("done", True)]


@pytest.mark.parametrize("error", [ConfigError("wrong"), OSError("wrong"), ValueError("wrong")])
def test_a_failure_is_one_line(qtbot: QtBot, error: Exception) -> None:
    background, failures = Background(), list[str]()

    def work() -> None:
        raise error

    background.run(work, lambda _: failures.append("a result"), failures.append)
    qtbot.waitUntil(lambda: bool(failures))
    assert len(failures) == 1 and "wrong" in failures[0] and "\n" not in failures[0]


@pytest.mark.parametrize("is_deleted", [True, False])
def test_nothing_arrives_once_the_window_is_gone(qtbot: QtBot, is_deleted: bool) -> None:
    window = QObject()
    background, may_end, seen, problems = Background(window), threading.Event(), list[object](), list[object]()
    hook, threading.excepthook = threading.excepthook, problems.append

    def work() -> None:
        may_end.wait(30)
        background.deliver(lambda: seen.append("progress"))

    background.run(work, seen.append, seen.append)
    thread = threading.enumerate()[-1]
    if is_deleted:
        sip.delete(window)
    else:
        background.close()
    may_end.set()
    thread.join(30)
    QCoreApplication.processEvents()
    threading.excepthook = hook
    assert not seen and not problems and not thread.is_alive()
