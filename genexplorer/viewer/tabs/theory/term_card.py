"""Cards for the terms of the objective: symbol, current value, meaning; a click opens the curve."""

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPaintEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP, math_font, mix, scaled, set_font, text_font
from genexplorer.viewer.widgets.controls import fill_box
from genexplorer.viewer.widgets.labels import formula, heading, muted, text, wrapped
from genexplorer.viewer.widgets.painted import unscaled_painter, unscaled_size
from trainers.theory import Term


class TermCard(QFrame):
    """A card that can be clicked, or reached by Tab and opened by Return.

    Args:
        term: The term.
        unit: The unit of its value, where `show_value` gets none.
        is_objective_term: True for a term of the objective, with a sign; False for another metric, on a smaller card.

    Signals:
        clicked: The curve of the term is to be opened.
    """

    clicked = pyqtSignal()

    def __init__(self, term: Term, unit: str, *, is_objective_term: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit = unit
        self.setProperty("role", "card")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip("Open its curve")
        self.setAccessibleName(f"{term.name}: open its curve")
        sign = "" if not is_objective_term else "− " if term.sign < 0 else "+ "
        self.value = text("…")
        set_font(self.value, text_font(16 if is_objective_term else 13))
        title, symbol = heading(formula(f"{sign}{term.name}")), muted(formula(term.symbol))
        for label in (title, symbol):
            label.setTextFormat(Qt.TextFormat.RichText)
        set_font(symbol, math_font(10))
        head = fill_box(QHBoxLayout(), title, None, muted("curve ›"), spacing=-1)
        items = (head, self.value, symbol, GAP // 2, wrapped(term.explanation, "plain"), None)
        margins = (2 * GAP, GAP + GAP // 2, 2 * GAP, GAP + GAP // 2)
        fill_box(QVBoxLayout(self), *items, margins=margins, spacing=GAP // 2)

    def show_value(self, value: float, unit: str | None = None) -> None:
        """Show the value, by default in the card's unit."""
        self.value.setText(formatting.number(value, self._unit if unit is None else unit))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Open the curve."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.pos()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Open the curve with Return."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)


class TermFractionBar(QWidget):
    """The relative size of the terms as one divided bar."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._fractions: list[tuple[str, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_terms(self, terms: list[tuple[str, float]]) -> None:
        """Show terms by name and value; the parts of the bar have the sizes of the absolute values."""
        total = sum(abs(value) for _, value in terms)
        self._fractions = [(name, abs(value) / total) for name, value in terms] if total > 0 else []
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """Return a thin bar and a line of text."""
        return QSize(scaled(400), scaled(3 * GAP))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the bar and the terms' names below their parts."""
        painter = unscaled_painter(self)
        painter.setFont(text_font(8, exact=True))
        left, (room, _) = 0.0, unscaled_size(self)
        for index, (name, fraction) in enumerate(self._fractions):
            width = fraction * room
            color = mix(self._palette.accent, self._palette.background, 0.55 * index)
            painter.fillRect(QRectF(left, 0, max(1.0, width - 2), GAP), QColor(color))
            # The name below its part, moved to the left where it would leave the bar.
            label = f"{name} {formatting.share(fraction)}"
            text_width = painter.fontMetrics().horizontalAdvance(label) + 2
            text_left = min(left, room - text_width) if width < text_width else left
            painter.setPen(QColor(self._palette.muted))
            box = QRectF(text_left, GAP + 2, text_width, 2 * GAP)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft, label)
            left += width
