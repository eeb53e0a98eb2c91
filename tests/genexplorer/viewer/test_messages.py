"""Errors, alerts and results of actions shown in the window."""

import sys
import threading
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from genexplorer.explore.protocol import Failure
from genexplorer.runs.record import AlertRow
from genexplorer.session import actions
from genexplorer.session.actions import ActionResult
from genexplorer.viewer.dialogs.alerts import AlertsDialog
from genexplorer.viewer.error_handler import log_path
from genexplorer.viewer.main import report_errors
from genexplorer.viewer.model_client import ModelRequest
from genexplorer.viewer.panes.status_bar import alert_headline
from genexplorer.viewer.preferences import Preferences
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.mouse import QTest


def test_a_training_that_dies_is_told_in_the_window(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    with running_run(tmp_path / "live", steps=300) as run:
        window = stage.window(run.folder)
        run.end("failed")
        qtbot.waitUntil(lambda: bool(window.banner.lines()), timeout=5000)
        assert "failed" in window.banner.lines()[0] and "not finite" in window.banner.lines()[0]
        assert window.title.state.property("role") == "warning"
    window.leave()
    assert not window.banner.isVisible()


def test_a_dead_explorer_is_told_in_the_window(window: MainWindow, stage: Stage, qtbot: QtBot) -> None:
    stage.client.die("killed by signal 9")
    qtbot.waitUntil(lambda: bool(window.banner.lines()), timeout=5000)
    assert "killed by signal 9" in window.banner.lines()[0]
    assert window.banner.isVisible()


def test_a_failure_that_nobody_expects_is_an_alert(window: MainWindow, stage: Stage, qtbot: QtBot) -> None:
    window.context.model_client.send("job", "card", ModelRequest("describe", lambda response: None))
    stage.client.answer(stage.client.last("describe"), Failure("the weights are damaged", "train it again"))
    qtbot.waitUntil(lambda: bool(window.banner.lines()), timeout=5000)
    assert window.banner.lines() == ["the weights are damaged: train it again"]


def test_pause_asks_the_worker_off_the_qt_thread(
    stage: Stage, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def pause(folder: Path, runs_dir: Path) -> ActionResult:
        threads.append(threading.current_thread().name)
        return ActionResult(False, "calm-owl cannot: it is compiling")

    monkeypatch.setattr("genexplorer.session.actions.pause_or_resume", pause)
    with running_run(tmp_path / "live", steps=60) as run:
        window = stage.window(run.folder)
        QTest.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: bool(window.banner.lines()), timeout=5000)
    assert window.banner.lines() == ["calm-owl cannot: it is compiling"]
    assert threads and threads[0] != threading.main_thread().name


def test_a_run_from_elsewhere_is_only_read(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    sent = write_run(tmp_path / "sent", steps=20, state="stopped")
    before = sorted(path.name for path in sent.rglob("*"))
    window = stage.window(sent)
    QTest.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(window.banner.lines()), timeout=5000)
    assert "read-only" in window.banner.lines()[0] and "genexplorer runs import" in window.banner.lines()[0]
    assert sorted(path.name for path in sent.rglob("*")) == before


def test_an_error_in_a_slot_or_a_thread_is_shown_and_logged(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    reporter = report_errors(window)
    try:
        sys.excepthook(ValueError, ValueError("a slot broke"), None)
        thread = threading.Thread(target=lambda: int("a thread broke"))
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: len(window.banner.lines()) == 2, timeout=5000)
    finally:
        reporter.uninstall()
    assert "a slot broke" in window.banner.lines()[0] and "a thread broke" in window.banner.lines()[1]
    assert "a thread broke" in (tmp_path / "state" / "viewer.log").read_text()


def test_a_save_that_fails_is_told(window: MainWindow, tmp_path: Path) -> None:
    target = tab_of(window, "Samples").save_targets()[0]
    worked, line = target.save(tmp_path / "missing" / "x.png")
    assert not worked and "not saved" in line
    worked, line = target.save(tmp_path / "x.xyz")
    assert not worked and "XYZ" in line


def test_a_long_alert_is_elided_with_the_whole_text_in_the_tooltip(window: MainWindow) -> None:
    status = window.status
    status.show_message("m" * 1000)
    assert window.context.run is not None
    window.context.run.alerts = [AlertRow(1, 1.0, 10, "warning", "loss", "w" * 1000)]
    window.context.data_changed.emit(frozenset({"alerts"}))
    assert "w" * 1000 in status.alert.toolTip() and "m" * 1000 in status.message.toolTip()
    assert status.minimumSizeHint().width() <= 800


def test_the_line_of_a_long_alert_is_its_fact_without_the_reason() -> None:
    fact = "0.4% of the samples are not finite or far out of range"
    assert alert_headline(f"{fact}: on the way back from z, where no data have been, the scales multiply up") == fact
    assert alert_headline("the loss jumped: 3 to 400") == "the loss jumped: 3 to 400"
    path = "model.beta: " + "w" * 100
    assert alert_headline(path) == path  # a name alone is no fact


def test_the_alerts_dialog_shows_the_hint_of_an_alert(window: MainWindow) -> None:
    run = window.context.run
    assert run is not None
    run.alerts = [
        AlertRow(1, 0.0, 600, "warning", "kl_dim_collapsed", "KL of dimension 1 fell to 0.02 nats"),
        AlertRow(2, 0.0, 700, "warning", "code_of_a_later_version", "an alert without a hint"),
    ]
    texts = [label.text() for label in AlertsDialog(run, None, window).findChildren(QLabel)]
    assert "KL of dimension 1 fell to 0.02 nats" in texts and "an alert without a hint" in texts
    assert sum("KL warm-up" in text for text in texts) == 1


def test_alerts_follow_the_time_bar_and_information_is_no_warning(window: MainWindow) -> None:
    run, status = window.context.run, window.status
    assert run is not None
    run.alerts = [
        AlertRow(1, 1.0, 500, "info", "kl_dim_collapsed", "KL of latent dimension 3 is below 0.01 nats"),
        AlertRow(2, 2.0, 938, "warning", "loss_spike", "the loss jumped"),
    ]
    window.context.step_selection.follow()
    window.context.data_changed.emit(frozenset({"alerts"}))
    assert status.alert.text() == "⚠ the loss jumped · 1 more" and status.alert.property("role") == "warning"
    window.context.step_selection.select(500)
    assert status.alert.text().startswith("KL of latent") and status.alert.property("role") == "muted"
    window.context.step_selection.select(50)
    assert not status.alert.isVisible() and status.alerts_button.isVisible()
    window.context.step_selection.follow()
    assert "the loss jumped" in status.alert.text()


def test_the_run_that_is_shown_can_be_deleted_and_restored(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    folder = write_run(tmp_path / "runs", steps=60, name="red-elm")
    window = stage.window(folder)
    actions.delete(folder, folder.parent)
    qtbot.waitUntil(lambda: window.context.run is None, timeout=5000)
    assert window.no_run.isVisible() and window.no_run.reason.text() == "red-elm was deleted."
    assert not window.banner.lines() and window.undo_delete.isVisible()
    window.undo_delete.click()
    qtbot.waitUntil(lambda: window.context.run is not None, timeout=5000)
    assert window.context.run is not None and window.context.run.folder == folder and folder.is_dir()
    assert window.pages.isVisible() and not window.undo_delete.isVisible()


def test_a_run_whose_folder_is_gone_is_not_called_damaged(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    folder = write_run(tmp_path / "runs", steps=60, name="red-elm")
    window = stage.window(folder)
    folder.rename(tmp_path / "elsewhere")
    qtbot.waitUntil(lambda: window.context.run is None, timeout=5000)
    assert window.no_run.reason.text() == "red-elm is gone." and "moved or removed" in window.no_run.hint.text()
    assert not window.undo_delete.isVisible()
    assert window.open_run(tmp_path / "elsewhere") and window.pages.isVisible()


def test_without_a_state_folder_nothing_is_saved_and_the_viewer_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENEXPLORER_STATE", "/dev/null/state")
    preferences = Preferences()
    assert preferences.text("theme") == "" and not preferences.save()
    assert log_path() == Path("/dev/null")
