"""Steering in the viewer: the panel of settings, single steps, the advice of alerts, name, tags and note, trash."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication, QFileDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from genexplorer.runs import layout, settings
from genexplorer.runs.record import AlertRow
from genexplorer.runs.status.run_status import read_status
from genexplorer.session import forking, steering
from genexplorer.session.actions import ActionResult
from genexplorer.viewer.dialogs.alerts import AlertsDialog
from genexplorer.viewer.dialogs.fork import ForkDialog
from genexplorer.viewer.dialogs.notes import NotesDialog
from genexplorer.viewer.dialogs.settings import SettingsPanel
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.viewer.conftest import Stage
from tests.genexplorer.viewer.mouse import QTest
from trainers.events import SettingChange

Changes = list[tuple[dict[str, object], str]]


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> Changes:
    """Records changes of settings instead of making them."""
    recorded: Changes = []

    def record(folder: Path, _runs_dir: Path, values: Mapping[str, Any], lr_continuation: str = "") -> ActionResult:
        recorded.append((dict(values), lr_continuation))
        return ActionResult(True, "settings changed", "", folder)

    for name in ("set_settings", "resume_with"):
        monkeypatch.setattr(steering, name, record)
    return recorded


@pytest.fixture
def own(stage: Stage, tmp_path: Path) -> MainWindow:
    """A window on a stopped run of its own runs folder."""
    return stage.window(write_run(tmp_path / "runs", name="slow-yew", state="stopped", steps=1000, pictures=False))


def panel_of(window: MainWindow, qtbot: QtBot) -> SettingsPanel:
    """Return the panel once its run is read."""
    qtbot.waitUntil(lambda: window.run_actions._settings_panel is not None, timeout=10_000)
    panel = window.run_actions._settings_panel
    assert panel is not None
    return panel


def test_settings_are_checked_applied_and_copied(own: MainWindow, qtbot: QtBot, changes: Changes) -> None:
    QTest.keyClick(own, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    panel = panel_of(own, qtbot)
    assert "Stopped at step 1,000" in panel.status_label.text() and not panel.apply_button.isEnabled()
    assert panel.focusWidget() is panel.editors["optim.lr"], "Enter and Space press no button"
    beta = panel.editors["model.beta"]
    QTest.keyClicks(beta, "-1")
    assert "must be at least 0" in panel.message.text() and panel.message.property("role") == "warning"
    panel.apply()
    assert not changes, "a value that is not allowed is not applied"
    beta.clear()
    assert panel.message.text() == "Nothing is changed yet."
    QTest.keyClicks(beta, "4")
    assert "model.beta 1 → 4, from step 1,000 on" in panel.message.text()
    assert (panel.apply_button.text(), panel.apply_button.isEnabled()) == ("Apply and resume", True)
    panel.copy_command()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None and "genexplorer runs set slow-yew" in clipboard.text()
    QTest.keyClick(panel, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.message.text() == "✓ settings changed", timeout=5000)
    assert changes == [({"model.beta": 4}, "continue")]
    assert panel.editors["model.beta"].text() == ""  # type: ignore[union-attr]


def test_a_longer_run_shows_how_its_learning_rate_goes_on(own: MainWindow, qtbot: QtBot, changes: Changes) -> None:
    modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(own, Qt.Key.Key_E, modifiers)
    panel = panel_of(own, qtbot)
    assert not panel.lr_choice.isVisible()
    QTest.keyClicks(panel.editors[panel.form.length_key], "8000")
    qtbot.waitUntil(panel.lr_choice.isVisible, timeout=5000)
    going_on = panel._after.yData.copy()
    restart = next(button for button in panel.lr_buttons.buttons() if button.objectName() == "restart")
    restart.click()
    assert (panel._after.yData != going_on).any() and "--lr-schedule restart" in panel.form.command
    panel.apply()
    qtbot.waitUntil(lambda: bool(changes), timeout=5000)
    assert changes[0] == ({panel.form.length_key: 8000}, "restart")


def test_another_run_closes_the_panel(own: MainWindow, stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    own.run_actions.show_settings()
    panel = panel_of(own, qtbot)
    own.open_run(write_run(tmp_path / "runs", name="other", steps=300, pictures=False))
    qtbot.waitUntil(lambda: not panel.isVisible(), timeout=5000)


def test_a_run_elsewhere_says_that_it_is_read_only(window: MainWindow, qtbot: QtBot) -> None:
    window.run_actions.show_settings()
    panel = panel_of(window, qtbot)
    assert "read-only" in panel.message.text() and not panel.apply_button.isEnabled()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Records single steps instead of taking them."""
    recorded: list[Path] = []

    def take_steps(folder: Path, _runs_dir: Path) -> ActionResult:
        recorded.append(folder)
        return ActionResult(True, "one step done", "", folder)

    monkeypatch.setattr(steering, "take_steps", take_steps)
    yield recorded


