"""One image through the model: the stages of a family's pipeline, each with a view of its tensor."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.session.latent_colors import latent_image, latent_legend
from genexplorer.session.palette import Palette
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, make_pen, math_font, scaled, set_font, text_font
from genexplorer.viewer.widgets.controls import clear_layout, fill_box
from genexplorer.viewer.widgets.images import ImageView
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, text, wrapped
from genexplorer.viewer.widgets.painted import unscaled_painter, unscaled_size
from trainers.theory import Stage

TENSOR_SIDE_PX = 15 * GAP  # the side of each stage's view: a 28-pixel digit fits four times as large
_MAX_BARS = 64
_MAX_LABELED_BARS = 4
_MIN_PLANE_LIMIT = 3.2  # axes go at least so far to either side of 0
_MIN_NUMBER_LIMIT = 3.0  # likewise, of the axis below a single number


class TensorView(QWidget):
    """Base of the views of a short tensor: a square that draws its values."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._values: NDArray[np.float64] = np.zeros(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_values(self, values: NDArray[Any]) -> None:
        """Show values; of more than 64, the first ones."""
        self._values = np.asarray(values, np.float64).reshape(-1)[:_MAX_BARS]
        self.setAccessibleDescription(", ".join(formatting.number(float(v)) for v in self._values[:8]))
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size of the square."""
        return QSize(scaled(TENSOR_SIDE_PX), scaled(TENSOR_SIDE_PX))

    def _axis_limit(self, minimum: float) -> float:
        finite = self._values[np.isfinite(self._values)]
        return max(minimum, float(np.abs(finite).max())) if finite.size else minimum


class VectorView(TensorView):
    """A short vector: a bar for each dimension from zero, and its value where there is room."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the bars."""
        count = len(self._values)
        if not count:
            return
        # Divide the height among the bars.
        painter, (width, full_height) = unscaled_painter(self), unscaled_size(self)
        painter.setFont(text_font(9, exact=True))
        has_labels = count <= _MAX_LABELED_BARS
        room = full_height / count
        largest = self._axis_limit(3.0)
        middle, half = width / 2, width / 2 - 4
        for index, value in enumerate(self._values):
            length = (float(value) if np.isfinite(value) else 0.0) / largest * half
            thick = min(room * 0.6, 12.0)
            top = index * room + (room * 0.62 if has_labels else (room - thick) / 2)
            height = min(thick, room * 0.3 if has_labels else thick)
            bar = QRectF(min(middle, middle + length), top, max(1.0, abs(length)), height)
            painter.fillRect(bar, QColor(self._palette.accent))
            # The mark at zero, and the value.
            painter.setPen(make_pen(self._palette.muted))
            painter.drawLine(QPointF(middle, bar.top() - 2), QPointF(middle, bar.bottom() + 2))
            if has_labels:
                painter.setPen(QColor(self._palette.text))
                line = QRectF(0, index * room, width, room * 0.6)
                painter.drawText(line, Qt.AlignmentFlag.AlignCenter, formatting.number(float(value)))


class PointView(TensorView):
    """A 2-D point between two axes through zero, with its coordinates."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw axes, unit circle, dot and coordinates."""
        if len(self._values) != 2:
            return
        painter, (width, height) = unscaled_painter(self), unscaled_size(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(text_font(8, exact=True))
        line = 2.0 * GAP
        side = height - line
        box = QRectF((width - side) / 2, 0, side, side)
        limit = self._axis_limit(_MIN_PLANE_LIMIT) * 1.05
        # The axes, and the unit circle.
        painter.setPen(make_pen(self._palette.faint))
        painter.drawRect(box)
        middle, unit = box.center(), side / 2 / limit
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
        below = QRectF(0, box.bottom() + 2, width, line)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, coordinates)


