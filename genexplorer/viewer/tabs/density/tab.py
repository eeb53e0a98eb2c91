"""The Density tab: data of the plane, and everything that a model makes of it, in one picture that lives."""

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.session import command_lines, formatting
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.gif_writer import write_gif
from genexplorer.viewer.request_queue import RequestQueue
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.density import animation_export, metrics
from genexplorer.viewer.tabs.density.data_plane import DataPlane
from genexplorer.viewer.tabs.density.latent_plane import LatentPlane
from genexplorer.viewer.tabs.density.layers import Heat, LayersState
from genexplorer.viewer.tabs.density.linking import Linking
from genexplorer.viewer.tabs.density.scene import SAMPLES, Scene
from genexplorer.viewer.tabs.density.side_panel import SidePanel
from genexplorer.viewer.tabs.tab import SaveTarget, Tab
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import save_image
from genexplorer.viewer.widgets.labels import literal_tooltip, muted, text, wrapped

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller
    from trainers.model_card import ModelCard

FRAME_MS, FRAMES = 40, 90  # of the walk from base to data
_KEY_STEP = 0.025  # of the way, by an arrow key
_ZOOM, _PAN = 1.25, 0.08
_GROUNDS: dict[Heat, str] = {"model": "model", "difference": "model", "truth": "truth", "none": "nothing"}


