"""The column at the right of the stages: the selected one, its values, the likelihood, and the inverse."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.plane_layers import Marker, MarkerLayer, ScatterLayer
from genexplorer.viewer.plots.plane_plot import PlanePlot
from genexplorer.viewer.style import GAP, make_pen, scaled
from genexplorer.viewer.tabs.flow.stage_strip import decimal_text, signed_text
from genexplorer.viewer.tabs.flow.trace import Floats, PointBatch, Trace, interpolate_stages
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, set_value, slider
from genexplorer.viewer.widgets.images import ImageView, to_array
from genexplorer.viewer.widgets.labels import heading, muted, rule, text, vertical_rule, wrapped

FRAMES_PER_STAGE = 8  # an animation of 2-D data has so many frames from one stage to the next
_FRAME_SIDE_PX = 420
IMAGE_FRAME_MS, POINT_FRAME_MS = 400, 60  # the duration of an animation's frame; one of images shows a stage
WIDTH_LIMITS_PX = 34 * GAP, 50 * GAP  # the smallest and the largest width
_PAIR_IMAGE_PX = 9 * GAP


class StagePlot(PlanePlot):
    """The plane at one stage, or between two; all stages have one scale."""

    def __init__(self, palette: Palette) -> None:
        self.points, self.marker = ScatterLayer(2, palette, "dot", 3.0), MarkerLayer(palette)
        self._origin = [pg.InfiniteLine(0.0, angle=angle) for angle in (0, 90)]
        super().__init__(("x₁", "x₂"), palette)
        for line in self._origin:
            self.addItem(line, ignoreBounds=True)
        self.add_layers(self.points, self.marker)

    def show_position(self, batch: PointBatch, traced_point: Floats, position: float, letter: str) -> None:
        """Show a stage, or a position between two, on the straight line from one to the other.

        Args:
            batch: The points.
            traced_point: The traced point at every stage, (K + 1, 2).
            position: From 0 to K.
            letter: The name of the axes: "x", "v" between, "z".
        """
        self.points.labels = batch.color_classes
        self.points.set_points(interpolate_stages(batch.points, position))
        self.marker.set_markers(Marker(interpolate_stages(traced_point, position), "", hollow=True))
        self.set_axis_names((f"{letter}₁", f"{letter}₂"))
        self.set_home((-batch.axis_limit, batch.axis_limit, -batch.axis_limit, batch.axis_limit))

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        for line in self._origin:
            line.setPen(make_pen(palette.faint))


class StageDetail(QStackedWidget):
    """Shows a stage of images or of points."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.picture, self.plane = ImageView("stage"), StagePlot(palette)
        self.addWidget(self.picture)
        self.addWidget(self.plane)

    def show_stage(self, trace: Trace | None, batch: PointBatch | None, stage: int, hint: str) -> None:
        """Show a stage, or why there is none."""
        if trace is None:
            self.picture.set_image(None, hint=hint)
        elif not trace.is_point_data:
            self.picture.set_image(trace.image(stage))
        else:
            values, letter = trace.values.astype(np.float64), trace.axis_letter(stage)
            self.plane.show_position(batch or PointBatch.of_trace(trace), values, float(stage), letter)
        self.setCurrentWidget(self.plane if trace is not None and trace.is_point_data else self.picture)

    def image(self) -> QImage:
        """Return the stage as large as on the screen."""
        return self.picture.displayed_image() if self.currentWidget() is self.picture else self.plane.image()


def animation_frames(trace: Trace, batch: PointBatch | None, palette: Palette) -> NDArray[np.uint8]:
    """Return a trace as frames, (N, H, W, C)."""
    if not trace.is_point_data:
        images = [trace.image(stage) for stage in range(len(trace.stages))]
        return np.stack([np.broadcast_to(image, (*image.shape[:2], 3)) for image in images])
    plot, last = StagePlot(palette), len(trace.stages) - 1
    plot.resize(_FRAME_SIDE_PX, _FRAME_SIDE_PX)
    batch, values = batch or PointBatch.of_trace(trace), trace.values.astype(np.float64)
    frames = []
    for position in np.linspace(0, last, last * FRAMES_PER_STAGE + 1):
        plot.show_position(batch, values, float(position), "v")
        frames.append(to_array(plot.image()))
    return np.stack(frames)


