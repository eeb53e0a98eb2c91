from fractions import Fraction

import numpy as np
import pytest
from PyQt6.QtCore import QRectF
from PyQt6.QtGui import QColor, QImage, QPainter, QTransform
from pytestqt.qtbot import QtBot

from genexplorer.viewer.tabs.manifold.layers import MarkLayer, TileLayer
from genexplorer.viewer.tabs.manifold.tiles import Mosaic, TileGrid
from genexplorer.viewer.widgets.animation import FRAME_MS, FrameAnimation


@pytest.fixture
def mosaic() -> Mosaic:
    grid = TileGrid("z", (1.0, 1.0), -2, 1, -1, 1, Fraction(2))
    made = Mosaic(grid, (1, 5, 5), 10)
    made.pixels[:] = np.random.default_rng(0).integers(0, 256, made.pixels.shape, np.uint8)
    return made


def _painted(layer: TileLayer | MarkLayer, ratio: float) -> QImage:
    image = QImage(round(60 * ratio), round(50 * ratio), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor("#335577"))
    painter = QPainter(image)
    layer.paint_px(painter, QTransform(10.0, 0, 0, -10.0, 25.0, 20.0))
    painter.end()
    return image


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_tiles_that_stay_look_the_same_each_time_and_change_with_what_they_show(
    qtbot: QtBot, mosaic: Mosaic, ratio: float
) -> None:
    layer = TileLayer()
    layer.set_mosaic(mosaic)
    layer.veil = QColor(0, 0, 0, 90)
    first, second, third = (_painted(layer, ratio) for _ in range(3))
    assert first == second == third
    layer.veil = QColor(0, 0, 0, 0)
    bare = _painted(layer, ratio)
    assert bare != first and bare == _painted(layer, ratio)
    mosaic.pixels[:] = 255 - mosaic.pixels
    layer.set_mosaic(mosaic)  # the same one: other tiles were put into it
    assert _painted(layer, ratio) != bare


@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0])
def test_the_cursor_is_drawn_where_it_is_on_every_screen(qtbot: QtBot, ratio: float) -> None:
    layer = MarkLayer()
    plain = _painted(layer, ratio)
    layer.marks.cursor = np.array([0.5, -0.5])  # 30, 25 px
    painted = _painted(layer, ratio)
    changed = QRectF()
    for y in range(painted.height()):
        for x in range(painted.width()):
            if painted.pixel(x, y) != plain.pixel(x, y):
                changed = changed.united(QRectF(x / ratio, y / ratio, 1 / ratio, 1 / ratio))
    assert abs(changed.center().x() - 30) <= 1 and abs(changed.center().y() - 25) <= 1
    assert 28 <= changed.width() <= 36 and 28 <= changed.height() <= 36


def test_a_movement_draws_few_frames_and_arrives(qtbot: QtBot) -> None:
    shares: list[float] = []
    movement = FrameAnimation(shares.append, 200)
    for _ in range(2):
        shares.clear()
        movement.start()
        qtbot.waitUntil(lambda: not movement.is_running)
        assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) <= 200 // FRAME_MS + 2
