"""Nothing of one run is left in the view of another: a window that had another family open equals a new one."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pyqtgraph as pg
import pytest
from PyQt6.QtCore import QCoreApplication
from PyQt6.QtWidgets import QAbstractButton, QComboBox, QLabel, QSlider, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from genexplorer.viewer.tabs.tab_types import TABS
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_families import FakeKind
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer import fake_client
from tests.genexplorer.viewer.conftest import Stage, tab_of

TITLES = [spec.title for spec in TABS]
RUN_KINDS: tuple[FakeKind, ...] = ("vae", "gan", "flow", "gan-points")
PAIRS = [("vae", "gan-points"), ("gan-points", "vae"), ("gan", "flow"), ("flow", "gan")]


def describe(tab: Any) -> list[tuple[object, ...]]:
    """Return what a tab shows: the reason why it is empty, texts, values and states of its widgets, and plot axes."""
    command = re.sub(r"--bounds=\S+", "", tab.command_line() or "")  # they depend on the size of the plot
    parts: list[tuple[object, ...]] = [("reason", tab.waiting_reason()), ("command", command)]
    if tab.waiting_reason() is not None:
        return parts  # its page shows the reason instead
    for widget in tab.findChildren(QWidget):
        if not widget.isVisibleTo(tab):
            continue
        name, state = f"{type(widget).__name__} {widget.accessibleName()}", widget.accessibleDescription()
        if isinstance(widget, QLabel):
            parts.append((name, widget.text(), state))
        elif isinstance(widget, QAbstractButton):
            parts.append((name, widget.text(), widget.isChecked(), widget.isEnabled(), widget.toolTip()))
        elif isinstance(widget, QComboBox):
            entries = [widget.itemText(row) for row in range(widget.count())]
            parts.append((name, entries, widget.currentText(), widget.isEnabled()))
        elif isinstance(widget, QSpinBox | QSlider):
            parts.append((name, widget.value(), widget.minimum(), widget.maximum(), widget.isEnabled()))
        elif isinstance(widget, pg.PlotWidget):
            axes = [widget.getPlotItem().getAxis(side).labelText for side in ("bottom", "left")]
            parts.append((name, *axes, state))
        elif state:
            parts.append((name, state))
    return sorted(parts, key=repr)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each kind, with names that differ."""
    store = tmp_path_factory.mktemp("two-runs")
    return {kind: write_run(store, steps=300, name=f"run-{kind}", kind=kind) for kind in RUN_KINDS}


def equal(title: str, used: MainWindow, new: MainWindow) -> bool:
    """Return whether a tab shows the same in two windows, once layouts and timers have settled."""
    return describe(tab_of(used, title)) == describe(tab_of(new, title))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_nothing_of_one_run_is_left_in_another(
    stage: Stage,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    folders: dict[str, Path],
    first: FakeKind,
    second: FakeKind,
) -> None:
    monkeypatch.setattr(fake_client, "_plausible", lambda request: None)  # no model answers
    used, new = stage.window(folders[first]), stage.window(folders[second])
    for title in TITLES:
        tab_of(used, title)
        QCoreApplication.processEvents()
    assert used.open_run(folders[second])
    for title in TITLES:
        qtbot.waitUntil(partial(equal, title, used, new), timeout=15_000)
