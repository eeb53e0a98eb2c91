"""The Interpolate tab on every family: which questions are asked, what is shown where one stands, what is saved."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from PyQt6.QtCore import QEvent, QPoint, Qt
from PyQt6.QtGui import QKeyEvent
from pytestqt.qtbot import QtBot

from genexplorer.session.prior import typical_norm
from genexplorer.viewer.tabs.interpolate.path import MAX_BYTES, chord_norms, spaces
from genexplorer.viewer.tabs.interpolate.tab import FRAME_MS, InterpolateTab
from genexplorer.viewer.widgets.images import to_array
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_families import SIZES, FamilyBench, sampled
from tests.genexplorer.viewer.fake_model import mu_of, picture
from tests.genexplorer.viewer.mouse import QTest

Open = Callable[[str], FamilyBench]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    runs = tmp_path_factory.mktemp("runs")
    return {kind: write_run(runs, steps=60, pictures=False, kind=kind, name=kind) for kind in SIZES}  # type: ignore[arg-type]


@pytest.fixture
def opened(qtbot: QtBot, folders: dict[str, Path]) -> Iterator[Open]:
    benches: list[FamilyBench] = []

    def open_kind(kind: str) -> FamilyBench:
        benches.append(FamilyBench(InterpolateTab, folders[kind], kind))
        _settled(qtbot, benches[-1])
        return benches[-1]

    yield open_kind
    for bench in benches:
        bench.close()


def _settled(qtbot: QtBot, bench: FamilyBench) -> None:
    qtbot.waitUntil(lambda: not bench.context.model_client.is_busy)


def _tab(bench: FamilyBench) -> InterpolateTab:
    assert isinstance(bench.tab, InterpolateTab)
    return bench.tab


def _z(tab: InterpolateTab, name: str) -> NDArray[np.float64]:
    found = tab.ends[name].z
    assert found is not None
    return found


def _key(bench: FamilyBench, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> bool:
    return bench.tab.on_key(QKeyEvent(QEvent.Type.KeyPress, key, modifier))


@pytest.mark.parametrize("kind", ["vae", "gan", "flow"])
def test_two_samples_are_joined_by_nine_images(opened: Open, kind: str) -> None:
    bench = opened(kind)
    tab, size = _tab(bench), SIZES[kind]
    asked = [q for q in bench.client.asked if q.op == "interpolate"]
    assert [q.params["count"] for q in asked] == [9, 65] and {q.params["mode"] for q in asked} == {"spherical"}
    ends = np.concatenate([sampled(0, size), sampled(7, size)])
    np.testing.assert_allclose(asked[0].arrays["z"], ends)
    assert tab.way.frames is not None and len(tab.way.frames.strip) == 9 and len(tab.way.frames.t) == 65
    tab.scrub(0.25)
    shown, z = to_array(tab.stage.picture.image()), 0.75 * ends[0] + 0.25 * ends[1]
    np.testing.assert_array_equal(shown, picture(z, bench.context.step or 0)[0, ..., 0])
    assert tab.transport.where.text().startswith("t = 0.25")


def test_keys_walk_and_choose(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = _tab(bench)
    assert _key(bench, Qt.Key.Key_Home) and tab.way.t == 0
    assert _key(bench, Qt.Key.Key_Right) and tab.way.t == pytest.approx(1 / 8)
    assert _key(bench, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier) and tab.way.t == pytest.approx(9 / 64)
    assert _key(bench, Qt.Key.Key_End) and tab.way.t == 1 and _key(bench, Qt.Key.Key_Right) and tab.way.t == 1
    a, b = _z(tab, "A"), _z(tab, "B")
    assert _key(bench, Qt.Key.Key_X) and np.array_equal(_z(tab, "A"), b) and np.array_equal(_z(tab, "B"), a)
    assert _key(bench, Qt.Key.Key_M) and tab.way.mode == "linear"
    assert _key(bench, Qt.Key.Key_Plus) and tab.way.count == 10
    _settled(qtbot, bench)
    last = bench.client.asked[-1]
    assert last.params["mode"] == "linear" and (last.params["count"] - 1) % 9 == 0
    seeds = tab.ends["A"].seed, tab.ends["B"].seed
    assert _key(bench, Qt.Key.Key_R) and (tab.ends["A"].seed, tab.ends["B"].seed) != seeds
    assert not _key(bench, Qt.Key.Key_Escape)  # nothing to give up: the window may use it
    assert not _key(bench, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)


def test_space_plays_to_and_fro(opened: Open) -> None:
    bench = opened("vae")
    tab = _tab(bench)
    tab.scrub(0.97)
    assert _key(bench, Qt.Key.Key_Space) and tab.is_playing
    seen = []
    for _ in range(8):
        tab._tick()
        seen.append(tab.way.t)
    assert max(seen) == 1.0 and seen[-1] < 1.0
    assert _key(bench, Qt.Key.Key_Space) and not tab.is_playing
    _key(bench, Qt.Key.Key_Space)
    tab.deactivated()
    assert not tab.is_playing


def test_the_mouse_scrubs_along_the_strip(opened: Open) -> None:
    bench = opened("gan")
    tab = _tab(bench)
    place = QPoint(round(tab.track.x_of(0.5)), 20)
    QTest.mousePress(tab.track, Qt.MouseButton.LeftButton, pos=place)
    assert tab.way.t == pytest.approx(0.5, abs=0.01) and bench.context.dragging
    QTest.mouseMove(tab.track, QPoint(round(tab.track.x_of(1.0)) + 90, 20))
    QTest.mouseRelease(tab.track, Qt.MouseButton.LeftButton)
    assert not bench.context.dragging


def test_a_time_that_comes_in_a_drag_waits_for_its_end(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = _tab(bench)
    before = bench.client.count("interpolate")
    tab.track.scrubbing.emit(True)
    tab.on_time(bench.followed.snapshots[1])
    assert bench.client.count("interpolate") == before
    tab.track.scrubbing.emit(False)
    _settled(qtbot, bench)
    assert bench.client.asked[-1].step == bench.followed.snapshots[1]


def test_time_goes_the_same_way_through_another_snapshot(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = _tab(bench)
    before = np.stack([_z(tab, "A"), _z(tab, "B")])
    drawn = bench.client.count("sample")
    bench.context.cursor.go(bench.followed.snapshots[2])
    _settled(qtbot, bench)
    last = bench.client.asked[-1]
    assert last.op == "interpolate" and last.step == bench.followed.snapshots[2]
    np.testing.assert_allclose(last.arrays["z"], before)
    assert bench.client.count("sample") == drawn
    assert tab.way.frames is not None and tab.way.frames.step == last.step


def test_a_test_image_is_encoded_and_follows_the_encoder(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab = _tab(bench)
    tab.ends.choose("A", "test")
    tab.panels["A"].number.setValue(17)
    _settled(qtbot, bench)
    step = bench.context.step or 0
    np.testing.assert_allclose(_z(tab, "A"), mu_of(np.array([17]), step)[0], rtol=1e-6)
    assert "label 7" in tab.panels["A"].picture.accessibleDescription()
    bench.context.cursor.go(bench.followed.snapshots[1])
    _settled(qtbot, bench)
    expected = mu_of(np.array([17]), bench.followed.snapshots[1])[0]
    np.testing.assert_allclose(bench.client.asked[-1].arrays["z"][0], expected, rtol=1e-6)


def test_a_latent_is_set_number_by_number_where_it_is_small(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab = _tab(bench)
    was = _z(tab, "B")
    tab.ends.choose("B", "latent")
    np.testing.assert_allclose(_z(tab, "B"), was)  # goes on from where it was
    tab.panels["B"].latent.changed.emit(1, -1.25)
    _settled(qtbot, bench)
    assert bench.client.asked[-1].arrays["z"][1, 1] == pytest.approx(-1.25)
    assert "latent" not in opened("gan").tab.ends.kinds()  # type: ignore[attr-defined]


def test_the_manifolds_pins_can_be_ends(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab = _tab(bench)
    assert "pin A" not in tab.ends.kinds()
    bench.context.pins = {"A": np.array([1.0, 2.0]), "B": np.zeros(5)}
    tab.activated()
    assert "pin A" in tab.ends.kinds() and "pin B" not in tab.ends.kinds()  # of another size
    tab.ends.choose("A", "pin A")
    _settled(qtbot, bench)
    np.testing.assert_allclose(bench.client.asked[-1].arrays["z"][0], [1, 2])


def test_a_gans_test_image_is_searched_for(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab, client = _tab(bench), bench.client
    tab.ends.choose("B", "test")
    qtbot.waitUntil(lambda: bool(client.searches) and tab.ends["B"].x is not None)
    assert tab.ends.both is None and "Esc" in tab._hint()
    client.progress(0.4, "step 80 of 200, error 0.051")
    qtbot.waitUntil(lambda: "0.051" in tab.panels["B"].said.text())
    assert tab.panels["B"].progress.value() == 40
    bench.context.cursor.go(bench.followed.snapshots[1])  # the search goes on
    assert tab.ends.searches["B"].busy and client.count("invert") == 1
    client.finish_search(0.0123)
    qtbot.waitUntil(lambda: tab.ends.both is not None)
    assert "0.0123" in tab.panels["B"].said.text()
    _settled(qtbot, bench)
    np.testing.assert_allclose(client.asked[-1].arrays["z"][1], mu_of(np.array([1]), 0, 100)[0])


def test_a_search_is_given_up_with_escape_and_begun_again(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab, client = _tab(bench), bench.client
    tab.ends.choose("A", "test")
    qtbot.waitUntil(lambda: bool(client.searches))
    assert _key(bench, Qt.Key.Key_Escape) and not tab.ends.searches["A"].busy
    assert not bench.context.model_client.is_pending("job") and "given up" in tab._hint()
    client.finish_search()  # comes too late
    qtbot.wait(20)
    assert tab.ends["A"].z is None
    tab.panels["A"].act.click()
    qtbot.waitUntil(lambda: len(client.searches) == 2)
    tab.deactivated()
    assert not tab.ends.searches["A"].busy
    tab.activated()
    qtbot.waitUntil(lambda: len(client.searches) == 3)


@pytest.mark.parametrize("kind", ["vae-points", "gan-points", "flow-points"])
def test_points_are_joined_in_their_plane(opened: Open, kind: str, tmp_path: Path) -> None:
    bench = opened(kind)
    tab = _tab(bench)
    assert tab.stage.currentIndex() == 1 and not tab.panels["A"].picture.isVisible()
    assert bench.client.count("points") >= 1
    before = tab.stage.data.accessibleDescription()
    assert before.startswith("A (")
    tab.scrub(1.0)
    assert tab.stage.data.accessibleDescription() != before
    assert [target.label for target in tab.save_targets()] == ["Picture at t", "Walk as animation"]
    tab.save_targets()[0].write(tmp_path / "plane.png")
    copied = tab.copy_image()
    assert copied is not None and Image.open(tmp_path / "plane.png").width == copied.width() > 200


def test_the_command_names_both_ends(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab = _tab(bench)
    tab.ends.choose("A", "test")
    tab.ends.set_index("A", 12)
    tab.set_mode("linear")
    _settled(qtbot, bench)
    assert "--from=test:12 --to=7 --mode linear" in (tab.command_line() or "")
    tab.ends.choose("B", "latent")
    tab.ends.set_number("B", 0, -0.5)
    tab.ends.set_number("B", 1, 2.0)
    assert "--to=-0.5,2 " in (tab.command_line() or "")


def test_what_can_be_saved_is_saved(opened: Open, tmp_path: Path) -> None:
    tab = _tab(opened("gan"))
    strip, walk, one = tab.save_targets()
    strip.write(tmp_path / "strip.png")
    assert Image.open(tmp_path / "strip.png").width > 9 * 28
    for suffix in walk.suffixes:
        walk.write(tmp_path / f"walk{suffix}")
        with Image.open(tmp_path / f"walk{suffix}") as animation:
            assert getattr(animation, "n_frames", 1) > 2  # GIF merges frames whose 32 gray levels are equal
            durations = []
            for frame in ImageSequence.Iterator(animation):
                frame.load()
                durations.append(frame.info["duration"])
        assert sum(durations) == (65 + 63) * FRAME_MS
    one.write(tmp_path / "one.png")


def test_pictures_that_are_no_numbers_are_told(opened: Open, qtbot: QtBot) -> None:
    bench = opened("flow")
    bench.client.exploded = True
    _tab(bench).random_both()
    _settled(qtbot, bench)
    assert "25.0%" in _tab(bench).stage.picture.accessibleDescription() and not bench.tab.grab().isNull()


def test_it_says_what_is_missing(opened: Open, qtbot: QtBot) -> None:
    bench = opened("flow")
    tab = _tab(bench)
    bench.client.failing = "the snapshot is gone"
    tab.ends.another("A")
    _settled(qtbot, bench)
    assert "the snapshot is gone" in tab._hint() and "gone" in tab.panels["A"].said.text()
    card = bench.followed.card()
    capability = card.capability("decode").model_copy(update={"available": False, "reason": "it has no decoder"})
    blind = card.model_copy(update={"capabilities": {**card.capabilities, "decode": capability}})
    bench.followed.card = lambda step=None: blind  # type: ignore[method-assign]
    tab.on_time(bench.context.step)
    assert "it has no decoder" in (tab.waiting_reason() or "") and not _key(bench, Qt.Key.Key_Space)
    tab.on_time(None)
    assert "first snapshot" in (tab.waiting_reason() or "")
    tab.set_run(None)
    assert "No run" in (tab.waiting_reason() or "")
    assert tab.save_targets() == [] and tab.copy_image() is None and tab.command_line() is None


def test_what_was_chosen_is_remembered(opened: Open, qtbot: QtBot) -> None:
    one, other = _tab(opened("vae")), _tab(opened("vae"))
    one.ends.choose("B", "test")
    one.ends.set_index("B", 42)
    one.set_mode("linear")
    one.set_count(5)
    wrong: list[dict[str, object]] = [
        {"count": -1, "mode": 3, "ends": {"A": {"kind": "no", "seed": True}}},
        {"ends": []},
    ]
    for nonsense in wrong:
        other.restore(nonsense)
    assert other.way.count == 9 and other.ends["A"].kind == "sample"
    other.restore(one.state())
    assert other.state() == one.state()


def test_lengths_on_the_way() -> None:
    ends = np.array([[1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_allclose(chord_norms(ends, np.array([0, 0.5, 1])), [1, 0, 1], atol=1e-12)
    drawn = np.random.default_rng(0).standard_normal((20_000, 100))
    assert typical_norm(100) == pytest.approx(np.linalg.norm(drawn, axis=1).mean(), rel=2e-3)


def test_a_smooth_walk_holds_the_strip_and_is_bounded() -> None:
    assert spaces(9, 784) == 8 and spaces(2, 784) == 64 and spaces(100, 784) == 1
    large = 3 * 1024 * 1024
    assert spaces(9, large) == 1 and (9 - 1) * spaces(9, 64 * 64 * 3) * 64 * 64 * 3 < MAX_BYTES
