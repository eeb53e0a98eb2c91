"""Cards for the terms of the objective: symbol, live value, meaning; a click opens the curve."""

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP, math_font, mix, text_font
from genexplorer.viewer.widgets.labels import formula, heading, muted, text, wrapped
from trainers.theory import Term


class TermCard(QFrame):
    """A card that can be clicked, or reached by Tab and opened by Return.

    Args:
        term: The term.
        unit: Of its number.
        counts: Whether it is a term of the objective, with a sign, or a metric that is also tracked, on a smaller card.

    Signals:
        clicked: Its curve should be shown.
    """

    clicked = pyqtSignal()

    def __init__(self, term: Term, unit: str, *, counts: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit = unit
        self.setProperty("role", "card")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip("Open its curve")
        self.setAccessibleName(f"{term.name}: open its curve")
        sign = "" if not counts else "− " if term.sign < 0 else "+ "
        self.value = text("…")
        self.value.setFont(text_font(16 if counts else 13))
        head = QHBoxLayout()
        title = heading(formula(f"{sign}{term.name}"))
        title.setTextFormat(Qt.TextFormat.RichText)
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(muted("curve ›"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GAP, GAP + GAP // 2, 2 * GAP, GAP + GAP // 2)
        layout.setSpacing(GAP // 2)
        layout.addLayout(head)
        layout.addWidget(self.value)
        symbol = muted(formula(term.symbol))
        symbol.setTextFormat(Qt.TextFormat.RichText)
        symbol.setFont(math_font(10))
        layout.addWidget(symbol)
        layout.addSpacing(GAP // 2)
        layout.addWidget(wrapped(term.explanation, "plain"))
        layout.addStretch(1)

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


class ShareBar(QWidget):
    """The relative size of the terms as one divided bar."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._shares: list[tuple[str, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_shares(self, terms: list[tuple[str, float]]) -> None:
        """Show the terms' sizes."""
        total = sum(abs(value) for _, value in terms)
        self._shares = [(name, abs(value) / total) for name, value in terms] if total > 0 else []
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """A thin bar and a line of text."""
        return QSize(400, 3 * GAP)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the bar and the terms' names below their parts."""
        painter = QPainter(self)
        painter.setFont(text_font(8))
        left, room = 0.0, float(self.width())
        for place, (name, share) in enumerate(self._shares):
            width = share * room
            color = mix(self._palette.accent, self._palette.background, 0.55 * place)
            painter.fillRect(QRectF(left, 0, max(1.0, width - 2), GAP), QColor(color))
            self._write(painter, f"{name} {formatting.percent(share)}", left, width)
            left += width

    def _write(self, painter: QPainter, words: str, left: float, width: float) -> None:
        text_width = painter.fontMetrics().horizontalAdvance(words) + 2
        at = min(left, self.width() - text_width) if width < text_width else left
        painter.setPen(QColor(self._palette.muted))
        painter.drawText(QRectF(at, GAP + 2, text_width, 2 * GAP), Qt.AlignmentFlag.AlignLeft, words)
