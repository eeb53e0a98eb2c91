"""The Interpolate tab: the path between two endpoints in the latent space, decoded."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines, latent_path
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.interpolate.endpoint_panel import EndpointPanel
from genexplorer.viewer.tabs.interpolate.endpoints import ENDPOINT_NAMES, Endpoints
from genexplorer.viewer.tabs.interpolate.interpolation import (
    ANIMATION_INTERVALS,
    MAX_IMAGES,
    MIN_IMAGES,
    MODES,
    Interpolation,
    InterpolationFrames,
    Mode,
)
from genexplorer.viewer.tabs.interpolate.views import InterpolationPreview, InterpolationStrip
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, set_value, slider, spin_box, timer, tool_button
from genexplorer.viewer.widgets.images import enlarged, montage, to_qimage
from trainers.model_card import ModelCard

SLIDER_POSITIONS = 1000  # the slider has steps of 0.001 in t
FRAME_MS = 50


class PlaybackControls(QWidget):
    """The widgets of an interpolation.

    Signals:
        mode_chosen(str): "spherical" or "linear".
        scrubbed(float): The t of the slider.
        dragging(bool): A drag of the slider begins or ends.
    """

    mode_chosen = pyqtSignal(str)
    scrubbed = pyqtSignal(float)
    dragging = pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__()
        # Create the widgets.
        self.play = tool_button("▶", "Play back and forth (Space)")
        self.play.setAccessibleName("play")
        self.slider = slider(0, SLIDER_POSITIONS, SLIDER_POSITIONS // 2, "Position t (← →)")
        self.position = labels.text()
        self.position.setMinimumWidth(scaled(18 * GAP))
        self.modes = {mode: tool_button(mode, _MODE_TOOLTIPS[mode], checkable=True) for mode in MODES}
        self.count = spin_box(MIN_IMAGES, MAX_IMAGES, "images of the strip", "Images of the strip (+ −)")
        self.swap = tool_button("A ⇄ B", "Swap A and B (X)")
        self.resample = tool_button("Resample", "Choose random endpoints (R)")
        self._group = QButtonGroup(self)
        for mode, button in self.modes.items():
            self._group.addButton(button)
            button.setObjectName(mode)
        buttons = *self.modes.values(), self.count, self.swap, self.resample
        fill_box(QHBoxLayout(self), Toolbar(self.play), (self.slider, 1), self.position, Toolbar(*buttons))
        # Connect the signals.
        self.slider.valueChanged.connect(lambda value: self.scrubbed.emit(value / SLIDER_POSITIONS))
        self.slider.sliderPressed.connect(lambda: self.dragging.emit(True))
        self.slider.sliderReleased.connect(lambda: self.dragging.emit(False))
        for mode, button in self.modes.items():
            button.clicked.connect(lambda _=False, mode=mode: self.mode_chosen.emit(mode))

    def refresh(self, interpolation: Interpolation, frames: InterpolationFrames | None, *, points: bool) -> None:
        """Show mode, number of images and position."""
        set_value(self.slider, round(interpolation.t * SLIDER_POSITIONS))
        set_value(self.count, interpolation.count)
        self.modes[interpolation.mode].setChecked(True)
        self.count.setSuffix(" points" if points else " images")
        for widget in (self.play, self.slider):
            widget.setEnabled(frames is not None)
        row = interpolation.row
        self.position.setText("" if frames is None else f"t = {frames.t[row]:.2f}   |z| = {frames.norms[row]:.2f}")

    def set_playing(self, playing: bool) -> None:
        """Show whether the animation is running."""
        self.play.setText("❚❚" if playing else "▶")


_MODE_TOOLTIPS: dict[Mode, str] = {
    "spherical": "Along a great circle: |z| stays between those of the endpoints (M)",
    "linear": "Along a straight line: in many dimensions |z| gets smaller than that of any sample (M)",
}


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
    unsupported = "This {title} cannot interpolate: {reason}.\nInterpolation decodes latents."

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        # Create the state and the widgets.
        self.endpoints, self.interpolation = Endpoints(self.requests), Interpolation(self.requests)
        self.endpoint_panels = {name: EndpointPanel(self.endpoints, name) for name in ENDPOINT_NAMES}
        self.preview = InterpolationPreview(context.palette)
        self.controls, self.strip = PlaybackControls(), InterpolationStrip(context.palette)
        self._requested: tuple[object, ...] = ()
        self._forward = True
        self._timer = timer(self, FRAME_MS, self._advance)
        row = fill_box(
            QHBoxLayout(), self.endpoint_panels["A"], (self.preview, 1), self.endpoint_panels["B"], spacing=2 * GAP
        )
        column = fill_box(QVBoxLayout(self), (row, 1), labels.rule(), self.controls, self.strip)
        column.setContentsMargins(scaled(2 * GAP), scaled(GAP), scaled(2 * GAP), scaled(GAP))
        # Connect the signals.
        controls, strip = self.controls, self.strip
        self.endpoints.subscribe(self._on_endpoints_changed)
        self.interpolation.subscribe(self._show)
        controls.play.clicked.connect(self.toggle_play)
        controls.swap.clicked.connect(self.endpoints.swap)
        controls.resample.clicked.connect(self.resample_both)
        controls.mode_chosen.connect(self.set_mode)
        controls.count.valueChanged.connect(self.set_count)
        controls.scrubbed.connect(self.scrub)
        strip.scrubbed.connect(self.scrub)
        for drag_signal in (controls.dragging, strip.scrubbing):
            drag_signal.connect(self.set_dragging)
        self.follow_palette(self.preview, strip)

    # The model and its snapshot ---------------------------------------------------------------------------------

    def clear(self) -> None:
        """Discard the data of the former run."""
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
        self.endpoints.set_pins(self.context.pinned_latents)
        self.endpoints.set_own_image(self.context.own_image)
        self.refresh()

    def show_snapshot(self, card: ModelCard, step: int) -> None:
        """Decode the same interpolation with the snapshot."""
        self.preview.set_data_kind(points=self.is_point_data, size=int(np.prod(card.latent_shape)))
        if self.is_point_data:
            self.request_data_points(self.preview.data)
        self.endpoints.set_snapshot(step, card)

    def key_actions(self, shift: bool) -> KeyActions:
        """Return the actions: arrows, Home, End, Space move, M mode, X swap, R A B resample, + − number of images."""
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
            key.Key_Minus: lambda: self.set_count(interpolation.count - 1),
        }
        if any(search.is_running for search in endpoints.searches.values()):
            actions[key.Key_Escape] = endpoints.cancel
        return actions

    def save_targets(self) -> list[SaveTarget]:
        """Return the strip, the animation and the selected image."""
        frames = self.interpolation.frames
        if frames is None:
            return []

        def animation_frames() -> NDArray[np.uint8]:
            images = self.preview.animation_frames(frames)
            self._show()  # the planes show the last frame
            return images

        def write_path(file: Path) -> None:
            run_id = self.run.status.id if self.run is not None else ""
            latent_path.write_json(latent_path.LatentPath.of(frames.z), file, run=run_id, step=frames.step)

        path = SaveTarget("Path as list of z", (".json",), write_path)
        animation = SaveTarget.of_animation("Animation", animation_frames, FRAME_MS, back_and_forth=True)
        selected = SaveTarget.of_image("Image at t", self.preview.image)
        if self.is_point_data:
            return [selected, animation, path]
        return [SaveTarget.of_image("Strip", partial(_strip_image, frames)), animation, selected, path]

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that makes the same strip."""
        start, end = (self.endpoints[name].cli_value() for name in ENDPOINT_NAMES)
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
        """Restore the values of `state`; invalid ones are ignored."""
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
        self._on_endpoints_changed()

    def set_count(self, count: int) -> None:
        """Set the number of images of the strip."""
        self.interpolation.count = min(max(count, MIN_IMAGES), MAX_IMAGES)
        self._on_endpoints_changed()

    def scrub(self, t: float) -> None:
        """Go to a t, and stop playback."""
        self.pause()
        self.interpolation.move_to(t)

    def _step_by(self, count: int, fine: bool) -> None:
        self.pause()
        self.interpolation.step_by(count, fine=fine)

    def resample_both(self) -> None:
        """Choose random endpoints."""
        for name in ENDPOINT_NAMES:
            self.endpoints.resample(name)

    # Widgets ----------------------------------------------------------------------------------------------------

    def _on_endpoints_changed(self) -> None:
        """Request the path if it has changed."""
        latents = self.endpoints.latents
        if latents is not None and self.step is not None and self.is_active:
            params = (latents.tobytes(), self.step, self.interpolation.mode, self.interpolation.count)
            if params != self._requested:
                self._requested = params
                self.interpolation.request(latents, self.step)
        self._show()

    def _show(self) -> None:
        frames, hint, row = self.interpolation.frames, self._hint(), self.interpolation.row
        # The image at t, and the strip.
        caption = "" if frames is None else f"t = {frames.t[row]:.2f} at step {frames.step:,}"
        if frames is not None and frames.nonfinite_fraction:
            caption += f", {frames.nonfinite_fraction:.1%} of all values are not finite"
        self.preview.show_frames(frames, self.endpoints.latents, row, caption, hint)
        self.strip.set_frames(frames, self.endpoints.latents, hint)
        self.strip.set_t(self.interpolation.t if frames is None else float(frames.t[row]))
        self.controls.refresh(self.interpolation, frames, points=self.is_point_data)
        # The endpoints: test images as they are, all others decoded.
        for position, (name, panel) in enumerate(self.endpoint_panels.items()):
            panel.refresh(self.is_point_data)
            endpoint, image_caption = self.endpoints[name], "decoded"
            if endpoint.kind == "test":
                image_caption = "test image"
                if endpoint.label >= 0 and self.card is not None:
                    image_caption += f", label {self.card.data.class_name(endpoint.label)}"
            elif endpoint.kind == "class" and self.card is not None:
                image_caption = f"mean of {self.card.data.class_name(endpoint.class_label)}, decoded"
            elif endpoint.kind == "own" and self.endpoints.own_image is not None:
                image_caption = self.endpoints.own_image.name
            decoded = frames.images[-position] if frames is not None and endpoint.z is not None else None
            panel.show_image(endpoint.x if endpoint.x is not None else decoded, image_caption)

    def _hint(self) -> str:
        failures = [endpoint.failure for endpoint in self.endpoints.by_name.values() if endpoint.failure]
        failures += [search.failure for search in self.endpoints.searches.values() if search.failure]
        if self.interpolation.failure or failures:
            return self.interpolation.failure or failures[0]
        searches = self.endpoints.searches.values()
        if any(search.is_running for search in searches):
            return "Searching for the latent of a test image; Esc cancels."
        if any(search.is_canceled for search in searches):
            return "Search canceled. Search again, or choose a sample."
        return "decoding…"

    def _advance(self) -> None:
        t = self.interpolation.t + (1 if self._forward else -1) / ANIMATION_INTERVALS
        if not 0.0 < t < 1.0:
            self._forward = t <= 0.0
        self.interpolation.move_to(t)


def _strip_image(frames: InterpolationFrames) -> QImage:
    strip = np.asarray(frames.strip, np.uint8)
    return enlarged(to_qimage(montage(strip, len(strip), 1)), max(1, 112 // max(strip.shape[1:3])))
