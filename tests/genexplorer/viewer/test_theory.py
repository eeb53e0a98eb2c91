"""The Theory tab: live numbers, and real tensors on their way through the model."""

from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from pytestqt.qtbot import QtBot

from genexplorer.explore.protocol import Failure
from genexplorer.viewer.theory import TheoryTab
from genexplorer.viewer.window import MainWindow
from tests.fixtures.made_up_run import write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.hand import QTest


@pytest.fixture
def theory(window: MainWindow) -> TheoryTab:
    tab = tab_of(window, "Theory")
    assert isinstance(tab, TheoryTab)
    return tab


def test_the_objective_is_written_out_with_live_numbers(theory: TheoryTab, window: MainWindow) -> None:
    late = theory.total.text()
    assert late.startswith("ELBO −") and "reconstruction −" in late and late.endswith("KL  nats")
    assert "test set" in theory.source.text() and "1,300" in theory.source.text()
    window.context.cursor.go(500)
    assert theory.total.text() != late
    assert "nats" in theory.cards["kl"].value.text()


def test_a_click_on_a_term_opens_its_curve(theory: TheoryTab, window: MainWindow, qtbot: QtBot) -> None:
    QTest.mouseClick(theory.cards["kl"], Qt.MouseButton.LeftButton)
    current = window.pages.current
    assert current.title == "Curves" and list(getattr(current, "plots", {})) == ["kl"]


def test_the_pipeline_shows_the_tensors_of_the_time(
    theory: TheoryTab, window: MainWindow, stage: Stage, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: "this image" in theory.figures.text(), timeout=5000)
    assert theory.figures.text() == "this image: ELBO −92.2 = −85.7 − 6.5 KL nats"
    shown = {view.stage.shows: view for view in theory.pipeline.stages}
    assert shown["x"].picture.image().width() == 28
    assert shown["mu"].vector._values.tolist() == pytest.approx([0.5, -1.2])
    assert shown["x"].shape.text() == "28 × 28 × 1" and shown["mu"].shape.text() == "2"
    window.context.cursor.go(100)
    assert stage.explorer.last("pipeline").snapshot_step == 100


def test_z_is_drawn_again_with_another_seed(theory: TheoryTab, window: MainWindow, stage: Stage, qtbot: QtBot) -> None:
    before = stage.explorer.last("pipeline").params
    QTest.keyClick(window, Qt.Key.Key_R)
    after = stage.explorer.last("pipeline").params
    assert before["seed"] != after["seed"] and before["index"] == after["index"] == 0
    QTest.keyClick(window, Qt.Key.Key_Right)
    assert stage.explorer.last("pipeline").params["index"] == 1


def test_a_failure_stands_where_the_tensors_would(theory: TheoryTab, stage: Stage, qtbot: QtBot) -> None:
    stage.explorer.silent = True
    theory.draw_again()
    stage.explorer.answer(stage.explorer.last("pipeline"), Failure("there is no test image 7", "there are 7"))
    qtbot.waitUntil(lambda: theory.pipeline.note.isVisible(), timeout=5000)
    assert "no test image 7" in theory.pipeline.note.text()


def test_a_hidden_tab_asks_for_nothing(window: MainWindow, stage: Stage) -> None:
    tab_of(window, "Curves")
    before = len(stage.explorer.asked)
    window.context.cursor.go(100)
    window.context.cursor.go(500)
    assert stage.explorer.count("pipeline") == 0 and len(stage.explorer.asked) == before


def test_before_the_first_figures_it_says_so(stage: Stage, tmp_path: Path) -> None:
    window = stage.window(write_run(tmp_path / "runs", state="queued"))
    theory = tab_of(window, "Theory")
    assert theory.total.text() == "ELBO = …" and "first step" in theory.source.text()
    assert "first snapshot" in theory.pipeline.note.text()


def test_the_page_is_saved_as_a_picture(theory: TheoryTab, tmp_path: Path) -> None:
    theory.save_targets()[0].write(tmp_path / "theory.png")
    assert QImage(str(tmp_path / "theory.png")).height() > 300
