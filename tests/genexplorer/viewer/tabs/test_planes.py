"""The Manifold tab on models of more than two latent dimensions: the choice of a plane, and sliders."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from genexplorer.session.own_image import OwnImage
from genexplorer.viewer.tabs.manifold.tab import ManifoldTab
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import PLANE_TITLE, Bench, mu_of, press_key
from tests.genexplorer.viewer.tabs.manifold_bench import wait_until_settled


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("planes")
    kinds: Any = ("vae", "gan", "flow", "gan-points")
    return {kind: write_run(made, steps=120, pictures=False, kind=kind, name=kind) for kind in kinds}


@pytest.fixture
def vae(qtbot: QtBot, folders: dict[str, Path]) -> Iterator[Bench[ManifoldTab]]:
    yield from _bench(qtbot, folders["vae"], 20)


@pytest.fixture
def gan(qtbot: QtBot, folders: dict[str, Path]) -> Iterator[Bench[ManifoldTab]]:
    yield from _bench(qtbot, folders["gan"], 100)


def _bench(qtbot: QtBot, folder: Path, size: int) -> Iterator[Bench[ManifoldTab]]:
    made = Bench(ManifoldTab, folder, size=size)
    qtbot.waitUntil(lambda: made.tab.view.tile_loader.mosaic is not None)
    wait_until_settled(qtbot, made.tab)
    yield made
    made.close()


@pytest.mark.parametrize(("kind", "size"), [("vae", 20), ("gan", 100), ("flow", 784)])
def test_every_family_has_a_plane_to_drag(qtbot: QtBot, folders: dict[str, Path], kind: str, size: int) -> None:
    for bench in _bench(qtbot, folders[kind], size):
        tab = bench.tab
        assert (
            tab.waiting_reason() is None
            and tab.plane_controls.bar.isVisible()
            and tab.plane_controls.sliders.isVisible()
        )
        if kind == "gan":  # there are no encodings: a plane through samples, until somebody chooses
            assert tab.plane_controls.selector.kind == "points" and bench.last("sample").params["count"] == 3
            tab.plane_controls._choose_kind("principal")
            wait_until_settled(qtbot, bench.tab)
        request = bench.last("plane")
        assert request.params == {"kind": "principal"} and request.step == bench.followed.snapshots[-1]
        assert PLANE_TITLE in tab.plane_controls.bar.title.text() and "12.5%" in tab.plane_controls.bar.title.text()
        tiles = bench.last("decode") if kind == "gan" else None
        z = next(q for q in bench.client.requests if q.topic == "manifold/tiles").arrays["z"]
        assert z.shape[1] == size and (tiles is None or tiles.arrays["z"].shape[1] == size)
        assert len(tab.plane_controls.sliders.rows) == 6
        has_encoder = kind != "gan"
        assert (bench.client.count("project") > 0) == has_encoder and bench.client.count("encodings") == 0
        names = ("PC 1", "PC 2") if has_encoder else ("direction 1", "direction 2")
        assert tab.view.plot.axis_names == names


def test_what_this_model_has_not_is_off_with_its_reason(gan: Bench[ManifoldTab]) -> None:
    tab = gan.tab
    bar = tab.view.toolbar
    for widget in (bar.points, bar.count, bar.ellipses):
        assert not widget.isEnabled() and "no encoder" in widget.toolTip()
    assert not bar.coords["u"].isEnabled() and "two latent dimensions" in bar.coords["u"].toolTip()
    assert "no encoder" in tab.inspector.no_encoder.text() and not tab.inspector.nearest.isVisible()
    assert tab.plane_controls.bar.source.findData("images") == -1
    assert not bar.legend.isVisible() and gan.client.count("nearest") == 0
    press_key(gan.tab, Qt.Key.Key_O)
    assert not tab.view.shows_points


def test_the_axes_that_matter_most_are_listed_with_their_scores(vae: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = vae.tab
    press_key(vae.tab, Qt.Key.Key_V)
    bar = tab.plane_controls.bar
    assert tab.plane_controls.selector.kind == "axes" and bar.across.count() == 12
    assert bar.across.currentText().startswith("z₂₀") and "12" in bar.across.currentText()
    assert "KL" in bar.title.text() and "nats" in bar.title.text()
    bar.up.setCurrentIndex(5)
    bar.up.activated.emit(5)
    wait_until_settled(qtbot, vae.tab)
    assert tab.plane_controls.selector.chosen_pair == (19, 14) and tab.view.plot.axis_names == ("z₂₀", "z₁₅")
    tiles = [q for q in vae.client.requests if q.topic == "manifold/tiles"][-1].arrays["z"]
    assert set(np.flatnonzero(np.abs(tiles).max(axis=0))) == {14, 19}
    assert not {19, 14} & set(tab.plane_controls.sliders.rows)  # what lies in the plane needs no slider


def test_a_plane_goes_through_three_test_images_samples_or_pins(vae: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = vae.tab
    tab.plane_controls._choose_kind("points")
    wait_until_settled(qtbot, vae.tab)
    assert vae.last("sample").params["count"] == 3 and set(tab.selection.pins) == {"A", "B", "C"}
    tab.plane_controls.bar.source_chosen.emit("images")
    tab.plane_controls.bar.images_chosen.emit(4, 7, 9)
    wait_until_settled(qtbot, vae.tab)
    assert vae.last("encode").params["indices"] == [4, 7, 9]
    mu = mu_of(np.array([4, 7, 9]), tab.view.step or 0, 20)
    np.testing.assert_allclose(tab.selection.pins["B"], mu[1], atol=1e-6)
    np.testing.assert_allclose(tab.selection.plane.unproject(tab.selection.project(mu)), mu, atol=1e-6)
    assert set(tab.view.plot.over.marks.pins) == {"A", "B", "C"} and tab.selection.path.is_empty
    tab.plane_controls.bar.source_chosen.emit("pins")
    press_key(vae.tab, Qt.Key.Key_Right)
    before = tab.selection.plane
    press_key(vae.tab, Qt.Key.Key_C)
    assert tab.selection.plane is not before  # it follows the pin
    del tab.selection.pins["C"]
    tab.selection.notify()
    assert "Pin C" in tab.plane_controls.bar.title.text()


def test_a_slider_moves_the_plane_or_the_one_picture(vae: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = vae.tab
    axis, row = next(iter(tab.plane_controls.sliders.rows.items()))
    middle, count = tab.selection.cursor.copy(), vae.client.count("decode")
    row.slider.setValue(30)
    wait_until_settled(qtbot, vae.tab)
    assert tab.selection.cursor[axis] == pytest.approx(middle[axis] + 1.5)
    tiles = [q for q in vae.client.requests if q.topic == "manifold/tiles"][-1].arrays["z"]
    assert tiles.mean(axis=0)[axis] == pytest.approx(tab.plane_controls.plane.origin[axis], abs=0.3)
    assert vae.client.count("decode") > count and tab.plane_controls.plane is not tab.selection.plane
    press_key(vae.tab, Qt.Key.Key_X)
    wait_until_settled(qtbot, vae.tab)
    assert tab.plane_controls.sliders.target == "image" and tab.plane_controls.plane is tab.selection.plane
    count = len([q for q in vae.client.requests if q.topic == "manifold/tiles"])
    press_key(vae.tab, Qt.Key.Key_Period)
    wait_until_settled(qtbot, vae.tab)
    assert tab.selection.cursor[axis] == pytest.approx(middle[axis] + 1.6)
    assert len([q for q in vae.client.requests if q.topic == "manifold/tiles"]) == count  # the plane stays
    row.slider.mouseDoubleClickEvent(None)
    assert (
        tab.selection.cursor[axis] == pytest.approx(middle[axis]) and not tab.plane_controls.sliders.reset.isEnabled()
    )
    assert tab.data.decoded is not None


def test_the_command_draws_the_same_plane(vae: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = vae.tab
    assert "--principal" in (tab.command_line() or "") and "--coords" not in (tab.command_line() or "")
    press_key(vae.tab, Qt.Key.Key_V)
    assert "--axes 19,18" in (tab.command_line() or "")
    tab.plane_controls.bar.images_chosen.emit(4, 7, 9)
    wait_until_settled(qtbot, vae.tab)
    command, grid = tab.command_line() or "", tab.view.visible_grid()
    assert "test:4;test:7;test:9" in command and grid is not None
    bounds = [float(edge) for edge in command.partition("--bounds=")[2].split()[0].split(",")]
    corner = np.array([[grid.bounds[0], grid.bounds[2]]])
    mu = mu_of(np.array([4, 7, 9]), tab.view.step or 0, 20).astype(float)
    e1 = (mu[1] - mu[0]) / np.linalg.norm(mu[1] - mu[0])
    project_direction = (tab.selection.plane.unproject(corner)[0] - mu.mean(axis=0)) @ e1
    assert bounds[0] == pytest.approx(project_direction, rel=1e-4)
    next(iter(tab.plane_controls.sliders.rows.values())).slider.setValue(9)
    assert tab.command_line() is None  # no command moves a plane


def test_points_are_seen_in_the_plane_and_picked(vae: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = vae.tab
    cloud = tab.view.encodings.cloud
    assert cloud is not None and cloud.mu.shape == (1_000, 2)
    request = vae.last("project")
    np.testing.assert_allclose(request.arrays["e1"], tab.selection.plane.e1, atol=1e-6)
    tab.view._point_clicked(3)
    np.testing.assert_allclose(tab.selection.place, cloud.mu[3], atol=1e-6)
    wait_until_settled(qtbot, vae.tab)
    assert "#3" in tab.inspector.picked.text() and "|z|" in tab.inspector.where.text()
    tab.view._point_hovered(5, 100, 100)
    wait_until_settled(qtbot, vae.tab)
    assert vae.client.count("posterior") == 0 and "reconstruction" in tab.view.card.metrics.text()


def test_time_lays_the_plane_anew(vae: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = vae.tab
    press_key(vae.tab, Qt.Key.Key_Right)
    place = tab.selection.place.copy()
    vae.context.step_selection.select(5)
    wait_until_settled(qtbot, vae.tab)
    assert vae.last("plane").step == 5 == vae.last("axes").step and tab.view.step == 5
    np.testing.assert_allclose(tab.selection.place, place, atol=1e-6)
    mosaic = tab.view.tile_loader.mosaic
    assert mosaic is not None and mosaic.step == 5


def test_without_a_plane_it_says_why(qtbot: QtBot, folders: dict[str, Path]) -> None:
    bench = Bench(ManifoldTab, folders["vae"], size=20, failing="the encodings span no plane")
    tab = bench.tab
    qtbot.waitUntil(lambda: "span no plane" in tab.view.plot.over.marks.message)
    assert "span no plane" in tab.plane_controls.bar.title.text()
    tab.view.plot.cursor_dragged.emit(0.5, 0.5)
    assert not bench.client.count("decode") and not tab.inspector.where.text()  # nowhere is nothing to be decoded
    assert tab.view.plot.over.marks.cursor is None
    bench.close()


def test_points_of_the_plane_are_the_density_tab_s(qtbot: QtBot, folders: dict[str, Path]) -> None:
    bench = Bench(ManifoldTab, folders["gan-points"])
    reason = bench.tab.waiting_reason()
    assert reason is not None and "Density" in reason and not bench.client.requests
    bench.close()


def test_the_choice_is_remembered(vae: Bench[ManifoldTab], qtbot: QtBot, folders: dict[str, Path]) -> None:
    tab = vae.tab
    tab.plane_controls._choose_kind("points")
    tab.plane_controls.bar.seed_chosen.emit(8)
    state = tab.state()
    for other in _bench(qtbot, folders["vae"], 2):
        other.tab.restore({"plane": {"kind": 3, "images": [1, "x", 2], "seed": -1, "source": None}})
        assert other.tab.plane_controls.selector._kind is None
        other.tab.restore(state)
        selector = other.tab.plane_controls.selector
        assert (selector.kind, selector.seed) == ("points", 8) and not other.tab.plane_controls.bar.isVisible()


def test_planes_pass_through_codes_of_images_and_means_of_classes(vae: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab, step = vae.tab, vae.context.step
    assert step is not None and tab.card is not None
    controls, selection = tab.plane_controls, tab.selection
    data = tab.card.data.model_copy(update={"class_names": ("<b>x</b>", *"123456789"), "num_classes": 10})
    tab.show_snapshot(tab.card.model_copy(update={"data": data}), step)
    codes = mu_of(np.arange(2_000), step, 20).astype(np.float64)
    means = [codes[np.arange(2_000) % 10 == label].mean(axis=0) for label in range(10)]
    # Axes through the code of a test image.
    controls.bar.origin_image_chosen.emit(7)
    wait_until_settled(qtbot, tab)
    np.testing.assert_allclose(selection.plane.origin, codes[7], rtol=1e-6)
    assert controls.bar.title.text().endswith("through test image #7") and controls.command_args() is None
    assert [controls.bar.origin.itemText(row) for row in range(controls.bar.origin.count())] == [
        "through 0", "through test image", "through class mean",
    ]  # fmt: skip
    # Axes through the mean of a class, whose name is not markup.
    controls.bar.origin_chosen.emit("class")
    wait_until_settled(qtbot, tab)
    np.testing.assert_allclose(selection.plane.origin, means[0], rtol=1e-6)
    assert "through the mean of <b>x</b>" in controls.bar.title.text()
    assert "&lt;b&gt;x&lt;/b&gt;" in controls.bar.title.toolTip()
    # Axes through the user's own image.
    own = OwnImage(np.full((28, 28, 1), 51, np.uint8), "mine.png")
    vae.context.own_image = own
    tab.show_snapshot(tab.card, step)
    controls.bar.origin_chosen.emit("own")
    wait_until_settled(qtbot, tab)
    np.testing.assert_allclose(selection.plane.origin, 0.2, rtol=1e-6)
    assert controls.bar.title.text().endswith("through mine.png")
    controls.bar.origin_chosen.emit("prior")
    wait_until_settled(qtbot, tab)
    assert not selection.plane.origin.any() and controls.command_args() is not None
    # The plane of three class means: to the right is the difference of the first two.
    controls.bar.source_chosen.emit("classes")
    controls.bar.classes_chosen.emit(3, 1, 4)
    wait_until_settled(qtbot, tab)
    np.testing.assert_allclose(selection.pins["A"], means[3], rtol=1e-6)
    along = (means[1] - means[3]) / np.linalg.norm(means[1] - means[3])
    np.testing.assert_allclose(selection.plane.e1 / np.linalg.norm(selection.plane.e1), along, atol=1e-6)
    assert vae.client.count("encodings") == 1, "the codes are requested once for a snapshot"


def test_at_first_the_three_classes_are_those_with_test_images(vae: Bench[ManifoldTab]) -> None:
    selector = vae.tab.plane_controls.selector
    selector._means.by_label = {label: np.eye(20)[label] for label in (1, 4, 5, 6)}
    selector._means.step = selector._step
    selector.choose_points("classes")
    assert selector.classes == (1, 4, 5) and not selector.failure
    selector.choose_points("classes", classes=(1, 2, 4))
    assert "No test image is of the class 2" in selector.failure


def test_without_an_encoder_axes_pass_through_0(gan: Bench[ManifoldTab]) -> None:
    bar = gan.tab.plane_controls.bar
    assert bar.origin.count() == 1 and bar.source.findData("classes") < 0
