"""One station large: an image enlarged without smoothing, or the plane with its axes."""

import numpy as np
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QStackedWidget, QWidget

from genexplorer.session.palette import Palette
from genexplorer.session.plane import round_values
from genexplorer.viewer.style import text_font
from genexplorer.viewer.tabs.flow import point_batch as swarms
from genexplorer.viewer.tabs.flow.point_batch import Floats, Swarm
from genexplorer.viewer.tabs.flow.trace import Way
from genexplorer.viewer.widgets.images import PictureView

_LEFT, _BELOW = 34, 34  # room for ticks and names of the axes


class SwarmView(QWidget):
    """The plane at one station, or between two."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.palette_now = palette
        self.swarm: Swarm | None = None
        self.followed: Floats | None = None
        self.place = 0.0  # among the stations; what lies between two is drawn on the straight line
        self.letter = "x"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_place(self, swarm: Swarm | None, followed: Floats | None, place: float, letter: str) -> None:
        """Draw a station.

        Args:
            swarm: All points.
            followed: The way of the point that is followed, (K + 1, 2).
            place: Among the stations.
            letter: What the axes are called: "x", "v" between, "z".
        """
        self.swarm, self.followed, self.place, self.letter = swarm, followed, place, letter
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw points, ticks and names."""
        painter = QPainter(self)
        side = max(40, min(self.width() - _LEFT - 6, self.height() - _BELOW - 6))
        top = max(4.0, (self.height() - _BELOW - 6 - side) / 2)
        box = QRectF(_LEFT + (self.width() - _LEFT - 6 - side) / 2, top, side, side)
        self.draw(painter, box)

    def draw(self, painter: QPainter, box: QRectF) -> None:
        """Draw into a square."""
        if self.swarm is None:
            return
        low = min(int(self.place), len(self.swarm.stages) - 1)
        high, share = min(low + 1, len(self.swarm.stages) - 1), self.place - low
        points = between(self.swarm.stages[low], self.swarm.stages[high], share)
        one = None if self.followed is None else between(self.followed[low], self.followed[high], share)
        reach = self.swarm.reach
        swarms.paint(painter, box, points, self.swarm.groups, reach, self.palette_now, one, 3.0)
        painter.setFont(text_font(8))
        painter.setPen(QColor(self.palette_now.muted))
        for value in round_values(-reach, reach, 5):
            words, at = f"{value:g}".replace("-", "−"), (value + reach) / (2 * reach) * box.width()
            below = QRectF(box.left() + at - 20, box.bottom() + 1, 40, 14)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, words)
            beside = QRectF(box.left() - 34, box.bottom() - at - 7, 30, 14)
            painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        painter.setPen(QColor(self.palette_now.text))
        painter.setFont(text_font(9))
        below = QRectF(box.left(), box.bottom() + 14, box.width(), 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, f"{self.letter}₁")
        painter.drawText(QRectF(box.left() + 4, box.top() + 2, 40, 16), 0, f"↑ {self.letter}₂")


class LargeStage(QStackedWidget):
    """Shows a station of images or of points."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture, self.plane = PictureView("stage"), SwarmView(palette)
        self.addWidget(self.picture)
        self.addWidget(self.plane)

    def show_station(self, way: Way | None, swarm: Swarm | None, station: int, hint: str) -> None:
        """Show a station, or why there is none."""
        if way is None:
            self.picture.set_picture(None, hint=hint)
            self.setCurrentWidget(self.picture)
        elif way.is_points:
            followed = way.stages.astype(np.float64)
            seen = swarm or Swarm(followed[:, None], np.zeros(1, np.int64))
            self.plane.show_place(seen, followed, float(station), letter_at(way, station))
            self.setCurrentWidget(self.plane)
        else:
            self.picture.set_picture(way.stages[station])
            self.setCurrentWidget(self.picture)

    def image(self) -> QImage:
        """Return what is shown, as large as it is shown."""
        if self.currentWidget() is self.picture:
            return self.picture.shown_image()
        shown: QImage = self.plane.grab().toImage()
        return shown

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self.plane.palette_now = palette
        self.plane.update()


def between(one: Floats, other: Floats, share: float) -> Floats:
    """Return points on the straight line from one stage to another."""
    return one + (other - one) * share


def letter_at(way: Way, station: int) -> str:
    """Return what the values are called at a station: x at the data, z at the base, v in between."""
    ends = ("x", "z") if way.direction == "forward" else ("z", "x")
    last = len(way.stations) - 1
    return ends[0] if station == 0 else ends[1] if station == last else "v"
