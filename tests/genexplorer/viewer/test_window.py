"""The window: opening runs, keys, time, memory, colors, failures."""

import html
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QPalette
from PyQt6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from genexplorer.explore.protocol import Failure
from genexplorer.runs.record import AlertRow, State
from genexplorer.session.actions import ActionResult
from genexplorer.session.palette import DARK, LIGHT
from genexplorer.session.run_poller import ACTIVE_POLL_S, AWAY_POLL_S, IDLE_POLL_S
from genexplorer.viewer.dialogs.help import HelpDialog
from genexplorer.viewer.main import main, report_faults
from genexplorer.viewer.model_client import ModelRequest
from genexplorer.viewer.tabs import tab_types
from genexplorer.viewer.tabs.tab import Tab
from genexplorer.viewer.tabs.tab_types import TABS, TabSpec
from genexplorer.viewer.widgets import animation
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.mouse import QTest

TITLES = [spec.title for spec in TABS]


def test_without_a_run_it_says_what_to_do(stage: Stage) -> None:
    window = stage.window()
    assert window.no_run.isVisible()
    assert "No run open" in window.no_run.reason.text()
    assert "drop" in window.no_run.hint.text() and "N to train" in window.no_run.hint.text()
    assert not window.time.isVisible()


def test_a_run_shows_its_name_state_and_snapshots(window: MainWindow) -> None:
    assert "brave-fox" in window.windowTitle()
    assert "Succeeded" in window.title.state.text()
    assert window.time.step_label.text() == "step 1,300"
    assert window.context.run is not None and window.context.run.watching


def test_number_keys_choose_tabs(window: MainWindow, qtbot: QtBot) -> None:
    for number, title in enumerate(TITLES[:9], start=1):
        QTest.keyClick(window, Qt.Key(Qt.Key.Key_0 + number))
        assert window.pages.current.title == title
        assert [tab.title for tab in window.pages.tabs if tab.is_active] == [title]
    QTest.keyClick(window, Qt.Key.Key_T)
    assert window.pages.current.title == "Theory"


def test_tabs_without_content_say_what_they_wait_for(window: MainWindow) -> None:
    for title, words in (("Density", "density"), ("Flow", "flow")):
        tab = tab_of(window, title)
        reason = tab.waiting_reason()
        assert words in reason and not tab.isVisible()


def test_brackets_step_and_follow_returns_to_the_newest(window: MainWindow, qtbot: QtBot) -> None:
    cursor = window.context.cursor
    QTest.keyClick(window, Qt.Key.Key_BracketLeft)
    assert cursor.position == cursor.steps[-2] and not cursor.following and window.time.hold.isChecked()
    QTest.keyClick(window, Qt.Key.Key_BracketRight)
    assert cursor.position == cursor.steps[-1]
    QTest.keyClick(window, Qt.Key.Key_BraceLeft)
    assert cursor.position == 0 and window.time.step_label.text() == "step 0"
    QTest.keyClick(window, Qt.Key.Key_L)
    assert cursor.following and cursor.position == cursor.steps[-1]


def test_space_plays_to_the_newest_snapshot(window: MainWindow, qtbot: QtBot) -> None:
    tab_of(window, "Curves")
    cursor = window.context.cursor
    cursor.go(cursor.steps[-3])
    seen: list[int] = []
    window.context.time_changed.connect(seen.append)
    QTest.keyClick(window, Qt.Key.Key_Space)
    assert cursor.playing
    qtbot.waitUntil(lambda: not cursor.playing, timeout=5000)
    assert seen == list(cursor.steps[-2:])


def test_playing_waits_for_a_picture_on_its_way(window: MainWindow, stage: Stage, qtbot: QtBot) -> None:
    tab = tab_of(window, "Samples")
    stage.client.silent = True
    cursor = window.context.cursor
    cursor.go(0)
    tab.draw(3)
    assert window.context.model_client.is_pending("preview", "samples/images")
    cursor.play()
    window.time._tick()
    assert cursor.position == 0
    window.context.model_client.cancel("preview", "samples/images")
    window.context.model_client.set_run(window.context.run.folder if window.context.run else None)
    window.time._tick()
    assert cursor.position == cursor.steps[1]


def test_a_click_on_the_track_jumps_and_a_drag_holds_still(window: MainWindow, qtbot: QtBot) -> None:
    track, cursor = window.time.track, window.context.cursor
    x = round(track.x_of(100))
    QTest.mousePress(track, Qt.MouseButton.LeftButton, pos=QPoint(x, 12))
    assert cursor.position == 100 and window.context.dragging
    QTest.mouseMove(track, QPoint(round(track.x_of(5)), 12))
    QTest.mouseRelease(track, Qt.MouseButton.LeftButton, pos=QPoint(round(track.x_of(5)), 12))
    assert cursor.position == 5 and not window.context.dragging


