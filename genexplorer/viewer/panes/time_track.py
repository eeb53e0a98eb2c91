"""The slider of the time bar: snapshots on a logarithmic step axis, and the objective's curve below it."""

import math

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QEnterEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF, QWheelEvent
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import make_pen, scale, scaled, text_font
from genexplorer.viewer.widgets.painted import unscaled_painter, unscaled_size

Floats = NDArray[np.float64]
# Lengths at a scale of 1, the units of `unscaled_painter`.
_MARGIN_PX, _RAIL_Y_PX, _LABEL_Y_PX, _CURVE_TOP_PX, _HEIGHT_PX = 10.0, 12.0, 20.0, 38.0, 92
_MIN_CHANGE_WIDTH_PX, _MAX_CHANGE_WIDTH_PX = 24, 140  # of the text of a changed setting
_HANDLE_RADIUS_PX = 6.0
MIN_GROWTH_PX = 2.0  # the curve is read again once its end has moved this far


def log_fraction(step: float, last: float) -> float:
    """Return the position of a step on the logarithmic axis, 0 for step 0 and 1 for the last."""
    return float(log_fractions(np.asarray(step, np.float64), last))


def log_fractions(steps: Floats, last: float) -> Floats:
    """Return the positions, 0 to 1, of steps of any shape."""
    fractions: Floats = np.log1p(np.maximum(steps, 0.0)) / math.log1p(last) if last > 0 else np.zeros_like(steps)
    return fractions


def nice_steps(last: int) -> list[int]:
    """Return the steps that may be labeled, the most important first: powers of ten, then fives and twos."""
    powers = [10**n for n in range(len(str(max(1, last))))]
    ordered = [0, *powers, *(5 * p for p in powers), *(2 * p for p in powers)]
    return [step for step in ordered if step <= last]


