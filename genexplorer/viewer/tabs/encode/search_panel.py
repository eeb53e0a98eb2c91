"""The controls of a search for z: start, cancel, steps, restarts; with its progress."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QProgressBar, QPushButton, QSpinBox, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode.search import MAX_RESTARTS, MAX_STEPS, LatentSearch
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import fill_box


class SearchPanel(QWidget):
    """The widgets of a search.

    Signals:
        search_requested: Start the search.
    """

    search_requested = pyqtSignal()

    def __init__(self, search: LatentSearch, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._search = search
        self.search_button = QPushButton("Search for z")
        self.search_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.automatic = QCheckBox("search automatically")
        self.automatic.setToolTip("Search as soon as an image is selected")
        self.automatic.setChecked(True)
        self.automatic.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.near = QCheckBox("prior penalty")
        self.near.setToolTip("Keep |z| typical of a sample, at the cost of a slightly higher error")
        self.near.setChecked(search.near)
        self.near.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.steps = _number(1, MAX_STEPS, search.steps, " steps", "optimizer steps")
        self.steps.setSingleStep(50)
        self.restarts = _number(1, MAX_RESTARTS, search.restarts, " restarts", "random starting points")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.status = labels.elided()
        # Lay out and connect the widgets.
        settings = self.automatic, self.near, self.steps, self.restarts
        row = fill_box(QHBoxLayout(), self.search_button, *settings, (self.status, 1))
        fill_box(QVBoxLayout(self), row, self.bar, spacing=GAP // 2)
        self.search_button.clicked.connect(self.press)
        self.steps.valueChanged.connect(self._set)
        self.restarts.valueChanged.connect(self._set)
        self.near.toggled.connect(self._set)
        search.subscribe(self.refresh)
        self.refresh()

    def press(self) -> None:
        """Start the search, or cancel it."""
        if not self._search.cancel():
            self.search_requested.emit()

    def restore(self, state: object) -> None:
        """Restore the saved settings; invalid values are ignored."""
        saved = state if isinstance(state, dict) else {}
        for box, value in ((self.steps, saved.get("steps")), (self.restarts, saved.get("restarts"))):
            if isinstance(value, int) and not isinstance(value, bool) and box.minimum() <= value <= box.maximum():
                box.setValue(value)
        for check, value in ((self.automatic, saved.get("at_once")), (self.near, saved.get("near"))):
            if isinstance(value, bool):
                check.setChecked(value)

    def refresh(self) -> None:
        """Show status and progress."""
        search = self._search
        self.search_button.setText("Cancel" if search.busy else "Search for z")
        self.search_button.setToolTip("Cancel the search (Esc)" if search.busy else "Search for the latent (Enter)")
        self.bar.setValue(round(100 * search.fraction) if search.busy else 0)
        status = search.message if search.busy and search.message else search.status()
        self.status.setText(status)
        self.status.setToolTip(labels.literal_tooltip(status))

    def _set(self) -> None:
        self._search.steps, self._search.restarts = self.steps.value(), self.restarts.value()
        self._search.near = self.near.isChecked()


def _number(low: int, high: int, value: int, suffix: str, tooltip: str) -> QSpinBox:
    spin_box = QSpinBox()
    spin_box.setRange(low, high)
    spin_box.setValue(value)
    spin_box.setSuffix(suffix)
    spin_box.setKeyboardTracking(False)
    spin_box.setAccessibleName(tooltip)
    spin_box.setToolTip(labels.literal_tooltip(tooltip))
    return spin_box
