"""The sheet of a data set in the form of a new run: examples, classes with bars of their counts, and notes."""

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from genexplorer.session.data_sheet import DataSheet, class_summary
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP, make_pen, scaled, text_font
from genexplorer.viewer.widgets.controls import fill_box
from genexplorer.viewer.widgets.images import ImageView, montage, to_qimage
from genexplorer.viewer.widgets.labels import elided, literal_tooltip, muted, wrapped
from genexplorer.viewer.widgets.painted import PaintedWidget, unscaled_painter, unscaled_size

_COLUMNS, _GAP_PX = 8, 2
_MAX_BARS = 10
_ROW_PX, _NAME_PX, _COUNT_PX = 17, 130, 52
_POINTS_SIDE_PX = 220


class ClassBars(PaintedWidget):
    """Names of classes with bars as long as their numbers of examples."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "examples of each class")
        self._counts: Sequence[tuple[str, int]] = ()

    def show_counts(self, counts: Sequence[tuple[str, int]]) -> None:
        """Show classes."""
        self._counts = counts
        self.setFixedHeight(scaled(_ROW_PX * len(counts)))
        self.setAccessibleDescription("; ".join(f"{name} {count:,}" for name, count in counts))
        self.update()

    def sizeHint(self) -> QSize:
        """Return the width of the examples."""
        return QSize(scaled(40 * GAP), self.height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw a row for each class."""
        painter, (width, _) = unscaled_painter(self), unscaled_size(self)
        painter.setFont(text_font(9, exact=True))
        highest = max((count for _, count in self._counts), default=1)
        room = max(1.0, width - _NAME_PX - _COUNT_PX - 2 * GAP)
        for row, (name, count) in enumerate(self._counts):
            top = row * _ROW_PX
            painter.setPen(QColor(self.colors.text))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, _NAME_PX)
            painter.drawText(QRectF(0, top, _NAME_PX, _ROW_PX), Qt.AlignmentFlag.AlignVCenter, text)
            bar = QRectF(_NAME_PX + GAP, top + 4, max(1.0, room * count / highest), _ROW_PX - 8)
            painter.fillRect(bar, QColor(self.colors.accent))
            painter.setPen(QColor(self.colors.muted))
            place = QRectF(bar.right() + GAP / 2, top, _COUNT_PX, _ROW_PX)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, f"{count:,}")


class PointsView(PaintedWidget):
    """2-D points as dots."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "points")
        self._points = np.zeros((0, 2))
        self.setFixedHeight(scaled(_POINTS_SIDE_PX))

    def show_points(self, points: np.ndarray) -> None:
        """Show points, (N, 2)."""
        self._points = np.asarray(points, np.float64)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the points with equal scales."""
        if not len(self._points):
            return
        painter, (width, height) = unscaled_painter(self), unscaled_size(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = self._points.min(0), self._points.max(0)
        factor = min(width - 8, height - 8) / max(float((high - low).max()), 1e-9)
        pixels = (self._points - (low + high) / 2) * factor * (1, -1) + (width / 2, height / 2)
        pen = make_pen(self.colors.accent, 3)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        for x, y in pixels.tolist():
            painter.drawPoint(round(x), round(y))


class DataSheetView(QWidget):
    """The sheet, or why there is none."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.title, self.facts, self.status = elided("", "heading"), wrapped(), wrapped()
        self.examples, self.points = ImageView("examples"), PointsView(palette)
        self.examples.setMinimumHeight(scaled(16 * GAP))
        self.classes, self.bars, self.notes = muted(), ClassBars(palette), wrapped()
        items = (
            self.title,
            self.facts,
            (self.examples, 1),
            self.points,
            self.classes,
            self.bars,
            self.notes,
            self.status,
        )
        fill_box(QVBoxLayout(self), *items, spacing=GAP // 2)
        self.setMinimumWidth(scaled(44 * GAP))
        self.show_status("")

    def show_status(self, status: str) -> None:
        """Show that the sheet is being read, or why it cannot be."""
        for widget in (self.title, self.facts, self.examples, self.points, self.classes, self.bars, self.notes):
            widget.hide()
        self.status.setText(status)
        self.status.show()

    def show_progress(self, done: int, total: int) -> None:
        """Show how many examples are read."""
        self.status.setText(f"reading examples {done} of {total}…")

    def show_sheet(self, sheet: DataSheet, settings: Sequence[str]) -> None:
        """Show a sheet, and the settings that follow from the data."""
        self.status.hide()
        self.title.setText(sheet.title)
        self.title.setToolTip(literal_tooltip(sheet.title))
        self.facts.setText(sheet.facts)
        # The examples.
        is_points = sheet.examples.ndim == 2
        self.examples.setVisible(not is_points)
        self.points.setVisible(is_points)
        if is_points:
            self.points.show_points(sheet.examples)
        elif len(sheet.examples):
            self.examples.set_image(to_qimage(montage(sheet.examples, _COLUMNS, _GAP_PX)))
        else:
            self.examples.set_image(None, hint="no example can be decoded")
        # The classes and the notes.
        counts, summary = class_summary(sheet.class_counts, _MAX_BARS)
        self.classes.setText(summary)
        self.bars.show_counts(counts)
        self.bars.setVisible(bool(counts))
        lines = [*sheet.notes, *(["Settings that follow from the data:"] if settings else []), *settings]
        self.notes.setText("\n".join(lines))
        for widget in (self.title, self.facts, self.classes):
            widget.show()
        self.notes.setVisible(bool(lines))
