"""The Interpolate tab: the decoded path between two latents."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.interpolate.endpoint_panel import EndpointPanel
from genexplorer.viewer.tabs.interpolate.endpoints import NAMES, Endpoints
from genexplorer.viewer.tabs.interpolate.interpolation import (
    MAX_COUNT,
    MIN_COUNT,
    MODES,
    SMOOTH_SPACES,
    Interpolation,
    InterpolationFrames,
)
from genexplorer.viewer.tabs.interpolate.playback_controls import PlaybackControls
from genexplorer.viewer.tabs.interpolate.preview import InterpolationPreview
from genexplorer.viewer.tabs.interpolate.strip import InterpolationStrip
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import enlarged, montage, save_image, to_qimage

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

FRAME_MS = 50


class InterpolateTab(ModelTab):
    """Two endpoints, the path between them, and one image of it, large."""

    title = "Interpolate"
    key_help: ClassVar[KeyHelp] = {
        "Interpolate": (
            ("←  →", "move; Shift: small steps"),
            ("Home  End", "to A, to B"),
            ("Space", "play in a loop"),
            ("A  B  R", "resample A, B, both"),
            ("X", "swap"),
            ("M", "spherical or linear"),
            ("+  −", "more, fewer images"),
            ("Esc", "cancel search"),
        ),
    }

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.endpoints, self.interpolation = Endpoints(self.requests), Interpolation(self.requests)
        self.panels = {name: EndpointPanel(self.endpoints, name) for name in NAMES}
        self.preview = InterpolationPreview(context.palette)
        self.controls, self.strip = PlaybackControls(), InterpolationStrip(context.palette)
        self._requested: tuple[object, ...] = ()
        self._forward = True
        self._timer = timer(self, FRAME_MS, self._tick)
        self._build()
        self._bind()

    # The model and its snapshot ---------------------------------------------------------------------------------

    def unsupported_reason(self, card: "ModelCard") -> str | None:
        """Return why there is nothing to interpolate."""
        capability = card.capability("decode")
        if capability.available:
            return None
        return f"This {card.title} cannot interpolate: {capability.reason}.\nInterpolation decodes latents."

    def clear(self) -> None:
        """Discard what belongs to the former run."""
        self._requested = ()
        self.preview.data.set_data(None)
        self.interpolation.clear()
        self.endpoints.clear()

    def stop(self) -> None:
        """Stop playback and requests, and cancel searches for latents."""
        self.pause()
        self.endpoints.stop()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self._requested = ()
        self.endpoints.set_pins(self.context.pins)
        self.refresh()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Decode the same interpolation with the snapshot."""
        self.preview.set_kind(points=self.is_point_data, size=int(np.prod(card.latent_shape)))
        if self.is_point_data:
            self.request_data_points(self.preview.data)
        self.endpoints.set_snapshot(step, card)

    def key_actions(self, shift: bool) -> KeyActions:
        """Arrows, Home and End move along the path; Space plays, M mode, X swap, R A B resample, + − images."""
        key, interpolation, endpoints = Qt.Key, self.interpolation, self.endpoints
        actions: dict[int, Callable[[], object]] = {
            key.Key_Left: lambda: self._step_by(-1, shift),
            key.Key_Right: lambda: self._step_by(1, shift),
            key.Key_Home: lambda: self.scrub(0.0),
            key.Key_End: lambda: self.scrub(1.0),
            key.Key_Space: self.toggle_play,
            key.Key_M: lambda: self.set_mode(MODES[1 - MODES.index(interpolation.mode)]),
            key.Key_X: endpoints.swap,
            key.Key_R: self.resample_both,
            key.Key_A: lambda: endpoints.resample("A"),
            key.Key_B: lambda: endpoints.resample("B"),
            key.Key_Plus: lambda: self.set_count(interpolation.count + 1),
            key.Key_Equal: lambda: self.set_count(interpolation.count + 1),
            key.Key_Minus: lambda: self.set_count(interpolation.count - 1),
        }
        if any(search.busy for search in endpoints.searches.values()):
            actions[key.Key_Escape] = endpoints.cancel
        return actions

    def save_targets(self) -> list[SaveTarget]:
        """Return the strip, the animation and the selected image."""
        frames = self.interpolation.frames
        if frames is None:
            return []
        animation = SaveTarget("Animation", (".gif", ".webp"), lambda path: self._write_animation(frames, path))
        selected = SaveTarget("Image at t", (".png",), lambda path: save_image(self.preview.image(), path))
        if self.is_point_data:
            return [selected, animation]
        strip = SaveTarget("Strip", (".png",), lambda path: save_image(_strip_image(frames), path))
        return [strip, animation, selected]

    def copy_image(self) -> QImage | None:
        """Return the strip, or, of points, the plane."""
        if self.interpolation.frames is None:
            return None
        return self.preview.image() if self.is_point_data else _strip_image(self.interpolation.frames)

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that makes the same strip."""
        start, end = (self.endpoints[name].cli_value() for name in NAMES)
        path, frames = self.interpolation, self.interpolation.frames
        if frames is None or not start or not end:
            return None
        return command_lines.interpolate(
            run_id, start=start, end=end, count=path.count, mode=path.mode, step=frames.step
        )

    def state(self) -> dict[str, Any]:
        """Return endpoints, mode and number of images."""
        return {**self.interpolation.to_json(), "ends": self.endpoints.to_json()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore them; invalid values are ignored."""
        self.interpolation.restore(state)
        self.endpoints.restore(state.get("ends"))

    # Playback ---------------------------------------------------------------------------------------------------

    @property
    def is_playing(self) -> bool:
        """Whether the animation is running."""
        return self._timer.isActive()

    def toggle_play(self) -> None:
        """Play back and forth, or pause."""
        if self.is_playing or self.interpolation.frames is None:
            self.pause()
            return
        self._timer.start()
        self.controls.set_playing(True)

    def pause(self) -> None:
        """Stop playback."""
        self._timer.stop()
        self.controls.set_playing(False)

    def set_mode(self, mode: str) -> None:
        """Interpolate along a great circle ("spherical") or a straight line ("linear")."""
        self.interpolation.mode = next(valid for valid in MODES if valid == mode)
        self._endpoints_changed()

    def set_count(self, count: int) -> None:
        """Set the number of images of the strip."""
        self.interpolation.count = min(max(count, MIN_COUNT), MAX_COUNT)
        self._endpoints_changed()

    def scrub(self, t: float) -> None:
        """Go to a t, and stop playback."""
        self.pause()
        self.interpolation.move_to(t)

    def _step_by(self, count: int, fine: bool) -> None:
        self.pause()
        self.interpolation.step_by(count, fine=fine)

    def resample_both(self) -> None:
        """Choose random endpoints."""
        for name in NAMES:
            self.endpoints.resample(name)

    # Widgets ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        column.setSpacing(GAP)
        row = QHBoxLayout()
        row.setSpacing(2 * GAP)
        row.addWidget(self.panels["A"])
        row.addWidget(self.preview, 1)
        row.addWidget(self.panels["B"])
        column.addLayout(row, 1)
        column.addWidget(labels.rule())
        column.addWidget(self.controls)
        column.addWidget(self.strip)

    def _bind(self) -> None:
        controls, strip = self.controls, self.strip
        self.endpoints.subscribe(self._endpoints_changed)
        self.interpolation.subscribe(self._show)
        controls.play_requested.connect(self.toggle_play)
        controls.swap_requested.connect(self.endpoints.swap)
        controls.resample_requested.connect(self.resample_both)
        controls.mode_chosen.connect(self.set_mode)
        controls.count_chosen.connect(self.set_count)
        controls.scrubbed.connect(self.scrub)
        strip.scrubbed.connect(self.scrub)
        for source in (controls.dragging, strip.scrubbing):
            source.connect(self.set_dragging)
        for name, panel in self.panels.items():
            panel.cancel_requested.connect(lambda name=name: self.endpoints.searches[name].cancel())
            panel.search_requested.connect(lambda name=name: self.endpoints.search(name))
        self.context.palette_changed.connect(self._recolor)

    def _endpoints_changed(self) -> None:
        """Request the path if it has changed."""
        latents = self.endpoints.latents
        if latents is not None and self.step is not None and self.is_active:
            params = (latents.tobytes(), self.step, self.interpolation.mode, self.interpolation.count)
            if params != self._requested:
                self._requested = params
                self.interpolation.request(latents, self.step)
        self._show()

    def _show(self) -> None:
        frames, hint = self.interpolation.frames, self._hint()
        row = self.interpolation.row
        caption = "" if frames is None else f"t = {frames.t[row]:.2f} at step {frames.step:,}"
        if frames is not None and frames.not_finite:
            caption += f", {frames.not_finite:.1%} of all values are not finite"
        self.preview.show_frames(frames, self.endpoints.latents, row, caption, hint)
        self.strip.set_frames(frames, self.endpoints.latents, hint)
        self.strip.set_t(self.interpolation.t if frames is None else float(frames.t[row]))
        self.controls.refresh(self.interpolation, frames, points=self.is_point_data)
        for position, (name, panel) in enumerate(self.panels.items()):
            panel.refresh(self.is_point_data)
            endpoint = self.endpoints[name]
            valid = frames is not None and endpoint.z is not None
            decoded = frames.images[-position] if frames is not None and valid else None
            panel.show_image(endpoint.x if endpoint.x is not None else decoded, self._caption(name))

    def _caption(self, name: str) -> str:
        endpoint = self.endpoints[name]
        if endpoint.kind == "test":
            return f"test image, label {endpoint.label}" if endpoint.label >= 0 else "test image"
        return "decoded"

    def _hint(self) -> str:
        failures = [endpoint.failure for endpoint in self.endpoints.by_name.values() if endpoint.failure]
        failures += [search.failure for search in self.endpoints.searches.values() if search.failure]
        if self.interpolation.failure or failures:
            return self.interpolation.failure or failures[0]
        searches = self.endpoints.searches.values()
        if any(search.busy for search in searches):
            return "Searching for the latent of a test image; Esc cancels."
        if any(search.cancelled for search in searches):
            return "Search cancelled. Search again, or choose a sample."
        return "decoding…"

    def _write_animation(self, frames: InterpolationFrames, path: Path) -> None:
        from genexplorer.jobs import animations  # deferred: only saving needs Pillow

        images = self.preview.animation_frames(frames)
        self._show()
        animations.write(path, images, frame_ms=FRAME_MS, back_and_forth=True)

    def _tick(self) -> None:
        t = self.interpolation.t + (1 if self._forward else -1) / SMOOTH_SPACES
        if not 0.0 < t < 1.0:
            self._forward = t <= 0.0
        self.interpolation.move_to(t)

    def _recolor(self) -> None:
        self.preview.recolor(self.context.palette)
        self.strip.recolor(self.context.palette)


def _strip_image(frames: InterpolationFrames) -> QImage:
    strip = np.asarray(frames.strip, np.uint8)
    return enlarged(to_qimage(montage(strip, len(strip), 1)), max(1, 112 // max(strip.shape[1:3])))
