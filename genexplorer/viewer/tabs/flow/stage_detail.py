"""One stage, large: an image enlarged without smoothing, or the plane of 2-D data."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QStackedWidget, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.plane_layers import Marker, MarkerLayer, ScatterLayer
from genexplorer.viewer.plots.plane_plot import PlanePlot
from genexplorer.viewer.tabs.flow.point_batch import PointBatch
from genexplorer.viewer.tabs.flow.trace import Floats, Trace
from genexplorer.viewer.widgets.images import ImageView, to_array

FRAMES_PER_STAGE = 8  # of the animation of 2-D data
_SIDE_PX = 420
IMAGE_MS, POINTS_MS = 400, 60  # duration of an animation's frame


class StagePlot(PlanePlot):
    """The plane at one stage, or between two; all stages have one scale."""

    def __init__(self, palette: Palette) -> None:
        self.points, self.marker = ScatterLayer(2, palette, "dot", 3.0), MarkerLayer(palette)
        self._origin = [pg.InfiniteLine(0.0, angle=angle) for angle in (0, 90)]
        super().__init__(("x₁", "x₂"), palette)
        for line in self._origin:
            self.addItem(line, ignoreBounds=True)
        self.add(self.points, self.marker)

    def show_position(self, batch: PointBatch, traced: Floats, position: float, letter: str) -> None:
        """Show a stage, or a position between two, on the straight line from one to the other.

        Args:
            batch: The points.
            traced: The traced point at every stage, (K + 1, 2).
            position: From 0 to K.
            letter: The name of the axes: "x", "v" between, "z".
        """
        self.points.labels = batch.groups
        self.points.set_points(_interpolated(batch.points, position))
        self.marker.set_markers(Marker(_interpolated(traced, position), "", hollow=True))
        self.set_axis_names((f"{letter}₁", f"{letter}₂"))
        self.set_home((-batch.reach, batch.reach, -batch.reach, batch.reach))

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        for line in self._origin:
            line.setPen(pg.mkPen(palette.faint))


class StageDetail(QStackedWidget):
    """Shows a stage of images or of points."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture, self.plane = ImageView("stage"), StagePlot(palette)
        self.addWidget(self.picture)
        self.addWidget(self.plane)

    def show_stage(self, trace: Trace | None, batch: PointBatch | None, stage: int, hint: str) -> None:
        """Show a stage, or why there is none."""
        if trace is None:
            self.picture.set_image(None, hint=hint)
        elif not trace.is_points:
            self.picture.set_image(trace.values[stage])
        else:
            values, letter = trace.values.astype(np.float64), trace.axis_letter(stage)
            self.plane.show_position(batch or PointBatch.of_trace(trace), values, float(stage), letter)
        self.setCurrentWidget(self.plane if trace is not None and trace.is_points else self.picture)

    def image(self) -> QImage:
        """Return what is shown, as large as it is shown."""
        return self.picture.displayed_image() if self.currentWidget() is self.picture else self.plane.image()


def animation_frames(trace: Trace, batch: PointBatch | None, palette: Palette) -> tuple[NDArray[np.uint8], int]:
    """Return a trace as frames, (N, H, W, C), and their duration in milliseconds."""
    if not trace.is_points:
        return np.asarray(trace.values, np.uint8), IMAGE_MS
    plot, last = StagePlot(palette), len(trace.stages) - 1
    plot.resize(_SIDE_PX, _SIDE_PX)
    batch, values = batch or PointBatch.of_trace(trace), trace.values.astype(np.float64)
    frames = []
    for position in np.linspace(0, last, last * FRAMES_PER_STAGE + 1):
        plot.show_position(batch, values, float(position), "v")
        frames.append(to_array(plot.image()))
    return np.stack(frames), POINTS_MS


def _interpolated(stages: Floats, position: float) -> Floats:
    low = min(int(position), len(stages) - 1)
    high = min(low + 1, len(stages) - 1)
    points: Floats = stages[low] + (stages[high] - stages[low]) * (position - low)
    return points