def test_a_paused_run_takes_a_step(stage: Stage, tmp_path: Path, qtbot: QtBot, steps: list[Path]) -> None:
    with running_run(tmp_path / "runs", pictures=False) as run:
        window = stage.window(run.folder)
        QTest.keyClick(window, Qt.Key.Key_Period)
        assert "pause the training first" in window.status.message.text() and not steps
        run.pause()
        window.context.poll()
        QTest.keyClick(window, Qt.Key.Key_Period)
        qtbot.waitUntil(lambda: window.status.message.text() == "one step done", timeout=5000)
    assert steps == [run.folder]


def test_a_branch_is_started_with_the_entered_settings_and_opened(
    own: MainWindow, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[tuple[int | None, dict[str, Any], str]] = []

    def fork(
        _folder: Path, runs_dir: Path, *, at_step: int | None, values: Mapping[str, Any], name: str
    ) -> ActionResult:
        requests.append((at_step, dict(values), name))
        return ActionResult(True, "a branch", "", write_run(runs_dir, name=name, steps=300, pictures=False))

    def fill_in(dialog: ForkDialog) -> int:
        start, copy = (
            next(button for button in dialog.findChildren(QPushButton) if button.text() == label)
            for label in ("Fork", "Copy as command")
        )
        assert dialog.settings_edit.text() == "model.beta=4"
        dialog.step_edit.setText("now")
        start.click()
        assert "At step: not a number" in dialog.message.text() and dialog.result() == 0
        dialog.step_edit.setText("1,000")
        dialog.name_edit.setText("new-oak")
        copy.click()
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None and "--at 1000 --set model.beta=4" in clipboard.text()
        start.click()
        return dialog.result()

    monkeypatch.setattr(forking, "fork", fork)
    monkeypatch.setattr(ForkDialog, "exec", fill_in)
    own.run_actions.show_settings()
    panel = panel_of(own, qtbot)
    panel.form.set("model.beta", "4")
    panel.fork_button.click()
    qtbot.waitUntil(lambda: own.context.run is not None and own.context.run.status.name == "new-oak", timeout=5000)
    assert requests == [(1000, {"model.beta": 4}, "new-oak")]


def test_a_branch_starts_at_the_selected_step(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = stage.window(write_run(tmp_path / "runs", steps=1500))
    shown: list[str] = []

    def cancel(dialog: ForkDialog) -> int:
        shown.append(dialog.step_edit.text())
        return 0

    monkeypatch.setattr(ForkDialog, "exec", cancel)
    QTest.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    window.context.step_selection.move(-1)
    QTest.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert shown == ["", str(window.context.step)]


def test_the_advice_of_an_alert_is_one_click_away(own: MainWindow, qtbot: QtBot, changes: Changes) -> None:
    run = own.context.run
    assert run is not None
    settings.write_changes(run.folder, [SettingChange(600, {"model.beta": 50.0})])
    run.poll()
    run.alerts = [
        AlertRow(1, 0.0, 600, "warning", "kl_dim_collapsed", "KL of dimension 1 fell to 0.02 nats"),
        AlertRow(2, 0.0, 700, "warning", "kl_dim_collapsed", "KL of dimension 2 fell to 0.01 nats"),
    ]
    dialog = AlertsDialog(run, own.run_actions.own_config(), own)
    dialog.change_chosen.connect(own.run_actions.apply_suggestion)
    advice = [button for button in dialog.findChildren(QPushButton) if button.text().startswith("Set ")]
    assert [button.text() for button in advice] == ["Set model.beta to 1 and resume"]
    advice[0].click()
    qtbot.waitUntil(lambda: bool(changes), timeout=5000)
    assert changes[0][0] == {"model.beta": 1.0} and not dialog.isVisible()


def test_name_tags_and_note_are_edited(own: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_in(dialog: NotesDialog) -> int:
        dialog.name_edit.setText("calm-owl")
        dialog.tags_edit.setText("a, lecture-3")
        dialog.note_edit.setPlainText("<b>collapses</b>")
        return 1

    monkeypatch.setattr(NotesDialog, "exec", fill_in)
    QTest.keyClick(own, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: "calm-owl: saved" in own.status.message.text(), timeout=5000)
    run = own.context.run
    assert run is not None
    status = read_status(run.folder)
    assert (status.name, status.tags, status.note) == ("calm-owl", ("a", "lecture-3"), "<b>collapses</b>")


def test_a_run_is_saved_as_a_light_copy_and_as_a_page(
    own: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = [str(tmp_path / "copy"), str(tmp_path / "page.html")]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (files.pop(0), ""))
    own.run_actions.export()
    qtbot.waitUntil(lambda: "saved copy.zip" in own.status.message.text(), timeout=10_000)
    assert "it cannot be resumed" in own.status.message.text() and (tmp_path / "copy.zip").exists()
    own.run_actions.share()
    qtbot.waitUntil(lambda: "saved page.html" in own.status.message.text(), timeout=60_000)
    assert "slow-yew" in (tmp_path / "page.html").read_text()


def test_a_run_is_moved_to_the_trash_after_a_question(
    own: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = own.context.run
    assert run is not None
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    for _ in range(2):
        QTest.keyClick(own, Qt.Key.Key_Delete, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: own.context.run is None, timeout=5000)
    assert (run.folder.parent / f"{layout.TRASH_PREFIX}{run.folder.name}").is_dir() and not answers
    assert QApplication.activeModalWidget() is None
