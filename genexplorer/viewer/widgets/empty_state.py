"""The empty state of a pane: why there is nothing to show, and what to do."""

from collections.abc import Callable

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP, text_font
from genexplorer.viewer.widgets import labels

_WIDTH = 62 * GAP


class EmptyState(QWidget):
    """A centered sentence, a hint below it, and optional buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reason, self.hint = labels.text(""), labels.wrapped("")
        self.reason.setWordWrap(True)
        self.reason.setFont(text_font(14))
        for label in (self.reason, self.hint):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setFixedWidth(_WIDTH)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(GAP)
        layout = QVBoxLayout(self)
        layout.addStretch(2)
        layout.addWidget(self.reason, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(GAP)
        layout.addWidget(self.hint, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(2 * GAP)
        layout.addLayout(self._buttons)
        layout.addStretch(3)

    def set_text(self, reason: str, hint: str = "") -> None:
        """Show the reason, and what to do."""
        self.reason.setText(reason)
        self.hint.setText(hint)
        for label in (self.reason, self.hint):
            label.setMinimumHeight(max(0, label.heightForWidth(_WIDTH)))

    def add_button(self, text: str, callback: Callable[[], object], *, default: bool = False) -> None:
        """Add a button."""
        if not self._buttons.count():
            self._buttons.addStretch(1)
            self._buttons.addStretch(1)
        button = QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setDefault(default)
        button.clicked.connect(lambda: callback())
        self._buttons.insertWidget(self._buttons.count() - 1, button)
