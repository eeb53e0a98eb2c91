"""Latent spaces of more than two dimensions: the plane that is laid through them, its chooser and the sliders."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, pyqtSignal

from genexplorer.viewer.model_client import RequestGroup
from genexplorer.viewer.tabs.manifold.axis_sliders import AxisSliders
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane, has_planes, latent_size
from genexplorer.viewer.tabs.manifold.plane_bar import PlaneBar
from genexplorer.viewer.tabs.manifold.plane_selector import PINS, Kind, PlaneSelector, Source
from genexplorer.viewer.tabs.manifold.selection import Selection
from trainers.model_card import ModelCard

_MAX_NUMBERS = 128  # dimensions of latents that a command still writes out
Floats = NDArray[np.float64]


class PlaneControls(QObject):
    """Binds chooser and sliders to the plane and to the selection in it.

    Signals:
        changed: Another part of latent space is to be seen: `plane`, `shift` or `has_plane`.
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
        """Whether there is a plane to be seen."""
        return not self.has_planes or self._current is not None

    @property
    def plane(self) -> LatentPlane:
        """The plane whose pictures are seen; the same object as long as it is the same plane."""
        selection = self._selection
        if not self.has_planes or self.sliders.target == "image" or not selection.offset.any():
            return selection.plane
        if self._shifted is None or not np.array_equal(self._shifted_by, selection.offset):
            self._shifted, self._shifted_by = selection.plane.shifted(selection.offset), selection.offset.copy()
        return self._shifted

    @property
    def shift(self) -> Floats:
        """How far the plane was moved along itself, (2,): so far points that stay in latent space move back."""
        if self.plane is self._selection.plane:
            return np.zeros(2)
        moved: Floats = self._selection.plane.project_direction(self._selection.offset)[0]
        return moved

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
        """Forget what belongs to a run."""
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
        """Want the plane at a snapshot."""
        if self.has_planes:
            self.selector.show(step)

    def reset_offset(self) -> None:
        """Put every slider back."""
        self._selection.reset_offset()
        self._show_sliders()
        self.changed.emit()

    def update_pins(self) -> None:
        """Lay the plane through the pins, where it is meant to go through them."""
        if self.has_planes:
            self.selector.update_pins(self._selection.pins)

    def _connect(self) -> None:
        bar, selector, sliders = self.bar, self.selector, self.sliders
        bar.kind_chosen.connect(self._choose_kind)
        bar.pair_chosen.connect(selector.choose_pair)
        bar.source_chosen.connect(self._choose_source)
        bar.images_chosen.connect(lambda a, b, c: selector.choose_points("images", images=(a, b, c)))
        bar.seed_chosen.connect(lambda seed: selector.choose_points("samples", seed=seed))
        sliders.moved.connect(self._slide)
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
