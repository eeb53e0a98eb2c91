"""The plane through a latent space of more than two dimensions: controls that select it, and the sliders."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QSizePolicy, QSpinBox, QStackedWidget, QWidget

from genexplorer.session import formatting
from genexplorer.viewer.model_client import RequestGroup
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold.axis_sliders import AxisSliders
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane, axis_name, has_planes, latent_size
from genexplorer.viewer.tabs.manifold.plane_selector import KINDS, PINS, AxisScores, Kind, PlaneSelector, Source
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.widgets.controls import tool_button
from genexplorer.viewer.widgets.labels import literal_tooltip, muted
from trainers.model_card import ModelCard

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
    """Shows the state of a `PlaneSelector`; the user's choices are signals.

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
        for box, axis in zip((self.across, self.up), pair or (None, None), strict=True):
            box.clear()
            for index, words in _entries(axes, pair):
                box.addItem(words, index)
            box.setCurrentIndex(box.findData(axis))
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
        else:  # both the same: list the axes again
            self._listed = ()


def _waiting(selector: PlaneSelector) -> str:
    if selector.progress is not None:
        return f"finding the plane …  {selector.progress:.0%}"
    if selector.plane is None:
        return "ranking the axes …" if selector.kind == "axes" else "finding the plane …"
    return ""


def _entries(axes: AxisScores | None, pair: tuple[int, int] | None) -> list[tuple[int, str]]:
    scores = {} if axes is None else dict(zip(axes.indices, axes.scores, strict=True))
    unscored = [index for index in pair or () if index not in scores]
    scored = [(index, f"{axis_name(index)}   {formatting.number(score)}") for index, score in scores.items()]
    return scored + [(index, axis_name(index)) for index in unscored]


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


_MAX_NUMBERS = 128  # dimensions of latents that a command still writes out
Floats = NDArray[np.float64]


