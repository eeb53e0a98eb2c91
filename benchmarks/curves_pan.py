"""Panning the curves of a run of ten million points in the viewer's tab, by the mouse, at four zooms.

    python -m benchmarks.curves_pan [--runs FOLDER] [--points 10000000] [--seconds 3]

60 moves per second. Reported are the times from a move to the painted chart, the frames per second, and the number of
visible points per curve: the buckets of the visible part are read from disk, the whole curve is never redrawn. The run
is kept in FOLDER and reused; creating it takes minutes. Without a display it draws offscreen.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pyqtgraph as pg
from PyQt6.QtCore import QEvent, QObject, QPointF, Qt
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication

from benchmarks.exploring import latency
from benchmarks.exploring.long_run import long_run
from genexplorer.explore.client import ExplorerClient
from genexplorer.session.playback import SnapshotCursor
from genexplorer.session.run_poller import RunPoller
from genexplorer.viewer import style
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelClient
from genexplorer.viewer.plots.chart_plot import ChartPlot
from genexplorer.viewer.tabs.curves.tab import CurvesTab

MOVES_PER_S = 60
ZOOMS = (1.0, 0.1, 0.001, 0.00001)  # shares of the training that are in sight


def main() -> int:
    """Pan and print the quantiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="where the run is, or is made and kept")
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=3, help="quiet windows of a second each")
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])
    style.apply(app, style.palette_for("dark"))
    with tempfile.TemporaryDirectory() as folder:
        run = long_run(options.runs or Path(folder), options.points)
        context = ViewerContext(SnapshotCursor(), style.palette_for("dark"), ModelClient(ExplorerClient), run.parent)
        tab = _open(app, context, run)
        plot = next(iter(tab.plots.values()))
        print(f"  {options.points:,} points, {len(tab.plots)} charts\n{latency.HEAD}")
        for share in ZOOMS:
            tab.show_full_range()
            middle, span = 0.6 * options.points, share * options.points
            if share < 1:
                tab._on_zoomed((middle - span / 2, middle + span / 2))
            _spin(app, 0.5)
            pan = _Pan(app, plot)
            found = latency.windows(pan.window, time.process_time, options.seconds)
            print(latency.row(f"{share:.3%} visible", found.values[0], "16.7 ms"))
            _spin(app, 0.5)
            print(f"    {pan.rate:.0f} frames/s of {MOVES_PER_S}, {_in_sight(plot)} points visible, {found.words()}")
        context.close()
    return 0


def _open(app: QApplication, context: ViewerContext, run: Path) -> CurvesTab:
    tab = CurvesTab(context)
    context.run_changed.connect(lambda: tab.set_run(context.run))
    tab.resize(1200, 760)
    tab.show()
    tab.is_active = True
    followed = RunPoller(run)
    followed.poll()
    context.open(followed)
    tab.activated()
    _spin(app, 1.0)
    return tab


def _spin(app: QApplication, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        app.processEvents()
        time.sleep(0.0002)


def _in_sight(plot: ChartPlot) -> int:
    """Return how many points of the longest curve are within the range that is shown."""
    low, high = plot.plot.getViewBox().viewRange()[0]
    lines = [item for item in plot.plot.getPlotItem().items if isinstance(item, pg.PlotDataItem)]
    counts = [int(((x >= low) & (x <= high)).sum()) for x in (line.xData for line in lines) if x is not None]
    return max(counts, default=0)


class _Pan(QObject):
    """Drags a chart back and forth and records when it is painted."""

    def __init__(self, app: QApplication, plot: ChartPlot) -> None:
        super().__init__()
        self._app, self._view = app, plot.plot.viewport()
        self._painted: list[float] = []
        self._moves = 0
        self._seconds = 0.0
        self._frames = 0
        self._original = plot.plot.paintEvent
        plot.plot.paintEvent = self._paint

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self._frames / self._seconds

    def window(self) -> list[list[float]]:
        """Return the times, in ms, from each move to the painted chart."""
        center = QPointF(self._view.rect().center())
        self._painted.clear()
        self._mouse(QEvent.Type.MouseButtonPress, center)
        moves: list[float] = []
        start = due = time.perf_counter()
        while time.perf_counter() - start < 1.0:
            if time.perf_counter() >= due:
                self._moves += 1
                moves.append(time.perf_counter())
                self._mouse(QEvent.Type.MouseMove, center + QPointF(200 * np.sin(self._moves * 0.05), 0))
                due = max(due + 1 / MOVES_PER_S, moves[-1])
            for _ in range(4):  # painting comes after all that is posted
                self._app.processEvents()
            time.sleep(0.0002)
        self._seconds += time.perf_counter() - start
        self._frames += len(self._painted)
        _spin(self._app, 0.1)
        self._mouse(QEvent.Type.MouseButtonRelease, center)
        painted = np.array(self._painted)
        places = np.searchsorted(painted, moves)
        return [[1000 * (painted[p] - m) for p, m in zip(places, moves, strict=True) if p < len(painted)]]

    def _paint(self, event: object) -> None:
        self._original(event)
        self._painted.append(time.perf_counter())

    def _mouse(self, kind: QEvent.Type, at: QPointF) -> None:
        left = Qt.MouseButton.LeftButton
        pressed = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else left
        held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else left
        event = QMouseEvent(kind, at, QPointF(self._view.mapToGlobal(at)), pressed, held, _NO_KEY)
        self._app.sendEvent(self._view, event)


_NO_KEY = Qt.KeyboardModifier.NoModifier

if __name__ == "__main__":
    sys.exit(main())
