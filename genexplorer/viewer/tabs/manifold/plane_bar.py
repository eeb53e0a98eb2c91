"""Controls of the plane through latent space: principal, two axes, or through three points."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QSizePolicy, QSpinBox, QStackedWidget, QWidget

from genexplorer.session import formatting
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold.latent_plane import axis_name
from genexplorer.viewer.tabs.manifold.plane_selector import KINDS, AxisScores, Kind, PlaneSelector, Source
from genexplorer.viewer.widgets.controls import tool_button
from genexplorer.viewer.widgets.labels import literal_tooltip, muted

_NAMES: dict[Kind, tuple[str, str]] = {
    "principal": (
        "Principal",
        "The plane of largest variance of the encodings, or, without an encoder, of the images (V: next)",
    ),
    "axes": ("Axes", "The plane of two latent axes (V: next)"),
    "points": ("Points", "The plane through three points A, B and C (V: next)"),
}
_SOURCES: dict[Source, str] = {"samples": "three samples", "images": "test images", "pins": "pins A, B, C"}


class PlaneBar(QWidget):
    """Shows what `PlaneSelector` keeps and tells what was chosen.

    Signals:
        kind_chosen(str), pair_chosen(int, int), source_chosen(str), images_chosen(int, int, int), seed_chosen(int).
    """

    kind_chosen = pyqtSignal(str)
    pair_chosen = pyqtSignal(int, int)
    source_chosen = pyqtSignal(str)
    images_chosen = pyqtSignal(int, int, int)
    seed_chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kinds = {kind: tool_button(*_NAMES[kind], checkable=True) for kind in KINDS}
        self.across, self.up = _combo("axis to the right"), _combo("axis upwards")
        self.source = _combo("source of the three points")
        self.images = [_spin(f"test image {name}") for name in "ABC"]
        self.seed = _spin("seed of the three samples")
        self.title = muted("")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._listed: tuple[object, ...] = ()
        self._lay_out()
        self._connect()

    def show_planes(self, selector: PlaneSelector, *, encodes: bool) -> None:
        """Show the selection and its outcome."""
        self.kinds[selector.kind].setChecked(True)
        self._list_axes(selector)
        self._show_source(selector, encodes=encodes)
        self._pages.setCurrentIndex(KINDS.index(selector.kind))
        self._pages.setVisible(selector.kind != "principal")
        words = selector.failure or _waiting(selector) or ("" if selector.plane is None else selector.plane.title)
        if selector.kind == "axes" and selector.axes is not None and not selector.failure:
            words = f"by {selector.axes.measure} ({selector.axes.unit}), all other axes 0"
        self.title.setText(words)
        self.title.setToolTip(literal_tooltip(words))

    def next_kind(self) -> None:
        """Select the next kind of plane."""
        now = next(kind for kind, button in self.kinds.items() if button.isChecked())
        self.kind_chosen.emit(KINDS[(KINDS.index(now) + 1) % len(KINDS)])

    def _list_axes(self, selector: PlaneSelector) -> None:
        pair, axes = selector.chosen_pair, selector.axes
        listed = (pair, axes)
        if listed == self._listed:
            return
        self._listed = listed
        for box, chosen in zip((self.across, self.up), pair or (None, None), strict=True):
            box.clear()
            for index, words in _entries(axes, pair):
                box.addItem(words, index)
            box.setCurrentIndex(box.findData(chosen))
            box.setEnabled(box.count() > 1)

    def _show_source(self, selector: PlaneSelector, *, encodes: bool) -> None:
        if self.source.count() != (3 if encodes else 2):
            self.source.clear()
            for source, words in _SOURCES.items():
                if encodes or source != "images":
                    self.source.addItem(words, source)
        self.source.setCurrentIndex(self.source.findData(selector.source))
        self.source.setToolTip("" if encodes else "This model has no encoder: test images have no latents")
        for spin, index in zip(self.images, selector.images, strict=True):
            _set(spin, index)
            spin.setVisible(selector.source == "images")
        _set(self.seed, selector.seed)
        self.seed.setVisible(selector.source == "samples")

    def _lay_out(self) -> None:
        group, switch = QButtonGroup(self), QHBoxLayout()
        switch.setSpacing(0)
        for button in self.kinds.values():
            group.addButton(button)
            switch.addWidget(button)
        self._pages = QStackedWidget()
        for widgets in ((), (self.across, muted("×"), self.up), (self.source, *self.images, self.seed)):
            self._pages.addWidget(_row(*widgets))
        self._pages.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addLayout(switch)
        row.addWidget(self._pages)
        row.addWidget(self.title, 1)

    def _connect(self) -> None:
        for kind, button in self.kinds.items():
            button.clicked.connect(lambda _=False, kind=kind: self.kind_chosen.emit(kind))
        for box in (self.across, self.up):
            box.activated.connect(lambda _: self._choose_pair())
        self.source.activated.connect(lambda _: self.source_chosen.emit(self.source.currentData()))
        for spin in self.images:
            spin.valueChanged.connect(lambda _: self.images_chosen.emit(*(spin.value() for spin in self.images)))
        self.seed.valueChanged.connect(self.seed_chosen)

    def _choose_pair(self) -> None:
        first, second = self.across.currentData(), self.up.currentData()
        if first is not None and second is not None and first != second:
            self.pair_chosen.emit(first, second)
        else:  # both the same: the one that was not touched gives way
            self._listed = ()


def _waiting(selector: PlaneSelector) -> str:
    if selector.progress is not None:
        return f"finding the plane …  {selector.progress:.0%}"
    if selector.plane is None:
        return "ranking the axes …" if selector.kind == "axes" else "finding the plane …"
    return ""


def _entries(axes: AxisScores | None, pair: tuple[int, int] | None) -> list[tuple[int, str]]:
    known = {} if axes is None else dict(zip(axes.indices, axes.scores, strict=True))
    rest = [index for index in pair or () if index not in known]
    scored = [(index, f"{axis_name(index)}   {formatting.number(score)}") for index, score in known.items()]
    return scored + [(index, axis_name(index)) for index in rest]


def _row(*widgets: QWidget) -> QWidget:
    host = QWidget()
    row = QHBoxLayout(host)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GAP // 2)
    for widget in widgets:
        row.addWidget(widget)
    return host


def _combo(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(name)
    box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return box


def _spin(name: str) -> QSpinBox:
    spin = QSpinBox()
    spin.setRange(0, 9_999_999)
    spin.setAccessibleName(name)
    spin.setToolTip(name)
    spin.setKeyboardTracking(False)
    spin.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    spin.setMaximumWidth(9 * GAP)
    return spin


def _set(spin: QSpinBox, value: int) -> None:
    spin.blockSignals(True)
    spin.setValue(value)
    spin.blockSignals(False)
