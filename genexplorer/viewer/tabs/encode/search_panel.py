"""The controls of a search for z: start, cancel, steps, restarts; with its progress."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from genexplorer.viewer.preferences import saved_int
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode.search import MAX_RESTARTS, MAX_STEPS, LatentSearch
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import check_box, fill_box, set_value, spin_box


class SearchPanel(QWidget):
    """The widgets of a search.

    Signals:
        search_requested: Start the search.
    """

    search_requested = pyqtSignal()

    def __init__(self, search: LatentSearch) -> None:
        super().__init__()
        self._search = search
        self.search_button = QPushButton("Search for z")
        self.search_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.automatic_box = check_box("search automatically", "Search as soon as an image is selected", checked=True)
        tip = "Keep |z| typical of a sample, at the cost of a slightly higher error"
        self.prior_penalty_box = check_box("prior penalty", tip, checked=search.has_prior_penalty)
        self.steps = spin_box(1, MAX_STEPS, "optimizer steps", "optimizer steps", suffix=" steps")
        self.steps.setSingleStep(50)
        name = "random starting points"
        self.restarts = spin_box(1, MAX_RESTARTS, name, name, suffix=" restarts")
        set_value(self.steps, search.steps)
        set_value(self.restarts, search.restarts)
        self.progress_bar = QProgressBar()
        self.progress_bar.setTextVisible(False)
        self.status = labels.elided()
        # Lay out and connect the widgets.
        settings = self.automatic_box, self.prior_penalty_box, self.steps, self.restarts
        row = fill_box(QHBoxLayout(), self.search_button, *settings, (self.status, 1))
        fill_box(QVBoxLayout(self), row, self.progress_bar, spacing=GAP // 2)
        self.search_button.clicked.connect(self.start_or_cancel)
        self.steps.valueChanged.connect(self._apply_settings)
        self.restarts.valueChanged.connect(self._apply_settings)
        self.prior_penalty_box.toggled.connect(self._apply_settings)
        search.subscribe(self.refresh)
        self.refresh()

    def start_or_cancel(self) -> None:
        """Start the search, or cancel it."""
        if not self._search.cancel():
            self.search_requested.emit()

    def restore(self, state: object) -> None:
        """Restore the saved settings; invalid values are ignored."""
        saved = state if isinstance(state, dict) else {}
        for box, key in ((self.steps, "steps"), (self.restarts, "restarts")):
            box.setValue(saved_int(saved, key, box.minimum(), box.maximum(), box.value()))
        for check, value in ((self.automatic_box, saved.get("at_once")), (self.prior_penalty_box, saved.get("near"))):
            if isinstance(value, bool):
                check.setChecked(value)

    def refresh(self) -> None:
        """Show status and progress."""
        search = self._search
        self.search_button.setText("Cancel" if search.is_running else "Search for z")
        self.search_button.setToolTip(
            "Cancel the search (Esc)" if search.is_running else "Search for the latent (Enter)"
        )
        self.progress_bar.setValue(round(100 * search.fraction) if search.is_running else 0)
        status = search.message if search.is_running and search.message else search.status()
        self.status.setText(status)
        self.status.setToolTip(labels.literal_tooltip(status))

    def _apply_settings(self) -> None:
        self._search.steps, self._search.restarts = self.steps.value(), self.restarts.value()
        self._search.has_prior_penalty = self.prior_penalty_box.isChecked()
