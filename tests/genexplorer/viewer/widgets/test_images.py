"""Arrays and QImages, whole enlargements, saving; the picture widget; the track's arithmetic; the explorer's queue."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QPointF, QSize
from PyQt6.QtGui import QImage
from pytestqt.qtbot import QtBot

from genexplorer.errors import UserError
from genexplorer.session.palette import LIGHT
from genexplorer.viewer.panes.time_track import TimeTrack, log_fraction, nice_steps
from genexplorer.viewer.preferences import Preferences
from genexplorer.viewer.widgets.images import (
    ImageView,
    enlarged,
    integer_scale,
    montage,
    save_image,
    to_array,
    to_qimage,
)
from tests.fixtures.fake_run import digits

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_arrays_survive_the_round_trip_through_qimage(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(to_array(to_qimage(pixels)), pixels[..., 0] if shape[-1] == 1 else pixels)


def test_a_qimage_owns_its_memory() -> None:
    pixels = np.full((4, 4), 9, np.uint8)
    image = to_qimage(pixels)
    pixels[:] = 0
    assert to_array(image).min() == 9


def test_enlargement_is_whole_and_unsmoothed() -> None:
    pixels = np.array([[0, 255], [255, 0]], np.uint8)
    np.testing.assert_array_equal(to_array(enlarged(to_qimage(pixels), 3)), np.kron(pixels, np.ones((3, 3), np.uint8)))
    assert integer_scale(QSize(28, 28), QSize(100, 90)) == 3
    assert integer_scale(QSize(28, 28), QSize(100, 90), 2.0) == 6
    assert integer_scale(QSize(500, 28), QSize(100, 90)) == 1


def test_montage_arranges_rows() -> None:
    sheet = montage(digits(5), 3, gap_px=1, background="#ffffff")
    assert sheet.shape == (2 * 29 - 1, 3 * 29 - 1, 1)
    np.testing.assert_array_equal(sheet[29:57, 29:57], digits(5)[4])
    assert sheet[29:, 58:].min() == 255 and sheet[28].min() == 255
    assert montage(digits(2), 2, background="#16181C").shape == (28, 56, 3)


def test_saving_replaces_atomically_and_refuses_unknown_formats(tmp_path: Path) -> None:
    image = to_qimage(digits(1)[0])
    for name in ("a.png", "a.gif", "noext"):
        save_image(image, tmp_path / name)
        with Image.open(tmp_path / name) as opened:
            assert opened.size == (28, 28)
    with pytest.raises(UserError):
        save_image(image, tmp_path / "a.docx")
    with pytest.raises(UserError):
        save_image(QImage(), tmp_path / "b.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "a.png", "noext"]


def test_an_image_is_centered_on_whole_pixels(qtbot: QtBot) -> None:
    view = ImageView()
    qtbot.addWidget(view)
    view.resize(100, 100)
    view.set_image(digits(1)[0])
    rect = view.image_rect()
    assert (rect.width(), rect.left(), rect.top()) == (84, 8, 8)
    assert view.pixel_at(QPointF(8.5, 8.5)).x() == 0 and view.pixel_at(QPointF(91, 91)).x() == 27
    assert view.pixel_at(QPointF(3, 50)).x() == -1
    pixels = to_array(view.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8))
    ratio = round(view.devicePixelRatioF())
    np.testing.assert_array_equal(
        pixels[8 * ratio : 92 * ratio : 3 * ratio, 8 * ratio : 92 * ratio : 3 * ratio], digits(1)[0, ..., 0]
    )


def test_an_image_larger_than_the_widget_is_shrunk_not_clipped(qtbot: QtBot) -> None:
    view = ImageView()
    qtbot.addWidget(view)
    view.resize(60, 100)
    view.set_image(np.zeros((200, 200), np.uint8))
    assert view.image_rect().width() == pytest.approx(60) and view.image_rect().height() == pytest.approx(60)


def test_the_track_is_logarithmic() -> None:
    assert log_fraction(0, 10_000) == 0 and log_fraction(10_000, 10_000) == 1
    for step in (0, 1, 7, 400, 9_999):
        assert 10_001 ** log_fraction(step, 10_000) - 1 == pytest.approx(step)
    assert log_fraction(5, 0) == 0
    assert nice_steps(30) == [0, 1, 10, 5, 2, 20]


def test_the_track_selects_the_nearest_snapshot_and_shows_its_value(qtbot: QtBot) -> None:
    track = TimeTrack(LIGHT)
    qtbot.addWidget(track)
    track.resize(800, 92)
    track.set_time((0, 1, 10, 100, 1000), 100, 1500)
    track.set_curve("ELBO", "nats", np.array([0.0, 50, 900]), np.array([-500.0, -200, np.nan]), ())
    assert track.nearest_snapshot(track.x_of(12)) == 10
    assert track.value_at(60) == -200 and track.value_at(2000) == -200
    assert track.x_of(1500) == pytest.approx(790)
    track.grab()  # paints with a NaN among the values


def test_the_track_reads_its_curve_again_when_it_would_look_different(qtbot: QtBot) -> None:
    track = TimeTrack(LIGHT)
    qtbot.addWidget(track)
    track.resize(800, 92)
    assert track.shows_growth(1)  # there is none yet
    steps = np.arange(1.0, 10_001)
    track.set_time((0, 10_000), 10_000, 10_000)
    track.set_curve("ELBO", "nats", steps, np.sin(steps), ())
    assert not track.shows_growth(10_100)
    assert track.shows_growth(10_500)  # four pixels of 780
    track.grab()
    assert track._curve_px is not None
    left, top = track._curve_px[1].T
    assert len(left) <= 781 and (np.diff(np.floor(left)) >= 1).all()  # a point a pixel at most, however many there are
    assert left[-1] == pytest.approx(track.x_of(10_000), abs=1) and 40 < top.min() <= top.max() < 92


def test_preferences_are_bounded_and_written_atomically(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path / "viewer.json")
    preferences.set("geometry", b"\x00\xff")
    preferences.set("tabs", {"Curves": {"smoothing": 0.5}})
    assert preferences.save()
    again = Preferences(tmp_path / "viewer.json")
    assert again.data("geometry") == b"\x00\xff" and again.mapping("tabs") == {"Curves": {"smoothing": 0.5}}
    assert not Preferences(tmp_path / "missing" / "viewer.json").save()
