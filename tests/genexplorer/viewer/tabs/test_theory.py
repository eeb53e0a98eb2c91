"""The Theory tab: live numbers, and real tensors on their way through the model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from pytestqt.qtbot import QtBot

from genexplorer.explore.protocol import Failure, Result
from genexplorer.runs import layout, settings
from genexplorer.session import formatting
from genexplorer.session.latent_colors import latent_image
from genexplorer.viewer.tabs.theory.tab import TheoryTab
from genexplorer.viewer.widgets.images import to_array
from genexplorer.viewer.widgets.labels import formula
from genexplorer.viewer.window import MainWindow
from tests.fixtures.fake_run import digits, write_run
from tests.genexplorer.viewer.conftest import Stage, tab_of
from tests.genexplorer.viewer.mouse import QTest
from trainers.events import SettingChange


@pytest.fixture
def theory(window: MainWindow) -> TheoryTab:
    tab = tab_of(window, "Theory")
    assert isinstance(tab, TheoryTab)
    return tab


def test_the_objective_is_written_out_with_live_numbers(theory: TheoryTab, window: MainWindow) -> None:
    late = theory.total.text()
    assert late.startswith("ELBO −") and "reconstruction −" in late and late.endswith("KL nats")
    assert "test set" in theory.source.text() and "1,300" in theory.source.text()
    window.context.step_selection.select(500)
    assert theory.total.text() != late
    assert "nats" in theory.cards["kl"].value.text()


def test_the_text_has_the_settings_of_the_selected_step(theory: TheoryTab, window: MainWindow) -> None:
    run = window.context.run
    assert run is not None and "beta is 1." in theory.notes.text()
    settings.write_changes(run.folder, [SettingChange(1000, {"model.beta": 4.0})])
    try:
        window.context.poll()
        assert "recon + 4 · KL" in theory.notes.text()
        window.context.step_selection.select(500)
        assert "beta is 1." in theory.notes.text()
        window.context.step_selection.follow()
        assert "recon + 4 · KL" in theory.notes.text()
    finally:
        (run.folder / layout.CHANGES).unlink()


def test_indices_of_a_formula_stand_below_the_line() -> None:
    assert formula("E_q(z|x)[log p(x|z)] < L_D") == "E<sub>q(z|x)</sub>[log p(x|z)] &lt; L<sub>D</sub>"
    assert formula("a_b c;\nmodel.batch_norm") == "a<sub>b</sub> c;<br>model.batch_norm"


def test_a_click_on_a_term_opens_its_curve(theory: TheoryTab, window: MainWindow, qtbot: QtBot) -> None:
    QTest.mouseClick(theory.cards["kl"], Qt.MouseButton.LeftButton)
    current = window.pages.current
    assert current.title == "Curves" and list(getattr(current, "plots", {})) == ["kl"]


def test_the_pipeline_shows_the_tensors_of_the_time(
    theory: TheoryTab, window: MainWindow, stage: Stage, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: "this image" in theory.metrics.text(), timeout=5000)
    assert theory.metrics.text() == "this image: ELBO −92.2 = −85.7 reconstruction − 6.5 KL nats"
    shown = {view.stage.tensor_name: view for view in theory.pipeline.stages}
    assert shown["x"].image_view.image().width() == 28
    assert shown["mu"].vector._values.tolist() == pytest.approx([0.5, -1.2])
    assert shown["x"].shape.text() == "28 × 28 × 1" and shown["mu"].shape.text() == "2"
    window.context.step_selection.select(100)
    assert stage.client.last("pipeline").snapshot_step == 100


def test_z_is_drawn_again_with_another_seed(theory: TheoryTab, window: MainWindow, stage: Stage, qtbot: QtBot) -> None:
    before = stage.client.last("pipeline").params
    QTest.keyClick(window, Qt.Key.Key_R)
    after = stage.client.last("pipeline").params
    assert before["seed"] != after["seed"] and before["index"] == after["index"] == 0
    QTest.keyClick(window, Qt.Key.Key_Right)
    assert stage.client.last("pipeline").params["index"] == 1


def test_a_failure_stands_where_the_tensors_would(theory: TheoryTab, stage: Stage, qtbot: QtBot) -> None:
    stage.client.silent = True
    theory.draw_noise()
    stage.client.answer(stage.client.last("pipeline"), Failure("there is no test image 7", "there are 7"))
    qtbot.waitUntil(lambda: theory.pipeline.note.isVisible(), timeout=5000)
    assert "no test image 7" in theory.pipeline.note.text()


def test_a_hidden_tab_asks_for_nothing(window: MainWindow, stage: Stage) -> None:
    tab_of(window, "Curves")
    before = len(stage.client.requests)
    window.context.step_selection.select(100)
    window.context.step_selection.select(500)
    assert stage.client.count("pipeline") == 0 and len(stage.client.requests) == before


def test_before_the_first_figures_it_says_so(stage: Stage, tmp_path: Path) -> None:
    window = stage.window(write_run(tmp_path / "runs", state="queued"))
    theory = tab_of(window, "Theory")
    assert theory.total.text() == "ELBO = …" and "first training step" in theory.source.text()
    assert "first snapshot" in theory.pipeline.note.text()


def test_the_page_is_saved_as_a_picture(theory: TheoryTab, tmp_path: Path) -> None:
    theory.save_targets()[0].write(tmp_path / "theory.png")
    assert QImage(str(tmp_path / "theory.png")).height() > 300


def _answered(stage: Stage, arrays: dict[str, Any], figures: dict[str, float]) -> None:
    stage.client.answer(stage.client.last("pipeline"), Result(arrays, {"metrics": figures}))


def _opened(stage: Stage, tmp_path: Path, kind: Any) -> TheoryTab:
    window = stage.window()
    stage.client.silent = True
    assert window.open_run(write_run(tmp_path / "runs", steps=60, kind=kind))
    tab = tab_of(window, "Theory")
    assert isinstance(tab, TheoryTab)
    return tab


def test_a_gan_has_cards_beside_its_loss_and_its_logits_as_numbers(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    theory = _opened(stage, tmp_path, "gan")
    assert {"loss_g", "real_logits", "fake_logits", "diversity"} <= set(theory.cards)
    run = theory.context.run
    assert run is not None and theory.also_heading.isVisible()
    values = run.values_at(theory.context.step)
    assert theory.cards["real_logits"].value.text() == formatting.number(values["train/real_logits"])
    assert theory.cards["loss_g"].value.text().endswith("nats")
    one, logit = digits(1), np.array([[-0.25]], np.float32)
    arrays = {"z": np.zeros((1, 100), np.float32), "fake": one, "x": one, "real_logits": logit, "fake_logits": logit}
    _answered(stage, arrays, {"loss_d_real": 0.5, "loss_d_fake": 0.25, "loss_d_penalty": 0.0, "loss_g": 1.0})
    shown = {view.stage.tensor_name: view for view in theory.pipeline.stages}
    qtbot.waitUntil(lambda: not shown["fake"].image_view.image().isNull(), timeout=5000)
    assert shown["real_logits"]._tensor.currentWidget() is shown["real_logits"].number
    assert shown["z"]._tensor.currentWidget() is shown["z"].vector
    assert "0.75" in theory.metrics.text() and theory.metrics.text().startswith("this image")
    QTest.mouseClick(theory.cards["diversity"], Qt.MouseButton.LeftButton)
    assert theory.context.run is not None and not theory.is_active  # its curve has come to the front


def test_a_latent_as_large_as_the_image_is_drawn_in_its_shape(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    theory = _opened(stage, tmp_path, "flow")
    z = np.linspace(-3, 3, 784, dtype=np.float32)[None]
    _answered(stage, {"x": digits(1), "z": z, "recon": digits(1)}, {"bits_per_dim": 1.9})
    shown = {view.stage.tensor_name: view for view in theory.pipeline.stages}
    qtbot.waitUntil(lambda: not shown["z"].image_view.image().isNull(), timeout=5000)
    pixels = to_array(shown["z"].image_view.image())
    assert pixels.shape == (28, 28, 3) and "784 values" in shown["z"].shape.text()
    np.testing.assert_array_equal(pixels, latent_image(z[0], (1, 28, 28)))  # as in Encode and Flow
    assert "orange above 0, blue below" in shown["z"].legend.text()
    assert shown["v"].image_view.image().isNull()  # not every flow dequantizes


def test_points_are_dots_in_small_planes(stage: Stage, tmp_path: Path, qtbot: QtBot) -> None:
    theory = _opened(stage, tmp_path, "flow-points")
    assert theory.pipeline_heading.text() == "One point through the model" and theory.index_label.text() == "test point"
    place = np.array([[1.25, -0.5]], np.float32)
    _answered(stage, {"x": place, "z": place, "recon": place}, {"nll": 2.5, "prior_nats": 2.0, "ladj_nats": -0.5})
    shown = {view.stage.tensor_name: view for view in theory.pipeline.stages}
    qtbot.waitUntil(lambda: len(shown["x"].point._values) == 2, timeout=5000)
    assert all(view._tensor.currentWidget() is view.point for view in shown.values())
    assert theory.metrics.text().startswith("this point") and not shown["x"].grab().isNull()


def test_nothing_of_a_run_remains_in_the_page_of_another(theory: TheoryTab, window: MainWindow, tmp_path: Path) -> None:
    assert theory.total.text() and theory.source.text()
    theory.metrics.setText("this image: ELBO −92.2")
    queued = write_run(tmp_path / "runs", steps=0, total_steps=60, state="queued", name="next")
    assert window.open_run(queued)
    assert "−92" not in theory.metrics.text() and theory.fraction._fractions == []
    assert "1,300" not in theory.source.text()