def test_follow_takes_up_new_snapshots_and_hold_does_not(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    with running_run(tmp_path / "live", steps=900) as run:
        window = stage.window(run.folder)
        cursor = window.context.cursor
        assert window.context.run is not None and window.context.run.status.state is State.RUNNING
        assert cursor.following
        qtbot.waitUntil(lambda: cursor.position == 900, timeout=5000)
        run.advance(120)
        run.writer.flush()
        qtbot.waitUntil(lambda: cursor.position == 1020, timeout=5000)
        cursor.go(500)
        run.advance(120)
        run.writer.flush()
        qtbot.waitUntil(lambda: 1140 in cursor.steps, timeout=5000)
        assert cursor.position == 500
        cursor.follow()
        window.context.set_dragging(True)
        run.advance(60)
        run.writer.flush()
        qtbot.waitUntil(lambda: 1200 in (window.context.run.snapshots if window.context.run else []), timeout=5000)
        assert cursor.position == 1140
        window.context.set_dragging(False)
        qtbot.waitUntil(lambda: cursor.position == 1200, timeout=5000)


def test_a_window_that_nobody_touches_asks_for_fewer_snapshots_unless_it_is_presented(
    stage: Stage, tmp_path: Path, qtbot: QtBot
) -> None:
    close = round(1000 * ACTIVE_POLL_S)
    with running_run(tmp_path / "live", steps=900) as run:
        window = stage.window(run.folder)
        followed = window.context.run
        assert followed is not None and not followed.viewer_idle and window._poll.interval() == close
        window._idle_tracker._last_input -= 20
        qtbot.waitUntil(lambda: followed.viewer_idle, timeout=5000)
        assert window._poll.interval() == 1000 * IDLE_POLL_S
        window._idle_tracker._last_input -= 60
        qtbot.waitUntil(lambda: window._poll.interval() == 1000 * AWAY_POLL_S, timeout=10_000)
        assert not animation.is_enabled()
        QTest.keyClick(window, Qt.Key.Key_Shift)  # somebody is back
        assert window._poll.interval() == close  # and it counts anew; Qt's coarse timers may come a twentieth late
        assert window._poll.remainingTime() <= 2 * close and animation.is_enabled()
        qtbot.waitUntil(lambda: not followed.viewer_idle, timeout=5000)
        window._idle_tracker._last_input -= 20
        qtbot.waitUntil(lambda: followed.viewer_idle, timeout=5000)
        window.toggle_full_screen()
        qtbot.waitUntil(lambda: not followed.viewer_idle, timeout=5000)
        window.toggle_full_screen()


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
    window.context.model_client.send("job", "card", ModelRequest("describe", lambda reply: None))
    stage.client.answer(stage.client.last("describe"), Failure("the weights are damaged", "train it again"))
    qtbot.waitUntil(lambda: bool(window.banner.lines()), timeout=5000)
    assert window.banner.lines() == ["the weights are damaged: train it again"]


def test_a_folder_that_is_no_run_is_refused_in_one_line(window: MainWindow, tmp_path: Path) -> None:
    assert not window.open_run(tmp_path)
    assert "not a run folder" in window.banner.lines()[0]
    assert window.context.run is not None  # the one that was open stays


def test_drop_opens_a_run(stage: Stage, run_folder: Path) -> None:
    window = stage.window()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(run_folder))])
    left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(9, 9), copy, mime, left, Qt.KeyboardModifier.NoModifier)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(9, 9), copy, mime, left, Qt.KeyboardModifier.NoModifier))
    assert window.context.run is not None and window.context.run.folder == run_folder


def test_the_menu_lists_runs_and_opens_one(stage: Stage, tmp_path: Path) -> None:
    first = write_run(tmp_path / "runs", steps=60, name="one & only")
    write_run(tmp_path / "runs", steps=60, state="failed", name="red-elm")
    window = stage.window(first)
    window.title.fill_menu()
    texts = [action.text() for action in window.title.run_menu.actions()]
    assert any("one && only" in words for words in texts)
    red = next(action for action in window.title.run_menu.actions() if "red-elm" in action.text())
    assert "✗" in red.text()
    red.trigger()
    assert window.context.run is not None and window.context.run.status.name == "red-elm"
    assert window.time.track.isVisible()


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


