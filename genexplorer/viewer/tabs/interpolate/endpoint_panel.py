"""One endpoint: its kind, its choice and its image, with the progress of a search."""

import numpy as np
from PyQt6.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtWidgets import QDoubleSpinBox, QGridLayout, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from genexplorer.explore.protocol import Array
from genexplorer.session import formatting
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.encode.latent_plots import dimension_name
from genexplorer.viewer.tabs.interpolate.endpoints import MAX_COORDINATES, MAX_SEED, EndpointKind, Endpoints
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.class_list import make_searchable
from genexplorer.viewer.widgets.controls import (
    Toolbar,
    combo_box,
    fill_box,
    set_entries,
    set_value,
    spin_box,
    tool_button,
)
from genexplorer.viewer.widgets.images import ImageView

WIDTH_PX = 200
_ENDPOINT_KIND_LABELS: dict[EndpointKind, str] = {
    "sample": "sample",
    "test": "test image",
    "class": "mean of a class",
    "own": "image of Encode",
    "latent": "latent",
    "pin A": "pin A of Manifold",
    "pin B": "pin B of Manifold",
}


class EndpointPanel(QWidget):
    """The widgets of one endpoint."""

    def __init__(self, endpoints: Endpoints, name: str) -> None:
        super().__init__()
        self.setFixedWidth(scaled(WIDTH_PX))
        self._endpoints, self._name = endpoints, name
        # Create the widgets.
        self.kind = combo_box(f"kind of {name}")
        self.number = spin_box(0, MAX_SEED, f"seed of {name}")
        self.class_box = combo_box(f"class of {name}", "Type to find a class")
        make_searchable(self.class_box)
        self.resample = tool_button("Resample", f"Choose at random ({name})")
        self.image_view = ImageView(f"endpoint {name}")
        self.image_view.setMinimumHeight(scaled(64))
        self.position = labels.muted()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.status = labels.wrapped()
        self.search_button = tool_button("cancel", name="small")
        self.latent = _CoordinateBoxes(name)
        # Lay out the rows.
        first = fill_box(QHBoxLayout(), labels.heading(name), (Toolbar((self.kind, 1)), 1))
        second = Toolbar((self.number, 1), (self.class_box, 1), self.resample)
        last = fill_box(QHBoxLayout(), (self.status, 1))
        last.addWidget(self.search_button, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        self._spacer = QWidget()  # takes the room of a picture
        column = fill_box(QVBoxLayout(self), first, second, self.latent, (self.image_view, 1), self.position)
        fill_box(column, self.progress, last, (self._spacer, 1))
        # Connect the signals.
        self.kind.activated.connect(lambda _: endpoints.choose(name, self.kind.currentData()))
        self.resample.clicked.connect(lambda: endpoints.resample(name))
        self.latent.changed.connect(lambda dimension, value: endpoints.set_coordinate(name, dimension, value))

        def choose_number(value: int) -> None:
            (endpoints.set_index if endpoints[name].kind == "test" else endpoints.set_seed)(name, value)

        def search_or_cancel() -> None:
            if not endpoints.searches[name].cancel():
                endpoints.search(name)

        self.number.valueChanged.connect(choose_number)
        self.class_box.activated.connect(lambda _: endpoints.set_class(name, self.class_box.currentData()))
        self.search_button.clicked.connect(search_or_cancel)

    def refresh(self, points: bool) -> None:
        """Show the endpoint; `points` is whether the data are points, which have no picture."""
        endpoint, search = self._endpoints[self._name], self._endpoints.searches[self._name]
        # The kinds of endpoints that the model has.
        noun = "point" if points else "image"
        kinds = [(_ENDPOINT_KIND_LABELS[kind].replace("image", noun), kind) for kind in self._endpoints.kinds()]
        set_entries(self.kind, kinds, endpoint.kind)
        # The seed or index, or the coordinates, and the picture.
        number, is_sample = self.number, endpoint.kind == "sample"
        number.setVisible(endpoint.kind in ("sample", "test"))
        if endpoint.kind == "class":
            scheme = self._endpoints.scheme
            set_entries(self.class_box, [(scheme.name(n), n) for n in self._endpoints.classes], endpoint.class_label)
        self.class_box.setVisible(endpoint.kind == "class")
        self.resample.setVisible(endpoint.kind not in ("class", "own"))
        number.setPrefix("seed " if is_sample else "#")
        number.setAccessibleName(f"{'seed' if is_sample else 'test image'} of {self._name}")
        maximum = MAX_SEED if is_sample else max(0, self._endpoints.num_test - 1)
        set_value(number, endpoint.seed if is_sample else endpoint.index, maximum)
        self.latent.setVisible(endpoint.kind == "latent")
        self.latent.show_coordinates(endpoint.coordinates)
        self.position.setVisible(points)
        self._spacer.setVisible(points)
        self.image_view.setVisible(not points and (endpoint.kind != "latent" or endpoint.coordinates.size <= 4))
        # The search for the latent of a test image.
        searched = endpoint.kind in ("test", "own") and self._endpoints.needs_search
        text = search.status() if searched else ""
        if searched and search.is_running:
            text = search.message or "searching for z"
        elif searched and search.result is not None:
            text = f"mean squared error {search.result.error:.4f}"
        tooltip = "Cancel the search (Esc)" if search.is_running else "Search for z again, with this snapshot"
        self.progress.setVisible(searched and search.is_running)
        self.progress.setValue(round(100 * search.fraction))
        self.status.setText(endpoint.failure or text)
        self.status.setToolTip(labels.literal_tooltip(search.status()))
        self.status.setVisible(bool(self.status.text()))
        self.search_button.setVisible(searched)
        self.search_button.setText("cancel" if search.is_running else "again")
        self.search_button.setToolTip(tooltip)

    def show_image(self, image: Array | None, caption: str) -> None:
        """Show the image of the endpoint, or its position."""
        if image is not None and image.ndim == 1:
            self.position.setText(f"x = {formatting.vector(image)}")
            return
        endpoint = self._endpoints[self._name]
        hint = endpoint.failure or ("searching for z…" if self._endpoints.searches[self._name].is_running else "…")
        self.image_view.set_image(image, caption, hint)


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
        grid.setSpacing(scaled(GAP // 2))
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
