"""What stands where there is nothing to show: why, and what to do."""

from collections.abc import Callable

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFont
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP, text_font
from genexplorer.viewer.widgets.labels import text, wrapped

_WIDTH = 62 * GAP


class Hint(QWidget):
    """A calm sentence in the middle, a second one that helps, and perhaps buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words, self.help = text(""), wrapped("")
        self.words.setWordWrap(True)
        self.words.setFont(text_font(14))
        for label in (self.words, self.help):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setFixedWidth(_WIDTH)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(GAP)
        layout = QVBoxLayout(self)
        layout.addStretch(2)
        layout.addWidget(self.words, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(GAP)
        layout.addWidget(self.help, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(2 * GAP)
        layout.addLayout(self._buttons)
        layout.addStretch(3)

    def say(self, words: str, help_words: str = "") -> None:
        """Show why and what to do."""
        self.words.setText(words)
        self.help.setText(help_words)
        for label in (self.words, self.help):
            label.setMinimumHeight(max(0, label.heightForWidth(_WIDTH)))

    def offer(self, words: str, does: Callable[[], object], *, default: bool = False) -> None:
        """Add a button."""
        if not self._buttons.count():
            self._buttons.addStretch(1)
            self._buttons.addStretch(1)
        button = QPushButton(words)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setDefault(default)
        button.clicked.connect(lambda: does())
        self._buttons.insertWidget(self._buttons.count() - 1, button)

    def words_font(self) -> QFont:
        """Return the font of the first sentence."""
        return self.words.font()
