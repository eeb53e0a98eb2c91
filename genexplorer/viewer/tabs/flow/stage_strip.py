"""All stages of a trace in rows: picture, name, log-determinant as bar and number, mean and deviation."""

import math

from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PyQt6.QtWidgets import QScrollArea, QSizePolicy, QToolTip, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import text_font
from genexplorer.viewer.tabs.flow.arrangement import GAP_X, Arrangement, arrange
from genexplorer.viewer.tabs.flow.point_batch import PointBatch, paint_stage
from genexplorer.viewer.tabs.flow.trace import Trace, TraceStage
from genexplorer.viewer.widgets.controls import scroll_area
from genexplorer.viewer.widgets.images import to_qimage
from genexplorer.viewer.widgets.labels import literal_tooltip

_LINE = 15  # height of a line of text
_BAR = 6


class StageStrip(QWidget):
    """Draws the stages; a click selects one.

    Signals:
        stage_clicked(int): A stage was clicked.
    """

    stage_clicked = pyqtSignal(int)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colors = palette
        self.trace: Trace | None = None
        self.batch: PointBatch | None = None
        self.stage = 0
        self.hint = ""
        self.room = QSize(640, 400)
        self.arrangement: Arrangement = arrange(1, None, (640, 400))
        self._pictures: list[QImage] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("stages")

    def set_trace(self, trace: Trace | None, hint: str = "") -> None:
        """Show a trace, or None and why there is none."""
        self.trace, self.hint = trace, hint
        if trace is None:
            self.batch = None
        self._pictures = [] if trace is None or trace.is_points else [to_qimage(stage) for stage in trace.values]
        self.fit(self.room)

    def set_batch(self, batch: PointBatch | None) -> None:
        """Show the traces of many points."""
        self.batch = batch
        self.update()

    def select(self, stage: int) -> None:
        """Frame a stage."""
        self.stage = stage
        self.setAccessibleDescription(self._description(stage))
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.colors = palette
        self.update()

    def fit(self, room: QSize) -> None:
        """Lay the stages out for the room that is visible without scrolling."""
        self.room = room
        trace = self.trace
        image = None if trace is None or trace.is_points else (trace.values.shape[1], trace.values.shape[2])
        count = 1 if trace is None else len(trace.stages)
        self.arrangement = arrange(count, image, (room.width(), room.height()))
        self.setFixedHeight(max(room.height(), self.arrangement.height))
        self.update()

    def rect_of(self, index: int) -> QRectF:
        """Return the cell of a stage."""
        left, top = self.arrangement.place(index)
        return QRectF(left, top, self.arrangement.cell_width, self.arrangement.cell_height)

    def image(self) -> QImage:
        """Return the strip as an image, without the free room below it."""
        image: QImage = self.grab(self.rect().adjusted(0, 0, 0, self.arrangement.height - self.height())).toImage()
        return image

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the stages, or the hint."""
        painter = QPainter(self)
        if self.trace is None:
            painter.setPen(QColor(self.colors.muted))
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self.hint)
            return
        for index, stage in enumerate(self.trace.stages):
            self._paint(painter, index, stage, self.trace)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Select the stage that is clicked."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self.trace is not None:
            index = self.arrangement.at(event.position().x(), event.position().y())
            if index is not None:
                self.stage_clicked.emit(index)

    def event(self, event: QEvent | None) -> bool:
        """Show the metrics of a stage as a tooltip."""
        if isinstance(event, QHelpEvent) and self.trace is not None:
            index = self.arrangement.at(event.pos().x(), event.pos().y())
            QToolTip.showText(
                event.globalPos(), "" if index is None else literal_tooltip(self._description(index)), self
            )
            return True
        return super().event(event)

    def _description(self, index: int) -> str:
        if self.trace is None or index >= len(self.trace.stages):
            return ""
        stage = self.trace.stages[index]
        change = "start" if stage.ladj is None else f"log |det| {signed(stage.ladj)} nats"
        return (
            f"{stage.label}: {change}, cumulative {signed(stage.cumulative)} nats, "
            f"mean {plain(stage.mean)}, standard deviation {plain(stage.std)}"
        )

    def _paint(self, painter: QPainter, index: int, stage: TraceStage, trace: Trace) -> None:
        cell, (width, height) = self.rect_of(index), self.arrangement.picture
        box = QRectF(cell.left() + (cell.width() - width) // 2, cell.top() + 2, width, height)
        self._paint_stage(painter, box, index, trace)
        colors = self.colors
        if index == self.stage:
            painter.setPen(QPen(QColor(colors.accent), 2))
            painter.drawRect(box.adjusted(-2, -2, 2, 2))
        if index + 1 < len(trace.stages) and (index + 1) % self.arrangement.columns:
            self._paint_arrow(painter, cell, box)
        line = QRectF(cell.left() - 4, box.bottom() + 4, cell.width() + 8, _LINE)
        painter.setFont(text_font(9, bold=index == self.stage))
        painter.setPen(QColor(colors.text))
        name = painter.fontMetrics().elidedText(stage.label, Qt.TextElideMode.ElideMiddle, int(line.width()))
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, name)
        painter.setFont(text_font(8))
        line.translate(0, _LINE)
        self._paint_change(painter, line, stage, trace.bar_scale)
        painter.setPen(QColor(colors.muted))
        spread = f"{plain(stage.mean)} ± {plain(stage.std)}"
        painter.drawText(line.translated(0, _LINE + _BAR - 2), Qt.AlignmentFlag.AlignCenter, spread)

    def _paint_stage(self, painter: QPainter, box: QRectF, index: int, trace: Trace) -> None:
        if not trace.is_points:
            smaller = box.width() < self._pictures[index].width()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smaller)
            painter.drawImage(box, self._pictures[index])
            return
        batch, traced = self.batch or PointBatch.of_trace(trace), trace.values[index].astype(float)
        paint_stage(painter, box, batch, index, traced, self.colors)

    def _paint_change(self, painter: QPainter, line: QRectF, stage: TraceStage, bar_scale: float) -> None:
        """Draw the bar from the middle, right where volume grows, and the number with its sign below it."""
        colors = self.colors
        if stage.ladj is None:
            return
        middle, half = line.center().x(), line.width() / 2 - 6
        share = max(-1.0, min(1.0, stage.ladj / bar_scale)) if math.isfinite(stage.ladj) else 0.0
        bar = QRectF(min(middle, middle + share * half), line.top(), max(1.0, abs(share) * half), _BAR - 1)
        painter.fillRect(bar, QColor(colors.accent if share >= 0 else colors.warning))
        if abs(stage.ladj) > bar_scale * 1.001:  # a gap: the bar is truncated
            at = middle + share * half * 0.75
            painter.fillRect(QRectF(at - 2, line.top(), 4, _BAR - 1), QColor(colors.background))
        painter.setPen(QColor(colors.muted))
        painter.drawLine(QPointF(middle, line.top() - 1), QPointF(middle, line.top() + _BAR))
        painter.setPen(QColor(colors.text))
        words = f"{signed(stage.ladj)} nats"
        painter.drawText(line.translated(0, _BAR - 1), Qt.AlignmentFlag.AlignCenter, words)

    def _paint_arrow(self, painter: QPainter, cell: QRectF, box: QRectF) -> None:
        tip = QPointF(cell.right() + GAP_X / 2 + 3, box.center().y())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.colors.muted))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPolygon(QPolygonF([tip, tip + QPointF(-6, -4), tip + QPointF(-6, 4)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)


class StageStripArea(QWidget):
    """The strip in an area that scrolls where there are too many stages."""

    def __init__(self, strip: StageStrip, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strip = strip
        self.area: QScrollArea = scroll_area(strip)
        self.area.setParent(self)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the stages."""
        self.area.setGeometry(self.rect())
        self.strip.fit(QSize(max(1, self.width() - 12), self.height()))

    def show_stage(self, index: int) -> None:
        """Scroll to a stage."""
        rect = self.strip.rect_of(index)
        self.area.ensureVisible(int(rect.center().x()), int(rect.center().y()), 0, int(rect.height() / 2) + 4)


def signed(value: float) -> str:
    """Return a number with its sign, also where it is positive."""
    words = plain(value, 3)
    return words if words.startswith("−") or value == 0 or math.isnan(value) else f"+{words}"


def plain(value: float, decimals: int = 2) -> str:
    """Return a number with fixed decimals, so that neighbors can be compared; large ones as anywhere else."""
    return f"{value:.{decimals}f}".replace("-", "−") if abs(value) < 100 else formatting.number(value)
