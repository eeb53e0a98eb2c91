"""The Manifold tab as a widget: what the mouse and the keys do, and what is drawn where."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QGuiApplication, QWheelEvent
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from genexplorer.session.palette import DARK
from genexplorer.viewer.tabs.manifold.manifold_plot import Drag
from genexplorer.viewer.tabs.manifold.tab import ManifoldTab
from genexplorer.viewer.widgets.images import to_array
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import Bench, picture, press_key
from tests.genexplorer.viewer.tabs.manifold_bench import (
    drag,
    empty_place,
    mouse,
    open_manifold,
    wait_until_settled,
)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs"), steps=600, pictures=False)


@pytest.fixture
def bench(qtbot: QtBot, run_folder: Path) -> Iterator[Bench[ManifoldTab]]:
    yield from open_manifold(qtbot, run_folder)


def test_the_pixels_under_a_place_were_decoded_at_its_z(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    tab.view.toolbar.points.setChecked(False)
    wait_until_settled(qtbot, tab)
    mosaic, plot = tab.view.tile_loader.mosaic, tab.view.plot
    assert mosaic is not None
    shown = to_array(plot.grab().toImage()).reshape(plot.height(), plot.width(), -1)
    cells = mosaic.grid.cells()
    for number in (len(cells) // 3, len(cells) // 2 + 5):
        z = mosaic.grid.centers(cells[number : number + 1])[0]
        place = plot.place_of(z[None])
        for offset, half in ((-5, slice(2, 13)), (5, slice(15, 26))):
            value = shown[round(place.y()) + offset, round(place.x()) + 4, 0]
            assert value == picture(z)[0, half, 5, 0][0]


def test_tiles_are_drawn_pixel_for_pixel(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    grid = tab.view.visible_grid()
    view = tab.view.plot.visible_range
    assert grid is not None and grid.factor == 1
    assert np.allclose(np.asarray(grid.cell) / view.per_px, 28)


def test_panning_keeps_the_plane_under_the_mouse_and_decodes_only_the_rim(
    bench: Bench[ManifoldTab], qtbot: QtBot
) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    plot, start = tab.view.plot, empty_place(tab)
    held, decoded = plot.latent_at(start), len(bench.client.requests)
    end = start + QPointF(130, -90)
    drag(tab, start, start + QPointF(60, -40), end)
    np.testing.assert_allclose(plot.latent_at(end), held, atol=1e-9)
    assert not plot.is_at_home
    wait_until_settled(qtbot, tab)
    tiles = [q for q in bench.client.requests[decoded:] if q.topic == "manifold/tiles"]
    mosaic = tab.view.tile_loader.mosaic
    assert mosaic is not None and tiles and mosaic.decoded.all()
    assert sum(len(q.arrays["z"]) for q in tiles) < mosaic.decoded.size / 2
    grid = tab.view.visible_grid()
    assert grid is not None and mosaic.grid.covers(grid)


def test_a_fast_drag_asks_for_the_newest_only_and_paints_it(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    bench.client.holding, before = True, len(bench.client.requests)
    start = empty_place(tab)
    old = tab.view.tile_loader.mosaic
    drag(tab, start, *(start + QPointF(40 * n, -30 * n) for n in range(1, 12)))
    asked = [q for q in bench.client.requests[before:] if q.topic == "manifold/tiles"]
    assert len(asked) == 1  # the others wait behind it
    assert tab.view.tile_loader.mosaic is old and not tab.view.plot.tiles.image().isNull()  # the old one is still drawn
    bench.client.release()
    qtbot.waitUntil(lambda: tab.view.tile_loader.mosaic is not old)
    wait_until_settled(qtbot, tab)
    grid, mosaic = tab.view.visible_grid(), tab.view.tile_loader.mosaic
    assert grid is not None and mosaic is not None and mosaic.grid.covers(grid) and mosaic.decoded.all()
    assert tab.view.plot.tiles._mosaic is mosaic


def test_the_wheel_zooms_around_the_mouse_and_decodes_anew(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    plot, place = tab.view.plot, empty_place(tab)
    fixed, before, old = plot.latent_at(place), plot.visible_range, tab.view.tile_loader.mosaic
    event = QWheelEvent(
        place,
        QPointF(plot.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(plot.viewport(), event)
    assert plot.visible_range.per_px[0] < before.per_px[0]
    np.testing.assert_allclose(plot.latent_at(place), fixed, atol=1e-9)
    qtbot.waitUntil(lambda: tab.view.tile_loader.mosaic is not old)
    mosaic, grid = tab.view.tile_loader.mosaic, tab.view.visible_grid()
    assert mosaic is not None and grid is not None and mosaic.grid.same_lattice(grid)


def test_dragging_the_cursor_shows_its_picture_and_leaves_the_plane(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    plot, visible_range = tab.view.plot, tab.view.plot.visible_range
    start = plot.place_of(tab.selection.cursor)
    target = start + QPointF(77, -33)
    wanted = plot.latent_at(target)
    drag(tab, start, start + QPointF(20, 0), target)
    np.testing.assert_allclose(tab.selection.cursor, wanted, atol=1e-6)
    assert plot.visible_range == visible_range
    wait_until_settled(qtbot, tab)
    assert tab.data.decoded is not None
    np.testing.assert_array_equal(tab.data.decoded[1:], picture(wanted.astype(np.float32))[0, 1:])
    assert f"{wanted[0]:.2f}" in tab.inspector.where.text().replace("−", "-")


def test_arrows_move_the_cursor_and_shift_is_finer(bench: Bench[ManifoldTab]) -> None:
    tab = bench.tab
    assert press_key(tab, Qt.Key.Key_Right) and tab.selection.cursor[0] > 0
    coarse = float(tab.selection.cursor[0])
    assert press_key(tab, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert 0 < tab.selection.cursor[1] < coarse / 2


def test_following_waits_for_the_end_of_a_drag(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    newest, earlier = bench.followed.snapshots[-1], bench.followed.snapshots[2]
    drag(tab, empty_place(tab), empty_place(tab) + QPointF(30, 0), release=False)
    assert bench.context.dragging and tab.view.plot.drag is Drag.PLANE
    bench.context.step_selection.select(earlier)
    assert tab.view.step == newest
    mouse(tab, QEvent.Type.MouseButtonRelease, empty_place(tab) + QPointF(30, 0))
    assert not bench.context.dragging and tab.view.step == earlier
    wait_until_settled(qtbot, tab)
    mosaic, cloud = tab.view.tile_loader.mosaic, tab.view.encodings.cloud
    assert mosaic is not None and mosaic.step == earlier and cloud is not None and cloud.step == earlier


def test_leaving_the_tab_ends_a_drag(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    drag(tab, empty_place(tab), empty_place(tab) + QPointF(30, 0), release=False)
    assert bench.context.dragging
    tab.deactivated()
    assert not bench.context.dragging and tab.view.plot.drag is Drag.NOTHING


def test_home_and_coordinates_by_key(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    plot = tab.view.plot
    home = plot.visible_range
    press_key(tab, Qt.Key.Key_Plus)
    assert plot.visible_range.per_px[0] < home.per_px[0]
    press_key(tab, Qt.Key.Key_0)
    assert plot.visible_range == home and plot.is_at_home
    press_key(tab, Qt.Key.Key_U)
    wait_until_settled(qtbot, tab)
    mosaic = tab.view.tile_loader.mosaic
    assert plot.visible_range.coords == "u" and mosaic is not None and mosaic.grid.coords == "u"
    np.testing.assert_allclose(mosaic.grid.bounds, (0, 1, 0, 1), atol=1e-9)
    command = tab.command_line()
    assert command is not None and "--coords u" in command and bench.followed.status.id in command
    assert f"--columns {mosaic.grid.columns}" in command
    tab.inspector.command_wanted.emit()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None and clipboard.text() == command


def test_what_was_remembered_comes_back(bench: Bench[ManifoldTab], qtbot: QtBot, run_folder: Path) -> None:
    tab = bench.tab
    tab.view.set_coords("u")
    tab.view.plot.zoom(2.0)
    tab.view.toolbar.ellipses.setChecked(True)
    state = json.loads(json.dumps(tab.state()))
    other = Bench(ManifoldTab, run_folder)
    other.tab.restore(state)
    np.testing.assert_allclose(other.tab.view.plot.visible_range.bounds, tab.view.plot.visible_range.bounds, rtol=1e-6)
    assert other.tab.view.toolbar.ellipses.isChecked()
    other.tab.restore({"coords": 7, "bounds": [1, "x"], "target": -3, "count": "many", "points": None})
    assert other.tab.view.coords == "z" and other.tab.view.plot.is_at_home
    other.close()


def test_a_latent_space_of_one_dimension_says_why_not(qtbot: QtBot, run_folder: Path) -> None:
    bench = Bench(ManifoldTab, run_folder, size=1)
    reason = bench.tab.waiting_reason()
    assert reason is not None and "1 latent dimension spans no plane" in reason
    assert not bench.client.requests and bench.tab.command_line() is None and not bench.tab.save_targets()
    assert not press_key(bench.tab, Qt.Key.Key_Right)
    bench.close()


def test_without_a_run_it_says_what_to_do(qtbot: QtBot, run_folder: Path) -> None:
    bench = Bench(ManifoldTab, run_folder)
    bench.context.open(None)
    reason = bench.tab.waiting_reason()
    assert reason is not None and "N" in reason
    assert bench.tab.view.tile_loader.mosaic is None
    bench.close()


def test_a_failure_is_said_in_the_plane(qtbot: QtBot, run_folder: Path) -> None:
    bench = Bench(ManifoldTab, run_folder)
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    bench.client.failing = "the snapshot is damaged"
    tab.view.tile_loader.clear()
    tab.view.request_visible()
    qtbot.waitUntil(lambda: "damaged" in tab.view.plot.over.marks.message)
    bench.client.failing = ""
    tab.view.request_visible()
    qtbot.waitUntil(lambda: tab.view.tile_loader.mosaic is not None)
    assert not tab.view.plot.over.marks.message
    bench.close()


def test_a_hidden_tab_asks_nothing(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    tab.is_active = False
    tab.deactivated()
    before = len(bench.client.requests)
    bench.context.step_selection.select(bench.followed.snapshots[1])
    tab.selection.move_to((1, 1))
    assert len(bench.client.requests) == before
    tab.is_active = True
    tab.activated()
    qtbot.waitUntil(
        lambda: tab.view.tile_loader.mosaic is not None and tab.view.tile_loader.mosaic.step == tab.view.step
    )


def test_other_colors_are_taken(bench: Bench[ManifoldTab]) -> None:
    bench.context.set_palette(DARK)
    assert bench.tab.view.colors is DARK
