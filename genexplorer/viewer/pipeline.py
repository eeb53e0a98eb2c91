"""The way of one image through the model, station by station, each with its real tensor."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from genexplorer.session import wording
from genexplorer.session.palette import Palette
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.controls import discard
from genexplorer.viewer.labels import heading, literal_tooltip, muted, text, wrapped
from genexplorer.viewer.pictures import PictureView
from genexplorer.viewer.style import GAP, math_font, text_font
from trainers.theory import Stage

_SIDE = 15 * GAP  # of a picture: a 28-pixel digit four times as large
_MAX_BARS = 64
_MAX_WORDS = 4


class VectorView(QWidget):
    """A short vector: a bar for each dimension from zero, and its value where there is room."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._values: NDArray[np.float64] = np.zeros(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_values(self, values: NDArray[Any]) -> None:
        """Show a vector."""
        self._values = np.asarray(values, np.float64).reshape(-1)[:_MAX_BARS]
        self.setAccessibleDescription(", ".join(wording.number(float(v)) for v in self._values[:8]))
        self.update()

    def recolour(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """As large as a picture."""
        return QSize(_SIDE, _SIDE)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the bars."""
        count = len(self._values)
        if not count:
            return
        painter = QPainter(self)
        painter.setFont(text_font(9))
        words = count <= _MAX_WORDS
        room = self.height() / count
        largest = max(3.0, float(np.nanmax(np.abs(self._values))))
        middle, half = self.width() / 2, self.width() / 2 - 4
        for place, value in enumerate(self._values):
            length = (float(value) if np.isfinite(value) else 0.0) / largest * half
            thick = min(room * 0.6, 12.0)
            top = place * room + (room * 0.62 if words else (room - thick) / 2)
            bar = QRectF(
                min(middle, middle + length), top, max(1.0, abs(length)), min(thick, room * 0.3 if words else thick)
            )
            painter.fillRect(bar, QColor(self._palette.accent))
            painter.setPen(QPen(QColor(self._palette.muted)))
            painter.drawLine(QPointF(middle, bar.top() - 2), QPointF(middle, bar.bottom() + 2))
            if words:
                painter.setPen(QColor(self._palette.text))
                line = QRectF(0, place * room, self.width(), room * 0.6)
                painter.drawText(line, Qt.AlignmentFlag.AlignCenter, wording.number(float(value)))


class StageView(QWidget):
    """One station: symbol, tensor, name, explanation."""

    def __init__(self, stage: Stage, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stage = stage
        self.picture, self.vector = PictureView(stage.shows or stage.name), VectorView(palette)
        self.picture.setMinimumSize(_SIDE, _SIDE)
        self.shape = muted("")
        self._tensor = QStackedWidget()
        self._tensor.addWidget(self.picture)
        self._tensor.addWidget(self.vector)
        self._tensor.setFixedSize(_SIDE, _SIDE)
        symbol = text(stage.symbol)
        symbol.setFont(math_font(16))
        self.setToolTip(literal_tooltip(stage.explanation))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP // 2)
        centre = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(symbol, 0, centre)
        layout.addWidget(self._tensor, 0, centre)
        layout.addWidget(self.shape, 0, centre)
        layout.addWidget(heading(stage.name), 0, centre)
        words = wrapped(stage.explanation)
        words.setAlignment(centre)
        layout.addWidget(words)
        layout.addStretch(1)

    def show_tensor(self, tensor: NDArray[Any] | None) -> None:
        """Show a tensor with a first axis of 1: an image, or a vector."""
        if tensor is None:
            self.picture.set_picture(None, hint="…")
            self._tensor.setCurrentWidget(self.picture)
            self.shape.setText("")
            return
        one = np.asarray(tensor)[0]
        if one.ndim == 3:
            self.picture.set_picture(one if one.dtype == np.uint8 else _to_grey(one))
            self._tensor.setCurrentWidget(self.picture)
        else:
            self.vector.set_values(one)
            self._tensor.setCurrentWidget(self.vector)
        self.shape.setText(" × ".join(str(length) for length in one.shape))


class PipelineView(QWidget):
    """All stations in a row with arrows between."""

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.stages: list[StageView] = []
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
        """Take the stations of a family."""
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                discard(widget)
        self.stages = [StageView(stage, self._context.palette) for stage in stages]
        for place, view in enumerate(self.stages):
            if place:
                self._row.addWidget(_arrow(), 0, Qt.AlignmentFlag.AlignTop)
            self._row.addWidget(view, 1, Qt.AlignmentFlag.AlignTop)
        self.clear()

    def clear(self) -> None:
        """Show no tensors."""
        for view in self.stages:
            view.show_tensor(None)

    def show_tensors(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Show what the model computed."""
        self.note.hide()
        for view in self.stages:
            view.show_tensor(arrays.get(view.stage.shows))

    def say(self, words: str) -> None:
        """Say why there are no tensors."""
        self.clear()
        self.note.setText(words)
        self.note.show()

    def recolour(self) -> None:
        """Take the context's palette."""
        for view in self.stages:
            view.vector.recolour(self._context.palette)


def _arrow() -> QWidget:
    made = muted("→")
    made.setFont(text_font(15))
    made.setContentsMargins(0, 4 * GAP + _SIDE // 2 - GAP, 0, 0)
    return made


def _to_grey(image: NDArray[Any]) -> NDArray[np.uint8]:
    grey: NDArray[np.uint8] = (np.clip(np.asarray(image, np.float64), 0, 1) * 255).round().astype(np.uint8)
    return grey
