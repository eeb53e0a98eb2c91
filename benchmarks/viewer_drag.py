"""From a mouse move to the painted image: the 20×20 manifold in the viewer's tab, through the real explorer.

    python -m benchmarks.viewer_drag [RUN_FOLDER] [--architecture mlp conv] [--motion pan whole] [--seconds 6]

A 2-D run, one that exists or one of random weights, is shown in a plot of 600 by 600 pixels. "pan" drags it by its
background, 100 moves per second, and newly visible tiles are decoded; "whole" shows another plane with each move, as
when a slider is dragged, and all tiles are decoded again. The first image is the first one painted that is of
this move or a later one, even if coarse; the complete one has every tile. Without a display it draws offscreen.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PyQt6.QtCore import QEvent, QPointF
from PyQt6.QtGui import QPainter, QTransform
from PyQt6.QtWidgets import QApplication

from benchmarks.exploring import latency, viewer_tab
from benchmarks.exploring.untrained_run import write_run
from genexplorer.explore.client import ExplorerClient
from genexplorer.session.step_selection import StepSelection
from genexplorer.viewer import style
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelClient
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane
from genexplorer.viewer.tabs.manifold.layers import TileLayer
from genexplorer.viewer.tabs.manifold.tab import ManifoldTab

MOVES_PER_S = 100
TARGETS = {"mlp": ("", "16 ms median, 33 ms p99"), "conv": ("33 ms median", "")}


def main() -> int:
    """Drag and print the quantiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--architecture", nargs="*", choices=("mlp", "conv"), default=("mlp", "conv"))
    parser.add_argument("--motion", nargs="*", choices=("pan", "whole"), default=("pan", "whole"))
    parser.add_argument("--seconds", type=float, default=6.0, help="of quiet windows of a second each")
    parser.add_argument("--threads", type=int, default=0, help="of the child at most; 0: its share")
    options = parser.parse_args()
    app = viewer_tab.make_application()
    print(latency.HEAD)
    with tempfile.TemporaryDirectory() as folder:
        made = options.run is None
        for name in options.architecture if made else (options.run.name,):
            run = write_run(Path(folder), name) if made else options.run
            for motion in options.motion:
                if not _measure(app, run, name, motion, options):
                    return 1
    return 0


def _measure(app: QApplication, run: Path, name: str, motion: str, options: argparse.Namespace) -> bool:
    # Show the run in the tab and wait for its first image.
    client: list[ExplorerClient] = []

    def make(answer: Any, ended: Any) -> ExplorerClient:
        client.append(ExplorerClient(answer, ended, threads=options.threads))
        return client[0]

    context = ViewerContext(StepSelection(), style.palette_for("dark"), ModelClient(make), run.parent)
    tab = ManifoldTab(context)
    viewer_tab.open_run(tab, context, run, (940, 690))
    viewer_tab.process_events(app, 60, lambda: tab.view.tile_loader.mosaic is not None)
    tab.view.toolbar.points.setChecked(False)
    viewer_tab.process_events(app, 1.0)
    if tab.view.tile_loader.mosaic is None:
        print(f"  {run} showed no image in 60 s")
        return False
    # Drag: one window to warm up, then those that are measured.
    watch = _Watch(tab, whole=motion == "whole")
    drag = _Drag(app, tab, watch)
    drag.window()  # warm up
    measured = latency.windows(drag.window, lambda: viewer_tab.cpu_seconds(client[0]), max(1, round(options.seconds)))
    # Print the times, then whether all tiles are exact when the mouse rests.
    rate = watch.complete_images / max(watch.seconds, 1e-9)
    for number, image in enumerate(("the first image", "the complete image")):
        target = TARGETS.get(name, ("", ""))[number] if motion == "whole" else ""
        print(latency.row(f"{name}, {motion}: to {image}", measured.values[number], target))
    grid = tab.view.visible_grid()
    assert grid is not None
    tiles, windows = f"{grid.columns}×{grid.rows} tiles", measured.describe()
    print(f"    {tiles}, {rate:.0f} complete images/s, {windows}, {watch.at_rest(app)}")
    tab.closing()
    context.close()
    tab.hide()
    watch.end()
    return True


