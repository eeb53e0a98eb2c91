"""The window: colors, saving and copying, presentation, and starting it from the command line."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QGuiApplication, QImage, QKeyEvent, QPalette
from PyQt6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.session.palette import DARK, LIGHT
from genexplorer.viewer.main import main
from genexplorer.viewer.panes.title_bar import summary
from genexplorer.viewer.window import MainWindow
from tests.genexplorer.viewer.conftest import tab_of
from tests.genexplorer.viewer.mouse import QTest


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


def test_ctrl_s_saves_a_picture_that_opens(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    tab_of(window, "Samples")
    chosen = tmp_path / "mine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(chosen), "Samples (*.png)"))
        QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    image = QImage(str(tmp_path / "mine.png"))
    assert not image.isNull() and image.width() >= 8 * 28
    assert "saved" in window.status.message.text()


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


def test_present_shows_the_tab_alone(window: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(window, Qt.Key.Key_F11)
    assert window.isFullScreen() and not window.title.isVisible() and window.time.isVisible()
    assert window.presentation.isVisible() and "brave-fox" in window.presentation.run.text()
    assert window.pages.current.title == window.presentation.tab.text()
    large = window.time.step_label.font().pointSizeF()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isFullScreen() and window.title.isVisible() and not window.presentation.isVisible()
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
    assert "does not respond" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    assert main(["nobody", "--runs-dir", str(tmp_path / "runs")]) == 6
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.process
def test_torch_is_never_imported(run_folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from genexplorer.viewer.main import make_application, make_window\n"
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


@pytest.mark.parametrize("title", ["Samples", "Theory", "Curves", "Progress", "Manifold"])
def test_keys_with_ctrl_mean_the_same_in_every_tab(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    tab = tab_of(window, title)
    tab_keys: list[int] = []

    def use_key(event: QKeyEvent) -> bool:
        tab_keys.append(event.key())
        return True

    monkeypatch.setattr(tab, "on_key", use_key)
    menus: list[str] = []
    monkeypatch.setattr(window.title.run_button, "showMenu", lambda: menus.append("runs"))
    QTest.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    assert menus == ["runs"] and not tab_keys
    QTest.keyClick(window, Qt.Key.Key_R)
    assert tab_keys == [Qt.Key.Key_R]


def test_a_maximized_window_is_maximized_after_the_full_screen(window: MainWindow) -> None:
    window.showMaximized()
    window.toggle_presentation()
    window.toggle_presentation()
    assert window.isMaximized() and not window.isFullScreen()
    window.showNormal()
    window.toggle_presentation()
    window.toggle_presentation()
    assert not window.isMaximized()


def test_panels_are_wider_where_the_letters_are_larger(window: MainWindow) -> None:
    inspector, selection_panel = tab_of(window, "Manifold").inspector, tab_of(window, "Encode").selection_panel
    before = inspector.width(), selection_panel.width()
    window.toggle_presentation()
    assert inspector.minimumWidth() >= 1.15 * before[0] and selection_panel.minimumWidth() >= 1.15 * before[1]
    window.toggle_presentation()
    assert (inspector.minimumWidth(), selection_panel.minimumWidth()) == before


def test_decoding_of_images_is_announced(run_folder: Path) -> None:
    status, detail = RunReader(run_folder).status(), "images 3,200 of 10,000, 12 s left"
    decoding = replace(status, state=State.RUNNING, phase="decoding", phase_detail=detail, seconds_left=None)
    assert summary(decoding) == f"decoding {detail}"
    assert summary(replace(decoding, phase="evaluating", phase_detail="40%", seconds_left=70)).endswith(
        "evaluating 40%"
    )
