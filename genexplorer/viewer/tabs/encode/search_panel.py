"""The controls of a search for z: begin, give up, how long and from how many starts; and how it stands."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QProgressBar, QPushButton, QSpinBox, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode.search import MAX_RESTARTS, MAX_STEPS, Search
from genexplorer.viewer.widgets import labels


class SearchPanel(QWidget):
    """Binds a search to its widgets.

    Signals:
        wanted: The search should begin.
    """

    wanted = pyqtSignal()

    def __init__(self, search: Search, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._search = search
        self.act = QPushButton("Search for z")
        self.act.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.at_once = QCheckBox("at once")
        self.at_once.setToolTip("Search as soon as an image is chosen")
        self.at_once.setChecked(True)
        self.at_once.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.near = QCheckBox("near the prior")
        self.near.setToolTip("Keep z about as long as a sample's, for a little more error")
        self.near.setChecked(search.near)
        self.near.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.steps = _number(1, MAX_STEPS, search.steps, " steps", "steps of descent")
        self.steps.setSingleStep(50)
        self.restarts = _number(1, MAX_RESTARTS, search.restarts, " starts", "latents to start from; the best counts")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.said = labels.cut()
        row = QHBoxLayout()
        row.setSpacing(GAP)
        for widget in (self.act, self.at_once, self.near, self.steps, self.restarts):
            row.addWidget(widget)
        row.addWidget(self.said, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addLayout(row)
        column.addWidget(self.bar)
        self.act.clicked.connect(self.press)
        self.steps.valueChanged.connect(self._set)
        self.restarts.valueChanged.connect(self._set)
        self.near.toggled.connect(self._set)
        search.subscribe(self.refresh)
        self.refresh()

    def press(self) -> None:
        """Begin, or give up."""
        if not self._search.cancel():
            self.wanted.emit()

    def restore(self, state: object) -> None:
        """Take back what was remembered: steps, restarts, whether at once, near the prior; not what is unsound."""
        told = state if isinstance(state, dict) else {}
        for box, value in ((self.steps, told.get("steps")), (self.restarts, told.get("restarts"))):
            if isinstance(value, int) and not isinstance(value, bool) and box.minimum() <= value <= box.maximum():
                box.setValue(value)
        for check, value in ((self.at_once, told.get("at_once")), (self.near, told.get("near"))):
            if isinstance(value, bool):
                check.setChecked(value)

    def refresh(self) -> None:
        """Show how the search stands."""
        search = self._search
        self.act.setText("Cancel" if search.busy else "Search for z")
        self.act.setToolTip("Give the search up (Esc)" if search.busy else "Search for the latent (Enter)")
        self.bar.setValue(round(100 * search.fraction) if search.busy else 0)
        words = search.message if search.busy and search.message else search.words()
        self.said.setText(words)
        self.said.setToolTip(labels.literal_tooltip(words))

    def _set(self) -> None:
        self._search.steps, self._search.restarts = self.steps.value(), self.restarts.value()
        self._search.near = self.near.isChecked()


def _number(low: int, high: int, value: int, suffix: str, tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setValue(value)
    made.setSuffix(suffix)
    made.setKeyboardTracking(False)
    made.setAccessibleName(tip)
    made.setToolTip(labels.literal_tooltip(tip))
    return made