@dataclass
class _Watch:
    """Records each painted image: when it was painted, the number of its move, and True if it has every tile."""

    tab: ManifoldTab
    whole: bool
    moves: int = 0
    complete_images: int = 0
    seconds: float = 0.0
    painted: list[tuple[float, int, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._planes: dict[int, tuple[int, LatentPlane]] = {}
        self._last = 0
        self._paint = TileLayer.paint_px
        watch = self

        def paint(self: TileLayer, painter: QPainter, to_px: QTransform) -> None:
            watch._paint(self, painter, to_px)
            watch._note()

        TileLayer.paint_px = paint  # type: ignore[method-assign]

    def end(self) -> None:
        """Stop recording."""
        TileLayer.paint_px = self._paint  # type: ignore[method-assign]

    def set_offset(self) -> None:
        """Show another plane, as a slider does."""
        plane = replace(LATENT_2D)
        self._planes[id(plane)] = self.moves, plane
        self.tab.view.show_plane(plane, np.zeros(2))

    def _note(self) -> None:
        decoder, grid = self.tab.view.tile_loader, self.tab.view.visible_grid()
        mosaic = decoder.mosaic
        if mosaic is None or grid is None:
            return
        of_move = self._planes.get(id(decoder._plane), (-1, None))[0] if self.whole else self.moves
        complete = mosaic.is_complete(grid)
        self.painted.append((time.perf_counter(), of_move, complete))
        self.complete_images += complete and id(mosaic) != self._last
        self._last = id(mosaic)

    def at_rest(self, app: QApplication) -> str:
        """Wait until no request is open; return a description of whether every tile is exact."""
        viewer_tab.process_events(
            app, 5.0, lambda: not self.tab.context.model_client.is_busy and not self.tab.view._idle_timer.isActive()
        )
        grid, mosaic = self.tab.view.visible_grid(), self.tab.view.tile_loader.mosaic
        exact = grid is not None and mosaic is not None and mosaic.is_complete(grid, exactly=True)
        return "exact at rest" if exact else "NOT EXACT AT REST"


class _Drag:
    """Drags along a curve, one second per window."""

    def __init__(self, app: QApplication, tab: ManifoldTab, watch: _Watch) -> None:
        self._app, self._view, self._watch = app, tab.view.plot.viewport(), watch
        self._center = QPointF(tab.view.plot.plot_rect().center()) + QPointF(40, 40)

    def window(self) -> tuple[list[float], list[float]]:
        """Return the times, in ms, from each move to a first and to the complete image."""
        # Press the button, then move the mouse at a steady rate for a second.
        watch = self._watch
        watch.painted.clear()
        viewer_tab.send_mouse(self._view, QEvent.Type.MouseButtonPress, self._center)
        moves: list[tuple[float, int]] = []
        start = due = time.perf_counter()
        while time.perf_counter() - start < 1.0:
            if time.perf_counter() >= due:
                watch.moves += 1
                turn = watch.moves * 0.06
                moves.append((time.perf_counter(), watch.moves))
                there = QPointF(180 * np.sin(turn), 120 * np.sin(1.7 * turn))
                if watch.whole:
                    watch.set_offset()
                else:
                    viewer_tab.send_mouse(self._view, QEvent.Type.MouseMove, self._center + there)
                due = max(due + 1 / MOVES_PER_S, moves[-1][0])
            self._app.processEvents()
            time.sleep(0.0002)
        # Match each move with the next image of it, and with the next complete one.
        watch.seconds += time.perf_counter() - start
        viewer_tab.process_events(self._app, 0.1)
        first, complete = _waits(moves, watch.painted), _waits(moves, [one for one in watch.painted if one[2]])
        viewer_tab.send_mouse(self._view, QEvent.Type.MouseButtonRelease, self._center)
        return first, complete


def _waits(moves: list[tuple[float, int]], painted: list[tuple[float, int, bool]]) -> list[float]:
    """Return the time in ms from each move to the first image of it or of a later one."""
    waits, index = [], 0
    for began, number in moves:
        while index < len(painted) and (painted[index][0] < began or painted[index][1] < number):
            index += 1
        if index < len(painted):
            waits.append(1000 * (painted[index][0] - began))
    return waits


if __name__ == "__main__":
    sys.exit(main())
