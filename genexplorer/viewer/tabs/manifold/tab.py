"""The Manifold tab: the plane, the inspector at its right and the path strip below it, bound to run and time."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication, QImage
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines, formatting
from genexplorer.session.class_scheme import class_scheme
from genexplorer.session.run_poller import AWAY_POLL_S
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold.inspector import ManifoldInspector
from genexplorer.viewer.tabs.manifold.inspector_data import InspectorData
from genexplorer.viewer.tabs.manifold.latent_plane import has_planes, latent_size
from genexplorer.viewer.tabs.manifold.manifold_view import ManifoldView
from genexplorer.viewer.tabs.manifold.path_panel import PathPanel
from genexplorer.viewer.tabs.manifold.plane_controls import PlaneControls
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.tabs.manifold.tiles import DEFAULT_TILES
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, timer

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

# The nearest test image is searched so long after the cursor has moved, after another snapshot was selected (encoding
# the whole test set takes time), or while new snapshots arrive (the training needs the time).
NEAREST_DELAY_MS = 400
NEAREST_DELAY_AFTER_SNAPSHOT_MS = 2_500
NEAREST_DELAY_WHILE_FOLLOWING_MS = round(1000 * AWAY_POLL_S) + 1_000
CURSOR_STEP_PX = 12  # an arrow key moves the cursor by so many logical pixels, with Shift by a sixth of them
KEY_ZOOM_FACTOR = 1.25
_NO_SQUARE_REASON = "Φ(z) spreads the prior of two latent dimensions over a square; a plane through more has none"
_NO_ELLIPSE_REASON = "q(z|x) of more than two dimensions cannot be shown in a plane"
# Along the shorter side, in more than two dimensions: sliders below make the plane lower, and the decoder may be slow.
DEFAULT_PLANE_TILES = 10


class ManifoldTab(ModelTab):
    """The latent plane of a model with two latent dimensions, or planes through more."""

    title = "Manifold"
    key_help: ClassVar[KeyHelp] = {
        "Manifold": (
            ("arrows", "move the cursor"),
            ("Shift+arrows", "in small steps"),
            ("wheel, + −", "zoom"),
            ("0", "reset view"),
            ("A  B", "pin a point"),
            ("P", "draw a path"),
            ("E", "ellipses of q(z|x)"),
            ("O", "points"),
            ("U", "z or u = Φ(z)"),
        ),
        "Manifold, more than 2-D": (
            ("V", "plane: principal, axes, points"),
            ("A  B  C", "pin the plane's points"),
            ("J  K", "select a slider"),
            (",  .", "move it"),
            ("X", "sliders shift grid or cursor"),
            ("Backspace", "reset sliders"),
        ),
    }
    training_hint = "train a 2-D VAE"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.selection = Selection()
        self.data = InspectorData(self.requests)
        self.view = ManifoldView(self.requests, self.selection, self.data, context.palette)
        self.plane_controls = PlaneControls(self.requests, self.selection, self)
        self.path_panel = PathPanel(self.selection, self.data)
        self.inspector = ManifoldInspector()
        self._pins: dict[str, list[float]] = {}  # the pins that the other tabs have received
        self._idle_timer = timer(self, NEAREST_DELAY_MS, self._find_nearest, once=True)
        # The layout.
        bar, sliders = Toolbar(self.plane_controls.bar), Toolbar(self.plane_controls.sliders)
        parts = bar, (self.view, 1), sliders, self.path_panel
        left = fill_box(QVBoxLayout(), *parts)
        fill_box(QHBoxLayout(self), (left, 1), self.inspector, margins=(2 * GAP, GAP, 0, GAP))
        # Connect the state.
        self.selection.subscribe(self._selection_changed)
        self.data.subscribe(self._show_details)
        self.plane_controls.changed.connect(self._show_plane)
        self.plane_controls.selector.subscribe(self._show_plane_progress)
        # Connect the view and the sliders.
        self.plane_controls.dragging.connect(self.view.set_dragging)
        self.view.dragging.connect(self.set_dragging)
        self.view.failed.connect(context.status_message)
        self.view.toolbar.pen.toggled.connect(self.path_panel.set_pen_mode)
        # Connect the panels.
        self.path_panel.dragging.connect(self.set_dragging)
        self.path_panel.message.connect(context.status_message)
        self.path_panel.closed.connect(lambda: self.view.toolbar.pen.setChecked(False))
        self.inspector.pin_wanted.connect(self.selection.pin)
        self.inspector.command_wanted.connect(self._copy_command)
        self.follow_palette(self.view, self.inspector)

    def unsupported_reason(self, card: "ModelCard") -> str | None:
        """Return why there is no latent plane."""
        return missing_plane_reason(card)

    def clear(self) -> None:
        """Discard the state of the former run."""
        self.plane_controls.clear()
        self.plane_controls.configure(None)
        self.view.clear()
        self.data.clear()
        self.selection.clear()
        self.inspector.clear()

    def stop(self) -> None:
        """Stop drags, animations and requests."""
        self.view.plot.cancel_drag()
        self.view.plot.end_hover()
        self._idle_timer.stop()
        self.path_panel.pause()
        self.data.forget_requests()
        super().stop()

    def closing(self) -> None:
        """Stop timers and animations."""
        super().closing()
        self.view.point_animation.finish()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Request the plane, the cursor, the pins and the path."""
        # Enable what this model supports.
        self.plane_controls.configure(card)
        has_planes, disabled = self.plane_controls.has_planes, disabled_reasons(card)
        self.data.samples_posterior = not has_planes
        self.data.size, self.data.step = latent_size(card), step
        self.view.set_default_tiles(DEFAULT_PLANE_TILES if has_planes else DEFAULT_TILES)
        self.view.toolbar.allow(**disabled)
        self.inspector.allow(encoder=disabled["points"], third_pin=has_planes)
        if has_planes and self.view.coords == "u":
            self.view.set_coords("z")
        # Request and show the snapshot.
        self.path_panel.origin = {"run": self.run.status.id if self.run is not None else "", "step": step}
        self.plane_controls.selector.own_image = self.context.own_image
        self.plane_controls.show_step(step)
        if self.plane_controls.has_plane:
            self._request_selection()
        self.view.scheme = class_scheme(card.data)
        self.view.show_step(step, card.image_shape)  # first, or the tiles of the former step would be requested
        self._show_plane()
        self.path_panel.request_frames()
        # Search for the nearest image once this costs the training nothing.
        later = (
            NEAREST_DELAY_WHILE_FOLLOWING_MS
            if self.context.step_selection.following
            else NEAREST_DELAY_AFTER_SNAPSHOT_MS
        )
        self._idle_timer.start(NEAREST_DELAY_MS if self.data.nearest is None else later)

    def key_actions(self, shift: bool) -> KeyActions:
        """Return the actions: arrows move the cursor, + − 0 zoom, A B C pin, P draws a path; others turn switches."""
        key, bar, plot = Qt.Key, self.view.toolbar, self.view.plot
        actions: dict[int, Any] = {
            key.Key_Left: partial(self.nudge, -1, 0, fine=shift),
            key.Key_Right: partial(self.nudge, 1, 0, fine=shift),
            key.Key_Up: partial(self.nudge, 0, 1, fine=shift),
            key.Key_Down: partial(self.nudge, 0, -1, fine=shift),
            key.Key_0: plot.reset_view,
            key.Key_Plus: lambda: plot.zoom(KEY_ZOOM_FACTOR),
            key.Key_Minus: lambda: plot.zoom(1 / KEY_ZOOM_FACTOR),
            key.Key_A: lambda: self.selection.pin("A"),
            key.Key_B: lambda: self.selection.pin("B"),
            key.Key_P: bar.pen.toggle,
            key.Key_E: bar.ellipses.click,
            key.Key_O: bar.points.click,
            key.Key_Return: self.path_panel.toggle_play,
            key.Key_Escape: self.path_panel.close_path,
        }
        if not self.plane_controls.has_planes:
            other = "z" if self.view.coords == "u" else "u"
            return actions | {key.Key_U: bar.coords[other].click}
        # Keys of the plane and its sliders.
        sliders = self.plane_controls.sliders
        return actions | {
            key.Key_V: self.plane_controls.bar.next_kind,
            key.Key_C: lambda: self.selection.pin("C"),
            key.Key_J: lambda: sliders.next_axis(1),
            key.Key_K: lambda: sliders.next_axis(-1),
            key.Key_Comma: lambda: sliders.nudge(-2),
            key.Key_Period: lambda: sliders.nudge(2),
            key.Key_X: sliders.next_target,
            key.Key_Backspace: self.plane_controls.reset_offset,
        }

    def nudge(self, right: int, up: int, *, fine: bool = False) -> None:
        """Move the cursor by a key's step on the screen."""
        plot = self.view.plot
        pixel = plot.visible_range.z_to_px(self.selection.place)[0]
        step = CURSOR_STEP_PX * plot.ratio / (6 if fine else 1)
        self.selection.move_in_plane(plot.visible_range.px_to_z(pixel + np.array([right * step, -up * step]))[0])

    def save_targets(self) -> list[SaveTarget]:
        """Return the images that can be saved now."""
        view, targets = self.view, []
        if not view.plot.tiles.image().isNull():
            targets.append(SaveTarget.of_image("Manifold", view.visible_tiles))
            targets.append(SaveTarget.of_image("Plane as shown", view.plot.image))
        if self.data.decoded is not None:
            targets.append(SaveTarget.of_image("Decoded image", self.inspector.decoded.displayed_image))
        if not self.selection.path.is_empty:
            targets.append(SaveTarget("Path as animation", (".gif",), self.path_panel.write_gif))
            targets.append(SaveTarget("Path as list of z", (".json",), self.path_panel.write_json))
        return targets

    def copy_image(self) -> QImage | None:
        """Return the plane as it is on the screen."""
        return None if self.view.plot.tiles.image().isNull() else self.view.plot.image()

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that makes the same manifold, or None while there is none."""
        grid, command_args = self.view.visible_grid(), self.plane_controls.command_args()
        if grid is None or command_args is None:
            return None
        x0, x1, y0, y1 = grid.bounds
        if grid.coords == "u":  # no further than the square in which Φ(z) is
            x0, x1, y0, y1 = max(x0, 0.0), min(x1, 1.0), max(y0, 0.0), min(y1, 1.0)
        return command_lines.manifold(
            run_id,
            bounds=[edge * self.plane_controls.unit for edge in (x0, x1, y0, y1)],
            **command_args,
            coords=grid.coords,
            rows=grid.rows,
            columns=grid.columns,
            step=step,
        )

    def state(self) -> dict[str, Any]:
        """Return the switches, the visible range and the selected plane."""
        return {**self.view.state(), "plane": self.plane_controls.selector.to_json()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the result of `state`."""
        self.view.restore(state)
        plane = state.get("plane")
        if isinstance(plane, dict):
            self.plane_controls.selector.restore(plane)

    def _show_plane(self) -> None:
        if self.step is None or not self.is_active:
            return
        controls = self.plane_controls
        if controls.has_plane:
            self.view.show_plane(controls.plane, controls.shift)
        else:
            self.inspector.where.setText("")
            self.view.show_plane(None, np.zeros(2), controls.selector.failure or "computing the plane…")

    def _show_plane_progress(self) -> None:
        """Show why there is no plane, in its place."""
        if self.plane_controls.has_planes and not self.plane_controls.has_plane:
            self._show_plane()

    def _selection_changed(self) -> None:
        selection = self.selection
        if self.plane_controls.has_plane:
            self.inspector.set_cursor(selection.cursor, selection.place)
            if self.is_active and self.step is not None:
                self._request_selection()

    def _request_selection(self) -> None:
        """Request the inspector's images of the selection, where it has changed."""
        if self.data.decode_cursor(self.selection.cursor):
            self._idle_timer.start(NEAREST_DELAY_MS)
        self.data.pick(self.selection.picked)
        self.data.decode_pins(self.selection.pins)
        # The plane through pins and the other tabs follow the pins.
        pins = {name: z.tolist() for name, z in self.selection.pins.items()}
        if pins != self._pins:
            self._pins = pins
            self.context.pinned_latents = dict(self.selection.pins)
            self.plane_controls.update_pins()

    def _find_nearest(self) -> None:
        can_encode = self.card is not None and self.card.capability("encode").available
        if can_encode and self.is_active and self.plane_controls.has_plane and not self._is_dragging:
            self.data.find_nearest(self.selection.cursor)

    def _show_details(self) -> None:
        data, inspector, nearest, picked = self.data, self.inspector, self.data.nearest, self.data.picked
        inspector.set_decoded(data.decoded, data.failure or "decoding…")
        for name in inspector.pins:
            inspector.set_pin(name, data.pins.get(name))
        # The nearest test image, with its step where the decoded image is newer.
        if nearest is None:
            inspector.set_nearest(None, "")
        else:
            label = f", class {self.view.scheme.name(nearest.label)}" if nearest.label >= 0 else ""
            step = "" if nearest.step == self.step else f" at step {nearest.step:,}"
            caption = f"nearest test image: #{nearest.index}{label}\ndistance {nearest.distance:.3f}{step}"
            inspector.set_nearest(nearest.image, caption)
        # The picked test image.
        if picked is None:
            can_encode = self.card is None or self.card.capability("encode").available
            hint = "Click a point to see its image and reconstruction." if can_encode else ""
            inspector.set_pair(None, None, hint, "")
        else:
            label = f"{self.view.scheme.name(picked.label)}  " if picked.label >= 0 else ""
            metrics = "\n".join(f"{name} {formatting.number(value, unit)}" for name, value, unit in picked.metrics)
            inspector.set_pair(picked.x, picked.recon, f"test image {label}#{picked.index}", metrics)

    def _copy_command(self) -> None:
        command, clipboard = self.command_line(), QGuiApplication.clipboard()
        if command is None or clipboard is None:
            self.context.status_message.emit("no command for this view")
            return
        clipboard.setText(command)
        self.context.status_message.emit(f"copied: {command}")


def missing_plane_reason(card: "ModelCard") -> str | None:
    """Return why a model has no latent plane of images, or None if it has one."""
    decode = card.capability("decode")
    if not decode.available:
        return f"This {card.title} cannot decode: {decode.reason}"
    size = latent_size(card)
    needed = card.capability("plane" if size > 2 else "manifold")
    if needed.available and size >= 2:
        return None
    few = f"{size} latent dimension spans no plane"
    return f"This {card.title} has no latent plane of images.\n{few if size < 2 else needed.reason}"


def disabled_reasons(card: "ModelCard") -> dict[str, str]:
    """Return why a switch of the plane is off, by its name; an empty reason where it is not."""
    selector, encode = has_planes(card), card.capability("encode")
    no_encoder = "" if encode.available else encode.reason
    return {
        "coords": _NO_SQUARE_REASON if selector else "",
        "points": no_encoder,
        "ellipses": no_encoder or (_NO_ELLIPSE_REASON if selector else ""),
    }
