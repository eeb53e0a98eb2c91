"""The Samples tab: recorded draws through time, and new ones from the explorer."""

from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from genexplorer.errors import UserError
from genexplorer.explore.protocol import Failure, Result
from genexplorer.runs.record import ImageRef
from genexplorer.viewer.tabs.samples.tab import SamplesTab
from genexplorer.viewer.widgets.image_grid import best_columns, read_image_grid
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import digits, write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.mouse import QTest


@pytest.fixture
def samples(window: MainWindow) -> SamplesTab:
    tab = tab_of(window, "Samples")
    assert isinstance(tab, SamplesTab)
    return tab


def test_the_recorded_sheet_follows_the_time(samples: SamplesTab, window: MainWindow) -> None:
    assert samples.view.grid is not None and samples.view.grid.step == 1300
    late = samples.view.grid.images
    window.context.step_selection.select(5)
    assert samples.view.grid.step == 5 and late.shape == (64, 28, 28, 1)
    assert not np.array_equal(samples.view.grid.images, late)
    assert "step 5" in samples.panel.detail.text()


def test_nothing_is_asked_of_the_model_for_recorded_draws(samples: SamplesTab, stage: Stage) -> None:
    assert stage.client.count("sample") == 0


def test_draw_anew_asks_the_snapshot_of_the_time(
    samples: SamplesTab, window: MainWindow, stage: Stage, qtbot: QtBot
) -> None:
    window.context.step_selection.select(500)
    QTest.keyClick(window, Qt.Key.Key_R)
    request = stage.client.last("sample")
    assert request.snapshot_step == 500 and request.params["seed"] == samples.seed == samples.panel.seed.value()
    qtbot.waitUntil(lambda: "sampled at" in samples.panel.detail.text(), timeout=5000)
    assert "z = (" in samples.panel.detail.text()
    assert "sample 8 ms" in window.status.facts.text()
    QTest.keyClick(window, Qt.Key.Key_F)
    assert samples.seed is None and "recorded" in samples.panel.detail.text()


def test_temperature_draws_with_the_same_seed(samples: SamplesTab, stage: Stage) -> None:
    samples.draw(17)
    samples.panel.temperature.setValue(50)
    request = stage.client.last("sample")
    assert (request.params["seed"], request.params["temperature"]) == (17, 0.5)
    assert "--temperature 0.5" in (samples.command_line() or "") and "--seed 17" in (samples.command_line() or "")


def test_an_answer_that_was_overtaken_is_not_shown(samples: SamplesTab, stage: Stage, qtbot: QtBot) -> None:
    stage.client.silent = True
    samples.draw(1)
    first = stage.client.last("sample")
    samples.draw(2)
    second = stage.client.last("sample")
    black, white = np.zeros((64, 28, 28, 1), np.uint8), np.full((64, 28, 28, 1), 255, np.uint8)
    stage.client.answer(second, Result({"images": white}))
    stage.client.answer(first, Result({"images": black}))
    qtbot.waitUntil(lambda: samples.view.grid is not None and samples.view.grid.images.min() == 255, timeout=5000)
    qtbot.waitUntil(lambda: not samples.context.model_client.is_busy, timeout=5000)
    assert samples.view.grid is not None and samples.view.grid.images.min() == 255


def test_a_failure_is_told_and_the_old_sheet_stays(
    samples: SamplesTab, window: MainWindow, stage: Stage, qtbot: QtBot
) -> None:
    stage.client.silent = True
    samples.draw(1)
    stage.client.answer(stage.client.last("sample"), Failure("the snapshot is gone", "choose another"))
    qtbot.waitUntil(lambda: "the snapshot is gone" in window.status.message.text(), timeout=5000)
    assert samples.view.grid is not None


def test_hovering_enlarges_and_shows_the_past_of_the_draw(samples: SamplesTab) -> None:
    samples.view.hovered.emit(QPoint(2 * 29 + 5, 5))
    assert samples.panel.name.text() == "sample 3"
    assert samples.panel.one.image().width() == 28
    assert samples.panel._steps == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1300]
    samples.view.hovered.emit(QPoint(-1, -1))
    assert samples.panel.name.text() == "sample 1"


def test_a_click_in_the_past_goes_there(samples: SamplesTab, window: MainWindow) -> None:
    samples.panel._on_history_pressed(QPoint(3 * 29 + 2, 2))
    assert window.context.step_selection.selected_step == 5


def test_arrows_choose_and_plus_changes_columns(samples: SamplesTab, window: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(window, Qt.Key.Key_Right)
    QTest.keyClick(window, Qt.Key.Key_Down)
    assert samples.view.index == 1 + samples.view.columns
    samples.panel.set_columns(8)
    QTest.keyClick(window, Qt.Key.Key_Plus)
    assert samples.view.columns == 9
    image = samples.view.image()
    assert (image.width(), image.height()) == (9 * 29 - 1, 8 * 29 - 1)


def test_a_queued_run_says_that_samples_come(stage: Stage, tmp_path: Path) -> None:
    window = stage.window(write_run(tmp_path / "runs", state="queued"))
    tab = tab_of(window, "Samples")
    assert "first snapshot" in tab.waiting_reason() and not tab.isVisible()


def test_a_run_without_pictures_is_decoded_live(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    window = stage.window(write_run(tmp_path / "runs", steps=60, pictures=False))
    tab = tab_of(window, "Samples")
    qtbot.waitUntil(lambda: tab.view.grid is not None, timeout=5000)
    assert stage.client.count("sample") == 1


def test_a_sheet_that_is_not_as_announced_is_refused(tmp_path: Path) -> None:
    from genexplorer.viewer.widgets.images import montage, save_image, to_qimage

    path = tmp_path / "x.png"
    save_image(to_qimage(montage(digits(4), 2)), path)
    assert read_image_grid(ImageRef("samples", 1, path, 2, 2, (28, 28)), "").images.shape == (4, 28, 28, 1)
    np.testing.assert_array_equal(read_image_grid(ImageRef("samples", 1, path, 2, 2, (28, 28)), "").images, digits(4))
    for wrong in (ImageRef("samples", 1, path, 3, 2, (28, 28)), ImageRef("samples", 1, path, 2, 2, (9999, 28))):
        with pytest.raises(UserError):
            read_image_grid(wrong, "")
    path.write_bytes(b"not a picture")
    with pytest.raises(UserError):
        read_image_grid(ImageRef("samples", 1, path, 2, 2, (28, 28)), "")


def test_columns_suit_the_room() -> None:
    assert best_columns(64, (28, 28), (600, 600)) == 8
    assert best_columns(64, (28, 28), (2000, 250)) >= 16
    assert best_columns(1, (28, 28), (10, 10)) == 1


def test_samples_that_are_points_are_the_density_tab_s(stage: Stage, tmp_path: Path) -> None:
    window = stage.window()
    stage.client.silent = True
    assert window.open_run(write_run(tmp_path / "runs", steps=60, kind="flow-points"))
    tab = tab_of(window, "Samples")
    assert "Density" in tab.waiting_reason() and not tab.isVisible()
    assert "samples/images" not in [request.topic for request in stage.client.requests]


def test_a_gan_draws_with_its_temperature(stage: Stage, tmp_path: Path) -> None:
    window = stage.window()
    stage.client.silent = True
    assert window.open_run(write_run(tmp_path / "runs", steps=60, kind="gan"))
    tab = tab_of(window, "Samples")
    assert tab.waiting_reason() is None and tab.view.grid is not None
    tab.draw(4)
    tab.panel.temperature.setValue(70)
    assert stage.client.last("sample").params == {"count": 64, "seed": 4, "temperature": 0.7}