def test_what_was_open_is_remembered(stage: Stage, run_folder: Path, tmp_path: Path) -> None:
    first = stage.window(run_folder)
    curves = tab_of(first, "Curves")
    curves.set_view(x_axis="time", logarithmic=True, smoothing=0.5)
    curves.show_only("kl")
    first.set_theme("dark")
    first.resize(1010, 707)
    first.close()
    saved = json.loads((tmp_path / "state" / "viewer.json").read_text())
    assert saved["run"] == str(run_folder) and saved["tab"] == "Curves"
    second = stage.window(run_folder)
    assert second.pages.current.title == "Curves"
    again = tab_of(second, "Curves")
    assert (again.view.x_axis, again.view.logarithmic, again.view.smoothing) == ("time", True, 0.5)
    assert list(again.plots) == ["kl"]
    assert second.context.palette == DARK
    second.set_theme("system")


def test_the_window_stands_before_its_tabs_and_says_what_it_opens(stage: Stage, run_folder: Path) -> None:
    window = stage.window()
    window.open_soon(run_folder)
    assert window._opening.reason.text() == f"Opening {run_folder.name} …"
    window.grab()  # paints
    stage._qtbot.waitUntil(lambda: window.context.run is not None, timeout=10_000)
    assert window._middle.currentWidget() is window.pages
    assert [tab.title for tab in window.pages.tabs] == TITLES
    assert stage.client.warmed


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"tabs": 3, "geometry": "?", "tab": 9, "theme": "pink"}'])
def test_a_damaged_memory_is_as_good_as_none(stage: Stage, tmp_path: Path, damage: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "viewer.json").write_text(damage)
    window = stage.window()
    assert window.pages.current.title == "Manifold"


def test_light_and_dark_change_every_color(window: MainWindow, qtbot: QtBot) -> None:
    curves = tab_of(window, "Curves")
    for theme, palette in (("dark", DARK), ("light", LIGHT)):
        window.set_theme(theme)
        role = window.palette().color(QPalette.ColorRole.Window)
        assert role == QColor(palette.background)
        plot = next(iter(curves.plots.values()))
        assert plot.plot.backgroundBrush().color() == QColor(palette.background)
    QTest.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert window.context.palette == DARK
    window.set_theme("system")


