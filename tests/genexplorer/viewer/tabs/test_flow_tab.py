"""The Flow tab as a widget: the selected input is traced through every transform."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from genexplorer.session.latent_colors import latent_image
from genexplorer.viewer.tabs.flow import inspector
from genexplorer.viewer.tabs.flow.tab import FlowTab
from genexplorer.viewer.widgets.images import to_array
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import press_key, wait_for_replies
from tests.genexplorer.viewer.fake_points import LADJ, TRANSFORMS, PointsBench


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    runs = tmp_path_factory.mktemp("runs")
    return {
        images: write_run(runs, steps=60, pictures=False, kind="flow" if images else "flow-points", name=str(images))
        for images in (True, False)
    }


@pytest.fixture(params=[True, False], ids=["images", "points"])
def bench(request: pytest.FixtureRequest, qtbot: QtBot, folders: dict[bool, Path]) -> Iterator[PointsBench[FlowTab]]:
    bench = PointsBench(FlowTab, folders[request.param], images=request.param)
    tab = bench.tab
    qtbot.waitUntil(lambda: tab.loader.trace is not None and not tab.context.model_client.is_busy, timeout=5000)
    yield bench
    bench.close()


def test_a_test_image_is_traced_to_the_base(bench: PointsBench[FlowTab]) -> None:
    tab = bench.tab
    trace = tab.loader.trace
    assert trace is not None and len(trace.stages) == TRANSFORMS + 1 == tab.strip.strip_layout.count
    assert bench.last("trace").step == bench.context.step
    values = tab.inspector.values
    assert values["sum of log |det|"].text() == f"+{LADJ.sum():.3f} nats"
    assert "2.5e−6" in tab.inspector.inverse.text()
    assert tab.inspector.scrub.maximum() == TRANSFORMS == tab.selection.stage


def test_stages_are_stepped_through_by_keys_slider_and_click(bench: PointsBench[FlowTab]) -> None:
    tab = bench.tab
    assert press_key(tab, Qt.Key.Key_Home) and tab.selection.stage == 0 and tab.inspector.scrub.value() == 0
    assert tab.inspector.values["log |det|"].text() == "start"
    assert press_key(tab, Qt.Key.Key_Right) and tab.strip.stage == 1
    tab.inspector.scrub.setValue(4)
    assert tab.strip.stage == 4 and "5 of 9" in tab.inspector.name.text()
    tab.strip.stage_clicked.emit(2)
    assert tab.inspector.name.text().startswith("coupling 2")
    assert tab.inspector.values["log |det|"].text().startswith("−")


def test_playing_ends_at_the_last_stage(bench: PointsBench[FlowTab], qtbot: QtBot) -> None:
    tab = bench.tab
    tab._timer.setInterval(1)
    assert press_key(tab, Qt.Key.Key_Return) and tab.selection.stage == 0 and tab.controls.play.isChecked()
    qtbot.waitUntil(lambda: not tab.controls.play.isChecked(), timeout=5000)
    assert tab.selection.stage == TRANSFORMS


def test_a_sample_of_the_base_is_traced_to_the_data(bench: PointsBench[FlowTab], qtbot: QtBot) -> None:
    tab = bench.tab
    forward = tab.command_line()
    assert forward is not None and "trace" in forward and "--index 0" in forward
    assert press_key(tab, Qt.Key.Key_D)
    wait_for_replies(qtbot, tab)
    assert bench.last("trace").params["temperature"] == 1.0 and not tab.controls.index.isVisible()
    tab.controls.temperature.setValue(50)
    tab.controls.seed.setValue(11)
    wait_for_replies(qtbot, tab)
    params = bench.last("trace").params
    assert params["temperature"] == 0.5 and params["seed"] == 11
    assert "--seed 11 --temperature 0.5" in (tab.command_line() or "")
    trace = tab.loader.trace
    assert trace is not None and trace.direction == "inverse" and trace.stages[0].label == "z"
    assert not tab.inspector.pair[0].isVisible()


def test_another_snapshot_traces_the_same_input(bench: PointsBench[FlowTab], qtbot: QtBot) -> None:
    tab = bench.tab
    bench.context.step_selection.select(5)
    wait_for_replies(qtbot, tab)
    assert tab.loader.trace is not None and tab.loader.trace.step == 5 == bench.last("trace").step
    params = bench.client.count("trace")
    tab.refresh()
    assert bench.client.count("trace") == params


def test_stages_and_animation_are_saved(
    bench: PointsBench[FlowTab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspector, "FRAMES_PER_STAGE", 1)
    tab = bench.tab
    strip, stage, animation = tab.save_targets()
    for target, name in ((strip, "a.png"), (stage, "b.png"), (animation, "c.gif")):
        target.write(tmp_path / name)
    with Image.open(tmp_path / "a.png") as image:
        assert image.width > 400
    with Image.open(tmp_path / "c.gif") as image:
        assert getattr(image, "n_frames", 1) > 2
    copied = tab.copy_image()
    assert copied is not None and len(np.unique(to_array(copied))) > 3


def test_the_selection_is_saved(bench: PointsBench[FlowTab]) -> None:
    tab = bench.tab
    tab.restore({"direction": "inverse", "seed": 4, "temperature": 0.7, "index": 2})
    assert tab.state() == {"direction": "inverse", "seed": 4, "temperature": 0.7, "index": 2}
    assert bench.last("trace").params["seed"] == 4


def test_an_image_is_reconstructed(qtbot: QtBot, folders: dict[bool, Path]) -> None:
    bench = PointsBench(FlowTab, folders[True], images=True)
    tab = bench.tab
    qtbot.waitUntil(lambda: tab.loader.reconstruction is not None, timeout=5000)
    assert tab.inspector.pair[1].isVisible()
    image = to_array(tab.inspector.detail.picture.image())
    assert tab.loader.trace is not None
    np.testing.assert_array_equal(image, latent_image(tab.loader.trace.z, (1, 28, 28)))  # the last stage is z
    assert "orange above 0" in tab.legend.text()
    tab._select(0)
    image = to_array(tab.inspector.detail.picture.image())
    np.testing.assert_array_equal(image, tab.loader.trace.values[0, ..., 0])
    bench.close()


def test_many_points_are_traced_beside_the_selected_one(qtbot: QtBot, folders: dict[bool, Path]) -> None:
    bench = PointsBench(FlowTab, folders[False])
    tab = bench.tab
    qtbot.waitUntil(lambda: tab.strip.batch is not None and not tab.context.model_client.is_busy, timeout=5000)
    batch = tab.strip.batch
    assert batch is not None and batch.points.shape == (TRANSFORMS + 1, 800, 2)
    assert set(batch.color_classes) == set(range(8)) and batch.axis_limit > 3
    assert tab.inspector.detail.currentWidget() is tab.inspector.detail.plane
    bench.close()


def test_a_failure_is_shown_instead_of_the_stages(qtbot: QtBot, folders: dict[bool, Path]) -> None:
    bench = PointsBench(FlowTab, folders[True], failing="the flow has burst")
    tab = bench.tab
    qtbot.waitUntil(lambda: "burst" in tab.strip.hint, timeout=5000)
    assert tab.save_targets() == [] and tab.copy_image() is None
    bench.close()


def test_another_family_shows_why_there_is_no_trace(qtbot: QtBot, tmp_path: Path) -> None:
    bench = PointsBench(FlowTab, write_run(tmp_path / "runs", steps=5, pictures=False))
    reason = bench.tab.waiting_reason()
    assert reason is not None and "no invertible transforms" in reason and bench.client.requests == []
    bench.close()


def test_the_class_of_the_input_is_named(bench: PointsBench[FlowTab]) -> None:
    tab = bench.tab
    assert tab.controls.class_label.text() == "class 7" and tab.card is not None
    names = (*"0123456", "<b>x</b>")
    tab.card = tab.card.model_copy(update={"data": tab.card.data.model_copy(update={"class_names": names})})
    tab.loader.notify()
    assert tab.controls.class_label.text() == "class <b>x</b>" and "&lt;b&gt;" in tab.controls.class_label.toolTip()
    assert tab.controls.class_label.textFormat() is Qt.TextFormat.PlainText