class PlaneControls(QObject):
    """Connects the plane's bar and the sliders with the selector and the selection.

    Signals:
        changed: `plane`, `shift` or `has_plane` changed.
        dragging(bool): A slider's drag begins or ends.
    """

    changed = pyqtSignal()
    dragging = pyqtSignal(bool)

    def __init__(self, requests: RequestGroup, selection: Selection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.selector, self._selection = PlaneSelector(requests), selection
        self.bar, self.sliders = PlaneBar(), AxisSliders()
        self.has_planes = self.encodes = False
        self.is_dragging = False
        self._current: LatentPlane | None = None
        self._shifted: LatentPlane | None = None  # the plane as the sliders have moved it, and by how much
        self._shifted_by = np.zeros(0)
        self._connect()
        self.configure(None)

    @property
    def has_plane(self) -> bool:
        """Whether there is a plane to show."""
        return not self.has_planes or self._current is not None

    @property
    def plane(self) -> LatentPlane:
        """The plane that is displayed; the same object as long as it is the same plane."""
        selection = self._selection
        if not self.has_planes or self.sliders.target == "image" or not selection.offset.any():
            return selection.plane
        if self._shifted is None or not np.array_equal(self._shifted_by, selection.offset):
            self._shifted, self._shifted_by = selection.plane.shifted(selection.offset), selection.offset.copy()
        return self._shifted

    @property
    def shift(self) -> Floats:
        """The part of the offset within the plane, (2,): points at a fixed z move back by it."""
        if self.plane is self._selection.plane:
            return np.zeros(2)
        shift: Floats = self._selection.plane.project_direction(self._selection.offset)[0]
        return shift

    def command_args(self) -> dict[str, Any] | None:
        """Return how the command line names the plane; {} for all of latent space, None where it cannot."""
        selector, plane = self.selector, self._selection.plane
        if not self.has_planes:
            return {}
        if self.plane is not plane or selector.plane is not plane:
            return None
        if selector.kind == "axes":
            return {"axes": selector.chosen_pair}
        if selector.kind == "principal":
            return {"principal": True} if selector.as_answered else None
        if selector.source == "images":
            return {"through": [f"test:{index}" for index in selector.images]}
        numbers = [selector.points[name].tolist() for name in PINS]
        return {"through": numbers} if plane.size <= _MAX_NUMBERS else None

    @property
    def unit(self) -> float:
        """Units of the command line's plane in one of this plane: points far apart are drawn closer together."""
        through_points = self.has_planes and self.selector.kind == "points"
        return float(np.linalg.norm(self._selection.plane.e1)) if through_points else 1.0

    def clear(self) -> None:
        """Discard the state of a run."""
        self.selector.clear()
        self.sliders.clear()
        self._current = self._shifted = None

    def configure(self, card: ModelCard | None) -> None:
        """Take a model: planes and sliders are for those of more than two latent dimensions."""
        self.has_planes = card is not None and has_planes(card)
        self.encodes = card is not None and card.capability("encode").available
        for widget in (self.bar, self.sliders):
            widget.setVisible(self.has_planes)
        if card is not None and self.has_planes:
            self.selector.begin(latent_size(card), encodes=self.encodes)
        elif not self._selection.plane.is_full_space:
            self._selection.set_plane(LATENT_2D)

    def show_step(self, step: int) -> None:
        """Request the plane at a snapshot."""
        if self.has_planes:
            self.selector.show(step)

    def reset_offset(self) -> None:
        """Reset every slider."""
        self._selection.reset_offset()
        self._show_sliders()
        self.changed.emit()

    def update_pins(self) -> None:
        """Move the plane to the pins, where it goes through them."""
        if self.has_planes:
            self.selector.update_pins(self._selection.pins)

    def _connect(self) -> None:
        bar, selector, sliders = self.bar, self.selector, self.sliders
        bar.kind_chosen.connect(self._choose_kind)
        bar.pair_chosen.connect(selector.choose_pair)
        bar.source_chosen.connect(self._choose_source)
        bar.images_chosen.connect(lambda a, b, c: selector.choose_points("images", images=(a, b, c)))
        bar.seed_chosen.connect(lambda seed: selector.choose_points("samples", seed=seed))
        sliders.offset_changed.connect(self._slide)
        sliders.dragging.connect(self._drag)
        sliders.target_chosen.connect(lambda _: self.changed.emit())
        sliders.reset_wanted.connect(self.reset_offset)
        selector.subscribe(self._show)

    def _choose_kind(self, kind: Kind) -> None:
        if kind == "points" and self.selector.source == "pins":
            self.selector.points = dict(self._selection.pins)
        self.selector.choose(kind)

    def _choose_source(self, source: Source) -> None:
        if source == "pins":
            self.selector.points = dict(self._selection.pins)
        self.selector.choose_points(source)

    def _drag(self, dragging: bool) -> None:
        self.is_dragging = dragging
        self.dragging.emit(dragging)

    def _slide(self, axis: int, value: float) -> None:
        self._selection.set_offset(axis, value)
        self._show_sliders()
        if self.sliders.target == "plane":
            self.changed.emit()

    def _show(self) -> None:
        if not self.has_planes:
            return
        selector, selection = self.selector, self._selection
        self.bar.show_planes(selector, encodes=self.encodes)
        self.sliders.show_axes(selector.axes, selector.chosen_pair or () if selector.kind == "axes" else ())
        self._show_sliders()
        if selector.plane is self._current:
            return
        self._current, self._shifted = selector.plane, None
        if selector.plane is None:
            return
        selection.set_plane(selector.plane)
        if selector.kind == "points" and selector.source != "pins":
            selection.pins = dict(selector.points)
            selection.notify()
        self.changed.emit()

    def _show_sliders(self) -> None:
        offset = self._selection.offset
        self.sliders.show_values({int(axis): float(offset[axis]) for axis in np.flatnonzero(offset)})
