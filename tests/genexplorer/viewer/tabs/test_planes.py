"""Planes and sliders through more than two latent dimensions: what is asked, what is shown, how slow decoders fill."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QKeyEvent
from pytestqt.qtbot import QtBot

from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Lane, Response, Result
from genexplorer.viewer.model_client import ModelClient, RequestGroup
from genexplorer.viewer.tabs.manifold import visible_range as views
from genexplorer.viewer.tabs.manifold.latent_plane import (
    LATENT_2D,
    REACH,
    LatentPlane,
    axis_name,
    axis_plane,
    plane_through,
)
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.tabs.manifold.tab import ManifoldTab
from genexplorer.viewer.tabs.manifold.tile_loader import FRAME_S, PART_S, TileLoader
from genexplorer.viewer.tabs.manifold.tiles import Mosaic, every, layout
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import PLANE_TITLE, Bench, mu_of, picture

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("planes")
    kinds: Any = ("vae", "gan", "flow", "gan-points")
    return {kind: write_run(made, steps=120, pictures=False, kind=kind, name=kind) for kind in kinds}


@pytest.fixture
def vae(qtbot: QtBot, folders: dict[str, Path]) -> Iterator[Bench]:
    yield from _bench(qtbot, folders["vae"], 20)


@pytest.fixture
def gan(qtbot: QtBot, folders: dict[str, Path]) -> Iterator[Bench]:
    yield from _bench(qtbot, folders["gan"], 100)


def _bench(qtbot: QtBot, folder: Path, size: int) -> Iterator[Bench]:
    made = Bench(ManifoldTab, folder, size=size)
    qtbot.waitUntil(lambda: _tab(made).view.tile_loader.mosaic is not None)
    _settled(qtbot, made)
    yield made
    made.close()


def _tab(bench: Bench) -> ManifoldTab:
    assert isinstance(bench.tab, ManifoldTab)
    return bench.tab


def _settled(qtbot: QtBot, bench: Bench) -> None:
    qtbot.waitUntil(lambda: not bench.context.model_client.is_busy and not _tab(bench).view.point_animation.is_running)


def _key(bench: Bench, key: Qt.Key) -> bool:
    return bench.tab.on_key(QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))


def _last(bench: Bench, op: str) -> Any:
    return next(asked for asked in reversed(bench.client.asked) if asked.op == op)


# Geometry -----------------------------------------------------------------------------------------------------------


def test_a_plane_is_lifted_and_dropped_back() -> None:
    origin, e1, e2 = RANDOM.normal(size=(3, 30))
    plane = LatentPlane(origin, e1, e2, ("a", "b"))
    coords = RANDOM.normal(size=(9, 2))
    np.testing.assert_allclose(plane.project(plane.unproject(coords)), coords, atol=1e-9)
    shift = RANDOM.normal(size=30)
    away = plane.unproject(coords) + shift
    np.testing.assert_allclose(plane.shifted(shift).project(away), coords, atol=1e-9)
    np.testing.assert_allclose(plane.project(away) - plane.project_direction(shift), coords, atol=1e-9)
    np.testing.assert_array_equal(LATENT_2D.unproject(coords), coords)


def test_a_plane_through_three_points_holds_them_within_sight() -> None:
    a, b, c = RANDOM.normal(size=(3, 784)) * 3
    plane = plane_through(a, b, c)
    assert plane is not None and "A → B" in plane.names[0] and " in z)" in plane.names[0]
    places = plane.project(np.stack([a, b, c]))
    np.testing.assert_allclose(plane.unproject(places), np.stack([a, b, c]), atol=1e-9)
    assert np.abs(places).max() == pytest.approx(REACH) and places[0, 1] == pytest.approx(places[1, 1])
    assert plane_through(a, b, a + 2 * (b - a)) is None and plane_through(a, a, c) is None


def test_an_axis_does_not_flip_between_snapshots() -> None:
    plane = axis_plane(5, 3, 0)
    flipped = LatentPlane(plane.origin, -plane.e1, plane.e2, plane.names)
    np.testing.assert_array_equal(flipped.aligned_with(plane).e1, plane.e1)
    assert plane.names == ("z₄", "z₁") and axis_name(99) == "z₁₀₀"


def test_a_selection_keeps_its_place_while_sliders_move_it_out_of_the_plane() -> None:
    selection = Selection()
    selection.set_plane(axis_plane(6, 1, 4))
    selection.move_in_plane((0.5, -1))
    selection.set_offset(2, 1.5)
    np.testing.assert_allclose(selection.cursor, [0, 0.5, 1.5, 0, -1, 0])
    np.testing.assert_allclose(selection.place, (0.5, -1))
    selection.move_in_plane((0, 2))
    np.testing.assert_allclose(selection.cursor, [0, 0, 1.5, 0, 2, 0])
    selection.reset_offset()
    np.testing.assert_allclose(selection.cursor, [0, 0, 0, 0, 2, 0])


# Coarse to fine -----------------------------------------------------------------------------------------------------


class _Slow(ExplorerClient):
    """A decoder that takes a set time per image and answers when a test lets it; its drafts are a shade brighter."""

    def __init__(self, cost_s: float = 0.005) -> None:
        self.cost_s = cost_s
        self.asked: list[tuple[Any, Any, Any]] = []
        self.answered = 0
        self.model_client = ModelClient(lambda on_answer, on_exit: self)
        self.model_client.set_run(Path("run"))

    def ask(self, lane: Lane, run: Path, op: str, **options: Any) -> int:
        self.asked.append((options["arrays"]["z"], options["params"], (lane, options["topic"])))
        return len(self.asked)

    def answer(self) -> float:
        """Answer the open question; return how long it took."""
        z, params, (lane, topic) = self.asked[self.answered]
        self.answered += 1
        draft = params.get("draft") is True
        seconds = len(z) * self.cost_s
        body = Result({"images": picture(z) + draft}, {"draft": True} if draft else {})
        self.model_client.receive(Response(lane, self.answered, "decode", 3, body, seconds, topic))
        return seconds

    @property
    def waits(self) -> bool:
        return self.answered < len(self.asked)


PLANE = axis_plane(8, 0, 1)
SHAPE = (1, 28, 28)
VIEW = views.home("z", 560, 420)


def _tile_loader(cost_s: float = 0.005) -> tuple[_Slow, TileLoader]:
    slow = _Slow(cost_s)
    return slow, TileLoader(RequestGroup(slow.model_client, "test"))


def _whole(mosaic: Mosaic, plane: LatentPlane = PLANE) -> Any:
    whole = Mosaic(mosaic.grid, SHAPE, 3)
    z = plane.unproject(whole.grid.centers(whole.grid.cells())).astype(np.float32)
    whole.fill(whole.grid.cells(), picture(z))
    return whole.pixels


def test_a_slow_decoder_draws_some_tiles_first_and_then_all_from_the_middle() -> None:
    slow, tile_loader = _tile_loader()
    tile_loader.show(VIEW, SHAPE, 3, 15, PLANE)
    visible = layout(VIEW, SHAPE[1:], 15)
    assert visible is not None
    slow.answer()
    first = tile_loader.mosaic
    assert first is not None and 0 < first.decoded.sum() == len(slow.asked[0][0]) <= 16 and slow.waits
    assert np.all(np.ptp(np.argwhere(first.decoded), axis=0) >= np.array(first.decoded.shape) / 2)  # all over the plane
    shares = []
    while slow.waits:
        assert slow.answer() <= 0.1 and tile_loader.mosaic is not None
        shares.append(tile_loader.mosaic.decoded.mean())
    mosaic = tile_loader.mosaic
    assert (
        mosaic is not None
        and mosaic.is_complete(visible, exactly=True)
        and shares == sorted(shares)
        and len(shares) > 3
    )
    np.testing.assert_array_equal(mosaic.pixels, _whole(mosaic))
    assert sum(len(z) for z, _, _ in slow.asked) == len(mosaic.grid.cells())  # nothing was decoded twice


def test_tiles_that_are_there_stand_for_their_neighbors() -> None:
    slow, tile_loader = _tile_loader()
    tile_loader.show(VIEW, SHAPE, 3, 15, PLANE)
    slow.answer()
    mosaic = tile_loader.mosaic
    assert mosaic is not None and not mosaic.decoded.all()
    known, whole = np.argwhere(mosaic.decoded), _whole(mosaic)
    for row, column in np.ndindex(*mosaic.decoded.shape):
        place = mosaic.pixels[row * 28 + 20, column * 28 + 9]
        away = ((known - (row, column)) ** 2).sum(axis=1)
        assert place in {whole[r * 28 + 20, c * 28 + 9] for r, c in known[away == away.min()]}


def test_while_something_moves_a_slow_decoder_is_asked_for_some_tiles_only() -> None:
    slow, tile_loader = _tile_loader()
    tile_loader.show(VIEW, SHAPE, 3, 15, PLANE)
    slow.answer()
    slow.answer()
    for push in (0.1, 0.2, 0.3):
        tile_loader.show(VIEW, SHAPE, 3, 15, PLANE.shifted(np.full(8, push)), moving=True)
        while slow.waits:
            assert slow.answer() <= 0.1
    before = len(slow.asked)
    moved = PLANE.shifted(np.full(8, 0.4))
    tile_loader.show(VIEW, SHAPE, 3, 15, moved, moving=True)
    slow.answer()
    assert len(slow.asked) == before + 1 and np.allclose(slow.asked[-1][0][:, 7], 0.4)  # and no more than that
    tile_loader.show(VIEW, SHAPE, 3, 15, moved)
    assert len(slow.asked) == before + 2  # it rests: now all of them


def test_what_moves_on_overtakes_what_is_still_missing() -> None:
    slow, tile_loader = _tile_loader(0.00015)  # 50 ms a picture
    tile_loader.show(VIEW, SHAPE, 3, 20, PLANE)
    while slow.waits:
        slow.answer()
    for push in (0.1, 0.3):
        tile_loader.show(VIEW, SHAPE, 3, 20, PLANE.shifted(np.full(8, push)), moving=True)
        z, mosaic = slow.asked[-1][0], tile_loader.mosaic
        assert slow.answer() <= FRAME_S and mosaic is not None  # a coarse picture
        assert len(every(mosaic.grid.cells(), (2, 2))) == len(z) and np.allclose(z[:, 7], push)
        tile_loader.show(VIEW, SHAPE, 3, 20, PLANE.shifted(np.full(8, push + 0.05)), moving=True)
        assert np.allclose(slow.asked[-1][0][:, 7], push) and slow.answer() <= FRAME_S  # it was under way,
        while slow.waits:  # but nothing more of it is asked for
            assert np.allclose(slow.asked[-1][0][:, 7], push + 0.05) and slow.answer() <= FRAME_S
    moved = PLANE.shifted(np.full(8, 0.35))
    mosaic = tile_loader.mosaic
    assert mosaic is not None and mosaic.decoded.all() and not mosaic.exact.any()
    np.testing.assert_array_equal(mosaic.pixels, _whole(mosaic, moved) + 1)


def test_at_rest_drafts_give_way_to_exact_pictures() -> None:
    slow, tile_loader = _tile_loader(0.00015)
    tile_loader.show(VIEW, SHAPE, 3, 20, moving=True)
    while slow.waits:
        slow.answer()
    drafted = len(slow.asked)
    assert tile_loader.mosaic is not None and tile_loader.mosaic.decoded.all() and not tile_loader.mosaic.exact.any()
    tile_loader.show(VIEW, SHAPE, 3, 20, moving=True)
    assert len(slow.asked) == drafted  # known well enough as long as it moves
    tile_loader.show(VIEW, SHAPE, 3, 20)
    while slow.waits:
        assert "draft" not in slow.asked[-1][1] and slow.answer() <= PART_S
    mosaic = tile_loader.mosaic
    assert mosaic is not None and mosaic.exact.all()
    np.testing.assert_array_equal(mosaic.pixels, _whole(mosaic, LATENT_2D))
    tile_loader.show(VIEW.panned(60, 0), SHAPE, 3, 20, moving=True)
    slow.answer()
    assert (
        tile_loader.mosaic is not None and 0 < tile_loader.mosaic.exact.sum() < tile_loader.mosaic.exact.size
    )  # the rim alone


def test_a_fast_decoder_is_asked_once() -> None:
    slow, tile_loader = _tile_loader()
    tile_loader.show(VIEW, SHAPE, 3, 15)
    visible = layout(VIEW, SHAPE[1:], 15)
    assert visible is not None and len(slow.asked[0][0]) == visible.rows * visible.columns


# The tab ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "size"), [("vae", 20), ("gan", 100), ("flow", 784)])
def test_every_family_has_a_plane_to_drag(qtbot: QtBot, folders: dict[str, Path], kind: str, size: int) -> None:
    for bench in _bench(qtbot, folders[kind], size):
        tab = _tab(bench)
        assert (
            tab.waiting_reason() is None
            and tab.plane_controls.bar.isVisible()
            and tab.plane_controls.sliders.isVisible()
        )
        if kind == "gan":  # there are no encodings: a plane through samples, until somebody chooses
            assert tab.plane_controls.selector.kind == "points" and _last(bench, "sample").params["count"] == 3
            tab.plane_controls._choose_kind("principal")
            _settled(qtbot, bench)
        asked = _last(bench, "plane")
        assert asked.params == {"kind": "principal"} and asked.step == bench.followed.snapshots[-1]
        assert PLANE_TITLE in tab.plane_controls.bar.title.text() and "12.5%" in tab.plane_controls.bar.title.text()
        tiles = _last(bench, "decode") if kind == "gan" else None
        z = next(q for q in bench.client.asked if q.topic == "manifold/tiles").arrays["z"]
        assert z.shape[1] == size and (tiles is None or tiles.arrays["z"].shape[1] == size)
        assert len(tab.plane_controls.sliders.rows) == 6
        encodes = kind != "gan"
        assert (bench.client.count("project") > 0) == encodes and bench.client.count("encodings") == 0
        names = ("PC 1", "PC 2") if encodes else ("direction 1", "direction 2")
        assert tab.view.plot._names == names


def test_what_this_model_has_not_is_off_with_its_reason(gan: Bench) -> None:
    tab = _tab(gan)
    bar = tab.view.toolbar
    for widget in (bar.points, bar.count, bar.ellipses):
        assert not widget.isEnabled() and "no encoder" in widget.toolTip()
    assert not bar.coords["u"].isEnabled() and "two latent dimensions" in bar.coords["u"].toolTip()
    assert "no encoder" in tab.inspector.no_encoder.text() and not tab.inspector.nearest.isVisible()
    assert tab.plane_controls.bar.source.findData("images") == -1
    assert not bar.legend.isVisible() and gan.client.count("nearest") == 0
    _key(gan, Qt.Key.Key_O)
    assert not tab.view.shows_points


def test_the_axes_that_matter_most_are_listed_with_their_scores(vae: Bench, qtbot: QtBot) -> None:
    tab = _tab(vae)
    _key(vae, Qt.Key.Key_V)
    bar = tab.plane_controls.bar
    assert tab.plane_controls.selector.kind == "axes" and bar.across.count() == 12
    assert bar.across.currentText().startswith("z₂₀") and "12" in bar.across.currentText()
    assert "KL" in bar.title.text() and "nats" in bar.title.text()
    bar.up.setCurrentIndex(5)
    bar.up.activated.emit(5)
    _settled(qtbot, vae)
    assert tab.plane_controls.selector.chosen_pair == (19, 14) and tab.view.plot._names == ("z₂₀", "z₁₅")
    tiles = [q for q in vae.client.asked if q.topic == "manifold/tiles"][-1].arrays["z"]
    assert set(np.flatnonzero(np.abs(tiles).max(axis=0))) == {14, 19}
    assert not {19, 14} & set(tab.plane_controls.sliders.rows)  # what lies in the plane needs no slider


def test_a_plane_goes_through_three_test_images_samples_or_pins(vae: Bench, qtbot: QtBot) -> None:
    tab = _tab(vae)
    tab.plane_controls._choose_kind("points")
    _settled(qtbot, vae)
    assert _last(vae, "sample").params["count"] == 3 and set(tab.selection.pins) == {"A", "B", "C"}
    tab.plane_controls.bar.source_chosen.emit("images")
    tab.plane_controls.bar.images_chosen.emit(4, 7, 9)
    _settled(qtbot, vae)
    assert _last(vae, "encode").params["indices"] == [4, 7, 9]
    mu = mu_of(np.array([4, 7, 9]), tab.view.step or 0, 20)
    np.testing.assert_allclose(tab.selection.pins["B"], mu[1], atol=1e-6)
    np.testing.assert_allclose(tab.selection.plane.unproject(tab.selection.project(mu)), mu, atol=1e-6)
    assert set(tab.view.plot.over.marks.pins) == {"A", "B", "C"} and tab.selection.path.is_empty
    tab.plane_controls.bar.source_chosen.emit("pins")
    _key(vae, Qt.Key.Key_Right)
    before = tab.selection.plane
    _key(vae, Qt.Key.Key_C)
    assert tab.selection.plane is not before  # it follows the pin
    tab.selection.unpin("C")
    assert "Pin C" in tab.plane_controls.bar.title.text()


def test_a_slider_moves_the_plane_or_the_one_picture(vae: Bench, qtbot: QtBot) -> None:
    tab = _tab(vae)
    axis, row = next(iter(tab.plane_controls.sliders.rows.items()))
    middle, count = tab.selection.cursor.copy(), vae.client.count("decode")
    row.slider.setValue(30)
    _settled(qtbot, vae)
    assert tab.selection.cursor[axis] == pytest.approx(middle[axis] + 1.5)
    tiles = [q for q in vae.client.asked if q.topic == "manifold/tiles"][-1].arrays["z"]
    assert tiles.mean(axis=0)[axis] == pytest.approx(tab.plane_controls.plane.origin[axis], abs=0.3)
    assert vae.client.count("decode") > count and tab.plane_controls.plane is not tab.selection.plane
    _key(vae, Qt.Key.Key_X)
    _settled(qtbot, vae)
    assert tab.plane_controls.sliders.target == "image" and tab.plane_controls.plane is tab.selection.plane
    asked = len([q for q in vae.client.asked if q.topic == "manifold/tiles"])
    _key(vae, Qt.Key.Key_Period)
    _settled(qtbot, vae)
    assert tab.selection.cursor[axis] == pytest.approx(middle[axis] + 1.6)
    assert len([q for q in vae.client.asked if q.topic == "manifold/tiles"]) == asked  # the plane stays
    row.slider.mouseDoubleClickEvent(None)
    assert (
        tab.selection.cursor[axis] == pytest.approx(middle[axis]) and not tab.plane_controls.sliders.reset.isEnabled()
    )
    assert tab.data.decoded is not None


def test_the_command_draws_the_same_plane(vae: Bench, qtbot: QtBot) -> None:
    tab = _tab(vae)
    assert "--principal" in (tab.command_line() or "") and "--coords" not in (tab.command_line() or "")
    _key(vae, Qt.Key.Key_V)
    assert "--axes 19,18" in (tab.command_line() or "")
    tab.plane_controls.bar.images_chosen.emit(4, 7, 9)
    _settled(qtbot, vae)
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


def test_points_are_seen_in_the_plane_and_picked(vae: Bench, qtbot: QtBot) -> None:
    tab = _tab(vae)
    cloud = tab.view.encodings.cloud
    assert cloud is not None and cloud.mu.shape == (1_000, 2)
    asked = _last(vae, "project")
    np.testing.assert_allclose(asked.arrays["e1"], tab.selection.plane.e1, atol=1e-6)
    tab.view._point_clicked(3)
    np.testing.assert_allclose(tab.selection.place, cloud.mu[3], atol=1e-6)
    _settled(qtbot, vae)
    assert "#3" in tab.inspector.picked.text() and "|z|" in tab.inspector.where.text()
    tab.view._point_hovered(5, 100, 100)
    _settled(qtbot, vae)
    assert vae.client.count("posterior") == 0 and "reconstruction" in tab.view.card.metrics.text()


def test_time_lays_the_plane_anew(vae: Bench, qtbot: QtBot) -> None:
    tab = _tab(vae)
    _key(vae, Qt.Key.Key_Right)
    place = tab.selection.place.copy()
    vae.context.cursor.go(5)
    _settled(qtbot, vae)
    assert _last(vae, "plane").step == 5 == _last(vae, "axes").step and tab.view.step == 5
    np.testing.assert_allclose(tab.selection.place, place, atol=1e-6)
    mosaic = tab.view.tile_loader.mosaic
    assert mosaic is not None and mosaic.step == 5


def test_without_a_plane_it_says_why(qtbot: QtBot, folders: dict[str, Path]) -> None:
    bench = Bench(ManifoldTab, folders["vae"], size=20, failing="the encodings span no plane")
    tab = _tab(bench)
    qtbot.waitUntil(lambda: "span no plane" in tab.view.plot.over.marks.message)
    assert "span no plane" in tab.plane_controls.bar.title.text()
    tab.view.plot.cursor_dragged.emit(0.5, 0.5)
    assert not bench.client.count("decode") and not tab.inspector.where.text()  # nowhere is nothing to be decoded
    assert tab.view.plot.over.marks.cursor is None
    bench.close()


def test_points_of_the_plane_are_the_density_tab_s(qtbot: QtBot, folders: dict[str, Path]) -> None:
    bench = Bench(ManifoldTab, folders["gan-points"])
    reason = bench.tab.waiting_reason()
    assert reason is not None and "Density" in reason and not bench.client.asked
    bench.close()


def test_the_choice_is_remembered(vae: Bench, qtbot: QtBot, folders: dict[str, Path]) -> None:
    tab = _tab(vae)
    tab.plane_controls._choose_kind("points")
    tab.plane_controls.bar.seed_chosen.emit(8)
    state = tab.state()
    for other in _bench(qtbot, folders["vae"], 2):
        _tab(other).restore({"plane": {"kind": 3, "images": [1, "x", 2], "seed": -1, "source": None}})
        assert _tab(other).plane_controls.selector._kind is None
        _tab(other).restore(state)
        selector = _tab(other).plane_controls.selector
        assert (selector.kind, selector.seed) == ("points", 8) and not _tab(other).plane_controls.bar.isVisible()
