"""Selecting tabs, tabs that cannot show a run, the list of keys, and the table of tabs."""

import html
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from genexplorer.viewer.dialogs.help import HelpDialog
from genexplorer.viewer.tabs import tab_types
from genexplorer.viewer.tabs.tab import Tab
from genexplorer.viewer.tabs.tab_types import TABS, TabSpec
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.mouse import QTest

TITLES = [spec.title for spec in TABS]


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
