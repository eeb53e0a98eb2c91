"""The way drawn out along t: its images in a row and |z| below, walked along with the mouse."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from genexplorer.session.palette import Palette
from genexplorer.session.prior import typical_norm
from genexplorer.viewer.plots.painted_axes import PaintedAxes
from genexplorer.viewer.tabs.interpolate.path import Frames, chord_norms
from genexplorer.viewer.widgets.images import to_qimage

GRAPH_PX, STRIP_PX = 128, 92
_RIGHT_PX = 96.0  # for the name of the line of typical lengths
_LEAST_CELL_PX = 18.0
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
Floats = NDArray[np.float64]


class Track(QWidget):
    """One axis of t for images and curve; pressing or dragging anywhere goes to that t.

    Signals:
        scrubbed(float): The t that was pressed.
        scrubbing(bool): A drag begins or ends.
    """

    scrubbed = pyqtSignal(float)
    scrubbing = pyqtSignal(bool)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._frames: Frames | None = None
        self._ends: Floats | None = None
        self._images: list[QImage] = []
        self._t, self._hint = 0.5, ""
        self._has_strip = True
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("the way from A to B")
        self.setToolTip("Drag to walk along the way (← →, Shift finely, Space to and fro)")

    def sizeHint(self) -> QSize:
        """Return room for images and curve."""
        return QSize(480, GRAPH_PX + (STRIP_PX if self._has_strip else 0))

    def set_style(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        self.update()

    def set_way(self, frames: Frames | None, ends: Floats | None, hint: str = "") -> None:
        """Show a way and the ends (2, d) that it joins, or the hint that says why there is none."""
        self._hint, self._ends = hint, ends
        if frames is not self._frames:
            self._frames = frames
            images = [] if frames is None or frames.images.ndim < 4 else list(frames.strip)
            self._images = [to_qimage(image) for image in images]
        strip = frames is None or frames.images.ndim == 4
        if strip != self._has_strip:
            self._has_strip = strip
            self.updateGeometry()
        self.update()

    def set_t(self, t: float) -> None:
        """Mark a place of the way."""
        self._t = t
        self.update()

    def axes(self) -> PaintedAxes:
        """Return the axes of the curve; the strip above has the same t."""
        top = STRIP_PX if self._has_strip else 0
        highest = 1.0
        if self._frames is not None:
            longest = float(np.max(np.nan_to_num(self._frames.norms, posinf=0.0)))
            highest = max(longest, typical_norm(self._frames.z.shape[1])) * 1.15
        room = QRectF(0, top, self.width(), self.height() - top)
        inset = self._cell_px / 2 if self._has_strip else 0.0
        return PaintedAxes(
            room, (0, 1), (0, highest), "t, from A to B", "|z|", left_px=52 + inset, right_px=_RIGHT_PX + inset
        )

    def x_of(self, t: float) -> float:
        """Return where a t lies."""
        return self.axes().place(t, 0).x()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw strip, curve and the place where one stands."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._frames is None:
            painter.setPen(QColor(self._palette.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect(), flags, self._hint)
            return
        axes = self.axes()
        axes.paint(painter, self._palette, _TICKS)
        self._paint_norms(painter, axes, self._frames)
        self._paint_strip(painter, axes, self._frames)
        x = axes.place(self._t, 0).x()
        painter.setPen(QPen(QColor(self._palette.text), 1))
        painter.drawLine(QPointF(x, axes.frame.top()), QPointF(x, axes.frame.bottom()))
        painter.setBrush(QColor(self._palette.text))
        y = float(self._frames.norms[self._frames.nearest(self._t)])
        if np.isfinite(y):
            painter.drawEllipse(axes.place(self._t, y), 3.5, 3.5)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin to walk."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self._frames is not None:
            self.scrubbing.emit(True)
            self._scrub(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Walk to where the mouse is."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton and self._frames is not None:
            self._scrub(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End the walk."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.scrubbing.emit(False)

    def _scrub(self, event: QMouseEvent) -> None:
        t, _ = self.axes().value_at(event.position())
        self.scrubbed.emit(min(1.0, max(0.0, t)))

    @property
    def _cell_px(self) -> float:
        count = max(2, len(self._images))
        return max(_LEAST_CELL_PX, (self.width() - 52 - _RIGHT_PX) / count)

    def _paint_norms(self, painter: QPainter, axes: PaintedAxes, frames: Frames) -> None:
        palette = self._palette
        painter.setBrush(Qt.BrushStyle.NoBrush)
        typical = typical_norm(frames.z.shape[1])
        painter.setPen(QPen(QColor(palette.muted), 1, Qt.PenStyle.DotLine))
        painter.drawLine(axes.place(0, typical), axes.place(1, typical))
        painter.setPen(QColor(palette.muted))
        beside = QRectF(axes.frame.right() + 6, axes.place(1, typical).y() - 8, _RIGHT_PX, 16)
        painter.drawText(beside, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "a sample’s |z|")
        self._paint_chord(painter, axes, frames)
        painter.setPen(QPen(QColor(palette.accent), 2))
        painter.drawPolyline(axes.polygon(frames.t, frames.norms))

    def _paint_chord(self, painter: QPainter, axes: PaintedAxes, frames: Frames) -> None:
        """Draw what the straight line would do, where the way is another: it leads through the middle."""
        if self._ends is None or frames.mode == "linear":
            return
        chord = chord_norms(self._ends, frames.t)
        painter.setPen(QPen(QColor(self._palette.muted), 1.2, Qt.PenStyle.DashLine))
        painter.drawPolyline(axes.polygon(frames.t, chord))
        dip = int(np.argmax(np.abs(frames.norms - chord)))
        if abs(axes.place(0, float(frames.norms[dip])).y() - axes.place(0, float(chord[dip])).y()) > 12:
            beside = (dip + len(chord) - 1) // 2  # on the way up again, where there is room below
            place = axes.place(float(frames.t[beside]), float(chord[beside]))
            painter.setPen(QColor(self._palette.muted))
            box = QRectF(place.x() + 8, min(place.y() + 1, axes.frame.bottom() - 16), 80, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft, "linear")

    def _paint_strip(self, painter: QPainter, axes: PaintedAxes, frames: Frames) -> None:
        if not self._images:
            return
        ratio, size = self.devicePixelRatioF(), self._images[0].size()
        room = min(self._cell_px - 4, STRIP_PX - 8.0)
        scale = room * ratio / max(size.width(), size.height())
        scale = (int(scale) if scale >= 1 else scale) / ratio
        width, height = size.width() * scale, size.height() * scale
        fits = max(2, int(axes.frame.width() / (width + 2)) + 1)
        places = np.unique(np.linspace(0, len(self._images) - 1, min(fits, len(self._images))).round().astype(int))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale * ratio < 1)
        strip_t = frames.t[:: frames.every]
        here = places[int(np.argmin(np.abs(strip_t[places] - self._t)))]
        for place in places:
            x = axes.place(float(strip_t[place]), 0).x()
            box = QRectF(round(x - width / 2), round((STRIP_PX - height) / 2), width, height)
            painter.drawImage(box, self._images[place])
            if place == here:
                painter.setPen(QPen(QColor(self._palette.accent), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(box.adjusted(-2, -2, 2, 2))
