"""Labels and rules in the viewer's styles; all text is shown literally."""

import html
import re
from collections.abc import Iterable

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QFrame, QLabel, QWidget

_INDEX = re.compile(r"\b([A-Za-z])_([A-Za-z]\w*(?:\([^()\s]*\))?)")  # "E_q(z|x)[…]": an index may have arguments


def text(content: str = "") -> QLabel:
    """Return a label of plain text."""
    label = QLabel(content)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def heading(content: str = "") -> QLabel:
    """Return the title of a group."""
    return _with_role(text(content), "heading")


class ElidedLabel(QLabel):
    """One line of text, elided where it does not fit."""

    def minimumSizeHint(self) -> QSize:
        """Return the width of a few letters."""
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the elided text."""
        painter, style = QPainter(self), self.style()
        rect = self.contentsRect()
        content = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, rect.width())
        if style is not None:
            flags = int(self.alignment())
            style.drawItemText(painter, rect, flags, self.palette(), self.isEnabled(), content, self.foregroundRole())


def elided(content: str = "", role: str = "muted") -> QLabel:
    """Return a label that is elided where it does not fit."""
    label = ElidedLabel(content)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return _with_role(label, role)


def muted(content: str = "") -> QLabel:
    """Return a label for units, captions and hints."""
    return _with_role(text(content), "muted")


def wrapped(content: str = "", role: str = "muted") -> QLabel:
    """Return a paragraph."""
    label = _with_role(text(content), role)
    label.setWordWrap(True)
    return label


def rule() -> QFrame:
    """Return a horizontal hairline."""
    line = QFrame()
    line.setProperty("role", "rule")
    line.setFixedHeight(1)
    return line


def vertical_rule() -> QFrame:
    """Return a vertical hairline."""
    line = QFrame()
    line.setProperty("role", "rule")
    line.setFixedWidth(1)
    return line


def formula(content: str) -> str:
    """Return rich text of a formula, with "E_q(z|x)" and "L_D" as subscripts, all else literal."""
    escaped = html.escape(content, quote=False).replace("\n", "<br>")
    return _INDEX.sub(r"\1<sub>\2</sub>", escaped)


def literal_tooltip(content: str) -> str:
    """Return a tooltip that Qt does not parse as markup."""
    return f"<qt>{html.escape(content)}</qt>" if content else ""


def color_key(entries: Iterable[tuple[str, str]]) -> str:
    """Return rich text that names colors: pairs of a color "#RRGGBB" and a literal name."""
    return " &nbsp; ".join(
        f'<span style="color: {color}">●</span>&nbsp;{html.escape(name).replace(" ", "&nbsp;")}'
        for color, name in entries
    )


def menu_text(content: str) -> str:
    """Return text for a menu or a button, in which an ampersand is no mnemonic."""
    return content.replace("&", "&&")


def set_role(widget: QWidget, role: str) -> None:
    """Apply another role of the stylesheet to a widget."""
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
