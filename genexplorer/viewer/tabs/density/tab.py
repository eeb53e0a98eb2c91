"""The Density tab: 2-D data with the density, the samples and further layers of a model."""

import math
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines, formatting
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.preferences import saved_int
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.density.layers import HeatMapKind, LayersState
from genexplorer.viewer.tabs.density.plots import DataPlot, LatentPlot, LinkedMarkers
from genexplorer.viewer.tabs.density.scene import NUM_SAMPLES, DensityScene
from genexplorer.viewer.tabs.density.side_panel import SidePanel
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget
from genexplorer.viewer.widgets.controls import fill_box, set_value, timer
from genexplorer.viewer.widgets.labels import literal_tooltip, muted, text, wrapped
from trainers.events import MetricSpec, standard_error_of
from trainers.model_card import ModelCard

_SUMMARY_QUANTITIES = (
    "gap",
    "modes_covered",
    "energy_distance",
    "nll",
    "elbo",
)  # the first ones that a run has are shown
_MAX_SUMMARY_METRICS = 3
FRAME_MS, NUM_FRAMES = 40, 90  # of the animation from base to data: 3.6 s
_FLOW_KEY_STEP = 0.025  # an arrow key moves the position between base, 0, and data, 1, by this
_KEY_ZOOM_FACTOR, _KEY_PAN_FRACTION = 1.25, 0.08  # what one press of a key does; the fraction is of the view's size
_CLI_HEAT_MAPS: dict[HeatMapKind, str] = {"model": "model", "difference": "model", "truth": "truth", "none": "nothing"}


