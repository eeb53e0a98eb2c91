"""From a mouse move to the painted picture: panning the 20×20 manifold in the viewer's tab, through the real explorer.

    python -m benchmarks.viewer_drag RUN_FOLDER [--seconds 6] [--whole]

A 2-D run, finished or training, is shown in a panel of 600 by 600 pixels and dragged by its background, 100 moves a
second. A picture counts once it covers the panel. `--whole` forgets what is known, so that every picture is decoded
whole. Without a display it draws offscreen.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtCore import QEvent, QPointF, Qt
from PyQt6.QtGui import QMouseEvent, QPainter, QTransform
from PyQt6.QtWidgets import QApplication

from genexplorer.explore.client import ExplorerClient
from genexplorer.session.followed_run import FollowedRun
from genexplorer.session.time_cursor import TimeCursor
from genexplorer.viewer import style
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.explorer import Explorer
from genexplorer.viewer.manifold.layers import TileLayer
from genexplorer.viewer.manifold.tab import ManifoldTab

MOVES_PER_S = 100


def main() -> int:
    """Drag and print the quantiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    if options.run is None:
        print("  needs the folder of a 2-D run: python -m benchmarks.viewer_drag RUN_FOLDER")
        return 0
    app = QApplication(sys.argv[:1])
    palette = style.palette_for("dark")
    style.apply(app, palette)
    explorer = Explorer(lambda answer, ended: ExplorerClient(answer, ended))
    context = ViewerContext(TimeCursor(), palette, explorer, options.run.parent)
    tab = ManifoldTab(context)
    context.run_changed.connect(lambda: tab.set_run(context.run))
    context.time_changed.connect(lambda step: tab.on_time(None if step < 0 else step))
    tab.resize(940, 690)
    tab.show()
    tab.is_active = True
    followed = FollowedRun(options.run)
    followed.poll()
    context.open(followed)
    tab.activated()
    _spin(app, 30, lambda: tab.stage.decoder.mosaic is not None)
    if tab.stage.decoder.mosaic is None:
        print(f"  {options.run} showed no picture in 30 s")
        return 1
    tab.stage.toolbar.points.setChecked(False)
    _spin(app, 1.0)
    if options.whole:
        _forget_everything(tab)
    _report(*_drag(app, tab, options.seconds), tab)
    tab.closing()
    context.close()
    return 0


def _spin(app: QApplication, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not until():
        app.processEvents()
        time.sleep(0.0005)


def _forget_everything(tab: ManifoldTab) -> None:
    """Make every picture be decoded whole, though only its rim is new."""
    decoder = tab.stage.decoder
    show = decoder.show

    def forgetful(*args: Any, **words: Any) -> None:
        decoder.mosaic = None
        show(*args, **words)

    decoder.show = forgetful  # type: ignore[method-assign]


def _drag(app: QApplication, tab: ManifoldTab, seconds: float) -> tuple[list[float], list[float], list[float]]:
    """Drag in a curve; return the times of moves, of complete pictures, and of pictures with new tiles."""
    complete: list[float] = []
    new: list[float] = []
    last = [0]
    paint = TileLayer.paint_px

    def watched(layer: TileLayer, painter: QPainter, transform: QTransform) -> None:
        paint(layer, painter, transform)
        mosaic, grid = layer._mosaic, tab.stage.seen_grid()
        if mosaic is not None and grid is not None and mosaic.grid.covers(grid):
            complete.append(time.perf_counter())
        if id(mosaic) != last[0]:
            new.append(time.perf_counter())
        last[0] = id(mosaic)

    TileLayer.paint_px = watched  # type: ignore[method-assign, assignment]
    centre = QPointF(tab.stage.panel.plot_rect().center()) + QPointF(40, 40)
    _mouse(app, tab, QEvent.Type.MouseButtonPress, centre)
    moves: list[float] = []
    start = due = time.perf_counter()
    while time.perf_counter() - start < seconds:
        if time.perf_counter() >= due:
            turn = len(moves) * 0.06
            moves.append(time.perf_counter())
            _mouse(app, tab, QEvent.Type.MouseMove, centre + QPointF(180 * np.sin(turn), 120 * np.sin(1.7 * turn)))
            due = max(due + 1 / MOVES_PER_S, moves[-1])
        app.processEvents()
        time.sleep(0.0005)
    _spin(app, 0.3)
    _mouse(app, tab, QEvent.Type.MouseButtonRelease, centre)
    return moves, complete, new


def _mouse(app: QApplication, tab: ManifoldTab, kind: QEvent.Type, at: QPointF) -> None:
    view = tab.stage.panel.viewport()
    assert view is not None
    left = Qt.MouseButton.LeftButton
    pressed = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else left
    event = QMouseEvent(kind, at, view.mapToGlobal(at), pressed, left, Qt.KeyboardModifier.NoModifier)
    app.sendEvent(view, event)


def _report(moves: list[float], complete: list[float], new: list[float], tab: ManifoldTab) -> None:
    places = np.searchsorted(complete, moves)
    late = [1000 * (complete[p] - m) for p, m in zip(places, moves, strict=True) if p < len(complete)]
    grid, span = tab.stage.seen_grid(), moves[-1] - moves[0]
    assert grid is not None
    print(f"  {grid.columns}×{grid.rows} tiles, {len(moves) / span:.0f} moves/s, load {os.getloadavg()[0]:.1f}")
    print(f"  complete pictures {len(complete) / span:6.0f}/s   with new tiles {len(new) / span:.0f}/s")
    print(f"  move to picture   {statistics.median(late):6.1f} ms median, {np.percentile(late, 99):.1f} ms p99")


if __name__ == "__main__":
    sys.exit(main())
