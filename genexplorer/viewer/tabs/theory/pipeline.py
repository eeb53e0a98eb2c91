"""One image through the model: the stages of a family's pipeline, each with its tensor."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, math_font, text_font
from genexplorer.viewer.tabs.theory.tensor_views import (
    HEAT_REACH,
    SIDE_PX,
    NumberView,
    PointView,
    TensorView,
    VectorView,
    heat_pixels,
)
from genexplorer.viewer.widgets.controls import discard
from genexplorer.viewer.widgets.images import ImageView
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, text, wrapped
from trainers.theory import Stage

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
        symbol = text(stage.symbol)
        symbol.setFont(math_font(16))
        self.setToolTip(literal_tooltip(stage.explanation))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP // 2)
        center = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(symbol, 0, center)
        layout.addWidget(self._tensor, 0, center)
        layout.addWidget(self.shape, 0, center)
        layout.addWidget(heading(stage.name), 0, center)
        explanation = wrapped(stage.explanation)
        explanation.setAlignment(center)
        layout.addWidget(explanation)
        layout.addStretch(1)

    def show_tensor(self, tensor: NDArray[Any] | None, image_shape: tuple[int, int, int], hint: str = "…") -> None:
        """Show a tensor with a first axis of 1: an image, a vector, a point, a number, or many values as a heat map.

        Args:
            tensor: (1, …), or None and `hint`.
            image_shape: (C, H, W) of the data; (2, 1, 1) for 2-D points.
            hint: Shown in its place.
        """
        self._heat = None
        if tensor is None:
            self.picture.set_image(None, hint=hint)
            self._show(self.picture, "")
            return
        values = np.asarray(tensor)[0]
        shape = " × ".join(str(length) for length in values.shape)
        if values.ndim == 3 and image_shape != POINTS:
            self.picture.set_image(values if values.dtype == np.uint8 else _to_gray(values))
            self._show(self.picture, shape)
        elif values.size == prod(image_shape) > _MAX_VECTOR:
            self._heat = (np.asarray(values, np.float64), image_shape)
            self._draw_heat()
            self._show(self.picture, f"{values.size} values, colors from −{HEAT_REACH:g} to {HEAT_REACH:g}")
        else:
            view = self._view_of(values.size, image_shape)
            view.set_values(values)
            self._show(view, shape)

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        for view in (self.vector, self.point, self.number):
            view.recolor(palette)
        self._draw_heat()

    def _view_of(self, size: int, image_shape: tuple[int, int, int]) -> TensorView:
        if size == 1 and self.stage.shows != "z":
            return self.number
        return self.point if size == 2 and image_shape == POINTS else self.vector

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
        self._row = QHBoxLayout(self._row_host)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(GAP)
        self.note = wrapped("")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.note)
        layout.addWidget(self._row_host)
        self.note.hide()

    def set_stages(self, stages: Sequence[Stage]) -> None:
        """Set the stages of a family."""
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                discard(widget)
        self.stages = [PipelineStageView(stage, self._context.palette) for stage in stages]
        for place, view in enumerate(self.stages):
            if place:
                self._row.addWidget(_arrow("→" if view.stage.shows != "x" else " "), 0, Qt.AlignmentFlag.AlignTop)
            self._row.addWidget(view, 1, Qt.AlignmentFlag.AlignTop)
        self.clear()

    def clear(self) -> None:
        """Show no tensors."""
        for view in self.stages:
            view.show_tensor(None, POINTS)

    def show_tensors(self, arrays: Mapping[str, NDArray[Any]], image_shape: tuple[int, int, int]) -> None:
        """Show what the model computed of data of a shape (C, H, W)."""
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


def _arrow(label: str) -> QWidget:
    """Return the arrow between two stages, or a space where another branch begins."""
    arrow = muted(label)
    arrow.setFont(text_font(15))
    arrow.setContentsMargins(0, 4 * GAP + SIDE_PX // 2 - GAP, 0, 0)
    return arrow


def _to_gray(image: NDArray[Any]) -> NDArray[np.uint8]:
    gray: NDArray[np.uint8] = (np.clip(np.asarray(image, np.float64), 0, 1) * 255).round().astype(np.uint8)
    return gray
