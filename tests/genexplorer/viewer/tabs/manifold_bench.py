"""A Manifold tab on a fake run, and the mouse in it."""

from collections.abc import Iterator
from pathlib import Path

from PyQt6.QtCore import QEvent, QPointF, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from genexplorer.viewer.tabs.manifold.tab import ManifoldTab
from tests.genexplorer.viewer.fake_model import Bench

LEFT = Qt.MouseButton.LeftButton


def open_manifold(qtbot: QtBot, run_folder: Path) -> Iterator[Bench[ManifoldTab]]:
    """Yield a Manifold tab once it shows tiles and points; close it afterwards."""
    bench = Bench(ManifoldTab, run_folder)
    tab = bench.tab
    qtbot.waitUntil(lambda: tab.view.tile_loader.mosaic is not None and tab.view.encodings.cloud is not None)
    yield bench
    bench.close()


def mouse(tab: ManifoldTab, kind: QEvent.Type, place: QPointF) -> None:
    viewport = tab.view.plot.viewport()
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else LEFT
    where = QPointF(viewport.mapToGlobal(place.toPoint()))
    event = QMouseEvent(kind, place, where, button, LEFT, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(viewport, event)


def drag(tab: ManifoldTab, start: QPointF, *stops: QPointF, release: bool = True) -> None:
    mouse(tab, QEvent.Type.MouseButtonPress, start)
    for stop in stops:
        mouse(tab, QEvent.Type.MouseMove, stop)
    if release:
        mouse(tab, QEvent.Type.MouseButtonRelease, stops[-1] if stops else start)


def empty_place(tab: ManifoldTab) -> QPointF:
    """Return a place of the plane far from cursor and points."""
    rect = tab.view.plot.plot_rect()
    return QPointF(rect.left() + 12, rect.bottom() - 12)


def wait_until_settled(qtbot: QtBot, tab: ManifoldTab) -> None:
    qtbot.waitUntil(lambda: not tab.context.model_client.is_busy and not tab.view.point_animation.is_running)
