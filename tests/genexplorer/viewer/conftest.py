"""A window on a made-up run, with a stand-in for the explorer."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QCoreApplication, QEvent
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from genexplorer.viewer.main import make_window
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_client import StandIn


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 1,300 steps, shared: nobody writes to it."""
    return write_run(tmp_path_factory.mktemp("runs"), steps=1300)


class Stage:
    """Makes windows and lets go of them."""

    def __init__(self, app: QApplication, qtbot: QtBot, runs_dir: Path) -> None:
        self._app, self._qtbot, self._runs_dir = app, qtbot, runs_dir
        self.windows: list[MainWindow] = []
        self.explorers: list[StandIn] = []

    def window(self, folder: Path | None = None) -> MainWindow:
        """Return a window that stands, on a run or on none."""

        def make_client(on_answer: Callable[..., None], on_exit: Callable[[str], None]) -> StandIn:
            self.explorers.append(StandIn(on_answer, on_exit))
            return self.explorers[-1]

        made = make_window(self._app, self._runs_dir, make_client)
        made.resize(1200, 800)
        made.show()
        self._qtbot.waitUntil(made.isVisible, timeout=5000)
        if folder is not None:
            assert made.open_run(folder)
        self.windows.append(made)
        return made

    @property
    def client(self) -> StandIn:
        return self.explorers[-1]

    def close(self) -> None:
        for window in self.windows:
            window.close()
            window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # else each theme polishes them all


@pytest.fixture
def stage(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(qapp, qtbot, tmp_path / "runs")
    yield made
    made.close()


@pytest.fixture
def window(stage: Stage, run_folder: Path) -> MainWindow:
    """A window on the shared run."""
    return stage.window(run_folder)


def tab_of(window: MainWindow, title: str) -> Any:
    """Bring a tab to the front and return it."""
    window.pages.show_tab(window.pages.index_of(title))
    return window.pages.current
