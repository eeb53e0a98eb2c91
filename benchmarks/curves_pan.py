"""Panning the curves of a run of ten million points in the viewer's tab, by the mouse, at four zooms.

    python -m benchmarks.curves_pan [--runs FOLDER] [--points 10000000] [--seconds 3]

60 moves per second. Reported are the times from a move to the painted chart, the frames per second, and the number of
visible points per curve: the buckets of the visible part are read from disk, the whole curve is never redrawn. The run
is kept in FOLDER and reused; creating it takes minutes. Without a display it draws offscreen.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QEvent, QObject, QPointF
from PyQt6.QtWidgets import QApplication

from benchmarks.exploring import latency, viewer_tab
from benchmarks.exploring.long_run import long_run
from genexplorer.explore.client import ExplorerClient
from genexplorer.session.step_selection import StepSelection
from genexplorer.viewer import style
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelClient
from genexplorer.viewer.plots.chart_plot import ChartPlot
from genexplorer.viewer.tabs.curves.tab import CurvesTab

MOVES_PER_S = 60
ZOOMS = (1.0, 0.1, 0.001, 0.00001)  # visible shares of the training


def main() -> int:
    """Pan and print the quantiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="folder of the run, which is created if it does not exist")
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=3, help="quiet windows of a second each")
    options = parser.parse_args()
    app = viewer_tab.make_application()
    with tempfile.TemporaryDirectory() as folder:
        run = long_run(options.runs or Path(folder), options.points)
        context = ViewerContext(StepSelection(), style.palette_for("dark"), ModelClient(ExplorerClient), run.parent)
        tab = CurvesTab(context)
        viewer_tab.open_run(tab, context, run, (1200, 760))
        viewer_tab.process_events(app, 1.0)
        plot = next(iter(tab.plots.values()))
        print(f"  {options.points:,} points, {len(tab.plots)} charts\n{latency.HEAD}")
        # Measure at each zoom, and count the visible points when the chart is at rest.
        for share in ZOOMS:
            tab.show_full_range()
            middle, span = 0.6 * options.points, share * options.points
            if share < 1:
                tab._on_zoomed((middle - span / 2, middle + span / 2))
            viewer_tab.process_events(app, 0.5)
            pan = _Pan(app, plot)
            measured = latency.windows(pan.window, time.process_time, options.seconds)
            print(latency.row(f"{share:.3%} visible", measured.values[0], "16.7 ms"))
            viewer_tab.process_events(app, 0.5)
            visible = _num_visible_points(plot)
            print(f"    {pan.rate:.0f} frames/s of {MOVES_PER_S}, {visible} points visible, {measured.describe()}")
        context.close()
    return 0


def _num_visible_points(plot: ChartPlot) -> int:
    """Return the number of points of the longest curve within the visible range."""
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
        # Press the button, then move the mouse at a steady rate for a second.
        self._painted.clear()
        viewer_tab.send_mouse(self._view, QEvent.Type.MouseButtonPress, center)
        moves: list[float] = []
        start = due = time.perf_counter()
        while time.perf_counter() - start < 1.0:
            if time.perf_counter() >= due:
                self._moves += 1
                moves.append(time.perf_counter())
                viewer_tab.send_mouse(
                    self._view, QEvent.Type.MouseMove, center + QPointF(200 * np.sin(self._moves * 0.05), 0)
                )
                due = max(due + 1 / MOVES_PER_S, moves[-1])
            for _ in range(4):  # painting follows all posted events
                self._app.processEvents()
            time.sleep(0.0002)
        # Release the button and match each move with the next time that the chart was painted.
        self._seconds += time.perf_counter() - start
        self._frames += len(self._painted)
        viewer_tab.process_events(self._app, 0.1)
        viewer_tab.send_mouse(self._view, QEvent.Type.MouseButtonRelease, center)
        painted = np.array(self._painted)
        next_paint = np.searchsorted(painted, moves)
        return [[1000 * (painted[p] - m) for p, m in zip(next_paint, moves, strict=True) if p < len(painted)]]

    def _paint(self, event: object) -> None:
        self._original(event)
        self._painted.append(time.perf_counter())


if __name__ == "__main__":
    sys.exit(main())
