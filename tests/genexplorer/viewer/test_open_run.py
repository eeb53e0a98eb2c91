"""Opening and closing runs in the window, and what is restored at the next start."""

import json
from pathlib import Path

import pytest
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from pytestqt.qtbot import QtBot

from genexplorer.runs import parent as parent_record
from genexplorer.runs.record import Parent
from genexplorer.session.palette import DARK
from genexplorer.viewer.tabs.tab_types import TABS
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of


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


def test_the_menu_lists_branches_below_their_parents(stage: Stage, tmp_path: Path) -> None:
    parent = write_run(tmp_path / "runs", steps=60, name="calm-owl")
    write_run(tmp_path / "runs", steps=60, name="red-elm")
    branch = write_run(tmp_path / "runs", steps=60, name="brave-fox")
    parent_record.write(branch, Parent("fork", parent.name, "calm-owl", 60, exact=True))
    window = stage.window(branch)
    window.title.fill_menu()
    names = [action.text().split("   ")[0] for action in window.title.run_menu.actions()[:3]]
    assert names == ["✓  calm-owl", "✓  ⤷ brave-fox", "✓  red-elm"]


def test_what_was_open_is_remembered(stage: Stage, run_folder: Path, tmp_path: Path) -> None:
    first = stage.window(run_folder)
    curves = tab_of(first, "Curves")
    curves.change_settings(x_axis="time", logarithmic=True, smoothing=0.5)
    curves.show_only("kl")
    first.set_theme("dark")
    first.resize(1010, 707)
    first.close()
    saved = json.loads((tmp_path / "state" / "viewer.json").read_text())
    assert saved["run"] == str(run_folder) and saved["tab"] == "Curves"
    second = stage.window(run_folder)
    assert second.pages.current.title == "Curves"
    again = tab_of(second, "Curves")
    assert (again.settings.x_axis, again.settings.logarithmic, again.settings.smoothing) == ("time", True, 0.5)
    assert list(again.plots) == ["kl"]
    assert second.context.palette == DARK
    second.set_theme("system")


def test_the_window_stands_before_its_tabs_and_says_what_it_opens(stage: Stage, run_folder: Path) -> None:
    window = stage.window()
    window.open_soon(run_folder)
    assert window._opening_page.reason.text() == f"Opening {run_folder.name} …"
    window.grab()  # paints
    stage._qtbot.waitUntil(lambda: window.context.run is not None, timeout=10_000)
    assert window._stack.currentWidget() is window.pages
    assert [tab.title for tab in window.pages.tabs] == [spec.title for spec in TABS]
    assert stage.client.warmed


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"tabs": 3, "geometry": "?", "tab": 9, "theme": "pink"}'])
def test_a_damaged_memory_is_as_good_as_none(stage: Stage, tmp_path: Path, damage: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "viewer.json").write_text(damage)
    window = stage.window()
    assert window.pages.current.title == "Manifold"


def test_closing_lets_go_of_the_run_and_the_explorer(stage: Stage, run_folder: Path) -> None:
    window = stage.window(run_folder)
    before = {path: path.stat().st_mtime_ns for path in run_folder.iterdir() if path.name != "control"}
    window.close()
    assert window.context.run is None and stage.client.closed
    assert before == {path: path.stat().st_mtime_ns for path in run_folder.iterdir() if path.name != "control"}


def test_another_run_is_followed_although_the_former_one_was_held(
    stage: Stage, run_folder: Path, tmp_path: Path
) -> None:
    window = stage.window(run_folder)
    step_selection = window.context.step_selection
    step_selection.select(5)
    assert window.open_run(run_folder) and step_selection.selected_step == 5  # the same run stays where it is
    other = write_run(tmp_path / "runs", steps=60)
    assert window.open_run(other)
    assert step_selection.following and step_selection.selected_step == step_selection.steps[-1] == 60
    assert window.time.follow.isChecked() and not window.time.hold.isChecked()


def test_a_run_without_snapshots_cannot_be_held(stage: Stage, tmp_path: Path) -> None:
    window = stage.window(write_run(tmp_path / "runs", steps=0, total_steps=60, state="queued"))
    step_selection = window.context.step_selection
    step_selection.hold()
    assert step_selection.following
    step_selection.set_steps([0, 1])
    assert step_selection.selected_step == 1


@pytest.mark.parametrize("title", ["Manifold", "Encode", "Interpolate", "Theory"])
def test_a_tab_opened_in_the_past_queries_the_step_of_the_time_bar(stage: Stage, run_folder: Path, title: str) -> None:
    window = stage.window(run_folder)
    tab_of(window, "Curves")
    past = window.context.step_selection.steps[2]
    window.context.step_selection.select(past)
    for _ in range(2):  # opened for the first time, and again
        stage.client.requests.clear()
        tab = tab_of(window, title)
        steps = {request.snapshot_step for request in stage.client.requests if request.snapshot_step is not None}
        assert steps == {past}, [(r.op, r.topic, r.lane, r.snapshot_step) for r in stage.client.requests]
        assert window.context.step == past and tab.is_active
        # The newest one while the tab is hidden, then the past again.
        tab_of(window, "Curves")
        window.context.step_selection.follow()
        window.context.step_selection.select(past)


def test_the_chosen_test_image_stays_when_another_run_is_opened(stage: Stage, run_folder: Path, tmp_path: Path) -> None:
    window = stage.window(run_folder)
    tab_of(window, "Encode").selection.choose(42)
    assert window.open_run(write_run(tmp_path, steps=300, name="calm-owl"))
    assert tab_of(window, "Encode").selection.index == 42


def test_dropped_data_open_the_form_of_a_new_run(
    stage: Stage, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = stage.window()
    opened: list[object] = []
    monkeypatch.setattr(window.run_actions, "new_run", opened.append)
    points = tmp_path / "points.csv"
    points.write_text("1,2\n3,4\n5,6\n")
    window.run_actions.open_dropped(points)
    qtbot.waitUntil(lambda: opened == [points])
    # What is neither a run nor data is named.
    (tmp_path / "empty").mkdir()
    window.run_actions.open_dropped(tmp_path / "empty")
    qtbot.waitUntil(lambda: bool(window.banner.lines()))
    assert "empty was not opened: not a run folder" in window.banner.lines()[0]
    assert "no images in this folder" in window.banner.lines()[0] and opened == [points]
