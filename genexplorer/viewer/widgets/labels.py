"""Small pieces of text and rules in the viewer's few styles; every text is shown literally."""

import html
import re

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QFrame, QLabel, QWidget

_INDEX = re.compile(r"\b([A-Za-z])_([A-Za-z]\w*(?:\([^()\s]*\))?)")  # "E_q(z|x)[…]": an index may have arguments


def text(words: str = "") -> QLabel:
    """Return a label that shows its words as they are, never as markup."""
    made = QLabel(words)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made


def heading(words: str = "") -> QLabel:
    """Return the title of a group."""
    return _with_role(text(words), "heading")


class CutLabel(QLabel):
    """One line that is cut, with dots, where there is no room for it."""

    def minimumSizeHint(self) -> QSize:
        """A few letters will do."""
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw what fits."""
        painter, style = QPainter(self), self.style()
        room = self.contentsRect()
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        if style is not None:
            flags = int(self.alignment())
            style.drawItemText(painter, room, flags, self.palette(), self.isEnabled(), words, self.foregroundRole())


def cut(words: str = "", role: str = "muted") -> QLabel:
    """Return a label that may have less room than it wants."""
    made = CutLabel(words)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return _with_role(made, role)


def muted(words: str = "") -> QLabel:
    """Return a label for second things: units, captions, hints."""
    return _with_role(text(words), "muted")


def wrapped(words: str = "", role: str = "muted") -> QLabel:
    """Return a paragraph."""
    made = _with_role(text(words), role)
    made.setWordWrap(True)
    return made


def rule() -> QFrame:
    """Return a horizontal hairline."""
    made = QFrame()
    made.setProperty("role", "rule")
    made.setFixedHeight(1)
    return made


def upright_rule() -> QFrame:
    """Return a vertical hairline."""
    made = QFrame()
    made.setProperty("role", "rule")
    made.setFixedWidth(1)
    return made


def formula(words: str) -> str:
    """Return rich text of a formula: "E_q(z|x)" and "L_D" with their indices below the line, all else as it is."""
    shown = html.escape(words, quote=False).replace("\n", "<br>")
    return _INDEX.sub(r"\1<sub>\2</sub>", shown)


def literal_tooltip(words: str) -> str:
    """Return words for a tooltip, which Qt would otherwise search for markup."""
    return f"<qt>{html.escape(words)}</qt>" if words else ""


def menu_text(words: str) -> str:
    """Return words for a menu or a button, where Qt would take a lone ampersand for a mnemonic."""
    return words.replace("&", "&&")


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget another style of the stylesheet."""
    if widget.property("role") == role:
        return
    widget.setProperty("role", role)
    style = widget.style()
    if style is not None:
        style.unpolish(widget)
        style.polish(widget)


def _with_role(label: QLabel, role: str) -> QLabel:
    label.setProperty("role", role)
    return label
