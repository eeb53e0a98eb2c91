"""One end of the way: what it is, which one, and its picture; with progress where its latent is searched for."""

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
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
from genexplorer.viewer.tabs.encode.bars import dimension_name
from genexplorer.viewer.tabs.encode.search import Search
from genexplorer.viewer.tabs.interpolate.endpoints import MAX_NUMBERS, MAX_SEED, End, Ends, Kind
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import tool_button
from genexplorer.viewer.widgets.images import PictureView

WIDTH = 208
_WORDS: dict[Kind, str] = {
    "sample": "sample",
    "test": "test image",
    "latent": "latent",
    "pin A": "pin A of the Manifold",
    "pin B": "pin B of the Manifold",
}


class EndPanel(QWidget):
    """Binds one end to its widgets.

    Signals:
        cancel_wanted: A search should be given up.
        search_wanted: It should begin again.
    """

    cancel_wanted = pyqtSignal()
    search_wanted = pyqtSignal()

    def __init__(self, ends: Ends, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self._ends, self._name = ends, name
        self.kind = QComboBox()
        self.kind.setAccessibleName(f"what {name} is")
        self.kind.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.number = QSpinBox()
        self.number.setKeyboardTracking(False)
        self.another = tool_button("another", f"Another one by chance ({name})")
        self.picture = PictureView(f"end {name}")
        self.picture.setMinimumHeight(64)
        self.where = labels.muted()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.said = labels.wrapped()
        self.act = tool_button("cancel", name="small")
        self.latent = _Numbers(name)
        self._build()
        self._bind()

    def refresh(self, points: bool) -> None:
        """Show the end as it is; `points`: the data are points, so there is no picture."""
        end, search = self._ends[self._name], self._ends.searches[self._name]
        self._show_kinds(end, points)
        self._show_number(end)
        self.latent.setVisible(end.kind == "latent")
        self.latent.show_numbers(end.numbers)
        self.where.setVisible(points)
        self._rest.setVisible(points)
        self.picture.setVisible((not points and end.kind != "latent") or (not points and end.numbers.size <= 4))
        self._show_search(end, search)

    def show_image(self, image: Array | None, caption: str) -> None:
        """Show the end's picture, or, of points, where it lies."""
        if image is not None and image.ndim == 1:
            self.where.setText(f"x = ({image[0]:.2f}, {image[1]:.2f})".replace("-", "−"))
            return
        end = self._ends[self._name]
        hint = end.failure or ("searching for z…" if self._ends.searches[self._name].busy else "…")
        self.picture.set_picture(image, caption, hint)

    def _show_kinds(self, end: End, points: bool) -> None:
        possible = list(self._ends.kinds())
        words = [_WORDS[kind].replace("image", "point" if points else "image") for kind in possible]
        if [self.kind.itemText(row) for row in range(self.kind.count())] != words:
            self.kind.clear()
            for kind, word in zip(possible, words, strict=True):
                self.kind.addItem(word, kind)
        self.kind.setCurrentIndex(possible.index(end.kind) if end.kind in possible else 0)

    def _show_number(self, end: End) -> None:
        number = self.number
        number.setVisible(end.kind in ("sample", "test"))
        number.blockSignals(True)
        number.setRange(0, MAX_SEED if end.kind == "sample" else max(0, self._ends.num_test - 1))
        number.setPrefix("seed " if end.kind == "sample" else "#")
        number.setAccessibleName(f"{'seed' if end.kind == 'sample' else 'test image'} of {self._name}")
        number.setValue(end.seed if end.kind == "sample" else end.index)
        number.blockSignals(False)

    def _show_search(self, end: End, search: Search) -> None:
        searched = end.kind == "test" and self._ends.searches_for
        self.progress.setVisible(searched and search.busy)
        self.progress.setValue(round(100 * search.fraction))
        words = search.words() if searched else ""
        if searched and search.busy:
            words = search.message or "searching for z"
        if searched and search.found is not None:
            words = f"mean squared error {search.found.error:.4f}"
        self.said.setText(end.failure or words)
        self.said.setToolTip(labels.literal_tooltip(search.words()))
        self.said.setVisible(bool(self.said.text()))
        self.act.setVisible(searched)
        self.act.setText("cancel" if search.busy else "again")
        self.act.setToolTip("Give the search up (Esc)" if search.busy else "Search for z again, at the step shown")

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        first, second = QHBoxLayout(), QHBoxLayout()
        for row in (first, second):
            row.setSpacing(GAP)
        first.addWidget(labels.heading(self._name))
        first.addWidget(self.kind, 1)
        second.addWidget(self.number, 1)
        second.addWidget(self.another)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self.latent)
        column.addWidget(self.picture, 1)
        column.addWidget(self.where)
        column.addWidget(self.progress)
        last = QHBoxLayout()
        last.setSpacing(GAP)
        last.addWidget(self.said, 1)
        last.addWidget(self.act, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        column.addLayout(last)
        self._rest = QWidget()  # takes the room that a picture leaves
        column.addWidget(self._rest, 1)

    def _bind(self) -> None:
        ends, name = self._ends, self._name
        self.kind.activated.connect(lambda _: ends.choose(name, self.kind.currentData()))
        self.number.valueChanged.connect(self._number_changed)
        self.another.clicked.connect(lambda: ends.another(name))
        self.latent.changed.connect(lambda dimension, value: ends.set_number(name, dimension, value))
        self.act.clicked.connect(self._acted)

    def _number_changed(self, value: int) -> None:
        if self._ends[self._name].kind == "test":
            self._ends.set_index(self._name, value)
        else:
            self._ends.set_seed(self._name, value)

    def _acted(self) -> None:
        busy = self._ends.searches[self._name].busy
        (self.cancel_wanted if busy else self.search_wanted).emit()


class _Numbers(QWidget):
    """The numbers of a small latent.

    Signals:
        changed(int, float): A dimension, counted from 0, and its new value.
    """

    changed = pyqtSignal(int, float)

    def __init__(self, end: str) -> None:
        super().__init__()
        self._boxes = [QDoubleSpinBox() for _ in range(MAX_NUMBERS)]
        self._names = [labels.muted(dimension_name(number)) for number in range(MAX_NUMBERS)]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(GAP // 2)
        for number, (name, box) in enumerate(zip(self._names, self._boxes, strict=True)):
            box.setRange(-10, 10)
            box.setSingleStep(0.1)
            box.setDecimals(2)
            box.setKeyboardTracking(False)
            box.setAccessibleName(f"{dimension_name(number)} of {end}")
            box.valueChanged.connect(lambda value, number=number: self.changed.emit(number, value))
            row, column = number // 2, number % 2 * 2
            grid.addWidget(name, row, column)
            grid.addWidget(box, row, column + 1)

    def show_numbers(self, numbers: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> None:
        """Show so many numbers."""
        for number, (name, box) in enumerate(zip(self._names, self._boxes, strict=True)):
            there = number < numbers.size
            name.setVisible(there)
            box.setVisible(there)
            if there and abs(box.value() - float(numbers[number])) > 0.005:
                box.blockSignals(True)
                box.setValue(float(numbers[number]))
                box.blockSignals(False)
