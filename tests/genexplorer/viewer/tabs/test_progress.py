"""The Progress tab: recorded pictures through time, the curves beside them, the film."""

from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from genexplorer.runs.record import ImageRef
from genexplorer.session import charts
from genexplorer.viewer.tabs.progress import recorded_images
from genexplorer.viewer.tabs.progress.tab import ProgressTab
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.mouse import QTest


@pytest.fixture(scope="module")
def gan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("gan"), steps=700, kind="gan")


@pytest.fixture
def progress(stage: Stage, gan_folder: Path) -> ProgressTab:
    tab = tab_of(stage.window(gan_folder), "Progress")
    assert isinstance(tab, ProgressTab)
    return tab


def _ref(step: int, kind: str = "samples") -> ImageRef:
    return ImageRef(kind, step, Path(f"{kind}-{step}.png"), 8, 8, (28, 28))


def test_the_picture_of_a_time_is_the_newest_at_or_before_it() -> None:
    refs = [_ref(step) for step in (0, 10, 50)]
    assert [recorded_images.ref_at_step(refs, step).step for step in (0, 9, 10, 49, 900)] == [0, 0, 10, 10, 50]  # type: ignore[union-attr]
    assert (
        recorded_images.ref_at_step(refs[1:], 3) == refs[1]
        and recorded_images.ref_at_step(refs, None) == refs[2]
        and recorded_images.ref_at_step([], 3) is None
    )


def test_a_strip_is_spread_over_training_with_both_ends() -> None:
    refs = [_ref(step) for step in range(0, 10_001, 50)]
    steps = [ref.step for ref in recorded_images.spread_over_time(refs, 8)]
    assert len(steps) == 8 and steps[0] == 0 and steps[-1] == 10_000
    assert np.all(np.diff(steps) >= 0) and steps[3] < 3_000  # closer together where learning is fast


def test_kinds_that_are_known_come_first() -> None:
    pictures = {"trace": [_ref(1)], "odd_ones": [_ref(1)], "samples": [_ref(1)], "manifold": []}
    assert recorded_images.kinds(pictures) == ["samples", "trace", "odd_ones"]
    assert recorded_images.kind_title("odd_ones") == "Odd ones"
    assert recorded_images.kind_description("odd_ones", "images")


def test_the_colors_of_points_are_named() -> None:
    assert "blue: samples, gray: data" in recorded_images.kind_description("samples", "points")
    assert "blue" not in recorded_images.kind_description("samples", "images")


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("gan", ["losses", "mean logit"]), ("flow", ["bits per dimension", "prior cost −log₂ p(z)"]), ("vae", ["ELBO"])],
)
def test_the_curves_beside_are_the_losses_or_the_objective(
    stage: Stage, tmp_path: Path, kind: str, shown: list[str]
) -> None:
    tab = tab_of(stage.window(write_run(tmp_path, steps=60, kind=kind)), "Progress")  # type: ignore[arg-type]
    assert [plot.chart.title for plot in tab.curves.plots][: len(shown)] == shown
    assert len(tab.curves.plots) == 2 and not recorded_images.charts_beside([], "elbo")


def test_time_moves_picture_step_and_mark_together(progress: ProgressTab) -> None:
    late = progress.view.grid
    assert late is not None and late.step == 700 and "step 700" in progress.controls.step.text()
    progress.context.step_selection.select(20)
    early = progress.view.grid
    assert early is not None and early.step == 20 and not np.array_equal(early.images, late.images)
    assert all(plot._step_line.value() == 20 for plot in progress.curves.plots)
    assert progress.strip.marked == progress.strip.steps.index(20)
    assert not progress.context.model_client.is_busy  # nothing was decoded for it


def test_a_click_on_a_curve_or_the_strip_jumps(progress: ProgressTab) -> None:
    progress.curves.plots[0].clicked.emit(96.0)
    assert progress.context.step_selection.selected_step == 100
    box = progress.strip.thumbnail_box(0)
    QTest.mousePress(progress.strip, Qt.MouseButton.LeftButton, pos=QPoint(int(box.center().x()), 20))
    assert (
        progress.context.step_selection.selected_step == 0
        and progress.view.grid is not None
        and progress.view.grid.step == 0
    )


def test_holding_a_key_shows_the_first_and_letting_go_the_time(progress: ProgressTab) -> None:
    window = progress.window()
    progress.context.step_selection.select(200)
    for key, step in ((Qt.Key.Key_F, 0), (Qt.Key.Key_G, 700)):
        QTest.keyPress(window, key)
        assert progress.view.grid is not None and progress.view.grid.step == step
        QTest.keyRelease(window, key)
        assert progress.view.grid.step == 200
    QTest.mousePress(progress.controls.first, Qt.MouseButton.LeftButton)
    assert progress.view.grid is not None and progress.view.grid.step == 0
    QTest.mouseRelease(progress.controls.first, Qt.MouseButton.LeftButton)
    assert progress.view.grid.step == 200


