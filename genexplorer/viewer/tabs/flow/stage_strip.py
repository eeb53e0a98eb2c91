"""The stages of a trace as images or plots in rows, with the change of volume below each."""

import math
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPolygonF, QResizeEvent
from PyQt6.QtWidgets import QScrollArea, QToolTip, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import make_pen, scale, scaled, text_font
from genexplorer.viewer.tabs.flow.trace import Floats, PointBatch, Trace, TraceStage
from genexplorer.viewer.widgets.controls import scroll_area
from genexplorer.viewer.widgets.images import to_qimage
from genexplorer.viewer.widgets.labels import literal_tooltip
from genexplorer.viewer.widgets.painted import PaintedWidget, unscaled_painter

MIN_CELL_WIDTH_PX = 90  # the text below a stage needs it
GAP_X_PX, GAP_Y_PX = 14, 10  # between cells; the first has room for an arrow
TEXT_HEIGHT_PX = 62  # the height of label, bar and numbers below an image
_POINT_PLOT_SIDES_PX = (160, 136, 112, 96, 80, 64, 56, 48)  # the largest with which all stages fit is used
_MAX_IMAGE_SIDE_PX = 168
_LINE_HEIGHT_PX = 15
_BAR_HEIGHT_PX = 6


@dataclass(frozen=True)
class StripLayout:
    """Cells in rows, all of one size; lengths are in the units of `unscaled_painter`."""

    count: int  # the number of stages
    columns: int  # the number of stages in a row
    image_size: tuple[float, float]  # width and height of an image or plot
    cell_width: float  # the width of a cell without the gap

    @property
    def rows(self) -> int:
        """The number of rows."""
        return -(-self.count // self.columns)

    @property
    def cell_height(self) -> float:
        """The height of a cell without the gap."""
        return self.image_size[1] + TEXT_HEIGHT_PX

    @property
    def height(self) -> float:
        """The height of all rows."""
        return self.rows * (self.cell_height + GAP_Y_PX)

    def cell_position(self, index: int) -> tuple[float, float]:
        """Return left and top of a cell."""
        row, column = divmod(index, self.columns)
        return GAP_X_PX // 2 + column * (self.cell_width + GAP_X_PX), row * (self.cell_height + GAP_Y_PX)

    def cell_at(self, x: float, y: float) -> int | None:
        """Return the cell at a pixel, or None."""
        column = int((x - GAP_X_PX / 2) // (self.cell_width + GAP_X_PX))
        row = int(y // (self.cell_height + GAP_Y_PX))
        index = row * self.columns + column
        return index if 0 <= column < self.columns and 0 <= row < self.rows and index < self.count else None


def choose_layout(
    count: int, image: tuple[int, int] | None, available_size: tuple[float, float], pixel: float = 1.0
) -> StripLayout:
    """Return the layout with the largest images that fit the available size, else the smallest, to be scrolled.

    Args:
        count: Number of stages.
        image: Height and width of an image, enlarged by whole factors; None for points, which have no pixels.
        available_size: Width and height that are visible without scrolling.
        pixel: The side of a logical pixel in the units of all lengths.
    """
    sizes: list[tuple[float, float]]
    if image is None:
        sizes = [(side, side) for side in _POINT_PLOT_SIDES_PX]
    else:
        factors = range(max(1, int(_MAX_IMAGE_SIDE_PX / pixel) // max(image)), 0, -1)
        enlarged = [(image[1] * factor * pixel, image[0] * factor * pixel) for factor in factors]
        sizes = [size for size in enlarged if max(size) >= 40] or enlarged[:1]
    candidates = []
    for picture in sizes:
        cell = max(MIN_CELL_WIDTH_PX, picture[0])
        columns = min(max(1, count), max(1, int(available_size[0] // (cell + GAP_X_PX))))
        candidates.append(StripLayout(max(1, count), columns, picture, cell))
    return next((layout for layout in candidates if layout.height <= available_size[1] + GAP_Y_PX), candidates[-1])


def paint_stage(
    painter: QPainter, box: QRectF, batch: PointBatch, stage: int, traced_point: Floats, palette: Palette
) -> None:
    """Draw one stage in a square box: the axes through the origin, the points, and a ring around one of them, (2,)."""
    painter.save()
    painter.setClipRect(box)
    painter.fillRect(box, QColor(palette.surface))
    painter.setPen(make_pen(palette.faint, 1))
    center = box.center()
    painter.drawLine(QPointF(box.left(), center.y()), QPointF(box.right(), center.y()))
    painter.drawLine(QPointF(center.x(), box.top()), QPointF(center.x(), box.bottom()))
    # The points, one color after the other.
    per_unit = box.width() / 2 / batch.axis_limit
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    points = batch.points[stage]
    x, y = center.x() + points[:, 0] * per_unit, center.y() - points[:, 1] * per_unit
    for group in np.unique(batch.color_classes):
        pen = make_pen(palette.class_color(int(group)), 1.6)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        rows = (batch.color_classes == group) & np.isfinite(x) & np.isfinite(y)
        painter.drawPoints(pg.functions.arrayToQPolygonF(x[rows], y[rows]))
    # The ring.
    if np.isfinite(traced_point).all():
        at = QPointF(center.x() + float(traced_point[0]) * per_unit, center.y() - float(traced_point[1]) * per_unit)
        for color, width in ((palette.background, 4), (palette.text, 2)):
            painter.setPen(make_pen(color, width))
            painter.drawEllipse(at, 5, 5)
    painter.restore()


class StageStrip(PaintedWidget):
    """Draws the stages; a click selects one.

    Signals:
        stage_clicked(int): A stage was clicked.
    """

    stage_clicked = pyqtSignal(int)

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "stages")
        self.trace: Trace | None = None
        self.batch: PointBatch | None = None
        self.stage = 0
        self.hint = ""
        self.available_size = QSize(640, 400)
        self.strip_layout: StripLayout = choose_layout(1, None, (640, 400))
        self._stage_images: list[QImage] = []

    def set_trace(self, trace: Trace | None, batch: PointBatch | None, hint: str) -> None:
        """Show a trace, with those of many points where they are known, or the hint why there is none."""
        self.trace, self.batch, self.hint = trace, batch, hint
        self._stage_images = (
            []
            if trace is None or trace.is_point_data
            else [to_qimage(trace.image(index)) for index in range(len(trace.stages))]
        )
        self.fit(self.available_size)

    def select(self, stage: int) -> None:
        """Frame a stage."""
        self.stage = stage
        self.setAccessibleDescription(self._description(stage))
        self.update()

    def fit(self, available_size: QSize) -> None:
        """Lay the stages out for the room that is visible without scrolling."""
        self.available_size = available_size
        trace = self.trace
        image = None if trace is None or trace.is_point_data else (trace.values.shape[1], trace.values.shape[2])
        count = 1 if trace is None else len(trace.stages)
        self.strip_layout = choose_layout(
            count, image, (available_size.width() / scale(), available_size.height() / scale()), 1 / scale()
        )
        self.setFixedHeight(max(available_size.height(), round(self.strip_layout.height * scale())))
        self.update()

    def cell_rect(self, index: int) -> QRectF:
        """Return the cell of a stage, in the units of `unscaled_painter`."""
        left, top = self.strip_layout.cell_position(index)
        return QRectF(left, top, self.strip_layout.cell_width, self.strip_layout.cell_height)

    def image(self) -> QImage:
        """Return the strip as an image, without the free room below it."""
        height = round(self.strip_layout.height * scale())
        image: QImage = self.grab(self.rect().adjusted(0, 0, 0, height - self.height())).toImage()
        return image

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the stages, or the hint."""
        if self.trace is None:
            self.paint_hint(QPainter(self), self.hint)
            return
        painter = unscaled_painter(self)
        for index, stage in enumerate(self.trace.stages):
            self._paint(painter, index, stage, self.trace)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Select the stage that is clicked."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self.trace is not None:
            index = self._cell_at(event.position())
            if index is not None:
                self.stage_clicked.emit(index)

    def event(self, event: QEvent | None) -> bool:
        """Show the metrics of a stage as a tooltip."""
        if isinstance(event, QHelpEvent) and self.trace is not None:
            index = self._cell_at(event.pos().toPointF())
            content = "" if index is None else literal_tooltip(self._description(index))
            QToolTip.showText(event.globalPos(), content, self)
            return True
        return super().event(event)

    def _cell_at(self, position: QPointF) -> int | None:
        return self.strip_layout.cell_at(position.x() / scale(), position.y() / scale())

    def _description(self, index: int) -> str:
        if self.trace is None or index >= len(self.trace.stages):
            return ""
        stage = self.trace.stages[index]
        change = "start" if stage.ladj is None else f"log |det| {signed_text(stage.ladj)} nats"
        return (
            f"{stage.label}: {change}, cumulative {signed_text(stage.cumulative)} nats, "
            f"mean {decimal_text(stage.mean)}, standard deviation {decimal_text(stage.std)}"
        )

    def _paint(self, painter: QPainter, index: int, stage: TraceStage, trace: Trace) -> None:
        colors, (width, height) = self.colors, self.strip_layout.image_size
        cell = self.cell_rect(index)
        box = QRectF(cell.left() + (cell.width() - width) / 2, cell.top() + 2, width, height)
        # The image, or the points.
        if trace.is_point_data:
            batch, traced_point = self.batch or PointBatch.of_trace(trace), trace.values[index].astype(float)
            paint_stage(painter, box, batch, index, traced_point, colors)
        else:
            is_shrunk = box.width() * scale() < self._stage_images[index].width() - 0.5
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, is_shrunk)
            painter.drawImage(box, self._stage_images[index])
        if index == self.stage:
            painter.setPen(make_pen(colors.accent, 2))
            painter.drawRect(box.adjusted(-2, -2, 2, 2))
        # The arrow to the next stage in the row.
        if index + 1 < len(trace.stages) and (index + 1) % self.strip_layout.columns:
            tip = QPointF(cell.right() + GAP_X_PX / 2 + 3, box.center().y())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.muted))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawPolygon(QPolygonF([tip, tip + QPointF(-6, -4), tip + QPointF(-6, 4)]))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        # Name, change of volume, and mean with deviation.
        line = QRectF(cell.left() - 4, box.bottom() + 4, cell.width() + 8, _LINE_HEIGHT_PX)
        painter.setFont(text_font(9, bold=index == self.stage, exact=True))
        painter.setPen(QColor(colors.text))
        name = painter.fontMetrics().elidedText(stage.label, Qt.TextElideMode.ElideMiddle, int(line.width()))
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, name)
        painter.setFont(text_font(8, exact=True))
        line.translate(0, _LINE_HEIGHT_PX)
        if stage.ladj is not None:
            self._paint_change(painter, line, stage.ladj, trace.bar_scale)
        painter.setPen(QColor(colors.muted))
        spread = f"{decimal_text(stage.mean)} ± {decimal_text(stage.std)}"
        painter.drawText(line.translated(0, _LINE_HEIGHT_PX + _BAR_HEIGHT_PX - 2), Qt.AlignmentFlag.AlignCenter, spread)

    def _paint_change(self, painter: QPainter, line: QRectF, ladj: float, bar_scale: float) -> None:
        """Draw the bar from the middle, right where volume grows, and the number with its sign below it."""
        colors, middle, half = self.colors, line.center().x(), line.width() / 2 - 6
        fraction = max(-1.0, min(1.0, ladj / bar_scale)) if math.isfinite(ladj) else 0.0
        bar = QRectF(
            min(middle, middle + fraction * half), line.top(), max(1.0, abs(fraction) * half), _BAR_HEIGHT_PX - 1
        )
        painter.fillRect(bar, QColor(colors.accent if fraction >= 0 else colors.warning))
        if abs(ladj) > bar_scale * 1.001:  # a gap: the bar is truncated
            painter.fillRect(
                QRectF(middle + fraction * half * 0.75 - 2, line.top(), 4, _BAR_HEIGHT_PX - 1),
                QColor(colors.background),
            )
        painter.setPen(QColor(colors.muted))
        painter.drawLine(QPointF(middle, line.top() - 1), QPointF(middle, line.top() + _BAR_HEIGHT_PX))
        painter.setPen(QColor(colors.text))
        painter.drawText(
            line.translated(0, _BAR_HEIGHT_PX - 1), Qt.AlignmentFlag.AlignCenter, f"{signed_text(ladj)} nats"
        )


class StageStripArea(QWidget):
    """The strip in an area that scrolls where there are too many stages."""

    def __init__(self, strip: StageStrip) -> None:
        super().__init__()
        self.strip = strip
        self.area: QScrollArea = scroll_area(strip)
        self.area.setParent(self)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the stages."""
        self.area.setGeometry(self.rect())
        self.strip.fit(QSize(max(1, self.width() - 12), self.height()))

    def show_stage(self, index: int) -> None:
        """Scroll to a stage."""
        rect = self.strip.cell_rect(index)
        x, y, half_height = (scaled(length) for length in (rect.center().x(), rect.center().y(), rect.height() / 2))
        self.area.ensureVisible(x, y, 0, half_height + 4)


def signed_text(value: float) -> str:
    """Return a number with its sign, also where it is positive."""
    words = decimal_text(value, 3)
    return words if words.startswith("−") or value == 0 or math.isnan(value) else f"+{words}"


def decimal_text(value: float, decimals: int = 2) -> str:
    """Return a number with fixed decimals, so that neighbors can be compared; large ones as anywhere else."""
    return f"{value:.{decimals}f}".replace("-", "−") if abs(value) < 100 else formatting.number(value)
