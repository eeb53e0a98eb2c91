"""The Flow tab: the data after each transform of a normalizing flow."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines
from genexplorer.session.class_scheme import class_scheme
from genexplorer.session.latent_colors import latent_legend
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.tabs.flow.inspector import IMAGE_FRAME_MS, POINT_FRAME_MS, TraceInspector, animation_frames
from genexplorer.viewer.tabs.flow.stage_strip import StageStrip, StageStripArea
from genexplorer.viewer.tabs.flow.trace import MAX_SEED, MAX_TEMPERATURE, TraceSelection
from genexplorer.viewer.tabs.flow.trace_loader import TraceLoader
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, set_value, slider, spin_box, timer, tool_button
from genexplorer.viewer.widgets.labels import elided, literal_tooltip, muted, wrapped

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

PLAY_STAGE_MS = 450  # playback shows each stage so long
_CLICK_FOCUS = Qt.FocusPolicy.ClickFocus
_LEGEND = (
    "Bars: log |det| of each transform, right (+): volume grows, left (−): it shrinks; bars with a gap are truncated. "
    "Below: mean ± standard deviation."
)


class TraceControls(QWidget):
    """The row above the stages: direction, input and playback."""

    def __init__(self, selection: TraceSelection) -> None:
        super().__init__()
        self._selection = selection
        # Create the widgets.
        self.forward = tool_button("x → z", "From a test image to the base distribution (D)", checkable=True)
        self.inverse = tool_button("z → x", "From a sample of the base to the data (D)", checkable=True)
        group = QButtonGroup(self)
        for button in (self.forward, self.inverse):
            group.addButton(button)
        self.index_label, self.seed_label = muted("test image"), muted("seed")
        self.index = spin_box(0, 0, "index in the test set", prefix="#", focus=_CLICK_FOCUS)
        self.seed = spin_box(0, MAX_SEED, "seed of the sample", focus=_CLICK_FOCUS)
        for box in (self.index, self.seed):
            box.setMinimumWidth(scaled(10 * GAP))
        self.resample = tool_button("Resample", "Choose another at random (R); ↑ ↓ step")
        self.temperature_label = muted("temperature 1.00")
        self.temperature_label.setMinimumWidth(self.temperature_label.sizeHint().width() + 4)
        tip = "Temperature: standard deviation of z (− +)"
        self.temperature = slider(0, round(MAX_TEMPERATURE * 100), 100, tip)
        self.temperature.setMinimumWidth(scaled(10 * GAP))
        self.temperature.setMaximumWidth(scaled(24 * GAP))
        self.play = tool_button("▶ Play", "Play through the stages (Enter); ← → step", checkable=True)
        # Lay out and connect the widgets.
        pair = fill_box(QHBoxLayout(), self.forward, self.inverse, spacing=0)
        self.class_label = elided()
        input_widgets = self.index_label, self.index, self.seed_label, self.seed, self.resample, self.temperature_label
        row = pair, GAP, *input_widgets, (self.temperature, 1), (self.class_label, 1), None, self.play
        fill_box(QHBoxLayout(self), *row)
        self.forward.clicked.connect(lambda: selection.set_direction("forward"))
        self.inverse.clicked.connect(lambda: selection.set_direction("inverse"))
        self.index.valueChanged.connect(selection.set_index)
        self.seed.valueChanged.connect(lambda seed: selection.set_sample(seed=seed))
        self.resample.clicked.connect(selection.resample)
        self.temperature.valueChanged.connect(lambda hundredths: selection.set_sample(temperature=hundredths / 100))

    def show_selection(self) -> None:
        """Show the selection."""
        selection, forward = self._selection, self._selection.direction == "forward"
        (self.forward if forward else self.inverse).setChecked(True)
        image_widgets: tuple[QWidget, ...] = (self.index_label, self.index, self.class_label)
        sample_widgets: tuple[QWidget, ...] = (self.seed_label, self.seed, self.temperature_label, self.temperature)
        for widget in (*image_widgets, *sample_widgets):
            widget.setVisible((widget in image_widgets) == forward)
        set_value(self.index, selection.index, max(0, selection.num_test - 1))
        set_value(self.seed, selection.seed)
        set_value(self.temperature, round(selection.temperature * 100))
        self.temperature_label.setText(f"temperature {selection.temperature:.2f}")


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
    capability = "trace"
    unsupported = (
        "Nothing to trace: {reason}.\n"
        "This tab shows the data after each transform of a normalizing flow; press N to train one."
    )

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        # Create the state and the widgets.
        self.selection = TraceSelection()
        self.loader = TraceLoader(self.requests, self.selection)
        self.controls = TraceControls(self.selection)
        self.strip = StageStrip(context.palette)
        self.area = StageStripArea(self.strip)
        self.inspector = TraceInspector(context.palette)
        self.legend = wrapped(_LEGEND)
        self._requested: dict[str, object] = {}
        self._timer = timer(self, PLAY_STAGE_MS, self._advance)
        column = fill_box(QVBoxLayout(), Toolbar(self.controls), (self.area, 1), self.legend)
        margins = (2 * GAP, GAP, 2 * GAP, GAP)
        fill_box(QHBoxLayout(self), (column, 1), self.inspector, margins=margins, spacing=2 * GAP)
        # Connect the signals.
        self.selection.subscribe(self._on_selection_changed)
        self.loader.subscribe(self._show)
        self.strip.stage_clicked.connect(self._select)
        self.inspector.scrub.valueChanged.connect(self._select)
        self.controls.play.clicked.connect(self.toggle_play)
        self.follow_palette(self.strip, self.inspector.detail.plane)
        self._on_selection_changed()

    # The model and its snapshot ---------------------------------------------------------------------------------

    def clear(self) -> None:
        """Discard the data of the former run."""
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
            self.loader.load(step, is_point_data=self.is_point_data)

    def save_targets(self) -> list[SaveTarget]:
        """Return the stages, the selected one, and the animation."""
        trace, batch = self.loader.trace, self.loader.batch
        if trace is None:
            return []
        frames = partial(animation_frames, trace, batch, self.context.palette)
        return [
            SaveTarget.of_image("Stages", self.strip.image),
            SaveTarget.of_image("Selected stage", self.inspector.detail.image),
            SaveTarget.of_animation("Animation", frames, POINT_FRAME_MS if trace.is_point_data else IMAGE_FRAME_MS),
        ]

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
        """Restore the settings of the trace."""
        self.selection.restore(state)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Divide the width."""
        super().resizeEvent(event)
        self.inspector.fit_width(self.width())

    # Playback ---------------------------------------------------------------------------------------------------

    def toggle_play(self) -> None:
        """Play from the selected stage, or from the first where it is the last; while it plays, stop."""
        if self._timer.isActive() or self.loader.trace is None:
            self.pause()
            return
        if self.selection.stage >= self.selection.count - 1:
            self.selection.select_stage(0)
        self.controls.play.setChecked(True)
        self._timer.start()

    def pause(self) -> None:
        """Stop playback."""
        self._timer.stop()
        self.controls.play.setChecked(False)

    def key_actions(self, shift: bool) -> KeyActions:
        """Return the actions: ← → Home End stages, ↑ ↓ R other data, D direction, − + temperature, Enter play."""
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
            key.Key_Return: self.toggle_play,
        }

    def _select(self, stage: int) -> None:
        self.pause()
        self.selection.select_stage(stage)

    def _advance(self) -> None:
        if self.selection.stage >= self.selection.count - 1:
            self.pause()
        else:
            self.selection.select_stage(self.selection.stage + 1)

    def _on_selection_changed(self) -> None:
        self.controls.show_selection()
        self.refresh()
        self._show_stage()

    def _show(self) -> None:
        trace = self.loader.trace
        self.controls.index_label.setText("test point" if self.is_point_data else "test image")
        name = ""
        if trace is not None and trace.label >= 0 and self.card is not None:
            name = class_scheme(self.card.data).name(trace.label)
        self.controls.class_label.setText(f"class {name}" if name else "")
        self.controls.class_label.setToolTip(literal_tooltip(name))
        self.selection.count = 0 if trace is None else len(trace.stages)
        hint = self.loader.failure or "computing…"
        self.strip.set_trace(trace, self.loader.batch, f"No trace: {hint}" if self.loader.failure else hint)
        self._show_stage()
        # Both ends of the round trip.
        reconstruction = self.loader.reconstruction
        pair = None
        if trace is not None and trace.direction == "forward" and reconstruction is not None:
            pair = trace.values[0], reconstruction
        self.inspector.show_inverse(trace, pair)
        is_image = trace is not None and not trace.is_point_data
        colors = f" z: {latent_legend(trace.values.shape[3])}." if trace is not None and is_image else ""
        self.legend.setText(_LEGEND + colors)

    def _show_stage(self) -> None:
        trace, stage = self.loader.trace, self.selection.stage
        self.strip.select(stage)
        self.inspector.show_trace(trace, self.loader.batch, stage, self.loader.failure or "computing…")
        if trace is not None:
            self.area.show_stage(stage)
