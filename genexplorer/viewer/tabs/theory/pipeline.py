"""One image through the model: the stages of a family's pipeline, each with a view of its tensor."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette, rgb
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, math_font, text_font
from genexplorer.viewer.widgets.controls import clear_layout, fill_box
from genexplorer.viewer.widgets.images import ImageView
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, text, wrapped
from trainers.theory import Stage

SIDE_PX = 15 * GAP  # of a picture: a 28-pixel digit four times as large
HEAT_REACH = 3.0  # the value at either end of a heat map's colors
_MAX_BARS = 64
_MAX_LABELS = 4
_PLANE_REACH = 3.2  # the smallest range, to either side
_NUMBER_REACH = 3.0


def heat_pixels(values: NDArray[Any], shape: tuple[int, int, int], palette: Palette) -> NDArray[np.uint8]:
    """Return values drawn as an image: below 0 in one color, above in another, 0 as the background.

    Args:
        values: (D,); D is C·H·W.
        shape: (C, H, W); channels are drawn side by side.
        palette: The colors.
    """
    channels, height, width = shape
    pixels = np.asarray(values, np.float64).reshape(channels, height, width).transpose(1, 0, 2).reshape(height, -1)
    share = np.clip(np.nan_to_num(pixels) / HEAT_REACH, -1, 1)[..., None]
    ends = (np.array(rgb(name), np.float64) for name in (palette.background, palette.accent, palette.warning))
    middle, low, high = ends
    mixed = middle + (np.where(share < 0, low, high) - middle) * np.abs(share)
    return np.asarray(mixed.round(), np.uint8)


class TensorView(QWidget):
    """Base of the views: a square, and values."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._values: NDArray[np.float64] = np.zeros(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_values(self, values: NDArray[Any]) -> None:
        """Show a vector."""
        self._values = np.asarray(values, np.float64).reshape(-1)[:_MAX_BARS]
        self.setAccessibleDescription(", ".join(formatting.number(float(v)) for v in self._values[:8]))
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size of a picture."""
        return QSize(SIDE_PX, SIDE_PX)

    def _largest(self, least: float) -> float:
        finite = self._values[np.isfinite(self._values)]
        return max(least, float(np.abs(finite).max())) if finite.size else least


class VectorView(TensorView):
    """A short vector: a bar for each dimension from zero, and its value where there is room."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the bars."""
        count = len(self._values)
        if not count:
            return
        # The room of a bar, and the scale.
        painter = QPainter(self)
        painter.setFont(text_font(9))
        has_labels = count <= _MAX_LABELS
        room = self.height() / count
        largest = self._largest(3.0)
        middle, half = self.width() / 2, self.width() / 2 - 4
        for index, value in enumerate(self._values):
            length = (float(value) if np.isfinite(value) else 0.0) / largest * half
            thick = min(room * 0.6, 12.0)
            top = index * room + (room * 0.62 if has_labels else (room - thick) / 2)
            height = min(thick, room * 0.3 if has_labels else thick)
            bar = QRectF(min(middle, middle + length), top, max(1.0, abs(length)), height)
            painter.fillRect(bar, QColor(self._palette.accent))
            # The mark at zero, and the value.
            painter.setPen(QPen(QColor(self._palette.muted)))
            painter.drawLine(QPointF(middle, bar.top() - 2), QPointF(middle, bar.bottom() + 2))
            if has_labels:
                painter.setPen(QColor(self._palette.text))
                line = QRectF(0, index * room, self.width(), room * 0.6)
                painter.drawText(line, Qt.AlignmentFlag.AlignCenter, formatting.number(float(value)))


class PointView(TensorView):
    """A 2-D point between two axes through zero, with its coordinates."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw axes, unit circle, dot and coordinates."""
        if len(self._values) != 2:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(text_font(8))
        line = 2.0 * GAP
        side = self.height() - line
        box = QRectF((self.width() - side) / 2, 0, side, side)
        reach = self._largest(_PLANE_REACH) * 1.05
        # The axes, and the unit circle.
        painter.setPen(QPen(QColor(self._palette.faint)))
        painter.drawRect(box)
        middle, unit = box.center(), side / 2 / reach
        painter.drawLine(QPointF(box.left(), middle.y()), QPointF(box.right(), middle.y()))
        painter.drawLine(QPointF(middle.x(), box.top()), QPointF(middle.x(), box.bottom()))
        painter.drawEllipse(middle, unit, unit)
        # The point, and its coordinates.
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._palette.accent))
        if np.isfinite(self._values).all():
            painter.drawEllipse(middle + QPointF(self._values[0], -self._values[1]) * unit, 4.5, 4.5)
        painter.setPen(QColor(self._palette.text))
        coordinates = f"({', '.join(formatting.number(float(value)) for value in self._values)})"
        below = QRectF(0, box.bottom() + 2, self.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, coordinates)


class NumberView(TensorView):
    """One number, large, and its position around zero, as of a logit."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the number and its position."""
        if len(self._values) != 1:
            return
        value = float(self._values[0])
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(text_font(18))
        painter.setPen(QColor(self._palette.text))
        upper = QRectF(0, 0, self.width(), self.height() * 0.7)
        painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, formatting.number(value))
        # The position of the number on an axis around zero.
        y, middle, half = self.height() * 0.78, self.width() / 2, self.width() / 2 - GAP
        painter.setPen(QPen(QColor(self._palette.faint), 2))
        painter.drawLine(QPointF(middle - half, y), QPointF(middle + half, y))
        painter.drawLine(QPointF(middle, y - 5), QPointF(middle, y + 5))
        if np.isfinite(value):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._palette.accent))
            painter.drawEllipse(QPointF(middle + value / self._largest(_NUMBER_REACH) * half, y), 4.5, 4.5)
        painter.setPen(QColor(self._palette.muted))
        painter.setFont(text_font(8))
        painter.drawText(QRectF(middle - 20, y + 6, 40, 2 * GAP), Qt.AlignmentFlag.AlignHCenter, "0")


