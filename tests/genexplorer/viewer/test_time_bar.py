"""Time in the window: stepping, playing, dragging, following new snapshots, and how often an idle window polls."""

from pathlib import Path

from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from genexplorer.runs.record import State
from genexplorer.session.run_poller import ACTIVE_POLL_S, AWAY_POLL_S, IDLE_POLL_S
from genexplorer.viewer.widgets import animation
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import running_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.mouse import QTest


def test_brackets_step_and_follow_returns_to_the_newest(window: MainWindow, qtbot: QtBot) -> None:
    step_selection = window.context.step_selection
    QTest.keyClick(window, Qt.Key.Key_BracketLeft)
    assert (
        step_selection.selected_step == step_selection.steps[-2]
        and not step_selection.following
        and window.time.hold.isChecked()
    )
    QTest.keyClick(window, Qt.Key.Key_BracketRight)
    assert step_selection.selected_step == step_selection.steps[-1]
    QTest.keyClick(window, Qt.Key.Key_BraceLeft)
    assert step_selection.selected_step == 0 and window.time.step_label.text() == "step 0"
    QTest.keyClick(window, Qt.Key.Key_L)
    assert step_selection.following and step_selection.selected_step == step_selection.steps[-1]


def test_space_plays_to_the_newest_snapshot(window: MainWindow, qtbot: QtBot) -> None:
    tab_of(window, "Curves")
    step_selection = window.context.step_selection
    step_selection.select(step_selection.steps[-3])
    seen: list[int] = []
    window.context.step_changed.connect(seen.append)
    QTest.keyClick(window, Qt.Key.Key_Space)
    assert step_selection.playing
    qtbot.waitUntil(lambda: not step_selection.playing, timeout=5000)
    assert seen == list(step_selection.steps[-2:])


def test_playing_waits_for_a_picture_on_its_way(window: MainWindow, stage: Stage, qtbot: QtBot) -> None:
    tab = tab_of(window, "Samples")
    stage.client.silent = True
    step_selection = window.context.step_selection
    step_selection.select(0)
    tab.draw(3)
    assert window.context.model_client.is_pending("preview", "samples/images")
    step_selection.play()
    window.time._tick()
    assert step_selection.selected_step == 0
    window.context.model_client.cancel("preview", "samples/images")
    window.context.model_client.set_run(window.context.run.folder if window.context.run else None)
    window.time._tick()
    assert step_selection.selected_step == step_selection.steps[1]


def test_a_click_on_the_track_jumps_and_a_drag_holds_still(window: MainWindow, qtbot: QtBot) -> None:
    track, step_selection = window.time.track, window.context.step_selection
    x = round(track.x_of(100))
    QTest.mousePress(track, Qt.MouseButton.LeftButton, pos=QPoint(x, 12))
    assert step_selection.selected_step == 100 and window.context.dragging
    QTest.mouseMove(track, QPoint(round(track.x_of(5)), 12))
    QTest.mouseRelease(track, Qt.MouseButton.LeftButton, pos=QPoint(round(track.x_of(5)), 12))
    assert step_selection.selected_step == 5 and not window.context.dragging


def test_follow_takes_up_new_snapshots_and_hold_does_not(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    with running_run(tmp_path / "live", steps=900) as run:
        window = stage.window(run.folder)
        step_selection = window.context.step_selection
        assert window.context.run is not None and window.context.run.status.state is State.RUNNING
        assert step_selection.following
        qtbot.waitUntil(lambda: step_selection.selected_step == 900, timeout=5000)
        run.advance(120)
        run.writer.flush()
        qtbot.waitUntil(lambda: step_selection.selected_step == 1020, timeout=5000)
        step_selection.select(500)
        run.advance(120)
        run.writer.flush()
        qtbot.waitUntil(lambda: 1140 in step_selection.steps, timeout=5000)
        assert step_selection.selected_step == 500
        step_selection.follow()
        window.context.set_dragging(True)
        run.advance(60)
        run.writer.flush()
        qtbot.waitUntil(lambda: 1200 in (window.context.run.snapshots if window.context.run else []), timeout=5000)
        assert step_selection.selected_step == 1140
        window.context.set_dragging(False)
        qtbot.waitUntil(lambda: step_selection.selected_step == 1200, timeout=5000)


def test_a_window_that_nobody_touches_asks_for_fewer_snapshots_unless_it_is_presented(
    stage: Stage, tmp_path: Path, qtbot: QtBot
) -> None:
    close = round(1000 * ACTIVE_POLL_S)
    with running_run(tmp_path / "live", steps=900) as run:
        window = stage.window(run.folder)
        followed = window.context.run
        assert followed is not None and not followed.watcher_idle and window._poll_timer.interval() == close
        window._idle_tracker._last_input -= 20
        qtbot.waitUntil(lambda: followed.watcher_idle, timeout=5000)
        assert window._poll_timer.interval() == 1000 * IDLE_POLL_S
        window._idle_tracker._last_input -= 60
        qtbot.waitUntil(lambda: window._poll_timer.interval() == 1000 * AWAY_POLL_S, timeout=10_000)
        assert not animation.is_enabled()
        QTest.keyClick(window, Qt.Key.Key_Shift)  # somebody is back
        assert (
            window._poll_timer.interval() == close
        )  # and it counts anew; Qt's coarse timers may come a twentieth late
        assert window._poll_timer.remainingTime() <= 2 * close and animation.is_enabled()
        qtbot.waitUntil(lambda: not followed.watcher_idle, timeout=5000)
        window._idle_tracker._last_input -= 20
        qtbot.waitUntil(lambda: followed.watcher_idle, timeout=5000)
        window.toggle_presentation()
        qtbot.waitUntil(lambda: not followed.watcher_idle, timeout=5000)
        window.toggle_presentation()


def test_the_latency_is_that_of_the_tab_in_front(window: MainWindow) -> None:
    tab_of(window, "Samples")
    window.context.model_client.result_received.emit("density", 0.122, 1300)
    assert "density 122 ms" in window.status.facts.text()
    tab_of(window, "Curves")
    assert "density" not in window.status.facts.text() and "snapshot of step" in window.status.facts.text()
    tab_of(window, "Samples")
    assert "density 122 ms" in window.status.facts.text()
