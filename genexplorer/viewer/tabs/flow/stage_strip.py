"""All stations of a way in rows: picture, name, log-determinant as bar and figure, mean and spread."""

import math

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PyQt6.QtWidgets import QScrollArea, QSizePolicy, QToolTip, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import text_font
from genexplorer.viewer.tabs.flow import point_batch as swarms
from genexplorer.viewer.tabs.flow.arrangement import GAP_X, Arrangement, arrange
from genexplorer.viewer.tabs.flow.point_batch import Swarm
from genexplorer.viewer.tabs.flow.trace import Station, Way
from genexplorer.viewer.widgets.controls import scroll_area
from genexplorer.viewer.widgets.images import to_qimage
from genexplorer.viewer.widgets.labels import literal_tooltip

_LINE = 15  # height of a line of words
_BAR = 6


class StationStrip(QWidget):
    """Draws the stations; a click looks at one.

    Signals:
        chosen(int): A station was clicked.
    """

    chosen = pyqtSignal(int)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.palette_now = palette
        self.way: Way | None = None
        self.swarm: Swarm | None = None
        self.station = 0
        self.hint = ""
        self.room = QSize(640, 400)
        self.arrangement: Arrangement = arrange(1, None, (640, 400))
        self._pictures: list[QImage] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("stations")

    def set_way(self, way: Way | None, hint: str = "") -> None:
        """Show a way, or None and why there is none."""
        self.way, self.hint = way, hint
        if way is None:
            self.swarm = None
        self._pictures = [] if way is None or way.is_points else [to_qimage(stage) for stage in way.stages]
        self.fit(self.room)

    def set_swarm(self, swarm: Swarm | None) -> None:
        """Show the points that go the same way."""
        self.swarm = swarm
        self.update()

    def watch_for(self, station: int) -> None:
        """Mark a station."""
        self.station = station
        self.setAccessibleDescription(self._words(station))
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self.palette_now = palette
        self.update()

    def fit(self, room: QSize) -> None:
        """Take the room there is without scrolling."""
        self.room = room
        way = self.way
        image = None if way is None or way.is_points else (way.stages.shape[1], way.stages.shape[2])
        count = 1 if way is None else len(way.stations)
        self.arrangement = arrange(count, image, (room.width(), room.height()))
        self.setFixedHeight(max(room.height(), self.arrangement.height))
        self.update()

    def rect_of(self, index: int) -> QRectF:
        """Return where a station stands."""
        left, top = self.arrangement.place(index)
        return QRectF(left, top, self.arrangement.cell_width, self.arrangement.cell_height)

    def image(self) -> QImage:
        """Return the strip as a picture, without what is free below it."""
        seen: QImage = self.grab(self.rect().adjusted(0, 0, 0, self.arrangement.height - self.height())).toImage()
        return seen

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the stations."""
        painter = QPainter(self)
        if self.way is None:
            painter.setPen(QColor(self.palette_now.muted))
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self.hint)
            return
        for index, station in enumerate(self.way.stations):
            self._paint(painter, index, station, self.way)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Look at the station that is clicked."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self.way is not None:
            index = self.arrangement.at(event.position().x(), event.position().y())
            if index is not None:
                self.chosen.emit(index)

    def event(self, event: QEvent | None) -> bool:
        """Tell a station's figures in full."""
        if isinstance(event, QHelpEvent) and self.way is not None:
            index = self.arrangement.at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), "" if index is None else literal_tooltip(self._words(index)), self)
            return True
        return super().event(event)

    def _words(self, index: int) -> str:
        if self.way is None or index >= len(self.way.stations):
            return ""
        station = self.way.stations[index]
        change = "start" if station.ladj is None else f"log |det| {signed(station.ladj)} nats"
        return (
            f"{station.label}: {change}, so far {signed(station.so_far)} nats, "
            f"mean {plain(station.mean)}, standard deviation {plain(station.std)}"
        )

    def _paint(self, painter: QPainter, index: int, station: Station, way: Way) -> None:
        cell, (width, height) = self.rect_of(index), self.arrangement.picture
        box = QRectF(cell.left() + (cell.width() - width) // 2, cell.top() + 2, width, height)
        self._paint_stage(painter, box, index, way)
        colors = self.palette_now
        if index == self.station:
            painter.setPen(QPen(QColor(colors.accent), 2))
            painter.drawRect(box.adjusted(-2, -2, 2, 2))
        if index + 1 < len(way.stations) and (index + 1) % self.arrangement.columns:
            self._paint_arrow(painter, cell, box)
        line = QRectF(cell.left() - 4, box.bottom() + 4, cell.width() + 8, _LINE)
        painter.setFont(text_font(9, bold=index == self.station))
        painter.setPen(QColor(colors.text))
        name = painter.fontMetrics().elidedText(station.label, Qt.TextElideMode.ElideMiddle, int(line.width()))
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, name)
        painter.setFont(text_font(8))
        line.translate(0, _LINE)
        self._paint_change(painter, line, station, way.largest)
        painter.setPen(QColor(colors.muted))
        spread = f"{plain(station.mean)} ± {plain(station.std)}"
        painter.drawText(line.translated(0, _LINE + _BAR - 2), Qt.AlignmentFlag.AlignCenter, spread)

    def _paint_stage(self, painter: QPainter, box: QRectF, index: int, way: Way) -> None:
        if not way.is_points:
            smaller = box.width() < self._pictures[index].width()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smaller)
            painter.drawImage(box, self._pictures[index])
            return
        alone = way.stages[index].astype(float)
        swarm = self.swarm or Swarm(way.stages[:, None].astype(float), np.zeros(1, np.int64))
        swarms.paint(painter, box, swarm.stages[index], swarm.groups, swarm.reach, self.palette_now, alone, 1.6)

    def _paint_change(self, painter: QPainter, line: QRectF, station: Station, largest: float) -> None:
        """Draw the bar from the middle, right where volume grows, and the figure with its sign below it."""
        colors = self.palette_now
        if station.ladj is None:
            return
        middle, half = line.center().x(), line.width() / 2 - 6
        share = max(-1.0, min(1.0, station.ladj / largest)) if math.isfinite(station.ladj) else 0.0
        bar = QRectF(min(middle, middle + share * half), line.top(), max(1.0, abs(share) * half), _BAR - 1)
        painter.fillRect(bar, QColor(colors.accent if share >= 0 else colors.warning))
        if abs(station.ladj) > largest * 1.001:  # broken: it goes on
            at = middle + share * half * 0.75
            painter.fillRect(QRectF(at - 2, line.top(), 4, _BAR - 1), QColor(colors.background))
        painter.setPen(QColor(colors.muted))
        painter.drawLine(QPointF(middle, line.top() - 1), QPointF(middle, line.top() + _BAR))
        painter.setPen(QColor(colors.text))
        words = f"{signed(station.ladj)} nats"
        painter.drawText(line.translated(0, _BAR - 1), Qt.AlignmentFlag.AlignCenter, words)

    def _paint_arrow(self, painter: QPainter, cell: QRectF, box: QRectF) -> None:
        tip = QPointF(cell.right() + GAP_X / 2 + 3, box.center().y())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.palette_now.muted))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPolygon(QPolygonF([tip, tip + QPointF(-6, -4), tip + QPointF(-6, 4)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)


class StripArea(QWidget):
    """The strip in an area that scrolls where the stations are too many."""

    def __init__(self, strip: StationStrip, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strip = strip
        self.area: QScrollArea = scroll_area(strip)
        self.area.setParent(self)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Arrange anew."""
        self.area.setGeometry(self.rect())
        self.strip.fit(QSize(max(1, self.width() - 12), self.height()))

    def show_station(self, index: int) -> None:
        """Bring a station into sight."""
        rect = self.strip.rect_of(index)
        self.area.ensureVisible(int(rect.center().x()), int(rect.center().y()), 0, int(rect.height() / 2) + 4)


def signed(value: float) -> str:
    """Return a figure with its sign, also where it is positive."""
    words = plain(value, 3)
    return words if words.startswith("−") or value == 0 or math.isnan(value) else f"+{words}"


def plain(value: float, decimals: int = 2) -> str:
    """Return a figure with fixed decimals, so that neighbors can be compared; large ones as anywhere else."""
    return f"{value:.{decimals}f}".replace("-", "−") if abs(value) < 100 else formatting.number(value)
