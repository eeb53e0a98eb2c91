"""One endpoint: its kind, its choice and its image, with the progress of a search."""

import numpy as np
from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from genexplorer.explore.protocol import Array
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode.latent_plots import dimension_name
from genexplorer.viewer.tabs.encode.search import LatentSearch
from genexplorer.viewer.tabs.interpolate.endpoints import MAX_COORDINATES, MAX_SEED, Endpoint, EndpointKind, Endpoints
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import fill_box, tool_button
from genexplorer.viewer.widgets.images import ImageView

WIDTH = 208
_KIND_LABELS: dict[EndpointKind, str] = {
    "sample": "sample",
    "test": "test image",
    "latent": "latent",
    "pin A": "pin A of Manifold",
    "pin B": "pin B of Manifold",
}


class EndpointPanel(QWidget):
    """The widgets of one endpoint.

    Signals:
        cancel_requested: Cancel the search.
        search_requested: Search again.
    """

    cancel_requested = pyqtSignal()
    search_requested = pyqtSignal()

    def __init__(self, endpoints: Endpoints, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self._endpoints, self._name = endpoints, name
        self.kind = QComboBox()
        self.kind.setAccessibleName(f"kind of {name}")
        self.kind.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.number = QSpinBox()
        self.number.setKeyboardTracking(False)
        self.resample = tool_button("Resample", f"Choose at random ({name})")
        self.picture = ImageView(f"endpoint {name}")
        self.picture.setMinimumHeight(64)
        self.position = labels.muted()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.status = labels.wrapped()
        self.search_button = tool_button("cancel", name="small")
        self.latent = _CoordinateBoxes(name)
        first = fill_box(QHBoxLayout(), labels.heading(name), (self.kind, 1))
        second = fill_box(QHBoxLayout(), (self.number, 1), self.resample)
        last = fill_box(QHBoxLayout(), (self.status, 1))
        last.addWidget(self.search_button, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        self._spacer = QWidget()  # takes the room of a picture
        column = fill_box(QVBoxLayout(self), first, second, self.latent, (self.picture, 1), self.position)
        fill_box(column, self.progress, last, (self._spacer, 1))
        # Connect the signals.
        self.kind.activated.connect(lambda _: endpoints.choose(name, self.kind.currentData()))
        self.number.valueChanged.connect(self._number_changed)
        self.resample.clicked.connect(lambda: endpoints.resample(name))
        self.latent.changed.connect(lambda dimension, value: endpoints.set_coordinate(name, dimension, value))
        self.search_button.clicked.connect(self._search_clicked)

    def refresh(self, points: bool) -> None:
        """Show the endpoint; `points` is whether the data are points, which have no picture."""
        endpoint, search = self._endpoints[self._name], self._endpoints.searches[self._name]
        # The kinds of endpoints that the model has.
        possible = list(self._endpoints.kinds())
        text = [_KIND_LABELS[kind].replace("image", "point" if points else "image") for kind in possible]
        if [self.kind.itemText(row) for row in range(self.kind.count())] != text:
            self.kind.clear()
            for kind, word in zip(possible, text, strict=True):
                self.kind.addItem(word, kind)
        self.kind.setCurrentIndex(possible.index(endpoint.kind) if endpoint.kind in possible else 0)
        number, is_sample = self.number, endpoint.kind == "sample"
        number.setVisible(endpoint.kind in ("sample", "test"))
        number.setPrefix("seed " if is_sample else "#")
        number.setAccessibleName(f"{'seed' if is_sample else 'test image'} of {self._name}")
        with QSignalBlocker(number):
            number.setRange(0, MAX_SEED if is_sample else max(0, self._endpoints.num_test - 1))
            number.setValue(endpoint.seed if is_sample else endpoint.index)
        self.latent.setVisible(endpoint.kind == "latent")
        self.latent.show_coordinates(endpoint.coordinates)
        self.position.setVisible(points)
        self._spacer.setVisible(points)
        self.picture.setVisible(not points and (endpoint.kind != "latent" or endpoint.coordinates.size <= 4))
        self._show_search(endpoint, search)

    def show_image(self, image: Array | None, caption: str) -> None:
        """Show the image of the endpoint, or its position."""
        if image is not None and image.ndim == 1:
            self.position.setText(f"x = ({image[0]:.2f}, {image[1]:.2f})".replace("-", "−"))
            return
        endpoint = self._endpoints[self._name]
        hint = endpoint.failure or ("searching for z…" if self._endpoints.searches[self._name].busy else "…")
        self.picture.set_image(image, caption, hint)

    def _show_search(self, endpoint: Endpoint, search: LatentSearch) -> None:
        searched = endpoint.kind == "test" and self._endpoints.needs_search
        self.progress.setVisible(searched and search.busy)
        self.progress.setValue(round(100 * search.fraction))
        text = search.status() if searched else ""
        if searched and search.busy:
            text = search.message or "searching for z"
        if searched and search.result is not None:
            text = f"mean squared error {search.result.error:.4f}"
        self.status.setText(endpoint.failure or text)
        self.status.setToolTip(labels.literal_tooltip(search.status()))
        self.status.setVisible(bool(self.status.text()))
        self.search_button.setVisible(searched)
        self.search_button.setText("cancel" if search.busy else "again")
        self.search_button.setToolTip(
            "Cancel the search (Esc)" if search.busy else "Search for z again, with this snapshot"
        )

    def _number_changed(self, value: int) -> None:
        if self._endpoints[self._name].kind == "test":
            self._endpoints.set_index(self._name, value)
        else:
            self._endpoints.set_seed(self._name, value)

    def _search_clicked(self) -> None:
        busy = self._endpoints.searches[self._name].busy
        (self.cancel_requested if busy else self.search_requested).emit()


class _CoordinateBoxes(QWidget):
    """Spin boxes for the coordinates of a small latent.

    Signals:
        changed(int, float): A dimension, counted from 0, and its new value.
    """

    changed = pyqtSignal(int, float)

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._boxes = [QDoubleSpinBox() for _ in range(MAX_COORDINATES)]
        self._names = [labels.muted(dimension_name(number)) for number in range(MAX_COORDINATES)]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(GAP // 2)
        for number, (name, box) in enumerate(zip(self._names, self._boxes, strict=True)):
            box.setRange(-10, 10)
            box.setSingleStep(0.1)
            box.setDecimals(2)
            box.setKeyboardTracking(False)
            box.setAccessibleName(f"{dimension_name(number)} of {endpoint}")
            box.valueChanged.connect(lambda value, number=number: self.changed.emit(number, value))
            row, column = number // 2, number % 2 * 2
            grid.addWidget(name, row, column)
            grid.addWidget(box, row, column + 1)

    def show_coordinates(self, coordinates: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> None:
        """Show coordinates, (d,)."""
        for number, (name, box) in enumerate(zip(self._names, self._boxes, strict=True)):
            exists = number < coordinates.size
            name.setVisible(exists)
            box.setVisible(exists)
            if exists and abs(box.value() - float(coordinates[number])) > 0.005:
                with QSignalBlocker(box):
                    box.setValue(float(coordinates[number]))