class DensityTab(Tab):
    """The plane with its layers, the latent plane beside it where there is one, and the switches."""

    title = "Density"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.layers = LayersState()
        self.questions = RequestQueue(context.explorer, "density", self._failed)
        self.scene = Scene(self.questions, self.layers)
        self.plane = DataPlane(self.layers, self.scene, context.palette)
        self.latent = LatentPlane(self.scene, context.palette)
        self.linking = Linking(self.questions, self.layers, self.scene, self.plane, self.latent)
        self.panel = SidePanel(self.layers, context.palette)
        self.figures, self.readout = text(""), muted("")
        self.note = wrapped("", "warning")
        self._run: RunPoller | None = None
        self._card: ModelCard | None = None
        self._step: int | None = None
        self._timer = timer(self, FRAME_MS, self._play_on)
        self._build()
        self._bind()

    # The seam ---------------------------------------------------------------------------------------------------

    def waiting_reason(self) -> str | None:
        """Say why there is no plane."""
        if self._run is None:
            return "No run is open.\nOpen one with the run menu, or press N and train a toy density."
        if self._step is None:
            return "Waiting for the first snapshot.\nIt comes with the first step of the training."
        if self._card is None:
            return f"The snapshot at step {self._step:,} cannot be read.\nMove to another one with [ and ]."
        capability = self._card.capability("density")
        if capability.available:
            return None
        help_words = "Press N and train flow-toy, gan-toy or vae-toy: about a minute, and everything can be seen."
        return f"No map of this {self._card.title}: {capability.reason}.\n{help_words}"

    def set_run(self, followed: "RunPoller | None") -> None:
        """Show another run, or none."""
        self.stop()
        self.questions.forget()
        self._run, self._card, self._step = followed, None, None
        self.scene.clear()
        self.plane.clear()
        self.latent.clear()
        self.plane.set_share(1.0)
        self.figures.setText("")
        self._say("")

    def on_changes(self, what: frozenset[str]) -> None:
        """Take up new figures."""
        if "metrics" in what and self.is_active:
            self._show_figures()

    def on_time(self, step: int | None) -> None:
        """Show another snapshot."""
        self._step = step
        if step is not None and self._run is not None:
            self._card = self._read_card(step)
        self.refresh()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self.questions.forget()
        self.refresh()

    def deactivated(self) -> None:
        """Stop asking and moving."""
        self.stop()
        self.plane.glider.stop()
        self.latent.glider.stop()
        self.questions.forget()

    def closing(self) -> None:
        """Let go of timers."""
        self.deactivated()

    def on_key(self, event: QKeyEvent) -> bool:
        """Switch layers by their letters; H heat map, R other samples, arrows and Enter unmix, + − 0 zoom."""
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        plain = not (event.modifiers() & ~(Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier))
        if not plain or self.waiting_reason() is not None:
            return False
        layer = self.layers.by_key(chr(event.key())) if 0 < event.key() < 128 else None
        action = (
            (lambda: self.layers.switch(layer.name)) if layer is not None else self._actions(shift).get(event.key())
        )
        if action is None:
            return False
        action()
        return True

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

    def command_line(self) -> str | None:
        """Return the command that draws ground and samples."""
        if self._run is None or self._step is None or self.waiting_reason() is not None:
            return None
        line = command_lines.density(
            self._run.status.id,
            bounds=None if self.plane.at_home else self.plane.seen,
            of=_GROUNDS.get(self.layers.heat, ""),
            count=SAMPLES,
            seed=self.scene.seed,
            step=self._step,
        )
        return command_lines.with_runs_dir(line, self.context.runs_dir)

    def state(self) -> dict[str, Any]:
        """Remember the switches."""
        return self.layers.to_json() | {"seed": self.scene.seed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them back."""
        seed = state.get("seed")
        self.scene.seed = seed if type(seed) is int and 0 <= seed < 2**31 else 0
        self.panel.show_seed(self.scene.seed)
        self.layers.restore(state)

    # Looking ----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask for everything that is shown, at the step of the time."""
        card, step = self._card, self._step
        if not self.is_active or card is None or step is None or self.waiting_reason() is not None:
            return
        self.scene.encodes, self.scene.num_test = card.capability("encode").available, card.data.num_test
        density = card.capability("log_prob")
        self.scene.is_exact = not density.available or density.how == "exact"
        self.layers.set_card(card, truth=self.scene.truth_is_known)
        self.scene.look(step, traces=card.capability("trace").available, critic=card.capability("critic").available)
        self.scene.ask_heat(self.plane.seen)
        self._show_switches()
        self._show_figures()
        if self.scene.data is None:
            self._say("asking the model…")

    def set_seed(self, seed: int) -> None:
        """Draw other samples."""
        self.panel.show_seed(seed)
        self.scene.set_seed(seed)
        if self.layers.shows("arrows"):
            self.scene.ask_heat(self.plane.seen)

    def unmix(self, share: float) -> None:
        """Show the cloud on its way from base to data."""
        if self.scene.unmixing is not None:
            self.plane.set_share(min(max(share, 0.0), 1.0))
            self._show_mixing()

    def toggle_play(self) -> None:
        """Walk from base to data, or stand still."""
        if self._timer.isActive() or self.scene.unmixing is None:
            self.stop()
            return
        if self.plane.share >= 1:
            self.unmix(0.0)
        self.panel.play.setChecked(True)
        self._timer.start()

    def stop(self) -> None:
        """Stand still."""
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
        self.plane.moved.connect(self._moved)
        self.plane.pointed.connect(self._pointed)
        self.plane.pointed.connect(self.linking.over_data)
        self.latent.pointed.connect(self.linking.over_latent)
        self.panel.unmix_changed.connect(self._by_slider)
        self.panel.play_wanted.connect(self.toggle_play)
        self.panel.seed_chosen.connect(self.set_seed)
        self.panel.another_wanted.connect(self._another)
        self.context.palette_changed.connect(self._recolor)
        self._show_switches()

    def _actions(self, shift: bool) -> dict[int, Callable[[], object]]:
        key, share, plane = Qt.Key, self.plane.share, self.plane
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
        return pans | {
            key.Key_H: self.layers.next_heat,
            key.Key_R: self._another,
            key.Key_Return: self.toggle_play,
            key.Key_Enter: self.toggle_play,
            key.Key_0: plane.go_home,
            key.Key_Plus: lambda: plane.zoom(_ZOOM),
            key.Key_Equal: lambda: plane.zoom(_ZOOM),
            key.Key_Minus: lambda: plane.zoom(1 / _ZOOM),
        }

    def _another(self) -> None:
        self.set_seed(random.randrange(10_000))

    def _by_slider(self, share: float) -> None:
        self.stop()
        self.unmix(share)

    def _play_on(self) -> None:
        self.unmix(self.plane.share + 1 / FRAMES)
        if self.plane.share >= 1 or self.scene.unmixing is None:
            self.stop()

    def _moved(self) -> None:
        if self.is_active and self._card is not None and self.waiting_reason() is None:
            self.scene.ask_heat(self.plane.seen)

    def _switched(self) -> None:
        """Ask for what a switch has brought up, and draw what is known already."""
        if self.is_active and self._card is not None and self.waiting_reason() is None:
            if self.scene.samples is None or (self.layers.shows("grid") and self.scene.unmixing is None):
                self.scene.ask_cloud()
            if self.scene.pairs is None:
                self.scene.ask_pairs()
            self.scene.show_heat()
            self.scene.ask_heat(self.plane.seen)
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
                if self._card is not None:
                    self.layers.set_card(self._card, truth=False)
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
        if self._run is None:
            return
        found = metrics.figures(self._run.specs, self._run.values_at(self._step))
        self.figures.setText(metrics.line(found))
        self.figures.setToolTip(literal_tooltip("\n".join(setup for _, _, setup in found)))

    def _pointed(self, x: float, y: float) -> None:
        if math.isnan(x):
            self.readout.setText("")
            return
        letter, heat = self.plane.letter, self.scene.heat if self.plane.share >= 1 else None
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

    def _read_card(self, step: int) -> "ModelCard | None":
        try:
            return None if self._run is None else self._run.card(step)
        except (UserError, OSError):
            return None

    def _failed(self, message: str, hint: str) -> None:
        self.scene.failed(message, hint)
        self.context.status_message.emit(f"{message}: {hint}" if hint else message)