class TraceInspector(QWidget):
    """Shows the selected stage."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.setFixedWidth(scaled(WIDTH_LIMITS_PX[0]))
        # Create the widgets.
        self.detail = StageDetail(palette)
        self.detail.setMinimumHeight(scaled(16 * GAP))
        self.scrub = slider(0, 0, 0, "Stage (← →)")
        self.name = heading("")
        self.values: dict[str, QLabel] = {}
        self.inverse_title, self.inverse = heading("Inverse"), wrapped("")
        self.pair = (ImageView("x"), ImageView("reconstruction"))
        self._pair_row = QWidget()
        # Lay out the stage, its values, those of the whole trace, and the inverse.
        for view in self.pair:
            view.setFixedSize(scaled(14 * GAP), scaled(_PAIR_IMAGE_PX + 3 * GAP))
        fill_box(QHBoxLayout(self._pair_row), *self.pair, spacing=-1)
        of_stage = self._grid("log |det|", "cumulative", "mean", "standard deviation")
        of_trace = self._grid("log N(z; 0, I)", "sum of log |det|", "log p(x)")
        stage = (self.detail, 1), self.scrub, self.name, of_stage, rule()
        of_inverse = Toolbar(rule(), self.inverse_title, self._pair_row, self.inverse, vertical=True, spacing=GAP // 2)
        items = *stage, of_trace, of_inverse
        column = fill_box(QVBoxLayout(), *items, margins=(2 * GAP, 0, 0, 0), spacing=GAP // 2)
        fill_box(QHBoxLayout(self), vertical_rule(), (column, 1), spacing=0)

    def fit_width(self, width: int) -> None:
        """Fix the width at three tenths of the tab's, within bounds."""
        low, high = map(scaled, WIDTH_LIMITS_PX)
        self.setFixedWidth(min(max(low, width * 3 // 10), high))

    def show_trace(self, trace: Trace | None, batch: PointBatch | None, stage: int, hint: str) -> None:
        """Show a stage of a trace, or why there is none."""
        self.detail.show_stage(trace, batch, stage, hint)
        set_value(self.scrub, stage, 0 if trace is None else len(trace.stages) - 1)
        self.scrub.setEnabled(trace is not None)
        if trace is None:
            self.name.setText("")
            for label in self.values.values():
                label.setText("—")
            return
        # The values of the stage, and of the whole trace.
        selected = trace.stages[stage]
        self.name.setText(f"{selected.label}   {stage + 1} of {len(trace.stages)}")
        ladj = "start" if selected.ladj is None else f"{signed_text(selected.ladj)} nats"
        values = {
            "log |det|": ladj,
            "cumulative": f"{signed_text(selected.cumulative)} nats",
            "mean": decimal_text(selected.mean, 3),
            "standard deviation": decimal_text(selected.std, 3),
            "sum of log |det|": f"{signed_text(trace.total)} nats",
            "log N(z; 0, I)": f"{signed_text(trace.log_base)} nats",
            "log p(x)": f"{signed_text(trace.log_prob)} nats",
        }
        for name, value in values.items():
            self.values[name].setText(value)
        sign = "+" if trace.direction == "forward" else "−"
        self.values["log p(x)"].setToolTip(f"log N(z; 0, I) {sign} the sum of log |det|")

    def show_inverse(self, trace: Trace | None, images: tuple[object, object] | None) -> None:
        """Show the error of the round trip and, for images, both ends of it."""
        self.inverse_title.setVisible(trace is not None)
        error = None if trace is None else trace.error
        self.inverse.setText("" if error is None else f"f⁻¹(f(x)) and x differ by at most {formatting.number(error)}.")
        self._pair_row.setVisible(images is not None)
        if images is not None:
            for view, image, caption in zip(self.pair, images, ("x", "f⁻¹(f(x))"), strict=True):
                view.set_image(image, caption)  # type: ignore[arg-type]

    def _grid(self, *names: str) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(scaled(2 * GAP))
        grid.setVerticalSpacing(scaled(2))
        for row, name in enumerate(names):
            self.values[name] = text("—")
            grid.addWidget(muted(name), row, 0)
            grid.addWidget(self.values[name], row, 1)
        grid.setColumnStretch(1, 1)
        return grid
