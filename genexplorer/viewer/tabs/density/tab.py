"""The Density tab: data of the plane, and everything that a model makes of it, in one picture that lives."""

import math
import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines, formatting
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.gif_writer import write_gif
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.density import animation_export, metrics
from genexplorer.viewer.tabs.density.data_plane import DataPlane
from genexplorer.viewer.tabs.density.latent_plane import LatentPlane
from genexplorer.viewer.tabs.density.layers import Heat, LayersState
from genexplorer.viewer.tabs.density.linking import Linking
from genexplorer.viewer.tabs.density.scene import SAMPLES, Scene
from genexplorer.viewer.tabs.density.side_panel import SidePanel
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import SaveTarget
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import save_image
from genexplorer.viewer.widgets.labels import literal_tooltip, muted, text, wrapped

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

FRAME_MS, FRAMES = 40, 90  # of the walk from base to data
_KEY_STEP = 0.025  # of the way, by an arrow key
_ZOOM, _PAN = 1.25, 0.08
_GROUNDS: dict[Heat, str] = {"model": "model", "difference": "model", "truth": "truth", "none": "nothing"}


class DensityTab(ModelTab):
    """The plane with its layers, the latent plane beside it where there is one, and the switches."""

    title = "Density"
    training_hint = "train a toy density"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.layers = LayersState()
        self.scene = Scene(self.requests, self.layers)
        self.plane = DataPlane(self.layers, self.scene, context.palette)
        self.latent = LatentPlane(self.scene, context.palette)
        self.linking = Linking(self.requests, self.layers, self.scene, self.plane, self.latent)
        self.panel = SidePanel(self.layers, context.palette)
        self.figures, self.readout = text(""), muted("")
        self.note = wrapped("", "warning")
        self._timer = timer(self, FRAME_MS, self._play_on)
        self._build()
        self._bind()

    # The model and its snapshot ---------------------------------------------------------------------------------

    def unsupported_reason(self, card: "ModelCard") -> str | None:
        """Return why there is no density map."""
        capability = card.capability("density")
        if capability.available:
            return None
        hint = "Press N to train flow-toy, gan-toy or vae-toy; it takes about a minute."
        return f"No density map: {capability.reason}.\n{hint}"

    def clear(self) -> None:
        """Discard what belongs to the former run."""
        self.scene.clear()
        self.plane.clear()
        self.latent.clear()
        self.plane.set_share(1.0)
        self.figures.setText("")
        self._say("")

    def stop(self) -> None:
        """Stop animations and requests."""
        self.pause()
        self.plane.glider.stop()
        self.latent.glider.stop()
        super().stop()

    def on_changes(self, what: frozenset[str]) -> None:
        """Take up new figures."""
        if "metrics" in what and self.is_active:
            self._show_figures()

    def save_targets(self) -> list[SaveTarget]:
        """Offer the plane, and the walk from base to data."""
        if self.scene.data is None:
            return []
        targets = [SaveTarget("Density", (".png",), lambda path: save_image(self._shown(), path))]
        if self.scene.unmixing is not None:
            targets.append(SaveTarget("Unmixing as animation", (".gif",), self._write_film))
        return targets

    def copy_image(self) -> QImage | None:
        """Return the plane as it is shown."""
        return None if self.scene.data is None else self._shown()

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that draws heat map and samples."""
        return command_lines.density(
            run_id,
            bounds=None if self.plane.at_home else self.plane.visible_bounds,
            of=_GROUNDS.get(self.layers.heat, ""),
            count=SAMPLES,
            seed=self.scene.seed,
            step=step,
        )

    def state(self) -> dict[str, Any]:
        """Remember the switches."""
        return self.layers.to_json() | {"seed": self.scene.seed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them back."""
        seed = state.get("seed")
        self.scene.seed = seed if type(seed) is int and 0 <= seed < 2**31 else 0
        self.panel.show_seed(self.scene.seed)
        self.layers.restore(state)

    # Display ----------------------------------------------------------------------------------------------------

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Request everything that is shown."""
        self.scene.encodes, self.scene.num_test = card.capability("encode").available, card.data.num_test
        density = card.capability("log_prob")
        self.scene.is_exact = not density.available or density.how == "exact"
        self.layers.set_card(card, truth=self.scene.truth_is_known)
        self.scene.look(step, traces=card.capability("trace").available, critic=card.capability("critic").available)
        self.scene.ask_heat(self.plane.visible_bounds)
        self._show_switches()
        self._show_figures()
        if self.scene.data is None:
            self._say("computing…")

    def set_seed(self, seed: int) -> None:
        """Draw other samples."""
        self.panel.show_seed(seed)
        self.scene.set_seed(seed)
        if self.layers.shows("arrows"):
            self.scene.ask_heat(self.plane.visible_bounds)

    def unmix(self, share: float) -> None:
        """Show the cloud on its way from base to data."""
        if self.scene.unmixing is not None:
            self.plane.set_share(min(max(share, 0.0), 1.0))
            self._show_mixing()

    def toggle_play(self) -> None:
        """Walk from base to data, or stand still."""
        if self._timer.isActive() or self.scene.unmixing is None:
            self.pause()
            return
        if self.plane.share >= 1:
            self.unmix(0.0)
        self.panel.play.setChecked(True)
        self._timer.start()

    def pause(self) -> None:
        """Stop the animation."""
        self._timer.stop()
        self.panel.play.setChecked(False)

    def _say(self, words: str, failure: str = "") -> None:
        """Say what is waited for below the plane, and what went wrong above it."""
        self.readout.setText(words)
        self.note.setText(failure)
        self.note.setVisible(bool(failure))

    def _build(self) -> None:
        planes = QHBoxLayout()
        planes.setSpacing(GAP)
        planes.addWidget(self.plane, 5)
        planes.addWidget(self.latent, 4)
        left = QVBoxLayout()
        left.setSpacing(GAP // 2)
        left.addWidget(self.figures)
        left.addWidget(self.note)
        left.addLayout(planes, 1)
        left.addWidget(self.readout)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, GAP, GAP)
        row.setSpacing(GAP)
        row.addLayout(left, 1)
        row.addWidget(self.panel)
        self.figures.setWordWrap(True)
        self.readout.setMinimumWidth(1)
        self.latent.hide()
        self.note.hide()

    def _bind(self) -> None:
        self.layers.subscribe(self._switched)
        self.scene.subscribe(self._on_news)
        self.plane.view_settled.connect(self._moved)
        self.plane.pointed.connect(self._pointed)
        self.plane.pointed.connect(self.linking.over_data)
        self.latent.pointed.connect(self.linking.over_latent)
        self.panel.unmix_changed.connect(self._by_slider)
        self.panel.play_wanted.connect(self.toggle_play)
        self.panel.seed_chosen.connect(self.set_seed)
        self.panel.another_wanted.connect(self._another)
        self.context.palette_changed.connect(self._recolor)
        self._show_switches()

    def key_actions(self, shift: bool) -> KeyActions:
        """Layers by their letters; H heat map, R resample, arrows and Enter play the flow, + − 0 zoom."""
        key, share, plane = Qt.Key, self.plane.share, self.plane
        layers = {ord(layer.key): partial(self.layers.switch, layer.name) for layer in self.layers.layers}
        pans: dict[int, Callable[[], object]] = {
            key.Key_Up: lambda: plane.pan(0, _PAN),
            key.Key_Down: lambda: plane.pan(0, -_PAN),
        }
        if shift or self.scene.unmixing is None:
            pans |= {key.Key_Left: lambda: plane.pan(-_PAN, 0), key.Key_Right: lambda: plane.pan(_PAN, 0)}
        else:
            pans |= {
                key.Key_Left: lambda: self._by_slider(share - _KEY_STEP),
                key.Key_Right: lambda: self._by_slider(share + _KEY_STEP),
                key.Key_Home: lambda: self._by_slider(0.0),
                key.Key_End: lambda: self._by_slider(1.0),
            }
        return (
            layers
            | pans
            | {
                key.Key_H: self.layers.next_heat,
                key.Key_R: self._another,
                key.Key_Return: self.toggle_play,
                key.Key_Enter: self.toggle_play,
                key.Key_0: plane.reset_view,
                key.Key_Plus: lambda: plane.zoom(_ZOOM),
                key.Key_Equal: lambda: plane.zoom(_ZOOM),
                key.Key_Minus: lambda: plane.zoom(1 / _ZOOM),
            }
        )

    def _another(self) -> None:
        self.set_seed(random.randrange(10_000))

    def _by_slider(self, share: float) -> None:
        self.pause()
        self.unmix(share)

    def _play_on(self) -> None:
        self.unmix(self.plane.share + 1 / FRAMES)
        if self.plane.share >= 1 or self.scene.unmixing is None:
            self.pause()

    def _moved(self) -> None:
        if self.is_showing:
            self.scene.ask_heat(self.plane.visible_bounds)

    def _switched(self) -> None:
        """Ask for what a switch has brought up, and draw what is known already."""
        if self.is_showing:
            if self.scene.samples is None or (self.layers.shows("grid") and self.scene.unmixing is None):
                self.scene.ask_cloud()
            if self.scene.pairs is None:
                self.scene.ask_pairs()
            self.scene.show_heat()
            self.scene.ask_heat(self.plane.visible_bounds)
        self._show_switches()

    def _on_news(self) -> None:
        match self.scene.news:
            case "data":
                self.plane.show_data()
            case "cloud":
                self.plane.show_cloud()
                self._show_mixing()
                self.plane.show_switches()
                self.latent.show_points()
            case "heat":
                self.plane.show_switches()
                self._show_heat()
            case "arrows":
                self.plane.show_arrows()
            case "pairs":
                self.plane.show_pairs()
                self.latent.show_points()
            case "truth":
                if self.card is not None:
                    self.layers.set_card(self.card, truth=False)
            case "failure":
                self._say("", self.scene.failure)
        if self.scene.news != "failure":
            self._say("")

    def _show_switches(self) -> None:
        self.panel.show_state()
        self._show_heat()
        self._show_mixing()
        self.plane.show_switches()
        self.latent.setVisible(self.layers.shows("latent"))
        self.latent.show_grid(self.layers.shows("grid"))

    def _show_heat(self) -> None:
        heat = self.scene.heat
        self.panel.show_heat(heat, asked=heat is None and self.layers.heat != "none")

    def _show_mixing(self) -> None:
        unmixing, share = self.scene.unmixing, self.plane.share
        self.panel.show_unmix(unmixing is not None, share, "" if unmixing is None else unmixing.words(share))

    def _show_figures(self) -> None:
        if self.run is None:
            return
        found = metrics.figures(self.run.specs, self.run.values_at(self.step))
        self.figures.setText(metrics.line(found))
        self.figures.setToolTip(literal_tooltip("\n".join(setup for _, _, setup in found)))

    def _pointed(self, x: float, y: float) -> None:
        if math.isnan(x):
            self.readout.setText("")
            return
        letter, heat = self.plane.names[0][0], self.scene.heat if self.plane.share >= 1 else None
        words = f"{letter} = ({x:.2f}, {y:.2f})".replace("-", "−")
        value = None if heat is None else heat.value_at(x, y)
        if heat is not None and value is not None:
            words += f"     {heat.short} = {formatting.number(value, heat.unit)}"
        self.readout.setText(words)

    def _shown(self) -> QImage:
        """Return the plane, with the latent plane beside it where it is shown."""
        host = self.plane.geometry()
        area = host.united(self.latent.geometry()) if self.latent.isVisible() else host
        shown: QImage = self.grab(area).toImage()
        return shown

    def _write_film(self, path: Path) -> None:
        before = self.plane.share
        write_gif(animation_export.frames(self.plane, FRAMES // 2), path, 2 * FRAME_MS)
        self.plane.set_share(before)

    def _recolor(self) -> None:
        for plane in (self.plane, self.latent):
            plane.recolor(self.context.palette)
        self.panel.recolor(self.context.palette)

    def report_failure(self, message: str, hint: str) -> None:
        """Show above the plane, too, why a request failed."""
        self.scene.failed(message, hint)
        super().report_failure(message, hint)
