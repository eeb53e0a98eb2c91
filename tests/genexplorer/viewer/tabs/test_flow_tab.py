"""The Flow tab as a widget: what is chosen is followed through every transform."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QKeyEvent
from pytestqt.qtbot import QtBot

from genexplorer.viewer.tabs.flow import animation_export as film_frames
from genexplorer.viewer.tabs.flow.tab import FlowTab
from genexplorer.viewer.widgets.images import to_array
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import Bench, picture
from tests.genexplorer.viewer.fake_points import LADJ, TRANSFORMS, PointsBench


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    runs = tmp_path_factory.mktemp("runs")
    return {
        images: write_run(runs, steps=60, pictures=False, kind="flow" if images else "flow-points", name=str(images))
        for images in (True, False)
    }


@pytest.fixture(params=[True, False], ids=["images", "points"])
def bench(request: pytest.FixtureRequest, qtbot: QtBot, folders: dict[bool, Path]) -> Iterator[PointsBench]:
    made = PointsBench(FlowTab, folders[request.param], images=request.param)
    tab = _tab(made)
    qtbot.waitUntil(lambda: tab.followed.way is not None and not tab.context.explorer.is_busy, timeout=5000)
    yield made
    made.close()


def _tab(bench: Bench) -> FlowTab:
    assert isinstance(bench.tab, FlowTab)
    return bench.tab


def _settled(qtbot: QtBot, tab: FlowTab) -> None:
    qtbot.waitUntil(lambda: not tab.context.explorer.is_busy, timeout=5000)


def _key(tab: FlowTab, key: Qt.Key) -> bool:
    return tab.on_key(QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))


def test_a_test_image_is_followed_to_the_base(bench: PointsBench) -> None:
    tab = _tab(bench)
    way = tab.followed.way
    assert way is not None and len(way.stations) == TRANSFORMS + 1 == tab.strip.arrangement.count
    assert bench.last("trace").step == bench.context.step
    figures = tab.inspector.figures
    assert figures["sum of log |det|"].text() == f"+{LADJ.sum():.3f} nats"
    assert "2.5e−6" in tab.inspector.back.text()
    assert tab.inspector.scrub.maximum() == TRANSFORMS == tab.choice.station


def test_stations_are_stepped_through_by_keys_slider_and_click(bench: PointsBench) -> None:
    tab = _tab(bench)
    assert _key(tab, Qt.Key.Key_Home) and tab.choice.station == 0 and tab.inspector.scrub.value() == 0
    assert tab.inspector.figures["log |det| here"].text() == "start"
    assert _key(tab, Qt.Key.Key_Right) and tab.strip.station == 1
    tab.inspector.scrub.setValue(4)
    assert tab.strip.station == 4 and "5 of 9" in tab.inspector.name.text()
    tab.strip.chosen.emit(2)
    assert tab.inspector.name.text().startswith("coupling 2")
    assert tab.inspector.figures["log |det| here"].text().startswith("−")


def test_playing_ends_at_the_last_station(bench: PointsBench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    tab._timer.setInterval(1)
    assert _key(tab, Qt.Key.Key_Return) and tab.choice.station == 0 and tab.controls.play.isChecked()
    qtbot.waitUntil(lambda: not tab.controls.play.isChecked(), timeout=5000)
    assert tab.choice.station == TRANSFORMS


def test_a_draw_of_the_base_goes_to_the_data(bench: PointsBench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    forward = tab.command_line()
    assert forward is not None and "trace" in forward and "--index 0" in forward
    assert _key(tab, Qt.Key.Key_D)
    _settled(qtbot, tab)
    assert bench.last("trace").params["temperature"] == 1.0 and not tab.controls.index.isVisible()
    tab.controls.temperature.setValue(50)
    tab.controls.seed.setValue(11)
    _settled(qtbot, tab)
    asked = bench.last("trace").params
    assert asked["temperature"] == 0.5 and asked["seed"] == 11
    assert "--seed 11 --temperature 0.5" in (tab.command_line() or "")
    way = tab.followed.way
    assert way is not None and way.direction == "inverse" and way.stations[0].label == "z"
    assert not tab.inspector.pair[0].isVisible()


def test_time_follows_the_same_through_another_snapshot(bench: PointsBench, qtbot: QtBot) -> None:
    tab = _tab(bench)
    bench.context.cursor.go(5)
    _settled(qtbot, tab)
    assert tab.followed.way is not None and tab.followed.way.step == 5 == bench.last("trace").step
    asked = bench.client.count("trace")
    tab.refresh()
    assert bench.client.count("trace") == asked


def test_stations_and_film_are_saved(bench: PointsBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_frames, "BETWEEN", 1)
    tab = _tab(bench)
    strip, stage, film = tab.save_targets()
    for target, name in ((strip, "a.png"), (stage, "b.png"), (film, "c.gif")):
        target.write(tmp_path / name)
    with Image.open(tmp_path / "a.png") as image:
        assert image.width > 400
    with Image.open(tmp_path / "c.gif") as image:
        assert getattr(image, "n_frames", 1) > 2
    copied = tab.copy_image()
    assert copied is not None and len(np.unique(to_array(copied))) > 3


def test_what_is_followed_is_remembered(bench: PointsBench) -> None:
    tab = _tab(bench)
    tab.restore({"direction": "inverse", "seed": 4, "temperature": 0.7, "index": 2})
    assert tab.state() == {"direction": "inverse", "seed": 4, "temperature": 0.7, "index": 2}
    assert bench.last("trace").params["seed"] == 4


def test_an_image_comes_back(qtbot: QtBot, folders: dict[bool, Path]) -> None:
    bench = PointsBench(FlowTab, folders[True], images=True)
    tab = _tab(bench)
    qtbot.waitUntil(lambda: tab.followed.returned is not None, timeout=5000)
    assert tab.inspector.pair[1].isVisible()
    shown = to_array(tab.inspector.large.picture.image())
    np.testing.assert_array_equal(shown, picture(np.ones((1, 2)), bench.context.step or 0)[0, ..., 0])
    bench.close()


def test_the_points_of_a_toy_go_along(qtbot: QtBot, folders: dict[bool, Path]) -> None:
    bench = PointsBench(FlowTab, folders[False])
    tab = _tab(bench)
    qtbot.waitUntil(lambda: tab.strip.swarm is not None and not tab.context.explorer.is_busy, timeout=5000)
    swarm = tab.strip.swarm
    assert swarm is not None and swarm.stages.shape == (TRANSFORMS + 1, 800, 2)
    assert set(swarm.groups) == set(range(8)) and swarm.reach > 3
    assert tab.inspector.large.currentWidget() is tab.inspector.large.plane
    bench.close()


def test_a_failure_is_told_in_the_stations_place(qtbot: QtBot, folders: dict[bool, Path]) -> None:
    bench = PointsBench(FlowTab, folders[True], failing="the flow has burst")
    tab = _tab(bench)
    qtbot.waitUntil(lambda: "burst" in tab.strip.hint, timeout=5000)
    assert tab.save_targets() == [] and tab.copy_image() is None
    bench.close()


def test_another_family_says_why_not(qtbot: QtBot, tmp_path: Path) -> None:
    bench = PointsBench(FlowTab, write_run(tmp_path / "runs", steps=5, pictures=False))
    reason = _tab(bench).waiting_reason()
    assert reason is not None and "no invertible transforms" in reason and bench.client.asked == []
    bench.close()
