"""Encodings in the Manifold tab: points, classes, pins, paths, ellipses, nearest test images."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QEvent, QPointF, Qt
from pytestqt.qtbot import QtBot

from genexplorer.session.run_poller import AWAY_POLL_S
from genexplorer.viewer.tabs.manifold.tab import ManifoldTab
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import Bench, mu_of, press_key
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


def test_points_end_where_the_new_snapshot_has_them(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    step = bench.followed.snapshots[3]
    bench.context.step_selection.select(step)
    cloud_is_there = lambda: tab.view.encodings.cloud is not None and tab.view.encodings.cloud.step == step  # noqa: E731
    qtbot.waitUntil(cloud_is_there)
    wait_until_settled(qtbot, tab)
    expected = mu_of(np.arange(1_000), step)
    np.testing.assert_allclose(tab.view.plot._coordinates, expected, atol=1e-6)


def test_hovering_a_point_shows_its_card_and_a_click_picks_it(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    cloud = tab.view.encodings.cloud
    assert cloud is not None
    row = _lonely_row(tab)
    place = tab.view.plot.place_of(cloud.mu[row : row + 1])
    mouse(tab, QEvent.Type.MouseMove, place)
    qtbot.waitUntil(lambda: tab.data.hovered is not None and tab.data.posterior is not None)
    assert tab.view.card.isVisible() and f"#{row}" in tab.view.card.title.text()
    assert len(tab.view.plot.over.marks.outlines) == 2
    drag(tab, place)
    np.testing.assert_allclose(tab.selection.cursor, cloud.mu[row], atol=1e-6)
    assert tab.selection.picked == row
    qtbot.waitUntil(lambda: tab.data.picked is not None)
    assert "KL 6.25 nats" in tab.inspector.metrics.text() and f"#{row}" in tab.inspector.picked.text()
    mouse(tab, QEvent.Type.MouseMove, empty_place(tab))
    assert not tab.view.card.isVisible()
    mouse(tab, QEvent.Type.MouseMove, place)
    assert tab.view.card.isVisible()
    press_key(tab, Qt.Key.Key_O)  # the point is gone from under the mouse
    assert not tab.view.card.isVisible() and not tab.view.plot.over.marks.outlines


def _lonely_row(tab: ManifoldTab) -> int:
    """Return a point in sight that has no neighbor nearby."""
    cloud, visible_range = tab.view.encodings.cloud, tab.view.plot.visible_range
    assert cloud is not None
    pixels = visible_range.z_to_px(cloud.mu)
    distances = np.hypot(*(pixels[:, None] - pixels[None]).transpose(2, 0, 1)) + np.eye(len(pixels)) * 1e6
    away = np.hypot(*(pixels - visible_range.z_to_px(tab.selection.cursor)[0]).T) > 60
    return int(np.where(away, distances.min(axis=1), -1).argmax())


def test_hiding_a_class_takes_its_points_away(bench: Bench[ManifoldTab]) -> None:
    tab = bench.tab
    tab.view.toolbar.legend.buttons[3].click()
    cloud = tab.view.encodings.cloud
    assert cloud is not None and cloud.hidden == {3} and cloud.visible.sum() == 900
    assert "900" in tab.view.toolbar.legend.summary.text()


def test_classes_have_their_names_where_they_are_known(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    assert tab.view.toolbar.legend.buttons[3].text() == "3", "a number where no name is known"
    assert tab.card is not None and tab.step is not None
    data = tab.card.data.model_copy(update={"class_names": ("cat", "dog & wolf", "<b>bird</b>", "r&d")})
    tab.show_snapshot(tab.card.model_copy(update={"data": data}), tab.step)
    buttons = tab.view.toolbar.legend.buttons
    buttons[4].click()
    assert [buttons[label].text() for label in range(5)] == ["0 cat", "1 dog…", "2 <b>…", "3 r&&d", "4"]
    assert "&lt;b&gt;bird&lt;/b&gt;" in buttons[2].toolTip() and "class r&amp;d" in buttons[3].toolTip()


def test_pins_make_a_path_that_is_walked_and_exported(bench: Bench[ManifoldTab], qtbot: QtBot, tmp_path: Path) -> None:
    tab = bench.tab
    press_key(tab, Qt.Key.Key_A)
    for _ in range(9):
        press_key(tab, Qt.Key.Key_Right)
    press_key(tab, Qt.Key.Key_B)
    assert tab.path_panel.isVisible() and list(bench.context.pinned_latents) == ["A", "B"]  # other tabs may use them
    qtbot.waitUntil(lambda: tab.data.frames is not None and len(tab.data.pins) == 2)
    assert tab.data.frames is not None and len(tab.data.frames) == 60
    targets = {target.label: target for target in tab.save_targets()}
    targets["Path as animation"].write(tmp_path / "walk.gif")
    assert _length_ms(tmp_path / "walk.gif") == (60 + 58) * 50  # there and back
    targets["Path as list of z"].write(tmp_path / "walk.json")
    saved = json.loads((tmp_path / "walk.json").read_text())
    assert len(saved["z"]) == 2 and saved["run"] == bench.followed.status.id
    press_key(tab, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: tab.selection.position > 0.02)
    assert tab.path_panel.is_playing
    press_key(tab, Qt.Key.Key_Escape)
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


def test_a_path_is_drawn_by_pen(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    press_key(tab, Qt.Key.Key_P)
    assert tab.view.plot.pen_mode and tab.path_panel.isVisible()
    start, visible_range = empty_place(tab), tab.view.plot.visible_range
    stops = [start + QPointF(20 * n, -10 * n) for n in range(1, 8)]
    drag(tab, start, *stops)
    assert tab.view.plot.visible_range == visible_range
    expected = np.array([tab.view.plot.latent_at(place) for place in [start, *stops]])
    np.testing.assert_allclose(tab.selection.path.z, expected, atol=1e-9)
    qtbot.waitUntil(lambda: tab.data.frames is not None)


def test_ellipses_show_the_prior_and_the_aggregate(bench: Bench[ManifoldTab]) -> None:
    tab = bench.tab
    assert press_key(tab, Qt.Key.Key_E)
    assert {outline.name for outline in tab.view.plot.under.marks.outlines} >= {"prior 2σ", "q(z) 2σ"}
    assert press_key(tab, Qt.Key.Key_O) and not tab.view.plot.points.isVisible()


def test_ten_thousand_points_are_drawn_and_can_be_picked(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    count = tab.view.toolbar.count
    count.setCurrentIndex(count.findData(10_000))
    count.activated.emit(count.currentIndex())
    cloud_is_large = lambda: tab.view.encodings.cloud is not None and len(tab.view.encodings.cloud.mu) == 10_000  # noqa: E731
    qtbot.waitUntil(cloud_is_large)
    wait_until_settled(qtbot, tab)
    assert 10 < len(tab.view.plot.points.glyph_rows) < 10_000
    assert not tab.view.plot.grab().isNull()


def test_a_nearest_image_of_another_snapshot_says_so(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    qtbot.waitUntil(lambda: tab.inspector.nearest_text.text() == "nearest test image: #4312, class 7\ndistance 0.250")
    newest = bench.context.step_selection.selected_step
    bench.context.step_selection.move(-1)
    qtbot.waitUntil(lambda: tab.inspector.nearest_text.text().endswith(f"0.250 at step {newest:,}"))


def test_no_nearest_image_is_looked_for_between_the_looks_of_a_window_left_alone(
    bench: Bench[ManifoldTab], qtbot: QtBot
) -> None:
    tab = bench.tab
    qtbot.waitUntil(lambda: tab.data.nearest is not None)
    assert bench.context.step_selection.following
    tab.on_time(bench.context.step)
    assert tab._idle_timer.remainingTime() > 1000 * AWAY_POLL_S  # each poll brings a snapshot and restarts the timer


def test_many_classes_are_grouped_by_color_and_found_by_name(bench: Bench[ManifoldTab], qtbot: QtBot) -> None:
    tab = bench.tab
    wait_until_settled(qtbot, tab)
    assert tab.card is not None and tab.step is not None
    names = ("<b>x</b>", *(f"kind {number}" for number in range(1, 1000)))
    data = tab.card.data.model_copy(update={"class_names": names, "num_classes": 1000})
    tab.show_snapshot(tab.card.model_copy(update={"data": data}), tab.step)
    cloud = tab.view.encodings.cloud
    assert cloud is not None
    tab.view.encodings.cloud = replace(cloud, labels=np.arange(len(cloud.labels)))
    tab.view.encodings.notify()
    legend = tab.view.toolbar.legend
    assert sorted(legend.buttons) == list(range(10)) and "each for neighboring classes" in legend.summary.text()
    assert "100 classes" in legend.buttons[0].toolTip() and "&lt;b&gt;x&lt;/b&gt;" in legend.buttons[0].toolTip()
    # A button hides its group, the list finds one class.
    legend.buttons[9].click()
    assert tab.view.encodings.cloud.hidden == frozenset(range(900, 1000))
    class_list = legend.class_list
    class_list.search.setText("KIND 77")
    shown = [item.text() for item in class_list._items() if not item.isHidden()]
    assert shown[0] == "77 kind 77" and len(shown) == 11
    class_list.search.returnPressed.emit()
    assert tab.view.encodings.cloud.visible.sum() == 1
    item = class_list._items()[5]
    item.setCheckState(Qt.CheckState.Checked)
    assert 5 not in tab.view.encodings.cloud.hidden
    tab.view.plot.grab()  # an atlas of a thousand glyphs is drawn
    assert tab.view.plot.points._atlas is not None and tab.view.plot.points._atlas._pixmap.height() < 10_000