def test_time_stops_at_pictures_only_while_the_tab_is_in_front(stage: Stage, gan_folder: Path) -> None:
    window = stage.window(gan_folder)
    tab = tab_of(window, "Progress")
    run, step_selection = window.context.run, window.context.step_selection
    assert run is not None and "image" in window.time.index_label.text()
    window._poll_timer.stop()
    run.snapshots = [0, 100, 700]  # thinned; the pictures are all there
    window.context._update_steps()
    assert len(step_selection.steps) == len(run.images["samples"]) > 3
    step_selection.select(500)
    assert tab.view.grid.step == 500 and window.context.step == 100
    tab_of(window, "Curves")
    assert step_selection.steps == (0, 100, 700) and "snapshot" in window.time.index_label.text()
    assert step_selection.selected_step == window.context.step == 700  # the nearest one


def test_kinds_are_switched_and_remembered(stage: Stage, run_folder: Path) -> None:
    tab = tab_of(stage.window(run_folder), "Progress")
    assert tab.kind == "samples" and set(tab.controls.kind_buttons) == {"samples", "reconstructions", "manifold"}
    QTest.keyClick(tab.window(), Qt.Key.Key_K)
    assert tab.kind == "manifold" and tab.view.columns == 20
    state = tab.state()
    other = tab_of(stage.window(), "Progress")
    other.restore(state)
    other.restore({"kind": 3})
    other.restore(state)
    other.window().open_run(run_folder)
    assert other.kind == "manifold"


def test_new_pictures_are_followed_while_it_trains(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    with running_run(tmp_path / "live", steps=120, kind="gan") as run:
        tab = tab_of(stage.window(run.folder), "Progress")
        qtbot.waitUntil(lambda: tab.view.grid is not None and tab.view.grid.step == 120, timeout=5000)
        run.advance(90)
        run.writer.flush()
        qtbot.waitUntil(lambda: tab.view.grid is not None and tab.view.grid.step == 210, timeout=5000)
        assert tab.strip.steps[-1] == 210
        tab.context.step_selection.select(50)
        run.advance(60)
        run.writer.flush()
        qtbot.waitUntil(lambda: tab.strip.steps[-1] == 270, timeout=5000)
        assert tab.view.grid.step == 50  # held


def test_a_run_without_pictures_says_so(stage: Stage, tmp_path: Path) -> None:
    window = stage.window(write_run(tmp_path / "runs", steps=60, pictures=False))
    tab = tab_of(window, "Progress")
    assert "No images recorded" in tab.waiting_reason() and not tab.isVisible()


def test_the_command_makes_the_film_of_this_kind(progress: ProgressTab, gan_folder: Path) -> None:
    progress.controls.command.click()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    words = clipboard.text().split()
    assert words[:3] == ["genexplorer", "progress", gan_folder.name] and "samples" in words and "--runs-dir" in words


@pytest.mark.process
def test_the_film_is_written_in_the_background(progress: ProgressTab, tmp_path: Path, qtbot: QtBot) -> None:
    results: list[tuple[bool, str]] = []
    progress.job.ended.connect(lambda worked, line: results.append((worked, line)))
    progress.write_animation(tmp_path / "film.gif")
    assert progress.job.is_running and "Cancel" in progress.controls.animation.text()
    qtbot.waitUntil(lambda: bool(results), timeout=30_000)
    assert results[0][0], results
    assert (tmp_path / "film.gif").stat().st_size > 1000 and "Save" in progress.controls.animation.text()
    progress.write_animation(tmp_path / "nowhere" / "film.gif")
    qtbot.waitUntil(lambda: len(results) == 2, timeout=30_000)
    assert not results[1][0] and "not saved" in results[1][1]


def test_speed_goes_round(window: MainWindow) -> None:
    slow = window.time._timer.interval()
    QTest.keyClick(window, Qt.Key.Key_S)
    assert window.time._timer.interval() < slow and window.time.speed.text() == "2×"
    for _ in range(3):
        window.time.next_speed()
    assert window.time._timer.interval() == slow


def test_charts_are_those_of_the_run(progress: ProgressTab) -> None:
    run = progress.context.run
    assert run is not None
    known = charts.charts(run.metric_specs)
    assert [chart.title for chart in recorded_images.charts_beside(known, "loss_g")] == ["losses", "mean logit"]
