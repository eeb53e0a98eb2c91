"""The Density tab as a widget: each family on points, live layers, the flow's animation, and linked planes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from genexplorer.session.run_poller import RunPoller
from genexplorer.viewer.tabs.density import tab as tabs
from genexplorer.viewer.tabs.density.plots import DataPlot, LatentPlot
from genexplorer.viewer.tabs.density.tab import DensityTab
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import press_key, wait_for_replies
from tests.genexplorer.viewer.fake_points import BOUNDS, TRANSFORMS, PointsBench, PointsClient, to_data

Make = Callable[..., PointsBench[DensityTab]]


@pytest.fixture
def make(qtbot: QtBot, family_folders: dict[str, Path]) -> Iterator[Make]:
    benches: list[PointsBench[DensityTab]] = []

    def one(
        kind: str, before: Callable[[PointsClient], None] | None = None, failing: str = ""
    ) -> PointsBench[DensityTab]:
        benches.append(PointsBench(DensityTab, family_folders[kind], before=before, failing=failing))
        tab = benches[-1].tab
        if before is None and not failing:
            qtbot.waitUntil(
                lambda: tab.scene.heat_map is not None and not tab.context.model_client.is_busy, timeout=5000
            )
        return benches[-1]

    yield one
    for bench in benches:
        bench.close()


def test_a_flow_has_density_grid_and_animation(make: Make, qtbot: QtBot) -> None:
    bench = make("flow-points")
    tab = bench.tab
    heat = tab.scene.heat_map
    assert heat is not None and heat.kind == "model" and heat.step == bench.context.step
    assert heat.values.size == pytest.approx(96 * 96, rel=0.1) and bench.last("density").lane == "preview"
    assert tab.scene.flow is not None and tab.plane.grid.isVisible() and tab.plane.grid.num_points > 500
    assert len(tab.plane.samples.points) == 600 and bench.last("trace").lane == "drag"
    x0, x1, y0, y1 = tab.plane.visible_bounds
    assert x0 <= BOUNDS[0] and x1 >= BOUNDS[1] and y0 <= BOUNDS[2] and y1 >= BOUNDS[3]
    assert not tab.panel.boxes["arrows"].isVisible() and tab.panel.boxes["grid"].isChecked()
    assert tab.latent.isVisible() and tab.latent.grid.isVisible() and len(tab.latent.encodings.points) == 500


def test_the_animation_moves_samples_from_the_base(make: Make, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabs, "NUM_FRAMES", 8)
    tab = make("flow-points").tab
    tab.plane.animation.finish()
    data, z = tab.plane.samples.points.copy(), tab.scene.z
    assert z is not None
    tab.panel.flow_slider.setValue(0)
    np.testing.assert_allclose(tab.plane.samples.points, z, atol=1e-5)
    assert tab.plane.axis_names == ("z₁", "z₂") and "N(0, I)" in tab.panel.flow_caption.text()
    tab.panel.flow_slider.setValue(200)
    np.testing.assert_allclose(tab.plane.samples.points, (z + data) / 2, atol=1e-5)
    assert f"coupling {TRANSFORMS // 2 + 1}" in tab.panel.flow_caption.text()
    assert press_key(tab, Qt.Key.Key_End) and tab.plane.axis_names == ("x₁", "x₂")
    tab._timer.setInterval(1)
    assert press_key(tab, Qt.Key.Key_Return) and tab.plane.position == 0
    qtbot.waitUntil(lambda: not tab.panel.play.isChecked(), timeout=5000)
    assert tab.plane.position == 1


def test_samples_of_the_same_z_move_from_snapshot_to_snapshot(make: Make, qtbot: QtBot) -> None:
    bench = make("flow-points")
    tab = bench.tab
    assert tab.scene.z is not None
    z, count = tab.scene.z.copy(), bench.client.count("sample")
    bench.context.step_selection.select(5)
    wait_for_replies(qtbot, tab)
    tab.plane.animation.finish()
    np.testing.assert_allclose(tab.plane.samples.points, to_data(z, 5), atol=1e-5)
    assert tab.scene.heat_map is not None and tab.scene.heat_map.step == 5 and bench.client.count("sample") == count
    assert press_key(tab, Qt.Key.Key_R)
    wait_for_replies(qtbot, tab)
    assert bench.last("sample").params["seed"] == tab.scene.seed and not np.array_equal(tab.scene.z, z)


def test_the_difference_to_the_truth(make: Make, qtbot: QtBot) -> None:
    bench = make("flow-points")
    tab = bench.tab
    box = tab.panel.heat_map_box
    box.setCurrentIndex(box.findData("difference"))
    box.activated.emit(box.currentIndex())
    wait_for_replies(qtbot, tab)
    heat = tab.scene.heat_map
    assert heat is not None and heat.kind == "difference" and heat.values.min() == pytest.approx(-1.0, abs=1e-5)
    assert "nats" in tab.panel.bar.accessibleDescription()
    tab.plane.pointed.emit(0.0, 0.0)
    assert "difference = −1.00 nats" in tab.readout.text()
    count = sum(q.op == "density" and q.params["of"] == "truth" for q in bench.client.requests)
    bench.context.step_selection.select(5)
    wait_for_replies(qtbot, tab)
    assert sum(q.op == "density" and q.params["of"] == "truth" for q in bench.client.requests) == count


def test_an_unknown_true_density_is_not_offered(make: Make, qtbot: QtBot) -> None:
    bench = make("flow-points", before=lambda client: setattr(client, "knows_truth", False))
    tab = bench.tab
    wait_for_replies(qtbot, tab)
    tab.layers.set_heat_map_kind("truth")
    wait_for_replies(qtbot, tab)
    assert tab.layers.heat_map_kinds == ("none", "model") and tab.panel.heat_map_box.findData("truth") < 0
    assert tab.layers.heat_map_kind == "model"


def test_a_gan_has_a_surface_and_gradients(make: Make, qtbot: QtBot) -> None:
    bench = make("gan-points")
    tab = bench.tab
    heat = tab.scene.heat_map
    assert heat is not None and heat.kind == "critic" and 0 <= heat.values.min() < 0.5 < heat.values.max() <= 1
    assert heat.value_at(3.9, 0) == pytest.approx(1 / (1 + np.exp(-3.9)), abs=0.02)
    assert tab.scene.arrows is not None and tab.plane.arrows.isVisible() and tab.plane.arrows.num_points == 5 * 250
    params = bench.last("critic").params
    assert params["seed"] == bench.last("sample").params["seed"] and params["count"] == 600
    assert press_key(tab, Qt.Key.Key_A) and not tab.plane.arrows.isVisible()
    assert not tab.panel._flow_row.isVisible() and tab.latent.isVisible()
    tab.plane.pointed.emit(0.0, 0.0)
    assert [marker.name for marker in tab.latent.markers.markers] == ["z"]


def test_the_mouse_links_the_planes_of_a_vae(make: Make, qtbot: QtBot) -> None:
    bench = make("vae-points")
    tab = bench.tab
    assert (
        tab.latent.isVisible()
        and tab.plane.reconstructions.num_points == 1000
        and tab.plane.reconstructions.isVisible()
    )
    tab.plane.pointed.emit(1.0, 2.0)
    wait_for_replies(qtbot, tab)
    np.testing.assert_allclose(bench.last("encode").arrays["images"], [[1.0, 2.0]])
    assert tab.latent.markers.markers[0].sigma is not None and tab.plane.markers.markers[1].name == "x̂"
    tab.latent.pointed.emit(0.5, -0.5)
    wait_for_replies(qtbot, tab)
    returned = tab.plane.markers.markers[0].position
    np.testing.assert_allclose(returned, to_data(np.array([0.5, -0.5]), bench.context.step or 0), rtol=1e-5)
    tab.latent.pointed.emit(float("nan"), float("nan"))
    assert not tab.latent.markers.markers
    assert press_key(tab, Qt.Key.Key_Z) and not tab.latent.isVisible()


def test_zooming_requests_the_heat_map_of_the_visible_part(make: Make, qtbot: QtBot) -> None:
    bench = make("flow-points")
    tab = bench.tab
    assert press_key(tab, Qt.Key.Key_Plus)
    qtbot.waitUntil(lambda: bench.last("density").params["bounds"] == list(tab.plane.visible_bounds), timeout=5000)
    assert "--bounds=" in (tab.command_line() or "")
    assert press_key(tab, Qt.Key.Key_Up) and press_key(tab, Qt.Key.Key_0)
    assert "--bounds=" not in (tab.command_line() or "") and "--of model" in (tab.command_line() or "")
    assert tab.plane.visible_bounds[2] <= BOUNDS[2]


def test_plane_and_animation_are_saved(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabs, "NUM_FRAMES", 12)
    tab = make("flow-points").tab
    picture, animation = tab.save_targets()
    picture.write(tmp_path / "a.png")
    animation.write(tmp_path / "b.gif")
    with Image.open(tmp_path / "b.gif") as image:
        assert getattr(image, "n_frames", 1) == 6
    assert tab.plane.position == 1 and tab.copy_image() is not None


def test_switches_are_restored_and_dark_is_applied(make: Make) -> None:
    from genexplorer.session.palette import DARK

    bench = make("gan-points")
    tab = bench.tab
    tab.restore({"on": {"arrows": False}, "heat": "none", "seed": 7})
    assert not tab.plane.arrows.isVisible() and tab.state()["seed"] == 7 and tab.scene.heat_map is None
    bench.context.set_palette(DARK)
    assert tab.plane.samples.color == DARK.warning


def test_a_failure_is_shown_above_the_plane(make: Make, qtbot: QtBot) -> None:
    tab = make("gan-points", failing="no weights").tab
    qtbot.waitUntil(lambda: "no weights" in tab.failure_label.text() and tab.failure_label.isVisible(), timeout=5000)
    assert tab.save_targets() == []


def test_images_have_no_map(qtbot: QtBot, tmp_path: Path) -> None:
    bench = PointsBench(DensityTab, write_run(tmp_path / "runs", steps=5, pictures=False, kind="flow"), images=True)
    reason = bench.tab.waiting_reason()
    assert reason is not None and "too many dimensions" in reason and bench.client.requests == []
    bench.close()


def test_nothing_of_a_flow_remains_in_the_view_of_the_next_run(
    make: Make, family_folders: dict[str, Path], qtbot: QtBot
) -> None:
    bench = make("flow-points")
    tab = bench.tab
    tab.show_flow_at(0.5)
    assert tab.plane.axis_names == ("v₁", "v₂") and len(tab.latent.encodings.points) == 500
    other = RunPoller(family_folders["gan-points"])
    other.poll()
    bench.context.open(other)
    assert len(tab.plane.samples.points) == len(tab.plane.data.points) == tab.plane.grid.num_points == 0
    wait_for_replies(qtbot, tab)
    assert tab.plane.axis_names == ("x₁", "x₂") and tab.plane.position == 1
    assert len(tab.latent.encodings.points) == 0


@pytest.mark.parametrize("plot_type", [DataPlot, LatentPlot])
def test_methods_of_a_plot_are_its_own_and_not_those_of_its_plot_item(plot_type: type, make: Make) -> None:
    tab = make("flow-points").tab
    plot = next(plot for plot in (tab.plane, tab.latent) if isinstance(plot, plot_type))
    assert plot.clear.__func__ is plot_type.clear  # type: ignore[attr-defined]


def test_classes_are_named_beside_their_colors(make: Make, qtbot: QtBot) -> None:
    tab = make("flow-points").tab
    assert tab.card is not None and tab.step is not None
    data = tab.card.data.model_copy(update={"class_names": ("<b>x</b>", "arm two"), "num_classes": 8})
    tab.show_snapshot(tab.card.model_copy(update={"data": data}), tab.step)
    wait_for_replies(qtbot, tab)
    key = tab.panel.class_key
    if not tab.layers.shows("classes"):
        press_key(tab, Qt.Key.Key_C)
    assert not key.isHidden() and "&lt;b&gt;x&lt;/b&gt;" in key.text() and "arm&nbsp;two" in key.text()
    assert key.text().count("●") == 8 and "&nbsp;7" in key.text()
    tab.layers.switch("classes", False)
    tab.layers.switch("latent", False)
    assert key.isHidden()
