"""The Interpolate tab: from one end to another through latent space, with the images on the way."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.interpolate import view_state
from genexplorer.viewer.tabs.interpolate.endpoint_panel import EndPanel
from genexplorer.viewer.tabs.interpolate.endpoints import NAMES, Ends
from genexplorer.viewer.tabs.interpolate.path import MAX_COUNT, MIN_COUNT, MODES, SMOOTH, Frames, Way
from genexplorer.viewer.tabs.interpolate.playback_controls import Transport
from genexplorer.viewer.tabs.interpolate.preview import Stage
from genexplorer.viewer.tabs.interpolate.strip import InterpolationStrip
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import SaveTarget
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import enlarged, montage, save_image, to_qimage

if TYPE_CHECKING:
    from trainers.model_card import ModelCard


FRAME_MS = 50


class InterpolateTab(ModelTab):
    """Two ends, the way between them, and one place on it, large."""

    title = "Interpolate"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.ends, self.way = Ends(self.requests), Way(self.requests)
        self.panels = {name: EndPanel(self.ends, name) for name in NAMES}
        self.stage = Stage(context.palette)
        self.transport, self.track = Transport(), InterpolationStrip(context.palette)
        self._asked: tuple[object, ...] = ()
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
        self._asked = ()
        self.stage.data.set_data(None)
        self.way.clear()
        self.ends.clear()

    def stop(self) -> None:
        """Stop playback and requests, and cancel searches for latents."""
        self.pause()
        self.ends.rest()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self._asked = ()
        self.ends.set_pins(self.context.pins)
        self.refresh()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Decode the same interpolation with the snapshot."""
        self.stage.set_kind(points=self.is_point_data, size=int(np.prod(card.latent_shape)))
        if self.is_point_data:
            self.request_data_points(self.stage.data)
        self.ends.at(step, card)

    def key_actions(self, shift: bool) -> KeyActions:
        """Arrows, Home and End move along the path; Space plays, M mode, X swap, R A B resample, + − images."""
        key, way, ends = Qt.Key, self.way, self.ends
        actions: dict[int, Callable[[], object]] = {
            key.Key_Left: lambda: self._step_by(-1, shift),
            key.Key_Right: lambda: self._step_by(1, shift),
            key.Key_Home: lambda: self.scrub(0.0),
            key.Key_End: lambda: self.scrub(1.0),
            key.Key_Space: self.toggle_play,
            key.Key_M: lambda: self.set_mode(MODES[1 - MODES.index(way.mode)]),
            key.Key_X: ends.swap,
            key.Key_R: self.random_both,
            key.Key_A: lambda: ends.another("A"),
            key.Key_B: lambda: ends.another("B"),
            key.Key_Plus: lambda: self.set_count(way.count + 1),
            key.Key_Equal: lambda: self.set_count(way.count + 1),
            key.Key_Minus: lambda: self.set_count(way.count - 1),
        }
        if any(search.busy for search in ends.searches.values()):
            actions[key.Key_Escape] = ends.cancel
        return actions

    def save_targets(self) -> list[SaveTarget]:
        """Offer strip, walk and the picture that is looked at."""
        frames = self.way.frames
        if frames is None:
            return []
        walk = SaveTarget(
            "Walk as animation",
            (".gif", ".webp"),
            lambda path: self._write_animation(frames, path),
        )
        one = SaveTarget("Picture at t", (".png",), lambda path: save_image(self.stage.image(), path))
        if self.is_point_data:
            return [one, walk]
        strip = SaveTarget("Strip", (".png",), lambda path: save_image(_strip_image(frames), path))
        return [strip, walk, one]

    def copy_image(self) -> QImage | None:
        """Return the strip, or, of points, the plane."""
        if self.way.frames is None:
            return None
        return self.stage.image() if self.is_point_data else _strip_image(self.way.frames)

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that makes the same strip."""
        start, end = (self.ends[name].as_word() for name in NAMES)
        frames, way = self.way.frames, self.way
        if frames is None or not start or not end:
            return None
        return command_lines.interpolate(run_id, start=start, end=end, count=way.count, mode=way.mode, step=frames.step)

    def state(self) -> dict[str, Any]:
        """Remember ends and way."""
        return view_state.to_json(self.ends, self.way)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them back."""
        view_state.from_json(state, self.ends, self.way)

    # Walking ----------------------------------------------------------------------------------------------------

    @property
    def is_playing(self) -> bool:
        """Whether the walk goes on by itself."""
        return self._timer.isActive()

    def toggle_play(self) -> None:
        """Walk to and fro, or stand still."""
        if self.is_playing or self.way.frames is None:
            self.pause()
            return
        self._timer.start()
        self.transport.set_playing(True)

    def pause(self) -> None:
        """Stand still."""
        self._timer.stop()
        self.transport.set_playing(False)

    def set_mode(self, mode: str) -> None:
        """Go along a great circle or straight on."""
        for known in MODES:
            if known == mode:
                self.way.mode = known
        self._ends_changed()

    def set_count(self, count: int) -> None:
        """Show so many images."""
        self.way.count = min(max(count, MIN_COUNT), MAX_COUNT)
        self._ends_changed()

    def scrub(self, t: float) -> None:
        """Go to a t by hand."""
        self.pause()
        self.way.go(t)

    def _step_by(self, count: int, fine: bool) -> None:
        self.pause()
        self.way.move(count, fine=fine)

    def random_both(self) -> None:
        """Choose others for both ends."""
        for name in NAMES:
            self.ends.another(name)

    # Inside -----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        column.setSpacing(GAP)
        row = QHBoxLayout()
        row.setSpacing(2 * GAP)
        row.addWidget(self.panels["A"])
        row.addWidget(self.stage, 1)
        row.addWidget(self.panels["B"])
        column.addLayout(row, 1)
        column.addWidget(labels.rule())
        column.addWidget(self.transport)
        column.addWidget(self.track)

    def _bind(self) -> None:
        transport, track = self.transport, self.track
        self.ends.subscribe(self._ends_changed)
        self.way.subscribe(self._show)
        transport.play_wanted.connect(self.toggle_play)
        transport.swap_wanted.connect(self.ends.swap)
        transport.random_wanted.connect(self.random_both)
        transport.mode_chosen.connect(self.set_mode)
        transport.count_chosen.connect(self.set_count)
        transport.moved.connect(self.scrub)
        track.scrubbed.connect(self.scrub)
        for source in (transport.dragging, track.scrubbing):
            source.connect(self.set_dragging)
        for name, panel in self.panels.items():
            panel.cancel_wanted.connect(lambda name=name: self.ends.searches[name].cancel())
            panel.search_wanted.connect(lambda name=name: self.ends.search(name))
        self.context.palette_changed.connect(self._restyle)

    def _ends_changed(self) -> None:
        """Ask for the way where it is another one."""
        both = self.ends.both
        if both is not None and self.step is not None and self.is_active:
            wanted = (both.tobytes(), self.step, self.way.mode, self.way.count)
            if wanted != self._asked:
                self._asked = wanted
                self.way.ask(both, self.step)
        self._show()

    def _show(self) -> None:
        frames, hint = self.way.frames, self._hint()
        here = self.way.here
        caption = "" if frames is None else f"t = {frames.t[here]:.2f} at step {frames.step:,}"
        if frames is not None and frames.not_finite:
            caption += f", {frames.not_finite:.1%} of all values are not finite"
        self.stage.show_way(frames, self.ends.both, here, caption, hint)
        self.track.set_frames(frames, self.ends.both, hint)
        self.track.set_t(self.way.t if frames is None else float(frames.t[here]))
        self.transport.refresh(self.way, frames, points=self.is_point_data)
        for place, (name, panel) in enumerate(self.panels.items()):
            panel.refresh(self.is_point_data)
            end = self.ends[name]
            known = frames is not None and end.z is not None
            decoded = frames.images[-place] if frames is not None and known else None
            panel.show_image(end.x if end.x is not None else decoded, self._caption(name))

    def _caption(self, name: str) -> str:
        end = self.ends[name]
        if end.kind == "test":
            return f"test image, label {end.label}" if end.label >= 0 else "test image"
        return "decoded"

    def _hint(self) -> str:
        failures = [end.failure for end in self.ends.ends.values() if end.failure]
        failures += [search.failure for search in self.ends.searches.values() if search.failure]
        if self.way.failure or failures:
            return self.way.failure or failures[0]
        searches = self.ends.searches.values()
        if any(search.busy for search in searches):
            return "Searching for the latent of a test image; Esc gives up."
        if any(search.cancelled for search in searches):
            return "The search was given up. Search again, or choose a sample."
        return "decoding…"

    def _write_animation(self, frames: Frames, path: Path) -> None:
        from genexplorer.jobs import animations  # deferred: only saving needs Pillow

        pictures = self.stage.film(frames)
        self._show()
        animations.write(path, pictures, frame_ms=FRAME_MS, back_and_forth=True)

    def _tick(self) -> None:
        t = self.way.t + (1 if self._forward else -1) / SMOOTH
        if not 0.0 < t < 1.0:
            self._forward = t <= 0.0
        self.way.go(t)

    def _restyle(self) -> None:
        self.stage.recolor(self.context.palette)
        self.track.recolor(self.context.palette)


def _strip_image(frames: Frames) -> QImage:
    strip = np.asarray(frames.strip, np.uint8)
    return enlarged(to_qimage(montage(strip, len(strip), 1)), max(1, 112 // max(strip.shape[1:3])))