class TimeTrack(QWidget):
    """A slider over the snapshots with the objective's curve on the same axis.

    Signals:
        step_chosen(int): The snapshot that was clicked or dragged to.
        dragging(bool): A drag begins or ends.
        move_requested(int): The mouse wheel moves by this many snapshots.
    """

    step_chosen = pyqtSignal(int)
    dragging = pyqtSignal(bool)
    move_requested = pyqtSignal(int)

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._steps: tuple[int, ...] = ()
        self._selected_step: int | None = None
        self._last = 0
        self._name, self._unit = "", ""
        self._x: Floats = np.zeros(0)
        self._y: Floats = np.zeros(0)
        self._curve_px: tuple[tuple[int, int, int], Floats] | None = None  # the curve in pixels, by size and last step
        self._marks: tuple[tuple[int, str], ...] = ()
        self._hovered_x: float | None = None
        self._is_pressed = False
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Time")

    def set_palette(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        self.update()

    def set_time(self, steps: tuple[int, ...], selected_step: int | None, last: int) -> None:
        """Show these snapshots, the displayed one, and the last step that has a metric."""
        self._steps, self._selected_step = steps, selected_step
        self._last = max([last, *steps[-1:]])
        self.setAccessibleDescription("" if selected_step is None else f"step {selected_step:,}")
        self.update()

    def set_curve(self, name: str, unit: str, x: Floats, y: Floats, marks: tuple[tuple[int, str], ...]) -> None:
        """Show the objective over steps, with a mark at each change of a setting."""
        is_finite = np.isfinite(x) & np.isfinite(y)
        self._name, self._unit, self._x, self._y, self._marks = name, unit, x[is_finite], y[is_finite], marks
        self._curve_px = None
        self.update()

    def shows_growth(self, last: int) -> bool:
        """Return whether a curve that goes on to a step would end visibly farther than the displayed one."""
        return not self._x.size or (1 - log_fraction(float(self._x[-1]), last)) * self._width() >= MIN_GROWTH_PX

    def sizeHint(self) -> QSize:
        """Return a wide size; the track fills the width. In the presentation the tabs get the room of the curve."""
        return QSize(scaled(600), scaled(_CURVE_TOP_PX if scale() > 1 else _HEIGHT_PX))

    def x_of(self, step: float) -> float:
        """Return the x of a step, in the units of `unscaled_painter`."""
        return _MARGIN_PX + log_fraction(step, self._last) * self._width()

    def nearest_snapshot(self, x: float) -> int | None:
        """Return the snapshot nearest to an x, in the units of `unscaled_painter`."""
        return min(self._steps, key=lambda step: abs(self.x_of(step) - x)) if self._steps else None

    def value_at(self, step: float) -> float | None:
        """Return the curve's value at a step: that of the last point at or before it."""
        if not self._x.size:
            return None
        return float(self._y[max(0, int(np.searchsorted(self._x, step, side="right")) - 1)])

    # Mouse ------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Jump to the click, and hold for a drag."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self._steps:
            self._is_pressed = True
            self.dragging.emit(True)
            self._choose(event.position().x() / scale())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Drag, or show the tooltip of the snapshot under the mouse."""
        if event is None:
            return
        self._hovered_x = event.position().x() / scale()
        if self._is_pressed:
            self._choose(self._hovered_x)
        step = self.nearest_snapshot(self._hovered_x)
        if step is not None:
            value = self.value_at(step)
            value_text = f"   {self._name} {formatting.number(value, self._unit)}" if value is not None else ""
            changes = [label for at, label in self._marks if abs(self.x_of(at) - self._hovered_x) < 6]
            lines = [f"step {step:,}{value_text}", *changes]
            QToolTip.showText(event.globalPosition().toPoint(), "\n".join(lines), self)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End a drag."""
        if self._is_pressed:
            self._is_pressed = False
            self.dragging.emit(False)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Move by snapshots."""
        if event is not None and event.angleDelta().y():
            self.move_requested.emit(1 if event.angleDelta().y() > 0 else -1)
            event.accept()

    def enterEvent(self, event: QEnterEvent | None) -> None:
        """Show the cursor of clickable items."""
        self.setCursor(Qt.CursorShape.PointingHandCursor if self._steps else Qt.CursorShape.ArrowCursor)

    def leaveEvent(self, event: object) -> None:
        """Forget the mouse."""
        self._hovered_x = None
        self.update()

    def _choose(self, x: float) -> None:
        step = self.nearest_snapshot(x)
        if step is not None and step != self._selected_step:
            self.step_chosen.emit(step)

    # Drawing ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw rail, labels, curve and mark."""
        painter, (_, height) = unscaled_painter(self), unscaled_size(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        has_curve = scale() == 1
        # The rail, with a tick at each snapshot.
        painter.setPen(make_pen(self._palette.faint, 2.0))
        painter.drawLine(QPointF(_MARGIN_PX, _RAIL_Y_PX), QPointF(_MARGIN_PX + self._width(), _RAIL_Y_PX))
        painter.setPen(QColor(self._palette.muted))
        painter.setFont(text_font(8, exact=True))
        for step in self._steps:
            x = self.x_of(step)
            painter.drawLine(QPointF(x, _RAIL_Y_PX - 3), QPointF(x, _RAIL_Y_PX + 3))
        if self._steps:
            self._paint_labels(painter)
        if self._x.size > 1 and has_curve:
            self._paint_curve(painter)
        if has_curve:
            self._paint_changes(painter, height - 15)
        # The displayed snapshot.
        if self._selected_step is not None:
            handle = QPointF(self.x_of(self._selected_step), _RAIL_Y_PX)
            painter.setPen(QColor(self._palette.text))
            if has_curve:  # the line begins below the labels, so that it strikes out none
                painter.drawLine(QPointF(handle.x(), _CURVE_TOP_PX), QPointF(handle.x(), height - 2))
            painter.setPen(make_pen(self._palette.background, 2.0))
            painter.setBrush(QColor(self._palette.accent))
            painter.drawEllipse(handle, _HANDLE_RADIUS_PX, _HANDLE_RADIUS_PX)

    def _width(self) -> float:
        return max(1.0, unscaled_size(self)[0] - 2 * _MARGIN_PX)

    def _paint_changes(self, painter: QPainter, top: float) -> None:
        """Mark the changes of settings, with their texts where these do not overlap."""
        painter.setPen(QColor(self._palette.warning))
        full_width, _ = unscaled_size(self)
        metrics, occupied_to = painter.fontMetrics(), 0.0
        positions = [self.x_of(step) for step, _ in self._marks]
        for (_, label), x, next_x in zip(self._marks, positions, [*positions, np.inf][1:], strict=True):
            painter.drawText(QRectF(x - 8, top, 16, 14), Qt.AlignmentFlag.AlignCenter, "▲")
            room = min(_MAX_CHANGE_WIDTH_PX, next_x - x - 18)  # up to the next mark
            if room < _MIN_CHANGE_WIDTH_PX:
                continue
            text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, int(room))
            width = metrics.horizontalAdvance(text) + 2
            left = x + 8 if x + 8 + width <= full_width else x - 8 - width
            if left >= occupied_to:
                painter.drawText(QRectF(left, top, width, 14), Qt.AlignmentFlag.AlignVCenter, text)
            occupied_to = max(occupied_to, left + width, x + 8)

    def _paint_labels(self, painter: QPainter) -> None:
        """Write the steps that fit beside one another, in the painter's font and color."""
        occupied: list[QRectF] = []
        full_width, _ = unscaled_size(self)
        for step in nice_steps(self._last):
            label = formatting.count(step).replace(".0", "")
            width = painter.fontMetrics().horizontalAdvance(label) + 2.0
            left = min(max(0.0, self.x_of(step) - width / 2), full_width - width)
            box = QRectF(left, _LABEL_Y_PX, width, 14)
            if not any(box.adjusted(-10, 0, 10, 0).intersects(other) for other in occupied):
                occupied.append(box)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)

    def _curve_points(self) -> Floats:
        """Return the curve in pixels, (N, 2), a point for each pixel from left to right."""
        key = (self.width(), self.height(), self._last)
        if self._curve_px is None or self._curve_px[0] != key:
            low, high = float(self._y.min()), float(self._y.max())
            height = unscaled_size(self)[1] - _CURVE_TOP_PX - 6
            fractions = (self._y - low) / (high - low) if high > low else np.full_like(self._y, 0.5)
            tops = _CURVE_TOP_PX + 2 + (1 - fractions) * height
            lefts = _MARGIN_PX + log_fractions(self._x, self._last) * self._width()
            _, first = np.unique(np.floor(lefts), return_index=True)
            count = np.diff(np.append(first, len(lefts)))
            points = np.stack([np.add.reduceat(of, first) / count for of in (lefts, tops)], axis=1)
            self._curve_px = key, points
        return self._curve_px[1]

    def _paint_curve(self, painter: QPainter) -> None:
        points = self._curve_points()
        painter.setPen(make_pen(self._palette.accent, 1.4))
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points.tolist()]))
        # Its name, in the left corner that the curve leaves free.
        painter.setPen(QColor(self._palette.muted))
        name = f"{self._name} ({self._unit})" if self._unit else self._name
        full_width, height = unscaled_size(self)
        width = min(painter.fontMetrics().horizontalAdvance(name) + 4, full_width)
        heights = points[points[:, 0] <= _MARGIN_PX + width, 1]
        is_low = bool(heights.size) and float(heights.mean()) > (_CURVE_TOP_PX + height) / 2
        painter.drawText(QRectF(_MARGIN_PX, _CURVE_TOP_PX if is_low else height - 18, width, 16), 0, name)