POINTS = (2, 1, 1)  # the shape of 2-D data
_MAX_VECTOR = 64  # more values are drawn as a heat map


class PipelineStageView(QWidget):
    """One stage: symbol, tensor, name, explanation."""

    def __init__(self, stage: Stage, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stage = stage
        self._palette = palette
        self._heat: tuple[NDArray[np.float64], tuple[int, int, int]] | None = None
        self.picture, self.vector = ImageView(stage.shows or stage.name), VectorView(palette)
        self.point, self.number = PointView(palette), NumberView(palette)
        self.picture.setMinimumSize(SIDE_PX, SIDE_PX)
        self.shape = muted("")
        self._tensor = QStackedWidget()
        for view in (self.picture, self.vector, self.point, self.number):
            self._tensor.addWidget(view)
        self._tensor.setFixedSize(SIDE_PX, SIDE_PX)
        # The layout: symbol, tensor, shape, name and explanation.
        symbol = text(stage.symbol)
        symbol.setFont(math_font(16))
        self.setToolTip(literal_tooltip(stage.explanation))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        title, explanation, center = heading(stage.name), wrapped(stage.explanation), Qt.AlignmentFlag.AlignHCenter
        explanation.setAlignment(center)
        centered = (symbol, self._tensor, self.shape, title)
        layout = fill_box(QVBoxLayout(self), *centered, explanation, None, spacing=GAP // 2)
        for widget in centered:
            layout.setAlignment(widget, center)

    def show_tensor(self, tensor: NDArray[Any] | None, image_shape: tuple[int, int, int], hint: str = "…") -> None:
        """Show a tensor with a first axis of 1: an image, a vector, a point, a number, or many values as a heat map.

        Args:
            tensor: (1, …), or None and `hint`.
            image_shape: (C, H, W) of the data; (2, 1, 1) for 2-D points.
            hint: The text displayed where there is no tensor.
        """
        self._heat = None
        if tensor is None:
            self.picture.set_image(None, hint=hint)
            self._show(self.picture, "")
            return
        # Choose the view by the size of the tensor.
        values = np.asarray(tensor)[0]
        shape = " × ".join(str(length) for length in values.shape)
        if values.ndim == 3 and image_shape != POINTS:
            if values.dtype != np.uint8:
                values = (np.clip(np.asarray(values, np.float64), 0, 1) * 255).round().astype(np.uint8)
            self.picture.set_image(values)
            self._show(self.picture, shape)
        elif values.size == prod(image_shape) > _MAX_VECTOR:
            self._heat = (np.asarray(values, np.float64), image_shape)
            self._draw_heat()
            self._show(self.picture, f"{values.size} values, colors from −{HEAT_REACH:g} to {HEAT_REACH:g}")
        else:
            view: TensorView = self.vector
            if values.size == 1 and self.stage.shows != "z":
                view = self.number
            elif values.size == 2 and image_shape == POINTS:
                view = self.point
            view.set_values(values)
            self._show(view, shape)

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        for view in (self.vector, self.point, self.number):
            view.recolor(palette)
        self._draw_heat()

    def _draw_heat(self) -> None:
        if self._heat is not None:
            self.picture.set_image(heat_pixels(*self._heat, self._palette))

    def _show(self, view: QWidget, shape: str) -> None:
        self._tensor.setCurrentWidget(view)
        self.shape.setText(shape)


class PipelineView(QWidget):
    """All stages in a row with arrows between."""

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.stages: list[PipelineStageView] = []
        self._row_host = QWidget()
        self._row = fill_box(QHBoxLayout(self._row_host))
        self.note = wrapped("")
        fill_box(QVBoxLayout(self), self.note, self._row_host, spacing=-1)
        self.note.hide()

    def set_stages(self, stages: Sequence[Stage]) -> None:
        """Set the stages of a family."""
        clear_layout(self._row)
        self.stages = [PipelineStageView(stage, self._context.palette) for stage in stages]
        for index, view in enumerate(self.stages):
            if index:
                # The arrow between two stages, or a space where another branch begins.
                arrow = muted("→" if view.stage.shows != "x" else " ")
                arrow.setFont(text_font(15))
                arrow.setContentsMargins(0, 4 * GAP + SIDE_PX // 2 - GAP, 0, 0)
                self._row.addWidget(arrow, 0, Qt.AlignmentFlag.AlignTop)
            self._row.addWidget(view, 1, Qt.AlignmentFlag.AlignTop)
        self.clear()

    def clear(self) -> None:
        """Show no tensors."""
        for view in self.stages:
            view.show_tensor(None, POINTS)

    def show_tensors(self, arrays: Mapping[str, NDArray[Any]], image_shape: tuple[int, int, int]) -> None:
        """Show the model's tensors for data of a shape (C, H, W)."""
        self.note.hide()
        for view in self.stages:
            view.show_tensor(arrays.get(view.stage.shows), image_shape, "not part of this model")

    def show_note(self, text: str) -> None:
        """Show why there are no tensors."""
        self.clear()
        self.note.setText(text)
        self.note.show()

    def recolor(self) -> None:
        """Take the context's palette."""
        for view in self.stages:
            view.recolor(self._context.palette)
