"""The presentation: everything larger, without toolbars, and afterwards the window as it was."""

from functools import partial

import pyqtgraph as pg
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QWidget
from pytestqt.qtbot import QtBot

from genexplorer.viewer import style
from genexplorer.viewer.panes.presentation import expectation
from genexplorer.viewer.plots.base_plot import BasePlot
from genexplorer.viewer.tabs.tab_types import TABS
from genexplorer.viewer.widgets.controls import Toolbar
from genexplorer.viewer.widgets.labels import ElidedLabel
from genexplorer.viewer.window import MainWindow
from tests.genexplorer.viewer.conftest import tab_of
from trainers.presets import assemble

TITLES = [spec.title for spec in TABS]


def sizes(window: MainWindow) -> list[tuple[object, ...]]:
    """Return the fixed sizes, margins and fonts of all widgets in the tabs, as they are now."""
    found: list[tuple[object, ...]] = []
    for widget in window.pages.findChildren(QWidget):
        low, high, layout = widget.minimumSize(), widget.maximumSize(), widget.layout()
        margins = None if layout is None else layout.contentsMargins()
        sides = None if margins is None else (margins.left(), margins.top(), margins.right(), margins.bottom())
        name = f"{type(widget).__name__} {widget.accessibleName()}"
        found.append((name, low.width(), low.height(), high.width(), high.height(), sides, widget.font().pointSizeF()))
    return found


def has_no_cut_text(tab: QWidget) -> bool:
    """Return whether all visible labels are as wide as their text, but for those that show an ellipsis."""
    labels = [label for label in tab.findChildren(QLabel) if label.isVisible() and not isinstance(label, ElidedLabel)]
    fixed = [label for label in labels if label.sizePolicy().horizontalPolicy() != QSizePolicy.Policy.Ignored]
    return all(each.wordWrap() or each.width() >= each.sizeHint().width() for each in fixed)


def fits(tab: QWidget, window: MainWindow) -> bool:
    """Return whether a tab needs no more room than the window gives it."""
    needed, room = tab.minimumSizeHint(), window.pages.size()
    return needed.width() <= room.width() and needed.height() <= room.height()


def test_afterwards_all_is_as_it_was(window: MainWindow) -> None:
    for title in TITLES:
        tab_of(window, title)
    window.toggle_presentation()  # widgets that fit their size to a first layout have done so afterwards
    window.toggle_presentation()
    before, geometry, pen = sizes(window), window.geometry(), style.make_pen("#000000", 2.0).widthF()
    hidden = [toolbar.isHidden() for toolbar in window.findChildren(Toolbar)]
    window.toggle_presentation()
    assert style.make_pen("#000000", 2.0).widthF() == pytest.approx(1.6 * pen)
    window.toggle_presentation()
    assert sizes(window) == before
    assert window.geometry() == geometry and window.status.isVisible() and window.title.isVisible()
    assert [toolbar.isHidden() for toolbar in window.findChildren(Toolbar)] == hidden


@pytest.mark.parametrize("title", TITLES)
def test_letters_and_fixed_sizes_are_larger_by_the_scale(window: MainWindow, title: str) -> None:
    tab = tab_of(window, title)
    widgets = [widget for widget in tab.findChildren(QWidget) if not isinstance(widget, QAbstractButton)]
    before = {widget: (widget.font().pointSizeF(), widget.minimumWidth()) for widget in widgets}
    window.toggle_presentation()
    for widget, (points, width) in before.items():
        assert widget.font().pointSizeF() == pytest.approx(style.PRESENTATION_SCALE * points, rel=0.02), widget
        is_own_width = width > 1 and widget.minimumWidth() == widget.maximumWidth()
        if is_own_width and width < 200:  # a panel may take a share of the window
            assert widget.minimumWidth() >= 1.5 * width, widget
    window.toggle_presentation()


@pytest.mark.parametrize("title", ["Encode", "Interpolate", "Curves"])
def test_text_in_plots_is_larger(window: MainWindow, title: str) -> None:
    tab = tab_of(window, title)
    window.toggle_presentation()
    items = [item for plot in tab.findChildren(BasePlot) for item in plot.items() if isinstance(item, pg.TextItem)]
    assert items
    for item in items:
        size = item.textItem.font().pointSizeF()
        assert size >= 0.98 * style.PRESENTATION_SCALE * 8, item.toPlainText()
    window.toggle_presentation()


def test_a_tab_that_is_first_opened_in_the_presentation_is_as_large(window: MainWindow, stage: object) -> None:
    window.toggle_presentation()
    for title in TITLES:
        tab = tab_of(window, title)
        assert all(toolbar.isHidden() for toolbar in tab.findChildren(Toolbar))
    window.toggle_presentation()
    assert all(not toolbar.isHidden() for toolbar in window.findChildren(Toolbar))


@pytest.mark.parametrize("size", [(1280, 720), (1600, 1000)])
def test_no_text_is_cut(window: MainWindow, qtbot: QtBot, size: tuple[int, int]) -> None:
    window.resize(*size)
    window._present(True)  # without the full screen, whose size is that of this machine's display
    for title in TITLES:
        tab = tab_of(window, title)
        qtbot.waitUntil(partial(fits, tab, window), timeout=5000)  # the layouts settle
        qtbot.waitUntil(partial(has_no_cut_text, tab), timeout=5000)
        assert (window.width(), window.height()) == size
    window._present(False)


def test_run_family_data_and_step_are_named_and_the_hint_vanishes(window: MainWindow, qtbot: QtBot) -> None:
    window.toggle_presentation()
    presentation = window.presentation
    run = window.context.run
    assert run is not None and window.context.step is not None and run.config is not None
    for part in (run.status.name, run.status.preset, f"step {window.context.step:,}"):
        assert part in presentation.run.text()
    assert presentation.hint.isVisible() and "Esc" in presentation.hint.text()
    assert presentation.sentence.isVisible() and presentation.sentence.text().startswith("Expected: ")
    assert not window.time.step_label.isVisible() and window.time.track.isVisible()
    qtbot.waitUntil(lambda: not presentation.hint.isVisible(), timeout=10_000)
    window.context.step_selection.select(window.context.step_selection.steps[0])
    assert f"step {window.context.step_selection.steps[0]:,}" in presentation.run.text()
    window.toggle_presentation()
    assert not presentation.isVisible() and not presentation.sentence.isVisible()


def test_own_data_have_no_expected_result_of_the_preset() -> None:
    config = assemble("vae-conv")
    assert expectation(config).startswith("Expected: test ELBO")
    assert expectation(config.model_copy(update={"data": assemble("vae-toy").data})) == ""


def test_the_desktop_may_end_the_full_screen(window: MainWindow, qtbot: QtBot) -> None:
    window.toggle_presentation()
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowFullScreen)
    qtbot.waitUntil(lambda: not window.is_presenting, timeout=5000)
    assert style.scale() == 1 and window.title.isVisible()
