"""The banner of failures; it stays until it is dismissed."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets.controls import tool_button
from genexplorer.viewer.widgets.labels import wrapped

_MAX_LINES = 3


class AlertBanner(QFrame):
    """Shows the newest few failures, each once."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: list[str] = []
        self.label = wrapped("", "warning")
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.dismiss = tool_button("✕", "Dismiss (Esc)")
        self.dismiss.setProperty("flat", "true")
        self.dismiss.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GAP, GAP // 2, 2 * GAP, GAP // 2)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_alert(self, line: str) -> None:
        """Add a line, unless it is shown already."""
        if line in self._lines:
            return
        self._lines = [*self._lines, line][-_MAX_LINES:]
        self.label.setText("\n".join(f"⚠ {message}" for message in self._lines))
        self.show()

    def lines(self) -> list[str]:
        """Return the lines that are shown."""
        return list(self._lines)

    def clear(self) -> None:
        """Dismiss everything."""
        self._lines = []
        self.hide()
