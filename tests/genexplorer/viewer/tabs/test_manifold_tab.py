"""The Manifold tab as a widget: what the mouse and the keys do, and what is drawn where."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QGuiApplication, QKeyEvent, QMouseEvent, QWheelEvent
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from genexplorer.session.palette import DARK
from genexplorer.session.run_poller import AWAY_POLL_S
from genexplorer.viewer.tabs.manifold.manifold_plot import Drag
from genexplorer.viewer.tabs.manifold.tab import ManifoldTab
from genexplorer.viewer.widgets.images import to_array
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import Bench, mu_of, picture

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs"), steps=600, pictures=False)


@pytest.fixture
def bench(qtbot: QtBot, run_folder: Path) -> Iterator[Bench]:
    made = Bench(ManifoldTab, run_folder)
    tab = _tab(made)
    qtbot.waitUntil(lambda: tab.view.tile_loader.mosaic is not None and tab.view.encodings.cloud is not None)
    yield made
    made.close()


def _tab(bench: Bench) -> ManifoldTab:
    assert isinstance(bench.tab, ManifoldTab)
    return bench.tab


def _mouse(tab: ManifoldTab, kind: QEvent.Type, place: QPointF) -> None:
    viewport = tab.view.plot.viewport()
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else LEFT
    where = QPointF(viewport.mapToGlobal(place.toPoint()))
    event = QMouseEvent(kind, place, where, button, LEFT, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(viewport, event)


def _drag(tab: ManifoldTab, start: QPointF, *stops: QPointF, release: bool = True) -> None:
    _mouse(tab, QEvent.Type.MouseButtonPress, start)
    for stop in stops:
        _mouse(tab, QEvent.Type.MouseMove, stop)
    if release:
        _mouse(tab, QEvent.Type.MouseButtonRelease, stops[-1] if stops else start)


def _key(tab: ManifoldTab, key: Qt.Key, shift: bool = False) -> bool:
    modifiers = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    return tab.on_key(QKeyEvent(QEvent.Type.KeyPress, key, modifiers))


def _empty_place(tab: ManifoldTab) -> QPointF:
    """Return a place of the plane far from cursor and points."""
    rect = tab.view.plot.plot_rect()
    return QPointF(rect.left() + 12, rect.bottom() - 12)


def _settled(qtbot: QtBot, tab: ManifoldTab) -> None:
    qtbot.waitUntil(lambda: not tab.context.model_client.is_busy and not tab.view.point_animation.is_running)


def test_the_pixels_under_a_place_were_decoded_at_its_z(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    tab.view.toolbar.points.setChecked(False)
    _settled(qtbot, tab)
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


def test_tiles_are_drawn_pixel_for_pixel(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    grid = tab.view.visible_grid()
    view = tab.view.plot.visible_range
    assert grid is not None and grid.factor == 1
    assert np.allclose(np.asarray(grid.cell) / view.per_px, 28)


def test_panning_keeps_the_plane_under_the_mouse_and_decodes_only_the_rim(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    plot, start = tab.view.plot, _empty_place(tab)
    held, decoded = plot.latent_at(start), len(bench.client.asked)
    end = start + QPointF(130, -90)
    _drag(tab, start, start + QPointF(60, -40), end)
    np.testing.assert_allclose(plot.latent_at(end), held, atol=1e-9)
    assert not plot.at_home
    _settled(qtbot, tab)
    tiles = [q for q in bench.client.asked[decoded:] if q.topic == "manifold/tiles"]
    mosaic = tab.view.tile_loader.mosaic
    assert mosaic is not None and tiles and mosaic.decoded.all()
    assert sum(len(q.arrays["z"]) for q in tiles) < mosaic.decoded.size / 2
    grid = tab.view.visible_grid()
    assert grid is not None and mosaic.grid.covers(grid)


def test_a_fast_drag_asks_for_the_newest_only_and_paints_it(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    bench.client.holding, before = True, len(bench.client.asked)
    start = _empty_place(tab)
    old = tab.view.tile_loader.mosaic
    _drag(tab, start, *(start + QPointF(40 * n, -30 * n) for n in range(1, 12)))
    asked = [q for q in bench.client.asked[before:] if q.topic == "manifold/tiles"]
    assert len(asked) == 1  # the others wait behind it
    assert tab.view.tile_loader.mosaic is old and not tab.view.plot.tiles.image().isNull()  # the old one is still drawn
    bench.client.release()
    qtbot.waitUntil(lambda: tab.view.tile_loader.mosaic is not old)
    _settled(qtbot, tab)
    grid, mosaic = tab.view.visible_grid(), tab.view.tile_loader.mosaic
    assert grid is not None and mosaic is not None and mosaic.grid.covers(grid) and mosaic.decoded.all()
    assert tab.view.plot.tiles._mosaic is mosaic


def test_the_wheel_zooms_around_the_mouse_and_decodes_anew(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    plot, place = tab.view.plot, _empty_place(tab)
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


def test_dragging_the_cursor_shows_its_picture_and_leaves_the_plane(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    plot, visible_range = tab.view.plot, tab.view.plot.visible_range
    start = plot.place_of(tab.selection.cursor)
    target = start + QPointF(77, -33)
    wanted = plot.latent_at(target)
    _drag(tab, start, start + QPointF(20, 0), target)
    np.testing.assert_allclose(tab.selection.cursor, wanted, atol=1e-6)
    assert plot.visible_range == visible_range
    _settled(qtbot, tab)
    assert tab.data.decoded is not None
    np.testing.assert_array_equal(tab.data.decoded[1:], picture(wanted.astype(np.float32))[0, 1:])
    assert f"{wanted[0]:.2f}" in tab.inspector.where.text().replace("−", "-")


def test_arrows_move_the_cursor_and_shift_is_finer(bench: Bench) -> None:
    tab = _tab(bench)
    assert _key(tab, Qt.Key.Key_Right) and tab.selection.cursor[0] > 0
    coarse = float(tab.selection.cursor[0])
    assert _key(tab, Qt.Key.Key_Up, shift=True)
    assert 0 < tab.selection.cursor[1] < coarse / 2


def test_following_waits_for_the_end_of_a_drag(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    newest, earlier = bench.followed.snapshots[-1], bench.followed.snapshots[2]
    _drag(tab, _empty_place(tab), _empty_place(tab) + QPointF(30, 0), release=False)
    assert bench.context.dragging and tab.view.plot.drag is Drag.PLANE
    bench.context.cursor.go(earlier)
    assert tab.view.step == newest
    _mouse(tab, QEvent.Type.MouseButtonRelease, _empty_place(tab) + QPointF(30, 0))
    assert not bench.context.dragging and tab.view.step == earlier
    _settled(qtbot, tab)
    mosaic, cloud = tab.view.tile_loader.mosaic, tab.view.encodings.cloud
    assert mosaic is not None and mosaic.step == earlier and cloud is not None and cloud.step == earlier


def test_leaving_the_tab_ends_a_drag(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    _drag(tab, _empty_place(tab), _empty_place(tab) + QPointF(30, 0), release=False)
    assert bench.context.dragging
    tab.deactivated()
    assert not bench.context.dragging and tab.view.plot.drag is Drag.NOTHING


def test_points_end_where_the_new_snapshot_has_them(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    step = bench.followed.snapshots[3]
    bench.context.cursor.go(step)
    cloud_is_there = lambda: tab.view.encodings.cloud is not None and tab.view.encodings.cloud.step == step  # noqa: E731
    qtbot.waitUntil(cloud_is_there)
    _settled(qtbot, tab)
    expected = mu_of(np.arange(1_000), step)
    np.testing.assert_allclose(tab.view.plot._coordinates, expected, atol=1e-6)


def test_hovering_a_point_shows_its_card_and_a_click_picks_it(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    cloud = tab.view.encodings.cloud
    assert cloud is not None
    row = _lonely_row(tab)
    place = tab.view.plot.place_of(cloud.mu[row : row + 1])
    _mouse(tab, QEvent.Type.MouseMove, place)
    qtbot.waitUntil(lambda: tab.data.hovered is not None and tab.data.posterior is not None)
    assert tab.view.card.isVisible() and f"#{row}" in tab.view.card.title.text()
    assert len(tab.view.plot.over.marks.outlines) == 2
    _drag(tab, place)
    np.testing.assert_allclose(tab.selection.cursor, cloud.mu[row], atol=1e-6)
    assert tab.selection.picked == row
    qtbot.waitUntil(lambda: tab.data.picked is not None)
    assert "KL 6.25 nats" in tab.inspector.metrics.text() and f"#{row}" in tab.inspector.picked.text()
    _mouse(tab, QEvent.Type.MouseMove, _empty_place(tab))
    assert not tab.view.card.isVisible()
    _mouse(tab, QEvent.Type.MouseMove, place)
    assert tab.view.card.isVisible()
    _key(tab, Qt.Key.Key_O)  # the point is gone from under the mouse
    assert not tab.view.card.isVisible() and not tab.view.plot.over.marks.outlines


def _lonely_row(tab: ManifoldTab) -> int:
    """Return a point in sight that has no neighbor nearby."""
    cloud, visible_range = tab.view.encodings.cloud, tab.view.plot.visible_range
    assert cloud is not None
    pixels = visible_range.z_to_px(cloud.mu)
    distances = np.hypot(*(pixels[:, None] - pixels[None]).transpose(2, 0, 1)) + np.eye(len(pixels)) * 1e6
    away = np.hypot(*(pixels - visible_range.z_to_px(tab.selection.cursor)[0]).T) > 60
    return int(np.where(away, distances.min(axis=1), -1).argmax())


def test_hiding_a_class_takes_its_points_away(bench: Bench) -> None:
    tab = _tab(bench)
    tab.view.toolbar.legend.buttons[3].click()
    cloud = tab.view.encodings.cloud
    assert cloud is not None and cloud.hidden == {3} and cloud.visible.sum() == 900
    assert "900" in tab.view.toolbar.legend.summary.text()


def test_pins_make_a_path_that_is_walked_and_exported(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    tab = _tab(bench)
    _key(tab, Qt.Key.Key_A)
    for _ in range(9):
        _key(tab, Qt.Key.Key_Right)
    _key(tab, Qt.Key.Key_B)
    assert tab.path_panel.isVisible() and list(bench.context.pins) == ["A", "B"]  # other tabs may use them
    qtbot.waitUntil(lambda: tab.data.frames is not None and len(tab.data.pins) == 2)
    assert tab.data.frames is not None and len(tab.data.frames) == 60
    targets = {target.label: target for target in tab.save_targets()}
    targets["Path as animation"].write(tmp_path / "walk.gif")
    assert _length_ms(tmp_path / "walk.gif") == (60 + 58) * 50  # there and back
    targets["Path as list of z"].write(tmp_path / "walk.json")
    saved = json.loads((tmp_path / "walk.json").read_text())
    assert len(saved["z"]) == 2 and saved["run"] == bench.followed.status.id
    _key(tab, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: tab.selection.position > 0.02)
    assert tab.path_panel.is_playing
    _key(tab, Qt.Key.Key_Escape)
    assert tab.selection.path.is_empty and not tab.path_panel.is_playing and not tab.path_panel.isVisible()
    tab.path_panel.read_json(tmp_path / "walk.json")
    assert len(tab.selection.path.z) == 2 and tab.path_panel.isVisible()


def _length_ms(file: Path) -> int:
    """Return how long an animation lasts; equal neighbors are one longer frame."""
    with Image.open(file) as gif:
        length = 0
        for number in range(gif.n_frames):  # type: ignore[attr-defined]
            gif.seek(number)
            length += int(gif.info["duration"])
    return length


def test_a_path_is_drawn_by_pen(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _key(tab, Qt.Key.Key_P)
    assert tab.view.plot.pen_mode and tab.path_panel.isVisible()
    start, visible_range = _empty_place(tab), tab.view.plot.visible_range
    stops = [start + QPointF(20 * n, -10 * n) for n in range(1, 8)]
    _drag(tab, start, *stops)
    assert tab.view.plot.visible_range == visible_range
    expected = np.array([tab.view.plot.latent_at(place) for place in [start, *stops]])
    np.testing.assert_allclose(tab.selection.path.z, expected, atol=1e-9)
    qtbot.waitUntil(lambda: tab.data.frames is not None)


def test_home_and_coordinates_by_key(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    plot = tab.view.plot
    home = plot.visible_range
    _key(tab, Qt.Key.Key_Plus)
    assert plot.visible_range.per_px[0] < home.per_px[0]
    _key(tab, Qt.Key.Key_0)
    assert plot.visible_range == home and plot.at_home
    _key(tab, Qt.Key.Key_U)
    _settled(qtbot, tab)
    mosaic = tab.view.tile_loader.mosaic
    assert plot.visible_range.coords == "u" and mosaic is not None and mosaic.grid.coords == "u"
    np.testing.assert_allclose(mosaic.grid.bounds, (0, 1, 0, 1), atol=1e-9)
    command = tab.command_line()
    assert command is not None and "--coords u" in command and bench.followed.status.id in command
    assert f"--columns {mosaic.grid.columns}" in command
    tab.inspector.command_wanted.emit()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None and clipboard.text() == command


def test_ellipses_show_the_prior_and_the_aggregate(bench: Bench) -> None:
    tab = _tab(bench)
    assert _key(tab, Qt.Key.Key_E)
    assert {outline.name for outline in tab.view.plot.under.marks.outlines} >= {"prior 2σ", "q(z) 2σ"}
    assert _key(tab, Qt.Key.Key_O) and not tab.view.plot.points.isVisible()


def test_what_was_remembered_comes_back(bench: Bench, qtbot: QtBot, run_folder: Path) -> None:
    tab = _tab(bench)
    tab.view.set_coords("u")
    tab.view.plot.zoom(2.0)
    tab.view.toolbar.ellipses.setChecked(True)
    state = json.loads(json.dumps(tab.state()))
    other = Bench(ManifoldTab, run_folder)
    _tab(other).restore(state)
    np.testing.assert_allclose(
        _tab(other).view.plot.visible_range.bounds, tab.view.plot.visible_range.bounds, rtol=1e-6
    )
    assert _tab(other).view.toolbar.ellipses.isChecked()
    _tab(other).restore({"coords": 7, "bounds": [1, "x"], "target": -3, "count": "many", "points": None})
    assert _tab(other).view.coords == "z" and _tab(other).view.plot.at_home
    other.close()


def test_a_latent_space_of_one_dimension_says_why_not(qtbot: QtBot, run_folder: Path) -> None:
    bench = Bench(ManifoldTab, run_folder, size=1)
    reason = bench.tab.waiting_reason()
    assert reason is not None and "1 latent dimension spans no plane" in reason
    assert not bench.client.asked and bench.tab.command_line() is None and not bench.tab.save_targets()
    assert not _key(_tab(bench), Qt.Key.Key_Right)
    bench.close()


def test_without_a_run_it_says_what_to_do(qtbot: QtBot, run_folder: Path) -> None:
    bench = Bench(ManifoldTab, run_folder)
    bench.context.open(None)
    reason = bench.tab.waiting_reason()
    assert reason is not None and "N" in reason
    assert _tab(bench).view.tile_loader.mosaic is None
    bench.close()


def test_a_failure_is_said_in_the_plane(qtbot: QtBot, run_folder: Path) -> None:
    bench = Bench(ManifoldTab, run_folder)
    tab = _tab(bench)
    _settled(qtbot, tab)
    bench.client.failing = "the snapshot is damaged"
    tab.view.tile_loader.clear()
    tab.view.ask()
    qtbot.waitUntil(lambda: "damaged" in tab.view.plot.over.marks.message)
    bench.client.failing = ""
    tab.view.ask()
    qtbot.waitUntil(lambda: tab.view.tile_loader.mosaic is not None)
    assert not tab.view.plot.over.marks.message
    bench.close()


def test_a_hidden_tab_asks_nothing(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    _settled(qtbot, tab)
    tab.is_active = False
    tab.deactivated()
    before = len(bench.client.asked)
    bench.context.cursor.go(bench.followed.snapshots[1])
    tab.selection.move_to((1, 1))
    assert len(bench.client.asked) == before
    tab.is_active = True
    tab.activated()
    qtbot.waitUntil(
        lambda: tab.view.tile_loader.mosaic is not None and tab.view.tile_loader.mosaic.step == tab.view.step
    )


def test_ten_thousand_points_are_drawn_and_can_be_picked(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    count = tab.view.toolbar.count
    count.setCurrentIndex(count.findData(10_000))
    count.activated.emit(count.currentIndex())
    cloud_is_large = lambda: tab.view.encodings.cloud is not None and len(tab.view.encodings.cloud.mu) == 10_000  # noqa: E731
    qtbot.waitUntil(cloud_is_large)
    _settled(qtbot, tab)
    assert 10 < len(tab.view.plot.points.glyph_rows) < 10_000
    assert not tab.view.plot.grab().isNull()


def test_other_colors_are_taken(bench: Bench) -> None:
    bench.context.set_palette(DARK)
    assert _tab(bench).view.colors is DARK


def test_a_nearest_image_of_another_snapshot_says_so(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    qtbot.waitUntil(lambda: tab.inspector.nearest_text.text() == "nearest test image: #4312, class 7\ndistance 0.250")
    newest = bench.context.cursor.position
    bench.context.cursor.move(-1)
    qtbot.waitUntil(lambda: tab.inspector.nearest_text.text().endswith(f"0.250 at step {newest:,}"))


def test_no_nearest_image_is_looked_for_between_the_looks_of_a_window_left_alone(bench: Bench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    qtbot.waitUntil(lambda: tab.data.nearest is not None)
    assert bench.context.cursor.following
    tab.on_time(bench.context.step)
    assert tab._idle_timer.remainingTime() > 1000 * AWAY_POLL_S  # each poll brings a snapshot and restarts the timer