class NumberView(TensorView):
    """One number, large, and its position around zero, as of a logit."""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the number and its position."""
        if len(self._values) != 1:
            return
        value = float(self._values[0])
        painter, (width, height) = unscaled_painter(self), unscaled_size(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(text_font(18, exact=True))
        painter.setPen(QColor(self._palette.text))
        upper = QRectF(0, 0, width, height * 0.7)
        painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, formatting.number(value))
        # The position of the number on an axis around zero.
        y, middle, half = height * 0.78, width / 2, width / 2 - GAP
        painter.setPen(make_pen(self._palette.faint, 2))
        painter.drawLine(QPointF(middle - half, y), QPointF(middle + half, y))
        painter.drawLine(QPointF(middle, y - 5), QPointF(middle, y + 5))
        if np.isfinite(value):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._palette.accent))
            painter.drawEllipse(QPointF(middle + value / self._axis_limit(_MIN_NUMBER_LIMIT) * half, y), 4.5, 4.5)
        painter.setPen(QColor(self._palette.muted))
        painter.setFont(text_font(8, exact=True))
        painter.drawText(QRectF(middle - 20, y + 6, 40, 2 * GAP), Qt.AlignmentFlag.AlignHCenter, "0")


POINT_DATA_SHAPE = (2, 1, 1)  # the image shape, (C, H, W), of 2-D points
_MAX_VECTOR_SIZE = 64  # a latent of an image's size is drawn as a heat map if it has more values than this


class PipelineStageView(QWidget):
    """One stage: symbol, tensor, name, explanation."""

    def __init__(self, stage: Stage, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stage = stage
        self._palette = palette
        self.image_view, self.vector = ImageView(stage.tensor_name or stage.name), VectorView(palette)
        self.point, self.number = PointView(palette), NumberView(palette)
        self.image_view.setMinimumSize(scaled(TENSOR_SIDE_PX), scaled(TENSOR_SIDE_PX))
        self.shape, self.legend = muted(""), wrapped("")
        self._tensor = QStackedWidget()
        for view in (self.image_view, self.vector, self.point, self.number):
            self._tensor.addWidget(view)
        self._tensor.setFixedSize(scaled(TENSOR_SIDE_PX), scaled(TENSOR_SIDE_PX))
        # The layout: symbol, tensor, shape, name and explanation.
        symbol = text(stage.symbol)
        set_font(symbol, math_font(16))
        self.setToolTip(literal_tooltip(stage.explanation))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        title, explanation, center = heading(stage.name), wrapped(stage.explanation), Qt.AlignmentFlag.AlignHCenter
        title.setWordWrap(True)
        for label in (title, explanation, self.legend):
            label.setAlignment(center)
        centered = (symbol, self._tensor, self.shape)
        layout = fill_box(QVBoxLayout(self), *centered, title, explanation, self.legend, None, spacing=GAP // 2)
        for widget in centered:
            layout.setAlignment(widget, center)

    def show_tensor(self, tensor: NDArray[Any] | None, image_shape: tuple[int, int, int], hint: str = "…") -> None:
        """Show a tensor with a first axis of 1: an image, a vector, a point, a number, or many values as a heat map.

        Args:
            tensor: The tensor, (1, …); None shows `hint`.
            image_shape: Shape of the data, (C, H, W); (2, 1, 1) for 2-D points.
            hint: The text displayed where there is no tensor.
        """
        self.legend.setText("")
        if tensor is None:
            self.image_view.set_image(None, hint=hint)
            self._show(self.image_view, "")
            return
        # Choose the view by the size of the tensor.
        values = np.asarray(tensor)[0]
        shape = " × ".join(str(length) for length in values.shape)
        if values.ndim == 3 and image_shape != POINT_DATA_SHAPE:
            if values.dtype != np.uint8:
                values = (np.clip(np.asarray(values, np.float64), 0, 1) * 255).round().astype(np.uint8)
            self.image_view.set_image(values)
            self._show(self.image_view, shape)
        elif values.size == prod(image_shape) > _MAX_VECTOR_SIZE:
            self.image_view.set_image(latent_image(values, image_shape))
            self._show(self.image_view, f"{values.size} values")
            self.legend.setText(latent_legend(image_shape[0]))
        else:
            view: TensorView = self.vector
            if values.size == 1 and self.stage.tensor_name != "z":
                view = self.number
            elif values.size == 2 and image_shape == POINT_DATA_SHAPE:
                view = self.point
            view.set_values(values)
            self._show(view, shape)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self._palette = palette
        for view in (self.vector, self.point, self.number):
            view.recolor(palette)

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
                arrow = muted("→" if view.stage.tensor_name != "x" else " ")
                set_font(arrow, text_font(15))
                arrow.setContentsMargins(0, scaled(4 * GAP + TENSOR_SIDE_PX // 2 - GAP), 0, 0)
                self._row.addWidget(arrow, 0, Qt.AlignmentFlag.AlignTop)
            self._row.addWidget(view, 1, Qt.AlignmentFlag.AlignTop)
        self.clear()

    def clear(self) -> None:
        """Show no tensors."""
        for view in self.stages:
            view.show_tensor(None, POINT_DATA_SHAPE)

    def show_tensors(self, arrays: Mapping[str, NDArray[Any]], image_shape: tuple[int, int, int]) -> None:
        """Show the model's tensors for data of a shape (C, H, W)."""
        self.note.hide()
        for view in self.stages:
            view.show_tensor(arrays.get(view.stage.tensor_name), image_shape, "not part of this model")

    def show_note(self, text: str) -> None:
        """Show why there are no tensors."""
        self.clear()
        self.note.setText(text)
        self.note.show()

    def recolor(self) -> None:
        """Apply the colors of the context's palette."""
        for view in self.stages:
            view.recolor(self._context.palette)
