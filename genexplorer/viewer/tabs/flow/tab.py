"""The Flow tab: an image, or points, after every transform, from x to z and from z to x."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.flow.controls_row import ControlsRow
from genexplorer.viewer.tabs.flow.inspector import TraceInspector
from genexplorer.viewer.tabs.flow.stage_detail import animation_frames
from genexplorer.viewer.tabs.flow.stage_strip import StageStrip, StageStripArea
from genexplorer.viewer.tabs.flow.trace_loader import TraceLoader
from genexplorer.viewer.tabs.flow.trace_request import TraceSelection
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import save_image
from genexplorer.viewer.widgets.labels import wrapped

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

PLAY_MS = 450  # per stage
_LEGEND = (
    "Bars: log |det| of each transform, right (+): volume grows, left (−): it shrinks; bars with a gap are truncated. "
    "Below: mean ± standard deviation."
)


class FlowTab(ModelTab):
    """The stages of a trace in rows, the selected one large beside them."""

    title = "Flow"
    key_help: ClassVar[KeyHelp] = {
        "Flow": (
            ("←  →  Enter", "layers, play"),
            ("↑  ↓  R", "other data, resample"),
            ("D", "x → z or z → x"),
            ("+  −", "temperature"),
        ),
    }
    training_hint = "train a normalizing flow"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.selection = TraceSelection()
        self.loader = TraceLoader(self.requests, self.selection)
        self.controls = ControlsRow(self.selection)
        self.strip = StageStrip(context.palette)
        self.area = StageStripArea(self.strip)
        self.inspector = TraceInspector(context.palette)
        self.legend = wrapped(_LEGEND)
        self._requested: dict[str, object] = {}
        self._timer = timer(self, PLAY_MS, self._play_on)
        self._build()
        self._bind()

    # The model and its snapshot ---------------------------------------------------------------------------------

    def unsupported_reason(self, card: "ModelCard") -> str | None:
        """Return why there are no layers to trace."""
        capability = card.capability("trace")
        if capability.available:
            return None
        hint = "This tab shows the data after each transform of a normalizing flow; press N to train one."
        return f"Nothing to trace: {capability.reason}.\n{hint}"

    def clear(self) -> None:
        """Discard what belongs to the former run."""
        self._requested = {}
        self.loader.clear()
        self.selection.count = 0
        self._show()

    def stop(self) -> None:
        """Stop playback and requests."""
        self.pause()
        self._requested = {}
        super().stop()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Request the trace of the chosen data, unless it is the one requested last."""
        self.selection.num_test = card.data.num_test
        self.selection.index = min(self.selection.index, max(0, self.selection.num_test - 1))
        params = {**self.selection.params, "step": step}
        if params != self._requested:
            self._requested = params
            self.loader.load(step, of_points=self.is_point_data)

    def save_targets(self) -> list[SaveTarget]:
        """Return the stages, the selected one, and the animation."""
        if self.loader.trace is None:
            return []
        detail = self.inspector.detail.image()
        return [
            SaveTarget("Stages", (".png",), lambda path: save_image(self.strip.image(), path)),
            SaveTarget("Selected stage", (".png",), lambda path: save_image(detail, path)),
            SaveTarget("Animation", (".gif", ".webp"), self._write_animation),
        ]

    def copy_image(self) -> QImage | None:
        """Return the stages."""
        return None if self.loader.trace is None else self.strip.image()

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that draws the same trace."""
        selection = self.selection
        if selection.direction == "forward":
            return command_lines.trace(run_id, index=selection.index, step=step)
        return command_lines.trace(run_id, seed=selection.seed, temperature=selection.temperature, step=step)

    def state(self) -> dict[str, Any]:
        """Return the settings of the trace."""
        return self.selection.to_json()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back."""
        self.selection.restore(state)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Divide the width."""
        super().resizeEvent(event)
        self.inspector.fit_width(self.width())

    # Playback ---------------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Play from the selected stage, or from the first where it is the last."""
        if self.loader.trace is None:
            self.controls.play.setChecked(False)
            return
        if self.selection.stage >= self.selection.count - 1:
            self.selection.select_stage(0)
        self.controls.play.setChecked(True)
        self._timer.start()

    def pause(self) -> None:
        """Stop playback."""
        self._timer.stop()
        self.controls.play.setChecked(False)

    def toggle_play(self) -> None:
        """Play, or stop."""
        (self.pause if self._timer.isActive() else self.play)()

    def _build(self) -> None:
        column = QVBoxLayout()
        column.setSpacing(GAP)
        column.addWidget(self.controls)
        column.addWidget(self.area, 1)
        column.addWidget(self.legend)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        row.setSpacing(2 * GAP)
        row.addLayout(column, 1)
        row.addWidget(self.inspector)

    def _bind(self) -> None:
        self.selection.subscribe(self._selection_changed)
        self.loader.subscribe(self._show)
        self.strip.stage_clicked.connect(self._select)
        self.inspector.scrub.valueChanged.connect(self._select)
        self.controls.play.clicked.connect(self.toggle_play)
        self.context.palette_changed.connect(self._recolor)
        self._selection_changed()

    def key_actions(self, shift: bool) -> KeyActions:
        """← → layer, Home End the first and last, ↑ ↓ R other data, D direction, − + temperature, Enter plays."""
        key, selection = Qt.Key, self.selection
        return {
            key.Key_Left: lambda: self._select(selection.stage - 1),
            key.Key_Right: lambda: self._select(selection.stage + 1),
            key.Key_Home: lambda: self._select(0),
            key.Key_End: lambda: self._select(selection.count - 1),
            key.Key_Down: lambda: selection.move(1),
            key.Key_Up: lambda: selection.move(-1),
            key.Key_R: selection.resample,
            key.Key_D: selection.reverse,
            key.Key_Minus: lambda: selection.set_sample(temperature=selection.temperature - 0.05),
            key.Key_Plus: lambda: selection.set_sample(temperature=selection.temperature + 0.05),
            key.Key_Equal: lambda: selection.set_sample(temperature=selection.temperature + 0.05),
            key.Key_Return: self.toggle_play,
            key.Key_Enter: self.toggle_play,
        }

    def _select(self, stage: int) -> None:
        self.pause()
        self.selection.select_stage(stage)

    def _play_on(self) -> None:
        if self.selection.stage >= self.selection.count - 1:
            self.pause()
        else:
            self.selection.step(1)

    def _selection_changed(self) -> None:
        self.controls.show_selection()
        self.refresh()
        self._show_stage()

    def _show(self) -> None:
        trace = self.loader.trace
        self.controls.set_noun(self.is_point_data)
        self.selection.count = 0 if trace is None else len(trace.stages)
        hint = self.loader.failure or "computing…"
        self.strip.set_trace(trace, f"No trace: {hint}" if self.loader.failure else hint)
        self.strip.set_batch(self.loader.batch)
        self._show_stage()
        reconstruction = self.loader.reconstruction
        there = trace is not None and trace.direction == "forward" and reconstruction is not None
        self.inspector.show_inverse(trace, (trace.values[0], reconstruction) if there and trace is not None else None)

    def _show_stage(self) -> None:
        trace, stage = self.loader.trace, self.selection.stage
        self.strip.select(stage)
        self.inspector.show_trace(trace, self.loader.batch, stage, self.loader.failure or "computing…")
        if trace is not None:
            self.area.show_stage(stage)

    def _write_animation(self, path: Path) -> None:
        from genexplorer.jobs import animations  # deferred: only saving needs Pillow

        if self.loader.trace is not None:
            frames, frame_ms = animation_frames(self.loader.trace, self.loader.batch, self.context.palette)
            animations.write(path, frames, frame_ms=frame_ms)

    def _recolor(self) -> None:
        self.strip.recolor(self.context.palette)
        self.inspector.detail.plane.recolor(self.context.palette)
