"""The Encode tab on flows, GANs and points: exact latents, latents that are searched for, planes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from genexplorer.session.latent_colors import latent_image
from genexplorer.viewer.tabs.encode.encoding import ImageMetric
from genexplorer.viewer.tabs.encode.latent_plots import histogram, standard_normal
from genexplorer.viewer.tabs.encode.tab import EncodeTab
from genexplorer.viewer.tabs.encode.views import format_metric
from genexplorer.viewer.widgets.images import to_array
from tests.genexplorer.viewer.fake_families import FamilyBench
from tests.genexplorer.viewer.fake_model import press_key
from tests.genexplorer.viewer.mouse import QTest

Open = Callable[[str], FamilyBench[EncodeTab]]


@pytest.fixture
def opened(qtbot: QtBot, family_folders: dict[str, Path]) -> Iterator[Open]:
    benches: list[FamilyBench[EncodeTab]] = []

    def open_kind(kind: str) -> FamilyBench[EncodeTab]:
        benches.append(FamilyBench(EncodeTab, family_folders[kind], kind))
        return benches[-1]

    yield open_kind
    for bench in benches:
        bench.close()


def _encoded(qtbot: QtBot, bench: FamilyBench[EncodeTab]) -> EncodeTab:
    tab = bench.tab
    qtbot.waitUntil(lambda: tab.current is not None and not tab.context.model_client.is_busy)
    return tab


def _searching(qtbot: QtBot, bench: FamilyBench[EncodeTab], count: int = 1) -> EncodeTab:
    tab = bench.tab
    qtbot.waitUntil(lambda: len(bench.client.searches) == count and tab.loader.x is not None)
    return tab


def test_a_flow_encodes_exactly(opened: Open, qtbot: QtBot, tmp_path: Path) -> None:
    bench = opened("flow")
    tab = _encoded(qtbot, bench)
    views = tab.views
    assert bench.client.count("posterior") == 0 and not views.samples.isVisible()
    assert views.metrics.text().replace("\u00a0", " ") == "cost 1.920 bits/dim    round-trip error 1.2e−6"
    assert views.histogram.isVisible() and not views.bars.isVisible() and not views.search.isVisible()
    current = tab.current
    assert current is not None and current.sigma is None
    np.testing.assert_array_equal(
        to_array(views.image_views["latent"].image()), latent_image(current.mu, (1, *current.x.shape[:2]))
    )
    assert "784 dimensions" in views.latent_label.text()
    labels = [target.label for target in tab.save_targets()]
    assert "Latent map" in labels and "Posterior samples" not in labels
    for number, target in enumerate(tab.save_targets()):
        target.write(tmp_path / f"{number}.png")
    row = Image.open(tmp_path / "0.png")
    assert row.width > 3.5 * row.height  # x, z, reconstruction, difference
    assert "reconstruct" in (tab.command_line() or "")


@pytest.mark.parametrize("kind", ["flow", "vae", "vae-points", "flow-points"])
def test_latents_that_are_not_finite_are_reported(opened: Open, qtbot: QtBot, kind: str) -> None:
    bench = opened(kind)
    tab = _encoded(qtbot, bench)
    bench.client.exploded = True
    tab.selection.choose(3)
    qtbot.waitUntil(lambda: "25.0" in tab.views.metrics.text())
    assert not tab.grab().isNull()  # everything is drawn once


def test_a_drawing_is_encoded_by_a_flow(opened: Open, qtbot: QtBot) -> None:
    bench = opened("flow")
    tab = _encoded(qtbot, bench)
    QTest.mouseClick(tab.selection_panel.canvas, Qt.MouseButton.LeftButton, pos=QPoint(40, 40))
    qtbot.waitUntil(lambda: not bench.context.model_client.is_busy)
    last = [q for q in bench.client.requests if q.op == "encode"][-1]
    np.testing.assert_array_equal(last.arrays["images"][0], tab.selection_panel.canvas.drawing.to_image())


def test_the_latent_of_a_gan_is_searched_automatically(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = _searching(qtbot, bench)
    q = bench.client.searches[-1]
    assert q.lane == "job" and q.params == {"indices": [0], "steps": 200, "restarts": 8, "seed": 0}
    assert not tab.views.image_views["x"].image().isNull()  # the image is there before its latent
    assert tab.views.image_views["reconstruction"].image().isNull()
    bench.client.progress(0.3, "step 60 of 200, error 0.071")
    qtbot.waitUntil(lambda: "0.071" in tab.views.search.status.text())
    assert tab.views.search.progress_bar.value() == 30 and tab.views.search.search_button.text() == "Cancel"
    bench.client.finish_search(0.0234)
    qtbot.waitUntil(lambda: tab.current is not None)
    assert "0.023" in tab.views.metrics.text() and tab.views.history.isVisible() and tab.views.histogram.isVisible()
    assert tab.search.result is not None and len(tab.search.result.history) == 200
    assert "label 0" in tab.views.image_views["x"].accessibleDescription()
    assert not tab.views.image_views["reconstruction"].image().isNull()


def test_a_search_is_canceled_and_repeated_with_other_settings(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = _searching(qtbot, bench)
    assert press_key(bench.tab, Qt.Key.Key_Escape) and not tab.search.is_running
    assert not bench.context.model_client.is_pending("job") and "canceled" in tab.views.search.status.text()
    assert not press_key(bench.tab, Qt.Key.Key_Escape)  # nothing more to give up: the window may use it
    bench.client.finish_search()  # comes too late
    qtbot.wait(20)
    assert tab.current is None and tab.save_targets() == []
    tab.views.search.steps.setValue(50)
    tab.views.search.restarts.setValue(2)
    assert press_key(bench.tab, Qt.Key.Key_Return)
    assert bench.client.searches[-1].params["steps"] == 50 and bench.client.searches[-1].params["restarts"] == 2
    assert "invert" in (tab.command_line() or "") and "--steps 50 --restarts 2" in (tab.command_line() or "")
    tab.views.search.search_button.click()
    assert not tab.search.is_running
    assert "prior" not in bench.client.searches[-1].params and "--prior" not in (tab.command_line() or "")
    tab.views.search.prior_penalty_box.setChecked(False)
    tab.views.search.search_button.click()
    assert bench.client.searches[-1].params["prior"] == 0 and "--prior 0" in (tab.command_line() or "")
    other = opened("gan").tab
    other.restore(tab.state())
    assert not other.search.has_prior_penalty and not other.views.search.prior_penalty_box.isChecked()


def test_a_search_is_manual_where_it_is_not_automatic(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = _searching(qtbot, bench)
    tab.search.cancel()
    tab.views.search.automatic_box.setChecked(False)
    tab.selection.choose(5)
    qtbot.wait(400)
    assert len(bench.client.searches) == 1 and "Enter" in tab._hint()
    tab.views.search.search_button.click()
    assert bench.client.searches[-1].params["indices"] == [5]
    other = opened("gan").tab
    other.restore(tab.state())
    assert not other.views.search.automatic_box.isChecked() and other.selection.index == 5
    other.restore({"search": {"steps": -3, "restarts": "x", "at_once": 1}})
    assert other.search.steps == 200


def test_new_snapshots_do_not_cancel_a_search(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = _searching(qtbot, bench)
    bench.context.step_selection.select(bench.followed.snapshots[1])
    assert tab.search.is_running
    bench.client.finish_search()
    qtbot.waitUntil(lambda: tab.current is not None)
    assert tab.search.result is not None and tab.search.result.step == bench.client.searches[0].step
    tab.deactivated()
    tab.activated()
    qtbot.waitUntil(lambda: len(bench.client.searches) == 2)  # in the snapshot that is looked at now
    assert bench.client.searches[-1].step == bench.followed.snapshots[1]
    tab.deactivated()
    assert not tab.search.is_running


@pytest.mark.parametrize("kind", ["vae-points", "flow-points"])
def test_a_point_is_encoded_in_its_plane(opened: Open, qtbot: QtBot, kind: str, tmp_path: Path) -> None:
    bench = opened(kind)
    tab = _encoded(qtbot, bench)
    views = tab.views
    assert views.data.isVisible() and views.plane.isVisible() and not views.row.isVisible()
    assert not tab.selection_panel.canvas.isVisible() and not tab.selection_panel.thumbnails.isVisible()
    place = views.data.widget_position(1.5, -0.5).toPoint()
    QTest.mouseClick(views.data.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: not bench.context.model_client.is_busy)
    points = [q for q in bench.client.requests if q.op == "encode"][-1].arrays["images"]
    assert points.shape == (1, 2) and np.abs(points[0] - [1.5, -0.5]).max() < 0.05
    assert f"x ({points[0, 0]:.2f}" in views.data.accessibleDescription()
    assert "x =" in tab.selection_panel.file_note.text() and tab.command_line() is None
    assert press_key(bench.tab, Qt.Key.Key_Right) and tab.selection.kind == "test" and tab.selection.index == 1
    qtbot.waitUntil(lambda: not bench.context.model_client.is_busy)
    tab.save_targets()[0].write(tmp_path / "planes.png")
    assert Image.open(tmp_path / "planes.png").width > 300
    assert "reconstruct" in (tab.command_line() or "")


def test_a_point_is_searched_for(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan-points")
    tab = _searching(qtbot, bench)
    assert "x (" in tab.views.data.accessibleDescription()
    bench.client.finish_search()
    qtbot.waitUntil(lambda: tab.current is not None)
    assert "x̂ (" in tab.views.data.accessibleDescription() and "z (" in tab.views.plane.accessibleDescription()
    assert tab.views.history.isVisible() and not tab.views.histogram.isVisible()
    assert tab.views.latent_label.text().startswith("z = (")


def test_a_model_that_neither_encodes_nor_searches_gives_the_reason(opened: Open) -> None:
    bench = opened("gan")
    card = bench.followed.card()
    capability = card.capability("invert").model_copy(update={"available": False})
    blind = card.model_copy(update={"capabilities": {**card.capabilities, "invert": capability}})
    bench.followed.card = lambda step=None: blind  # type: ignore[method-assign]
    bench.tab.on_time(bench.context.step)
    assert "a GAN has no encoder" in (bench.tab.waiting_reason() or "")


def test_a_failed_search_is_reported(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = _searching(qtbot, bench)
    tab.search.cancel()
    bench.client.failing = "out of memory"
    tab.search_now()
    qtbot.waitUntil(lambda: bool(tab.search.failure))
    assert "out of memory" in tab.views.search.status.text() and not tab.search.is_running


def test_the_histogram_is_a_density_and_reaches_every_value() -> None:
    z = np.random.default_rng(0).standard_normal(50_000)
    edges, densities = histogram(z)
    assert (densities * np.diff(edges)).sum() == pytest.approx(1)
    middles = (edges[:-1] + edges[1:]) / 2
    assert np.abs(densities - standard_normal(middles)).max() < 0.02
    far, _ = histogram(np.array([9.5, 0, np.nan]))
    assert far[-1] == 10 and far[0] == -10


def test_a_latent_image_has_the_layout_of_its_image() -> None:
    z = np.zeros(12)
    z[3 * 3 + 2] = 3.0  # last row, last column
    image = latent_image(z, (1, 4, 3))
    assert image[3, 2, 0] == 255 and not np.delete(image.reshape(12, 3), 11, axis=0).any()
    z = np.zeros(12)
    z[4 * 2 + 1] = 3.0  # blue, first row, second column
    assert latent_image(z, (3, 2, 2))[0, 1].tolist() == [128, 128, 255]


def test_metrics_have_their_units() -> None:
    status = [format_metric(ImageMetric(*figure)) for figure in (("ELBO", "nats", -95.24), ("error", "", 1.2e-6))]
    assert [words.replace("\u00a0", " ") for words in status] == ["ELBO −95.2 nats", "error 1.2e−6"]