def metrics_summary(specs: Mapping[str, MetricSpec], values: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """Return name, value with unit, and setup of up to three test metrics; specs and values are by metric."""
    metrics = []
    for quantity in _SUMMARY_QUANTITIES:
        metric = next((f"test/{quantity}_{w}" for w in ("ema", "raw") if f"test/{quantity}_{w}" in values), None)
        if metric is None or metric not in specs:
            continue
        spec, value = specs[metric], values[metric]
        name = spec.title.partition(" (")[0].removeprefix("test ")
        number = f"{value:.0f}" if not spec.unit and float(value).is_integer() else formatting.number(value, spec.unit)
        if (error := values.get(standard_error_of(metric))) is not None:
            number = formatting.number_with_error(value, error, spec.unit)
        # "modes covered of 8" and "7" are shown as "modes covered 7 of 8".
        first, separator, total = name.rpartition(" of ")
        if separator and total.isdigit():
            name, number = first, f"{number} of {total}"
        metrics.append((name, number, ", ".join(part for part in (spec.title, spec.setup) if part)))
    return metrics[:_MAX_SUMMARY_METRICS]


def summary_line(metrics: list[tuple[str, str, str]]) -> str:
    """Return metrics in one line that breaks only between two of them."""
    texts = (f"{name} {value}" for name, value, _ in metrics)
    return "     ".join(text.replace(" ", "\u00a0").replace("-", "\u2011") for text in texts)


class DensityTab(ModelTab):
    """The plane with its layers, the latent plane beside it where there is one, and the switches."""

    title = "Density"
    key_help: ClassVar[KeyHelp] = {
        "Density": (
            ("O  C  G", "data, classes, samples"),
            ("A  B  X", "gradients, grid, reconstructions"),
            ("Z", "latent plane"),
            ("H", "next heat map"),
            ("R", "resample"),
            ("←  →  Enter", "layers of the flow, play"),
            ("Shift+arrows", "pan"),
            ("+  −  0", "zoom, reset view"),
        ),
    }
    training_hint = "train a toy density"
    capability = "density"
    unsupported = "No density map: {reason}.\nPress N to train flow-toy, gan-toy or vae-toy; it takes about a minute."

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        # Create the state, the planes and the widgets.
        self.layers = LayersState()
        self.scene = DensityScene(self.requests, self.layers)
        self.plane = DataPlot(self.layers, self.scene, context.palette)
        self.latent = LatentPlot(self.scene, context.palette)
        self.linked_markers = LinkedMarkers(self.requests, self.layers, self.scene, self.plane, self.latent)
        self.panel = SidePanel(self.layers, context.palette)
        self.metrics, self.readout = text(""), muted("")
        self.failure_label = wrapped("", "warning")
        self._timer = timer(self, FRAME_MS, self._advance)
        # Lay out the planes, with the metrics above and the readout below.
        planes = fill_box(QHBoxLayout(), (self.plane, 5), (self.latent, 4))
        column = fill_box(QVBoxLayout(), self.metrics, self.failure_label, (planes, 1), self.readout, spacing=GAP // 2)
        fill_box(QHBoxLayout(self), (column, 1), self.panel, margins=(2 * GAP, GAP, GAP, GAP))
        self.metrics.setWordWrap(True)
        self.readout.setMinimumWidth(1)
        self.latent.hide()
        self.failure_label.hide()
        # Connect the signals.
        self.layers.subscribe(self._on_layers_changed)
        self.scene.subscribe(self._on_scene_changed)
        self.plane.view_settled.connect(self._on_view_settled)
        self.plane.pointed.connect(self._on_pointed)
        self.plane.pointed.connect(self.linked_markers.follow_data)
        self.latent.pointed.connect(self.linked_markers.follow_latent)
        self.panel.flow_moved.connect(self._move_flow)
        self.panel.play.clicked.connect(self.toggle_play)
        self.panel.seed.valueChanged.connect(self.set_seed)
        self.panel.resample.clicked.connect(self._resample)
        self.follow_palette(self.plane, self.latent, self.panel)
        self._show_state()

    # The model and its snapshot ---------------------------------------------------------------------------------

    def clear(self) -> None:
        """Discard the data of the former run."""
        self.scene.clear()
        self.plane.clear()
        self.latent.clear()
        self.plane.set_position(1.0)
        self.metrics.setText("")
        self._show_status("")

    def stop(self) -> None:
        """Stop animations and requests."""
        self.pause()
        self.plane.animation.finish()
        self.latent.animation.finish()
        super().stop()

    def on_changes(self, changed: frozenset[str]) -> None:
        """Show new metrics."""
        if "metrics" in changed and self.is_active:
            self._show_metrics()

    def save_targets(self) -> list[SaveTarget]:
        """Return the plane, and the animation from base to data."""
        if self.scene.data is None:
            return []
        targets = [SaveTarget.of_image("Density", self._image)]
        if self.scene.flow is not None:
            frames = partial(self.plane.animation_frames, NUM_FRAMES // 2)
            targets.append(SaveTarget.of_animation("Flow as animation", frames, 2 * FRAME_MS))
        return targets

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that draws heat map and samples."""
        return command_lines.density(
            run_id,
            bounds=None if self.plane.is_at_home else self.plane.visible_bounds,
            of=_CLI_HEAT_MAPS.get(self.layers.heat_map_kind, ""),
            count=NUM_SAMPLES,
            seed=self.scene.seed,
            step=step,
        )

    def state(self) -> dict[str, Any]:
        """Return the switches and the seed."""
        return self.layers.to_json() | {"seed": self.scene.seed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the switches and the seed."""
        self.scene.seed = saved_int(state, "seed", 0, 2**31 - 1, 0)
        set_value(self.panel.seed, self.scene.seed)
        self.layers.restore(state)

    # Display ----------------------------------------------------------------------------------------------------

    def show_snapshot(self, card: ModelCard, step: int) -> None:
        """Request everything that the layers show."""
        self.layers.set_card(card, truth_is_known=self.scene.truth_is_known)
        self.scene.set_snapshot(step, card)
        self.scene.request_heat_map(self.plane.visible_bounds)
        self._show_state()
        self._show_metrics()
        if self.scene.data is None:
            self._show_status("computing…")

    def set_seed(self, seed: int) -> None:
        """Draw other samples."""
        set_value(self.panel.seed, seed)
        self.scene.set_seed(seed)
        if self.layers.shows("arrows"):
            self.scene.request_heat_map(self.plane.visible_bounds)

    def show_flow_at(self, position: float) -> None:
        """Show samples and grid at a position between base and data."""
        if self.scene.flow is not None:
            self.plane.set_position(min(max(position, 0.0), 1.0))
            self._show_flow()

    def toggle_play(self) -> None:
        """Play from base to data, or stop."""
        if self._timer.isActive() or self.scene.flow is None:
            self.pause()
            return
        if self.plane.position >= 1:
            self.show_flow_at(0.0)
        self.panel.play.setChecked(True)
        self._timer.start()

    def pause(self) -> None:
        """Stop the animation."""
        self._timer.stop()
        self.panel.play.setChecked(False)

    def _show_status(self, status: str, failure: str = "") -> None:
        """Show a status below the plane, and a failure above it."""
        self.readout.setText(status)
        self.failure_label.setText(failure)
        self.failure_label.setVisible(bool(failure))

    def key_actions(self, shift: bool) -> KeyActions:
        """Return the actions: letters switch layers, H heat map, R resample, arrows and Enter a flow, + − 0 zoom."""
        key, position, plane = Qt.Key, self.plane.position, self.plane
        # The view, the layers and the samples.
        actions: dict[int, Callable[[], object]] = {
            key.Key_Left: lambda: plane.pan(-_KEY_PAN_FRACTION, 0),
            key.Key_Right: lambda: plane.pan(_KEY_PAN_FRACTION, 0),
            key.Key_Up: lambda: plane.pan(0, _KEY_PAN_FRACTION),
            key.Key_Down: lambda: plane.pan(0, -_KEY_PAN_FRACTION),
            key.Key_H: self.layers.next_heat_map,
            key.Key_R: self._resample,
            key.Key_Return: self.toggle_play,
            key.Key_0: plane.reset_view,
            key.Key_Plus: lambda: plane.zoom(_KEY_ZOOM_FACTOR),
            key.Key_Minus: lambda: plane.zoom(1 / _KEY_ZOOM_FACTOR),
        }
        actions |= {ord(layer.key): partial(self.layers.switch, layer.name) for layer in self.layers.layers}
        # Without Shift, arrows move between the base and the data of a flow.
        if self.scene.flow is not None and not shift:
            actions |= {
                key.Key_Left: lambda: self._move_flow(position - _FLOW_KEY_STEP),
                key.Key_Right: lambda: self._move_flow(position + _FLOW_KEY_STEP),
                key.Key_Home: lambda: self._move_flow(0.0),
                key.Key_End: lambda: self._move_flow(1.0),
            }
        return actions

    def _resample(self) -> None:
        self.set_seed(random.randrange(10_000))

    def _move_flow(self, position: float) -> None:
        self.pause()
        self.show_flow_at(position)

    def _advance(self) -> None:
        self.show_flow_at(self.plane.position + 1 / NUM_FRAMES)
        if self.plane.position >= 1 or self.scene.flow is None:
            self.pause()

    def _on_view_settled(self) -> None:
        if self.is_showing:
            self.scene.request_heat_map(self.plane.visible_bounds)

    def _on_layers_changed(self) -> None:
        """Request the data of layers that have none yet, and draw the others."""
        if self.is_showing:
            if self.scene.samples is None or (self.layers.shows("grid") and self.scene.flow is None):
                self.scene.request_samples()
            if self.scene.reconstructions is None:
                self.scene.request_reconstructions()
            self.scene.show_heat_map()
            self.scene.request_heat_map(self.plane.visible_bounds)
        self._show_state()

    def _on_scene_changed(self) -> None:
        # Draw only the newest response.
        match self.scene.change:
            case "data":
                self.plane.show_data()
                self._show_classes()
            case "samples":
                self.plane.show_samples()
                self._show_flow()
                self.plane.show_layers()
                self.latent.show_points()
            case "heat map":
                self.plane.show_layers()
                self._show_heat_map()
            case "arrows":
                self.plane.show_arrows()
            case "reconstructions":
                self.plane.show_reconstructions()
                self.latent.show_points()
            case "truth":
                if self.card is not None:
                    self.layers.set_card(self.card, truth_is_known=False)
            case "failure":
                self._show_status("", self.scene.failure)
        # Any success clears the failure of an earlier request.
        if self.scene.change != "failure":
            self._show_status("")

    def _show_state(self) -> None:
        self.panel.show_state()
        self._show_heat_map()
        self._show_flow()
        self.plane.show_layers()
        self._show_classes()
        self.latent.setVisible(self.layers.shows("latent"))
        self.latent.show_grid(self.layers.shows("grid"))

    def _show_classes(self) -> None:
        layers, scene = self.layers, self.scene
        is_colored = (layers.shows("data") and layers.shows("classes")) or (
            layers.shows("latent") and scene.has_encoder
        )
        self.panel.show_classes(scene.class_groups if is_colored else ())

    def _show_heat_map(self) -> None:
        heat = self.scene.heat_map
        self.panel.show_heat_map(heat, loading=heat is None and self.layers.heat_map_kind != "none")

    def _show_flow(self) -> None:
        flow, position = self.scene.flow, self.plane.position
        self.panel.show_flow(flow is not None, position, "" if flow is None else flow.caption(position))

    def _show_metrics(self) -> None:
        if self.run is None:
            return
        summary = metrics_summary(self.run.metric_specs, self.run.values_at(self.step))
        self.metrics.setText(summary_line(summary))
        self.metrics.setToolTip(literal_tooltip("\n".join(setup for _, _, setup in summary)))

    def _on_pointed(self, x: float, y: float) -> None:
        if math.isnan(x):
            self.readout.setText("")
            return
        axis_letter, heat = self.plane.axis_names[0][0], self.scene.heat_map if self.plane.position >= 1 else None
        readout = f"{axis_letter} = {formatting.vector((x, y))}"
        value = None if heat is None else heat.value_at(x, y)
        if heat is not None and value is not None:
            readout += f"     {heat.value_label} = {formatting.number(value, heat.unit)}"
        self.readout.setText(readout)

    def _image(self) -> QImage:
        """Return the plane as an image, with the latent plane beside it where it is shown."""
        host = self.plane.geometry()
        area = host.united(self.latent.geometry()) if self.latent.isVisible() else host
        image: QImage = self.grab(area).toImage()
        return image

    def report_failure(self, message: str, hint: str) -> None:
        """Show why a request failed, above the plane as well as in the status bar."""
        self.scene.set_failure(message, hint)
        super().report_failure(message, hint)
