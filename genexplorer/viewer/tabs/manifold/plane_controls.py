"""The plane through a latent space of more than two dimensions: controls that select it, and the sliders."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QSizePolicy, QSpinBox, QStackedWidget, QWidget

from genexplorer.session import formatting
from genexplorer.session.class_scheme import class_scheme
from genexplorer.viewer.model_client import RequestGroup
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.manifold.axis_sliders import AxisSliders
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane, axis_name, has_planes, latent_size
from genexplorer.viewer.tabs.manifold.plane_selector import (
    PIN_NAMES,
    PLANE_KINDS,
    AxesOrigin,
    PlaneKind,
    PlaneSelector,
    PointOrigin,
)
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.widgets.class_list import make_searchable
from genexplorer.viewer.widgets.controls import combo_box, fill_box, set_entries, set_value, spin_box, tool_button
from genexplorer.viewer.widgets.labels import literal_tooltip, muted
from trainers.model_card import ModelCard

_PLANE_KIND_LABELS: dict[PlaneKind, tuple[str, str]] = {
    "principal": (
        "Principal",
        "The plane of largest variance of the encodings, or, without an encoder, of the images (V: next)",
    ),
    "axes": ("Axes", "The plane of two latent axes (V: next)"),
    "points": ("Points", "The plane through three points A, B and C (V: next)"),
}
_POINT_ORIGIN_LABELS: dict[PointOrigin, str] = {
    "samples": "three samples",
    "images": "test images",
    "classes": "class means",
    "pins": "pins A, B, C",
}


_AXES_ORIGIN_LABELS: dict[AxesOrigin, str] = {
    "prior": "through 0",
    "image": "through test image",
    "class": "through class mean",
    "own": "through image of Encode",
}


class PlaneBar(QWidget):
    """Shows the state of a `PlaneSelector`; the user's choices are signals.

    Signals:
        kind_chosen(str), pair_chosen(int, int), source_chosen(str), images_chosen(int, int, int), seed_chosen(int),
        classes_chosen(int, int, int), origin_chosen(str), origin_image_chosen(int), origin_class_chosen(int).
    """

    classes_chosen = pyqtSignal(int, int, int)
    origin_chosen = pyqtSignal(str)
    origin_image_chosen = pyqtSignal(int)
    origin_class_chosen = pyqtSignal(int)

    kind_chosen = pyqtSignal(str)
    pair_chosen = pyqtSignal(int, int)
    source_chosen = pyqtSignal(str)
    images_chosen = pyqtSignal(int, int, int)
    seed_chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # The kinds of plane, and the controls of each.
        self.kinds = {kind: tool_button(*_PLANE_KIND_LABELS[kind], checkable=True) for kind in PLANE_KINDS}
        group = QButtonGroup(self)
        for kind, button in self.kinds.items():
            group.addButton(button)
            button.clicked.connect(lambda _=False, kind=kind: self.kind_chosen.emit(kind))
        self.across, self.up = (combo_box(name, name) for name in ("axis to the right", "axis upwards"))
        for box in (self.across, self.up):
            box.activated.connect(lambda _: self._choose_pair())
        self.source = combo_box("source of the three points", "source of the three points")
        self.source.activated.connect(lambda _: self.source_chosen.emit(self.source.currentData()))
        self.images = [_make_spin_box(f"test image {name}") for name in PIN_NAMES]
        for spin in self.images:
            spin.valueChanged.connect(lambda _: self.images_chosen.emit(*(spin.value() for spin in self.images)))
        # The classes whose means are the three points; the code through which axes pass.
        self.classes = [_make_class_box(f"class {name}") for name in PIN_NAMES]
        for box in self.classes:
            box.activated.connect(lambda _: self.classes_chosen.emit(*(box.currentData() for box in self.classes)))
        self.origin = combo_box("code through which the axes pass", "The code through which the axes pass")
        self.origin.activated.connect(lambda _: self.origin_chosen.emit(self.origin.currentData()))
        self.origin_image = _make_spin_box("test image through which the axes pass")
        self.origin_image.valueChanged.connect(self.origin_image_chosen)
        self.origin_class = _make_class_box("class through whose mean the axes pass")
        self.origin_class.activated.connect(lambda _: self.origin_class_chosen.emit(self.origin_class.currentData()))
        self.seed = _make_spin_box("seed of the three samples")
        self.seed.valueChanged.connect(self.seed_chosen)
        # The layout.
        self._pages = QStackedWidget()
        of_axes = self.across, muted("×"), self.up, self.origin, self.origin_image, self.origin_class
        for widgets in ((), of_axes, (self.source, *self.images, *self.classes, self.seed)):
            page = QWidget()
            fill_box(QHBoxLayout(page), *widgets, spacing=GAP // 2)
            self._pages.addWidget(page)
        self._pages.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.title = muted("")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        switch = fill_box(QHBoxLayout(), *self.kinds.values(), spacing=0)
        fill_box(QHBoxLayout(self), switch, self._pages, (self.title, 1))

    def show_planes(self, selector: PlaneSelector, *, has_encoder: bool) -> None:
        """Show the selection and its outcome."""
        self.kinds[selector.kind].setChecked(True)
        # The axes, best first, and those of the plane without a score.
        pair, axes = selector.chosen_pair, selector.axes
        scores = {} if axes is None else dict(zip(axes.indices, axes.scores, strict=True))
        entries = [(f"{axis_name(index)}   {formatting.number(score)}", index) for index, score in scores.items()]
        entries += [(axis_name(index), index) for index in pair or () if index not in scores]
        for box, axis in zip((self.across, self.up), pair or (None, None), strict=True):
            set_entries(box, entries, axis)
            box.setEnabled(box.count() > 1)
        # Without an encoder, test images are no source of points.
        sources = [
            (label, source)
            for source, label in _POINT_ORIGIN_LABELS.items()
            if (has_encoder or source not in ("images", "classes")) and (source != "classes" or selector.scheme.count)
        ]
        set_entries(self.source, sources, selector.source)
        self.source.setToolTip("" if has_encoder else "This model has no encoder: test images have no latents")
        for spin, value in zip((*self.images, self.seed), (*selector.images, selector.seed), strict=True):
            set_value(spin, value)
            spin.setVisible(selector.source == ("samples" if spin is self.seed else "images"))
        self._show_classes_and_origin(selector, has_encoder=has_encoder)
        self._pages.setCurrentIndex(PLANE_KINDS.index(selector.kind))
        self._pages.setVisible(selector.kind != "principal")
        # The outcome.
        if selector.failure:
            title = selector.failure
        elif selector.kind == "axes" and selector.axes is not None and selector.axes_origin == "prior":
            title = f"by {selector.axes.measure} ({selector.axes.unit}), all other axes 0"
        elif selector.progress is not None:
            title = f"finding the plane …  {selector.progress:.0%}"
        elif selector.plane is None:
            title = "ranking the axes …" if selector.kind == "axes" else "finding the plane …"
        else:
            title = selector.plane.title
        self.title.setText(title)
        self.title.setToolTip(literal_tooltip(title))

    def _show_classes_and_origin(self, selector: PlaneSelector, *, has_encoder: bool) -> None:
        """Show the classes of the three points, and the code through which axes pass."""
        scheme = selector.scheme
        names = [(scheme.name(label), label) for label in range(scheme.count)]
        labels = (*selector.classes, selector.origin_class)
        for box, label in zip((*self.classes, self.origin_class), labels, strict=True):
            set_entries(box, names, label)
        for box in self.classes:
            box.setVisible(selector.source == "classes")
        is_available = {
            "prior": True,
            "image": has_encoder,
            "class": has_encoder and scheme.count > 0,
            "own": has_encoder and selector.own_image is not None,
        }
        origins = [(text, origin) for origin, text in _AXES_ORIGIN_LABELS.items() if is_available[origin]]
        set_entries(self.origin, origins, selector.axes_origin)
        self.origin.setVisible(len(origins) > 1)
        set_value(self.origin_image, selector.origin_image)
        self.origin_image.setVisible(selector.axes_origin == "image")
        self.origin_class.setVisible(selector.axes_origin == "class")

    def next_kind(self) -> None:
        """Select the next kind of plane."""
        now = next(kind for kind, button in self.kinds.items() if button.isChecked())
        self.kind_chosen.emit(PLANE_KINDS[(PLANE_KINDS.index(now) + 1) % len(PLANE_KINDS)])

    def _choose_pair(self) -> None:
        first, second = self.across.currentData(), self.up.currentData()
        if first is not None and second is not None and first != second:
            self.pair_chosen.emit(first, second)


def _make_spin_box(name: str) -> QSpinBox:
    spin = spin_box(0, 9_999_999, name, name, focus=Qt.FocusPolicy.ClickFocus)
    spin.setMaximumWidth(scaled(9 * GAP))
    return spin


def _make_class_box(name: str) -> QComboBox:
    box = combo_box(name, f"{name}; type to find it")
    make_searchable(box)
    box.setMaximumWidth(scaled(14 * GAP))
    return box


_MAX_COMMAND_DIMENSIONS = 128  # a command spells out latents of so many dimensions, at most
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
        self.has_planes = self.has_encoder = False
        self._current: LatentPlane | None = None
        self._shifted: LatentPlane | None = None  # the plane moved by the sliders
        self._shifted_by = np.zeros(0)
        # Connect the bar.
        bar, selector, sliders = self.bar, self.selector, self.sliders
        bar.kind_chosen.connect(self._choose_kind)
        bar.pair_chosen.connect(selector.choose_pair)
        bar.source_chosen.connect(self._choose_source)
        bar.images_chosen.connect(lambda a, b, c: selector.choose_points("images", images=(a, b, c)))
        bar.classes_chosen.connect(lambda a, b, c: selector.choose_points("classes", classes=(a, b, c)))
        bar.origin_chosen.connect(selector.choose_axes_origin)
        bar.origin_image_chosen.connect(lambda index: selector.choose_axes_origin("image", image=index))
        bar.origin_class_chosen.connect(lambda label: selector.choose_axes_origin("class", label=label))
        bar.seed_chosen.connect(lambda seed: selector.choose_points("samples", seed=seed))
        # Connect the sliders and the selector.
        sliders.offset_changed.connect(self._slide)
        sliders.dragging.connect(self.dragging)
        sliders.target_chosen.connect(lambda _: self.changed.emit())
        sliders.reset.clicked.connect(lambda: self.reset_offset())
        selector.subscribe(self._show)
        self.configure(None)

    @property
    def has_plane(self) -> bool:
        """Whether there is a plane to show."""
        return not self.has_planes or self._current is not None

    @property
    def plane(self) -> LatentPlane:
        """The displayed plane; the same object as long as it is the same plane."""
        selection = self._selection
        if not self.has_planes or self.sliders.target == "image" or not selection.offset.any():
            return selection.plane
        if self._shifted is None or not np.array_equal(self._shifted_by, selection.offset):
            self._shifted, self._shifted_by = selection.plane.shifted(selection.offset), selection.offset.copy()
        return self._shifted

    @property
    def shift(self) -> Floats:
        """The offset within the plane, (2,): points at a fixed z move back by it."""
        if self.plane is self._selection.plane:
            return np.zeros(2)
        shift: Floats = self._selection.plane.project_direction(self._selection.offset)[0]
        return shift

    def command_args(self) -> dict[str, Any] | None:
        """Return the plane as arguments of the command line; {} for all of latent space, None if there are none."""
        selector, plane = self.selector, self._selection.plane
        if not self.has_planes:
            return {}
        if self.plane is not plane or selector.plane is not plane:
            return None
        if selector.kind == "axes":
            return {"axes": selector.chosen_pair} if selector.axes_origin == "prior" else None
        if selector.kind == "principal":
            return {"principal": True} if selector.is_unflipped else None
        if selector.source == "images":
            return {"through": [f"test:{index}" for index in selector.images]}
        numbers = [selector.points[name].tolist() for name in PIN_NAMES]
        return {"through": numbers} if plane.size <= _MAX_COMMAND_DIMENSIONS else None

    @property
    def unit(self) -> float:
        """Size of this plane's unit in z: points that are far apart are drawn closer together."""
        through_points = self.has_planes and self.selector.kind == "points"
        return float(np.linalg.norm(self._selection.plane.e1)) if through_points else 1.0

    def clear(self) -> None:
        """Discard the state of a run."""
        self.selector.clear()
        self.sliders.clear()
        self._current = self._shifted = None

    def configure(self, card: ModelCard | None) -> None:
        """Configure for a model: planes and sliders need more than two latent dimensions."""
        self.has_planes = card is not None and has_planes(card)
        self.has_encoder = card is not None and card.capability("encode").available
        for widget in (self.bar, self.sliders):
            widget.setVisible(self.has_planes)
        if card is not None and self.has_planes:
            self.selector.scheme, self.selector.num_test = class_scheme(card.data), card.data.num_test
            self.selector.begin(latent_size(card), has_encoder=self.has_encoder)
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
        """Move a plane through the pins to their new positions."""
        if self.has_planes:
            self.selector.update_pins(self._selection.pins)

    def _choose_kind(self, kind: PlaneKind) -> None:
        if kind == "points" and self.selector.source == "pins":
            self.selector.points = dict(self._selection.pins)
        self.selector.choose(kind)

    def _choose_source(self, source: PointOrigin) -> None:
        if source == "pins":
            self.selector.points = dict(self._selection.pins)
        self.selector.choose_points(source)

    def _slide(self, axis: int, value: float) -> None:
        self._selection.set_offset(axis, value)
        self._show_sliders()
        if self.sliders.target == "plane":
            self.changed.emit()

    def _show(self) -> None:
        if not self.has_planes:
            return
        # Show the selection.
        selector, selection = self.selector, self._selection
        self.bar.show_planes(selector, has_encoder=self.has_encoder)
        self.sliders.show_axes(selector.axes, selector.chosen_pair or () if selector.kind == "axes" else ())
        self._show_sliders()
        # Apply another plane; its three points become the pins.
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
