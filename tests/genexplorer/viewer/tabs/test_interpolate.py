"""The Interpolate tab on every family: its requests, what it shows at a t, and what it saves."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from genexplorer.session import latent_path
from genexplorer.session.own_image import OwnImage
from genexplorer.session.plane import typical_norm
from genexplorer.viewer.tabs.interpolate.interpolation import MAX_FILE_BYTES, animation_stride, chord_norms
from genexplorer.viewer.tabs.interpolate.tab import FRAME_MS, InterpolateTab
from genexplorer.viewer.widgets.images import to_array
from tests.genexplorer.viewer.fake_families import SIZES, FamilyBench, sampled
from tests.genexplorer.viewer.fake_model import mu_of, picture, press_key, wait_for_replies
from tests.genexplorer.viewer.mouse import QTest

Open = Callable[[str], FamilyBench[InterpolateTab]]


@pytest.fixture
def opened(qtbot: QtBot, family_folders: dict[str, Path]) -> Iterator[Open]:
    benches: list[FamilyBench[InterpolateTab]] = []

    def open_kind(kind: str) -> FamilyBench[InterpolateTab]:
        benches.append(FamilyBench(InterpolateTab, family_folders[kind], kind))
        wait_for_replies(qtbot, benches[-1].tab)
        return benches[-1]

    yield open_kind
    for bench in benches:
        bench.close()


def _z(tab: InterpolateTab, name: str) -> NDArray[np.float64]:
    latent = tab.endpoints[name].z
    assert latent is not None
    return latent


@pytest.mark.parametrize("kind", ["vae", "gan", "flow"])
def test_two_samples_are_joined_by_nine_images(opened: Open, kind: str) -> None:
    bench = opened(kind)
    tab, size = bench.tab, SIZES[kind]
    requests = [q for q in bench.client.requests if q.op == "interpolate"]
    assert [q.params["count"] for q in requests] == [9, 65] and {q.params["mode"] for q in requests} == {"spherical"}
    endpoints = np.concatenate([sampled(0, size), sampled(7, size)])
    np.testing.assert_allclose(requests[0].arrays["z"], endpoints)
    assert (
        tab.interpolation.frames is not None
        and len(tab.interpolation.frames.strip) == 9
        and len(tab.interpolation.frames.t) == 65
    )
    tab.scrub(0.25)
    image, z = to_array(tab.preview.image_view.image()), 0.75 * endpoints[0] + 0.25 * endpoints[1]
    np.testing.assert_array_equal(image, picture(z, bench.context.step or 0)[0, ..., 0])
    assert tab.controls.position.text().startswith("t = 0.25")


def test_keys_move_and_choose(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = bench.tab
    path = tab.interpolation
    assert press_key(bench.tab, Qt.Key.Key_Home) and path.t == 0
    assert press_key(bench.tab, Qt.Key.Key_Right) and path.t == pytest.approx(1 / 8)
    assert press_key(bench.tab, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier) and path.t == pytest.approx(9 / 64)
    assert (
        press_key(bench.tab, Qt.Key.Key_End) and path.t == 1 and press_key(bench.tab, Qt.Key.Key_Right) and path.t == 1
    )
    a, b = _z(tab, "A"), _z(tab, "B")
    assert press_key(bench.tab, Qt.Key.Key_X) and np.array_equal(_z(tab, "A"), b) and np.array_equal(_z(tab, "B"), a)
    assert press_key(bench.tab, Qt.Key.Key_M) and tab.interpolation.mode == "linear"
    assert press_key(bench.tab, Qt.Key.Key_Plus) and tab.interpolation.count == 10
    wait_for_replies(qtbot, bench.tab)
    last = bench.client.requests[-1]
    assert last.params["mode"] == "linear" and (last.params["count"] - 1) % 9 == 0
    seeds = tab.endpoints["A"].seed, tab.endpoints["B"].seed
    assert press_key(bench.tab, Qt.Key.Key_R) and (tab.endpoints["A"].seed, tab.endpoints["B"].seed) != seeds
    assert not press_key(bench.tab, Qt.Key.Key_Escape)  # nothing to cancel: the window may use it
    assert not press_key(bench.tab, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)


def test_space_plays_back_and_forth(opened: Open) -> None:
    bench = opened("vae")
    tab = bench.tab
    tab.scrub(0.97)
    assert press_key(bench.tab, Qt.Key.Key_Space) and tab.is_playing
    positions = []
    for _ in range(8):
        tab._advance()
        positions.append(tab.interpolation.t)
    assert max(positions) == 1.0 and positions[-1] < 1.0
    assert press_key(bench.tab, Qt.Key.Key_Space) and not tab.is_playing
    press_key(bench.tab, Qt.Key.Key_Space)
    tab.deactivated()
    assert not tab.is_playing


def test_the_mouse_scrubs_along_the_strip(opened: Open) -> None:
    bench = opened("gan")
    tab = bench.tab
    place = QPoint(round(tab.strip.x_of(0.5)), 20)
    QTest.mousePress(tab.strip, Qt.MouseButton.LeftButton, pos=place)
    assert tab.interpolation.t == pytest.approx(0.5, abs=0.01) and bench.context.dragging
    QTest.mouseMove(tab.strip, QPoint(round(tab.strip.x_of(1.0)) + 90, 20))
    QTest.mouseRelease(tab.strip, Qt.MouseButton.LeftButton)
    assert not bench.context.dragging


def test_a_snapshot_during_a_drag_waits_for_its_end(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = bench.tab
    before = bench.client.count("interpolate")
    tab.strip.scrubbing.emit(True)
    tab.on_time(bench.followed.snapshots[1])
    assert bench.client.count("interpolate") == before
    tab.strip.scrubbing.emit(False)
    wait_for_replies(qtbot, bench.tab)
    assert bench.client.requests[-1].step == bench.followed.snapshots[1]


def test_another_snapshot_decodes_the_same_path(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = bench.tab
    before = np.stack([_z(tab, "A"), _z(tab, "B")])
    num_samples = bench.client.count("sample")
    bench.context.step_selection.select(bench.followed.snapshots[2])
    wait_for_replies(qtbot, bench.tab)
    last = bench.client.requests[-1]
    assert last.op == "interpolate" and last.step == bench.followed.snapshots[2]
    np.testing.assert_allclose(last.arrays["z"], before)
    assert bench.client.count("sample") == num_samples
    assert tab.interpolation.frames is not None and tab.interpolation.frames.step == last.step


def test_a_test_image_is_encoded_and_follows_the_encoder(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab = bench.tab
    tab.endpoints.choose("A", "test")
    tab.endpoint_panels["A"].number.setValue(17)
    wait_for_replies(qtbot, bench.tab)
    step = bench.context.step or 0
    np.testing.assert_allclose(_z(tab, "A"), mu_of(np.array([17]), step)[0], rtol=1e-6)
    assert "label 7" in tab.endpoint_panels["A"].image_view.accessibleDescription()
    bench.context.step_selection.select(bench.followed.snapshots[1])
    wait_for_replies(qtbot, bench.tab)
    expected = mu_of(np.array([17]), bench.followed.snapshots[1])[0]
    np.testing.assert_allclose(bench.client.requests[-1].arrays["z"][0], expected, rtol=1e-6)


def test_a_small_latent_is_set_by_its_coordinates(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab = bench.tab
    was = _z(tab, "B")
    tab.endpoints.choose("B", "latent")
    np.testing.assert_allclose(_z(tab, "B"), was)  # goes on from where it was
    tab.endpoint_panels["B"].latent.changed.emit(1, -1.25)
    wait_for_replies(qtbot, bench.tab)
    assert bench.client.requests[-1].arrays["z"][1, 1] == pytest.approx(-1.25)
    assert "latent" not in opened("gan").tab.endpoints.kinds()


def test_the_manifolds_pins_can_be_ends(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab = bench.tab
    assert "pin A" not in tab.endpoints.kinds()
    bench.context.pinned_latents = {"A": np.array([1.0, 2.0]), "B": np.zeros(5)}
    tab.activated()
    assert "pin A" in tab.endpoints.kinds() and "pin B" not in tab.endpoints.kinds()  # of another size
    tab.endpoints.choose("A", "pin A")
    wait_for_replies(qtbot, bench.tab)
    np.testing.assert_allclose(bench.client.requests[-1].arrays["z"][0], [1, 2])


def test_a_gans_test_image_is_searched_for(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab, client = bench.tab, bench.client
    tab.endpoints.choose("B", "test")
    qtbot.waitUntil(lambda: bool(client.searches) and tab.endpoints["B"].x is not None)
    assert tab.endpoints.latents is None and "Esc" in tab._hint()
    client.progress(0.4, "step 80 of 200, error 0.051")
    qtbot.waitUntil(lambda: "0.051" in tab.endpoint_panels["B"].status.text())
    assert tab.endpoint_panels["B"].progress.value() == 40
    bench.context.step_selection.select(bench.followed.snapshots[1])  # the search goes on
    assert tab.endpoints.searches["B"].is_running and client.count("invert") == 1
    client.finish_search(0.0123)
    qtbot.waitUntil(lambda: tab.endpoints.latents is not None)
    assert "0.0123" in tab.endpoint_panels["B"].status.text()
    wait_for_replies(qtbot, bench.tab)
    np.testing.assert_allclose(client.requests[-1].arrays["z"][1], mu_of(np.array([1]), 0, 100)[0])


def test_a_search_is_canceled_with_escape_and_repeated(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab, client = bench.tab, bench.client
    tab.endpoints.choose("A", "test")
    qtbot.waitUntil(lambda: bool(client.searches))
    assert press_key(bench.tab, Qt.Key.Key_Escape) and not tab.endpoints.searches["A"].is_running
    assert not bench.context.model_client.is_pending("job") and "canceled" in tab._hint()
    client.finish_search()  # comes too late
    qtbot.wait(20)
    assert tab.endpoints["A"].z is None
    tab.endpoint_panels["A"].search_button.click()
    qtbot.waitUntil(lambda: len(client.searches) == 2)
    tab.deactivated()
    assert not tab.endpoints.searches["A"].is_running
    tab.activated()
    qtbot.waitUntil(lambda: len(client.searches) == 3)


@pytest.mark.parametrize("kind", ["vae-points", "gan-points", "flow-points"])
def test_points_are_joined_in_their_plane(opened: Open, kind: str, tmp_path: Path) -> None:
    bench = opened(kind)
    tab = bench.tab
    assert tab.preview.currentIndex() == 1 and not tab.endpoint_panels["A"].image_view.isVisible()
    assert bench.client.count("points") >= 1
    before = tab.preview.data.accessibleDescription()
    assert before.startswith("A (")
    tab.scrub(1.0)
    assert tab.preview.data.accessibleDescription() != before
    assert [target.label for target in tab.save_targets()] == ["Image at t", "Animation", "Path as list of z"]
    tab.save_targets()[0].write(tmp_path / "plane.png")
    copied = tab.copy_image()
    assert copied is not None and Image.open(tmp_path / "plane.png").width == copied.width() > 200


def test_the_command_names_both_ends(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab = bench.tab
    tab.endpoints.choose("A", "test")
    tab.endpoints.set_index("A", 12)
    tab.set_mode("linear")
    wait_for_replies(qtbot, bench.tab)
    assert "--from=test:12 --to=7 --mode linear" in (tab.command_line() or "")
    tab.endpoints.choose("B", "latent")
    tab.endpoints.set_coordinate("B", 0, -0.5)
    tab.endpoints.set_coordinate("B", 1, 2.0)
    assert "--to=-0.5,2 " in (tab.command_line() or "")


def test_what_can_be_saved_is_saved(opened: Open, tmp_path: Path) -> None:
    tab = opened("gan").tab
    strip, walk, first, path = tab.save_targets()
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
    first.write(tmp_path / "one.png")
    path.write(tmp_path / "path.json")
    frames = tab.interpolation.frames
    assert frames is not None
    z = latent_path.read_json(tmp_path / "path.json", frames.z.shape[1]).z
    assert z == pytest.approx(frames.z, abs=1e-6)


def test_values_that_are_not_finite_are_reported(opened: Open, qtbot: QtBot) -> None:
    bench = opened("flow")
    bench.client.exploded = True
    bench.tab.resample_both()
    wait_for_replies(qtbot, bench.tab)
    assert "25.0%" in bench.tab.preview.image_view.accessibleDescription() and not bench.tab.grab().isNull()


def test_missing_parts_are_reported(opened: Open, qtbot: QtBot) -> None:
    bench = opened("flow")
    tab = bench.tab
    bench.client.failing = "the snapshot is gone"
    tab.endpoints.resample("A")
    wait_for_replies(qtbot, bench.tab)
    assert "the snapshot is gone" in tab._hint() and "gone" in tab.endpoint_panels["A"].status.text()
    card = bench.followed.card()
    capability = card.capability("decode").model_copy(update={"available": False, "reason": "it has no decoder"})
    blind = card.model_copy(update={"capabilities": {**card.capabilities, "decode": capability}})
    bench.followed.card = lambda step=None: blind  # type: ignore[method-assign]
    tab.on_time(bench.context.step)
    assert "it has no decoder" in (tab.waiting_reason() or "") and not press_key(bench.tab, Qt.Key.Key_Space)
    tab.on_time(None)
    assert "first snapshot" in (tab.waiting_reason() or "")
    tab.set_run(None)
    assert "No run" in (tab.waiting_reason() or "")
    assert tab.save_targets() == [] and tab.copy_image() is None and tab.command_line() is None


def test_choices_are_restored(opened: Open, qtbot: QtBot) -> None:
    first, second = opened("vae").tab, opened("vae").tab
    first.endpoints.choose("B", "test")
    first.endpoints.set_index("B", 42)
    first.set_mode("linear")
    first.set_count(5)
    wrong: list[dict[str, object]] = [
        {"count": -1, "mode": 3, "ends": {"A": {"kind": "no", "seed": True}}},
        {"ends": []},
    ]
    for nonsense in wrong:
        second.restore(nonsense)
    assert second.interpolation.count == 9 and second.endpoints["A"].kind == "sample"
    second.restore(first.state())
    assert second.state() == first.state()


def test_norms_along_the_path() -> None:
    endpoints = np.array([[1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_allclose(chord_norms(endpoints, np.array([0, 0.5, 1])), [1, 0, 1], atol=1e-12)
    samples = np.random.default_rng(0).standard_normal((20_000, 100))
    assert typical_norm(100) == pytest.approx(np.linalg.norm(samples, axis=1).mean(), rel=2e-3)


def test_an_animation_contains_the_strip_and_is_bounded() -> None:
    assert animation_stride(9, 784) == 8 and animation_stride(2, 784) == 64 and animation_stride(100, 784) == 1
    large = 3 * 1024 * 1024
    assert animation_stride(9, large) == 1 and (9 - 1) * animation_stride(9, 64 * 64 * 3) * 64 * 64 * 3 < MAX_FILE_BYTES


def test_an_endpoint_can_be_the_mean_of_a_class_or_an_image_of_the_user(opened: Open, qtbot: QtBot) -> None:
    bench = opened("vae")
    tab, step, size = bench.tab, bench.context.step, SIZES["vae"]
    assert step is not None and tab.card is not None
    assert "own" not in tab.endpoints.kinds(), "there is no image yet"
    data = tab.card.data.model_copy(update={"class_names": ("<b>x</b>", "fox"), "num_classes": 10})
    tab.card = tab.card.model_copy(update={"data": data})
    tab.show_snapshot(tab.card, step)
    tab.endpoints.choose("A", "class")
    wait_for_replies(qtbot, tab)
    codes = mu_of(np.arange(2_000), step, size).astype(np.float64)
    np.testing.assert_allclose(_z(tab, "A"), codes[::10].mean(axis=0), rtol=1e-6)
    panel = tab.endpoint_panels["A"]
    assert panel.class_box.currentText() == "<b>x</b>" and panel.class_box.isVisible() and not panel.number.isVisible()
    panel.class_box.setCurrentIndex(1)
    panel.class_box.activated.emit(1)
    wait_for_replies(qtbot, tab)
    np.testing.assert_allclose(_z(tab, "A"), codes[1::10].mean(axis=0), rtol=1e-6)
    assert bench.client.count("encodings") == 1
    # An image that was opened or drawn in the Encode tab.
    bench.context.own_image = OwnImage(np.full((28, 28, 1), 51, np.uint8), "mine.png")
    tab.activated()
    tab.endpoints.choose("B", "own")
    wait_for_replies(qtbot, tab)
    np.testing.assert_allclose(_z(tab, "B"), 0.2, rtol=1e-6)
    np.testing.assert_array_equal(tab.endpoints["B"].x, bench.context.own_image.x)
    command = tab.build_command("run", step)
    assert command is not None and "0.2" in command
    # Another run has no image of the user.
    tab.endpoints.clear()
    assert tab.endpoints.own_image is None


def test_the_latent_of_an_own_image_is_searched_without_an_encoder(opened: Open, qtbot: QtBot) -> None:
    bench = opened("gan")
    tab = bench.tab
    bench.context.own_image = OwnImage(np.full((28, 28, 1), 51, np.uint8), "mine.png")
    tab.activated()
    assert "class" not in tab.endpoints.kinds()
    tab.endpoints.choose("A", "own")
    qtbot.waitUntil(lambda: bench.client.count("invert") > 0)
    request = bench.last("invert")
    np.testing.assert_array_equal(request.arrays["images"][0], bench.context.own_image.x)