def test_the_desktop_may_change_its_mind_about_dark(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    window.set_theme("system")
    monkeypatch.setattr("genexplorer.viewer.style.palette_for", lambda theme: DARK if theme == "system" else LIGHT)
    hints = QGuiApplication.styleHints()
    assert hints is not None
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert window.context.palette == DARK
    window.set_theme("light")
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert window.context.palette == LIGHT  # who chose a theme keeps it


def test_an_error_in_a_slot_or_a_thread_is_shown_and_logged(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    reporter = report_faults(window)
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


def test_ctrl_s_saves_a_picture_that_opens(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    tab_of(window, "Samples")
    chosen = tmp_path / "mine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(chosen), "Samples (*.png)"))
        QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    image = QImage(str(tmp_path / "mine.png"))
    assert not image.isNull() and image.width() >= 8 * 28
    assert "saved" in window.status.message.text()


def test_a_save_that_fails_is_told(window: MainWindow, tmp_path: Path) -> None:
    target = tab_of(window, "Samples").save_targets()[0]
    worked, line = target.save(tmp_path / "missing" / "x.png")
    assert not worked and "not saved" in line
    worked, line = target.save(tmp_path / "x.xyz")
    assert not worked and "XYZ" in line


def test_copy_picture_and_copy_as_command(window: MainWindow, qtbot: QtBot, run_folder: Path) -> None:
    tab_of(window, "Samples")
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window, Qt.Key.Key_C, control)
    assert clipboard.image().width() >= 8 * 28
    QTest.keyClick(window, Qt.Key.Key_C, control | shift)
    words = clipboard.text().split()
    assert words[:2] == ["genexplorer", "sample"] and run_folder.name in words and "--runs-dir" in words


def test_closing_lets_go_of_the_run_and_the_explorer(stage: Stage, run_folder: Path) -> None:
    window = stage.window(run_folder)
    before = {path: path.stat().st_mtime_ns for path in run_folder.iterdir() if path.name != "control"}
    window.close()
    assert window.context.run is None and stage.client.closed
    assert before == {path: path.stat().st_mtime_ns for path in run_folder.iterdir() if path.name != "control"}


def test_present_shows_the_tab_alone(window: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(window, Qt.Key.Key_F11)
    assert window.isFullScreen() and not window.title.isVisible() and window.time.isVisible()
    large = window.time.step_label.font().pointSizeF()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isFullScreen() and window.title.isVisible()
    assert large > 1.1 * window.time.step_label.font().pointSizeF()


def test_without_a_display_one_line_and_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["brave-fox"]) == 9
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert "no display" in said.err and "genexplorer manifold brave-fox --out manifold.png" in said.err
    monkeypatch.setenv("DISPLAY", ":4711")
    assert main([]) == 9
    assert "does not answer" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    assert main(["nobody", "--runs-dir", str(tmp_path / "runs")]) == 6
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.process
def test_torch_is_never_imported(run_folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from genexplorer.viewer.main import make_application, make_window, _open_first\n"
        "app = make_application()\n"
        "window = make_window(app, Path(sys.argv[2]))\n"
        "window.show()\n"
        "for tab in (1, 5, 6): window.pages.show_tab(tab); window.context.run or window.open_run(Path(sys.argv[1]))\n"
        "for _ in range(20): app.processEvents()\n"
        "loaded = [name for name in sys.modules if name.partition('.')[0] in ('torch', 'textual', 'typer')]\n"
        "print('loaded', loaded)\n"
        "window.close()\n"
    )
    environment = {**os.environ, "GENEXPLORER_STATE": str(tmp_path / "state")}
    done = subprocess.run(
        [sys.executable, "-c", program, str(run_folder), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "loaded []" in done.stdout


@pytest.mark.parametrize("kind", ["gan", "flow-points"])
def test_tabs_that_cannot_show_a_run_are_dimmed_and_say_why(stage: Stage, tmp_path: Path, kind: str) -> None:
    window = stage.window()
    stage.client.silent = True  # its made-up samples are of two latent dimensions
    assert window.open_run(write_run(tmp_path / "runs", steps=60, kind=kind))  # type: ignore[arg-type]
    bar = window.pages.bar
    for place, tab in enumerate(window.pages.tabs):
        reason = tab.waiting_reason()
        assert bar.is_dimmed(place) == (reason is not None), tab.title
        if reason is not None:
            assert html.escape(reason.partition("\n")[0]) in bar.tabToolTip(place)
    assert not window.pages.current.waiting_reason()


def test_a_run_that_the_chosen_tab_cannot_show_is_opened_with_the_first_that_can(
    stage: Stage, run_folder: Path, tmp_path: Path
) -> None:
    points = write_run(tmp_path / "runs", steps=60, kind="gan-points")
    window = stage.window(run_folder)
    tab_of(window, "Manifold")
    assert window.open_run(points)
    front = window.pages.current
    able = [tab for tab in window.pages.tabs if tab.waiting_reason() is None]
    assert front is able[0] and front.title != "Manifold" and front.is_active
    assert window.open_run(run_folder)
    assert window.pages.current.title == "Manifold"  # the user's own choice
    assert window.open_run(points)
    tab_of(window, "Manifold")  # who wants to read why there is none may
    assert window.pages.current.title == "Manifold" and window.pages.selected_title == "Manifold"


def test_the_keys_are_listed_with_those_of_the_tab_in_front(window: MainWindow) -> None:
    dialog = HelpDialog(window.pages.tabs, tab_of(window, "Encode"), window)
    lines = [label.text() for label in dialog.findChildren(QLabel)]
    assert [line for line in lines if "this tab" in line] == ["Encode  ◂ this tab"]
    for tab in window.pages.tabs:
        assert tab.key_help
        for group, rows in tab.key_help.items():  # no group is left out
            assert group in lines or group == "Encode"
            assert all(key in lines and action in lines for key, action in rows)


def test_the_table_of_tabs_has_the_titles_of_the_classes() -> None:
    assert [spec.load().title for spec in TABS] == TITLES


class TenthTab(Tab):
    """A tab without a number key and without keys of its own."""

    title = "Tenth"


def test_a_tab_is_added_by_one_line_in_the_table(
    stage: Stage, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenth = TabSpec("Tenth", f"{__name__}:TenthTab", queries_model=False)
    monkeypatch.setattr(tab_types, "TABS", (*TABS, tenth))
    window = stage.window(run_folder)
    assert isinstance(window.pages.tabs[9], TenthTab)
    assert "key 9" in window.pages.bar.tabToolTip(8) and "key" not in window.pages.bar.tabToolTip(9)
    QTest.keyClick(window, Qt.Key(Qt.Key.Key_9 + 1))  # the key after 9 selects no tab
    assert window.pages.current.title == "Manifold"
    assert tab_of(window, "Tenth").isVisible() and not window.pages.queries_model
    HelpDialog(window.pages.tabs, window.pages.current, window)
    assert window.open_run(write_run(tmp_path / "runs", steps=60))  # the tab stays when the run changes
    assert window.pages.current.title == "Tenth"


def test_a_long_alert_is_elided_with_the_whole_text_in_the_tooltip(window: MainWindow) -> None:
    status = window.status
    status.show_message("m" * 1000)
    assert window.context.run is not None
    window.context.run.alerts = [AlertRow(1, 1.0, 10, "warning", "loss", "w" * 1000)]
    window.context.changes.emit(frozenset({"alerts"}))
    assert "w" * 1000 in status.alert.toolTip() and "m" * 1000 in status.message.toolTip()
    assert status.minimumSizeHint().width() <= 800
