"""The Manifold tab: the plane, the inspector at its right and the path strip below it, bound to run and time."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QGuiApplication, QImage
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines, formatting
from genexplorer.session.idle import AWAY_POLL_S
from genexplorer.session.plane import Bounds, Coords
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold.availability import missing_plane_reason, switched_off
from genexplorer.viewer.tabs.manifold.inspector import Inspector
from genexplorer.viewer.tabs.manifold.inspector_data import Details, Encoded
from genexplorer.viewer.tabs.manifold.path_controls import PathWalk
from genexplorer.viewer.tabs.manifold.plane_controller import PlaneStage
from genexplorer.viewer.tabs.manifold.plane_model import LatentSpace
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.tabs.manifold.tiles import TARGET
from genexplorer.viewer.tabs.manifold.view_state import Remembered
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import SaveTarget
from genexplorer.viewer.widgets.images import save_image

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

REST_MS = 400  # the cursor rests this long before the nearest test image is looked for
REST_IN_TIME_MS = 2_500  # and so long after the snapshot has changed: encoding the whole test set is work,
REST_FOLLOWING_MS = round(1000 * AWAY_POLL_S) + 1_000  # which a training is spared while looks bring new snapshots
STEP_PX = 12  # logical; an arrow key moves the cursor so far, with Shift a sixth of it
ZOOM = 1.25
PLANE_TARGET = 10  # tiles along the shorter side: a plane with sliders below it is lower, and its decoder may be slow


class ManifoldTab(ModelTab):
    """The latent plane of a model with two latent dimensions, or planes through more."""

    title = "Manifold"
    training_hint = "train a 2-D VAE"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.selection = Selection()
        self.details = Details(self.requests)
        self.stage = PlaneStage(self.requests, self.selection, self.details, context.palette)
        self.space = LatentSpace(self.requests, self.selection, self)
        self.walk = PathWalk(self.selection, self.details)
        self.inspector = Inspector()
        self._asked_cursor = _NOWHERE
        self._asked_pick: int | None = None
        self._asked_pins: tuple[object, ...] = ()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._at_rest)
        self._build()
        self._bind()

    def unsupported_reason(self, card: "ModelCard") -> str | None:
        """Return why there is no latent plane."""
        return missing_plane_reason(card)

    def clear(self) -> None:
        """Discard what belongs to the former run."""
        self.space.clear()
        self.space.configure(None)
        self.stage.clear()
        self.details.clear()
        self.selection.clear()
        self.inspector.clear()

    def stop(self) -> None:
        """Stop drags, animations and requests."""
        self.stage.panel.cancel_drag()
        self.stage.panel.end_hover()
        self._rest.stop()
        self.walk.pause()
        self._asked_cursor, self._asked_pick, self._asked_pins = _NOWHERE, None, ()
        super().stop()

    def closing(self) -> None:
        """Stop timers and animations."""
        super().closing()
        self.stage.glider.stop()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Request the plane, the cursor, the pins and the path."""
        self._configure(card)
        self.details.at(step)
        self.walk.origin = {"run": self.run.status.id if self.run is not None else "", "step": step}
        self.space.show_step(step)
        if self.space.is_laid:
            self.details.decode_cursor(self.selection.cursor)
        self._show_plane()
        self.stage.show_step(step, card.image_shape)
        if self.selection.picked is not None:
            self.details.pick(self.selection.picked)
        if self.selection.pins:
            self.details.decode_pins(self.selection.pins)
        self.walk.ask_again()
        later = REST_FOLLOWING_MS if self.context.cursor.following else REST_IN_TIME_MS
        self._rest.start(REST_MS if self.details.nearest is None else later)

    def key_actions(self, shift: bool) -> KeyActions:
        """Arrows move the cursor, + − 0 zoom, A B C pin, P draws a path; the other keys turn switches."""
        key, bar, panel = Qt.Key, self.stage.toolbar, self.stage.panel
        arrows: dict[int, Any] = {code: partial(self.nudge, *by, fine=shift) for code, by in _ARROWS.items()}
        planes: dict[int, Any] = self._plane_actions() if self.space.has_planes else {key.Key_U: self._swap_coords}
        return (
            arrows
            | planes
            | {
                key.Key_0: panel.go_home,
                key.Key_Plus: lambda: panel.zoom(ZOOM),
                key.Key_Equal: lambda: panel.zoom(ZOOM),
                key.Key_Minus: lambda: panel.zoom(1 / ZOOM),
                key.Key_A: lambda: self.selection.pin("A"),
                key.Key_B: lambda: self.selection.pin("B"),
                key.Key_P: bar.pen.toggle,
                key.Key_E: bar.ellipses.click,
                key.Key_O: bar.points.click,
                key.Key_Return: self.walk.toggle_play,
                key.Key_Enter: self.walk.toggle_play,
                key.Key_Escape: self.walk.close_path,
            }
        )

    def nudge(self, right: int, up: int, *, fine: bool = False) -> None:
        """Move the cursor by a key's step on the screen."""
        panel = self.stage.panel
        pixel = panel.view.z_to_px(self.selection.place)[0]
        step = STEP_PX * panel.ratio / (6 if fine else 1)
        self.selection.move_in_plane(panel.view.px_to_z(pixel + np.array([right * step, -up * step]))[0])

    def save_targets(self) -> list[SaveTarget]:
        """Return the pictures that are there."""
        stage, targets = self.stage, []
        if not stage.panel.tiles.image().isNull():
            targets.append(SaveTarget("Manifold", (".png",), lambda path: save_image(stage.seen_tiles(), path)))
            targets.append(SaveTarget("Plane as shown", (".png",), lambda path: save_image(self._shown(), path)))
        if self.details.decoded is not None:
            picture = self.inspector.decoded
            targets.append(
                SaveTarget("Decoded picture", (".png",), lambda path: save_image(picture.shown_image(), path))
            )
        if not self.selection.path.is_empty:
            targets.append(SaveTarget("Path as animation", (".gif",), self.walk.write_gif))
            targets.append(SaveTarget("Path as list of z", (".json",), self.walk.write_json))
        return targets

    def copy_image(self) -> QImage | None:
        """Return the plane as it is shown."""
        return None if self.stage.panel.tiles.image().isNull() else self._shown()

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that makes the same manifold, or None while there is none."""
        grid, named = self.stage.seen_grid(), self.space.named()
        if grid is None or named is None:
            return None
        return command_lines.manifold(
            run_id,
            bounds=[edge * self.space.unit for edge in _inside(grid.bounds, grid.coords)],
            **named,
            coords=grid.coords,
            rows=grid.rows,
            columns=grid.columns,
            step=step,
        )

    def state(self) -> dict[str, Any]:
        """Return the switches, the part of the plane, and which plane."""
        return {**self.stage.remembered().to_json(), "plane": self.space.planes.to_json()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.stage.restore(Remembered.from_json(state))
        plane = state.get("plane")
        if isinstance(plane, dict):
            self.space.planes.restore(plane)

    def _build(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(self.space.bar)
        left.addWidget(self.stage, 1)
        left.addWidget(self.space.sliders)
        left.addWidget(self.walk)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, 0, GAP)
        row.setSpacing(GAP)
        row.addLayout(left, 1)
        row.addWidget(self.inspector)

    def _bind(self) -> None:
        self.selection.subscribe(self._selection_changed)
        self.details.subscribe(self._show_details)
        self.space.changed.connect(self._show_plane)
        self.space.planes.subscribe(self._say_plane)
        self.space.dragging.connect(self._slide)
        self.stage.dragging.connect(self.set_dragging)
        self.stage.failed.connect(self.context.status_message)
        self.walk.dragging.connect(self.set_dragging)
        self.walk.told.connect(self.context.status_message)
        self.walk.closed.connect(lambda: self.stage.toolbar.pen.setChecked(False))
        self.stage.toolbar.pen_changed.connect(self.walk.set_pen_mode)
        self.inspector.pin_wanted.connect(self.selection.pin)
        self.inspector.command_wanted.connect(self._copy_command)
        self.context.palette_changed.connect(lambda: self.stage.set_palette_now(self.context.palette))

    def _plane_actions(self) -> dict[int, Any]:
        key, sliders = Qt.Key, self.space.sliders
        return {
            key.Key_V: self.space.bar.next_kind,
            key.Key_C: lambda: self.selection.pin("C"),
            key.Key_J: lambda: sliders.next_axis(1),
            key.Key_K: lambda: sliders.next_axis(-1),
            key.Key_Comma: lambda: sliders.nudge(-2),
            key.Key_Period: lambda: sliders.nudge(2),
            key.Key_X: sliders.next_target,
            key.Key_Backspace: self.space.slide_back,
        }

    def _swap_coords(self) -> None:
        self.stage.set_coords("z" if self.stage.coords == "u" else "u")

    def _configure(self, card: "ModelCard") -> None:
        """Offer what this model has."""
        self.space.configure(card)
        planes, off = self.space.has_planes, switched_off(card)
        self.stage.prefer_target(PLANE_TARGET if planes else TARGET)
        self.details.draws = not planes
        self.details.size = int(np.prod(card.latent_shape))
        self.stage.toolbar.allow(**off)
        self.inspector.allow(encoder=off["points"], third_pin=planes)
        if planes and self.stage.coords == "u":
            self.stage.set_coords("z")

    def _show_plane(self) -> None:
        if self.step is None or not self.is_active:
            return
        plane = self.space.plane if self.space.is_laid else None
        if plane is None:
            self.inspector.where.setText("")  # nowhere, as long as there is no plane to be in
        self.stage.show_plane(plane, self.space.shift if plane is not None else np.zeros(2), self._plane_words())

    def _say_plane(self) -> None:
        """While there is no plane, say why in its place."""
        if self.space.has_planes and not self.space.is_laid:
            self._show_plane()

    def _plane_words(self) -> str:
        planes = self.space.planes
        return planes.failure or "finding a plane through latent space …"

    def _slide(self, dragging: bool) -> None:
        self.set_dragging(dragging)
        if not dragging:
            self.stage.settle()

    def _selection_changed(self) -> None:
        selection = self.selection
        if not self.space.is_laid:
            return
        self.inspector.set_cursor(selection.cursor, selection.place)
        if self.step is None or not self.is_active:
            return
        if not np.array_equal(selection.cursor, self._asked_cursor):
            self._asked_cursor = selection.cursor.copy()
            self.details.decode_cursor(selection.cursor)
            self._rest.start(REST_MS)
        if selection.picked != self._asked_pick:
            self._asked_pick = selection.picked
            self.details.pick(selection.picked)
        pins = tuple((name, *z.tolist()) for name, z in selection.pins.items())
        if pins != self._asked_pins:
            self._asked_pins = pins
            self.context.pins = dict(selection.pins)
            self.space.take_pins()
            self.details.decode_pins(dict(selection.pins))

    def _at_rest(self) -> None:
        can = self.card is not None and self.card.capability("encode").available
        if can and self.is_active and self.space.is_laid and not self._is_dragging:
            self.details.find_nearest(self.selection.cursor)

    def _show_details(self) -> None:
        details, inspector = self.details, self.inspector
        inspector.set_decoded(details.decoded, details.failure or "decoding…")
        for name in inspector.pins:
            inspector.set_pin(name, details.pins.get(name))
        nearest = details.nearest
        if nearest is None:
            inspector.set_nearest(None, "")
        else:
            label = f"{nearest.label}  " if nearest.label >= 0 else ""
            then = "" if nearest.step == self.step else f" at step {nearest.step:,}"  # the picture beside it is newer
            words = f"nearest: {label}#{nearest.index}\n{nearest.distance:.3f} away{then}"
            inspector.set_nearest(nearest.image, words)
        self._show_picked(details.picked)

    def _show_picked(self, picked: Encoded | None) -> None:
        if picked is None:
            able = self.card is None or self.card.capability("encode").available
            hint = "Click a point to see its image and reconstruction." if able else ""
            self.inspector.set_pair(None, None, hint, "")
            return
        label = f"{picked.label}  " if picked.label >= 0 else ""
        figures = "\n".join(f"{name} {formatting.number(value, unit)}" for name, value, unit in picked.figures)
        self.inspector.set_pair(picked.x, picked.recon, f"test image {label}#{picked.index}", figures)

    def _shown(self) -> QImage:
        image: QImage = self.stage.panel.grab().toImage()
        return image

    def _copy_command(self) -> None:
        command, clipboard = self.command_line(), QGuiApplication.clipboard()
        if command is None or clipboard is None:
            self.context.status_message.emit("no command makes this picture")
            return
        clipboard.setText(command)
        self.context.status_message.emit(f"copied: {command}")


def _inside(bounds: Bounds, coords: Coords) -> Bounds:
    """Return bounds that the command takes: in "u", the square that exists."""
    x0, x1, y0, y1 = bounds
    return (max(x0, 0.0), min(x1, 1.0), max(y0, 0.0), min(y1, 1.0)) if coords == "u" else bounds


_NOWHERE = np.zeros(0)
_ARROWS: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
