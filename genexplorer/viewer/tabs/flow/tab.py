"""The Flow tab: an image, or points, after every transform, from x to z and from z to x."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session import command_lines
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.gif_writer import write_gif
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.flow import animation_export
from genexplorer.viewer.tabs.flow.controls_row import ControlsRow
from genexplorer.viewer.tabs.flow.inspector import Inspector
from genexplorer.viewer.tabs.flow.point_batch import Swarm
from genexplorer.viewer.tabs.flow.stage_strip import StationStrip, StripArea
from genexplorer.viewer.tabs.flow.trace_loader import Followed
from genexplorer.viewer.tabs.flow.trace_request import Choice
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import SaveTarget
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import save_image
from genexplorer.viewer.widgets.labels import wrapped

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

PLAY_MS = 450  # a station
_KEY = (
    "Bars: log |det| of each transform, right (+) where volume grows, left (−) where it shrinks; a broken bar goes on. "
    "Below: mean ± spread."
)


class FlowTab(ModelTab):
    """The stations in rows, the one that is looked at large beside them."""

    title = "Flow"
    training_hint = "train a normalizing flow"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.choice = Choice()
        self.followed = Followed(self.requests, self.choice)
        self.controls = ControlsRow(self.choice)
        self.strip = StationStrip(context.palette)
        self.area = StripArea(self.strip)
        self.inspector = Inspector(context.palette)
        self.key = wrapped(_KEY)
        self._asked: dict[str, object] = {}
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
        self._asked = {}
        self.followed.clear()
        self.choice.count = 0
        self._show()

    def stop(self) -> None:
        """Stop playback and requests."""
        self.pause()
        self._asked = {}
        super().stop()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Request the trace of the chosen data, unless it is the one requested last."""
        self.choice.num_test = card.data.num_test
        self.choice.index = min(self.choice.index, max(0, self.choice.num_test - 1))
        wanted = {**self.choice.question, "step": step}
        if wanted != self._asked:
            self._asked = wanted
            self.followed.ask(step, of_points=self.is_point_data)

    def save_targets(self) -> list[SaveTarget]:
        """Offer the stations, the one that is looked at, and the film."""
        if self.followed.way is None:
            return []
        large = self.inspector.large.image()
        return [
            SaveTarget("Stations", (".png",), lambda path: save_image(self.strip.image(), path)),
            SaveTarget("Stage", (".png",), lambda path: save_image(large, path)),
            SaveTarget("Way as animation", (".gif",), self._write_film),
        ]

    def copy_image(self) -> QImage | None:
        """Return the stations."""
        return None if self.followed.way is None else self.strip.image()

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that draws the same trace."""
        choice = self.choice
        if choice.direction == "forward":
            return command_lines.trace(run_id, index=choice.index, step=step)
        return command_lines.trace(run_id, seed=choice.seed, temperature=choice.temperature, step=step)

    def state(self) -> dict[str, Any]:
        """Remember what is followed."""
        return self.choice.to_json()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back."""
        self.choice.restore(state)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Share the room."""
        super().resizeEvent(event)
        self.inspector.take_share(self.width())

    # Playback ---------------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Walk through the stations; from the last, from the first."""
        if self.followed.way is None:
            self.controls.play.setChecked(False)
            return
        if self.choice.station >= self.choice.count - 1:
            self.choice.watch_for(0)
        self.controls.play.setChecked(True)
        self._timer.start()

    def pause(self) -> None:
        """Stop playback."""
        self._timer.stop()
        self.controls.play.setChecked(False)

    def toggle_play(self) -> None:
        """Walk, or stand still."""
        (self.pause if self._timer.isActive() else self.play)()

    def _build(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(self.controls)
        left.addWidget(self.area, 1)
        left.addWidget(self.key)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        row.setSpacing(2 * GAP)
        row.addLayout(left, 1)
        row.addWidget(self.inspector)

    def _bind(self) -> None:
        self.choice.subscribe(self._chosen)
        self.followed.subscribe(self._show)
        self.strip.chosen.connect(self._look)
        self.inspector.scrub.valueChanged.connect(self._look)
        self.controls.play.clicked.connect(self.toggle_play)
        self.context.palette_changed.connect(self._recolor)
        self._chosen()

    def key_actions(self, shift: bool) -> KeyActions:
        """← → layer, Home End the first and last, ↑ ↓ R other data, D direction, − + temperature, Enter plays."""
        key, choice = Qt.Key, self.choice
        return {
            key.Key_Left: lambda: self._look(choice.station - 1),
            key.Key_Right: lambda: self._look(choice.station + 1),
            key.Key_Home: lambda: self._look(0),
            key.Key_End: lambda: self._look(choice.count - 1),
            key.Key_Down: lambda: choice.move(1),
            key.Key_Up: lambda: choice.move(-1),
            key.Key_R: choice.another,
            key.Key_D: choice.turn,
            key.Key_Minus: lambda: choice.set_draw(temperature=choice.temperature - 0.05),
            key.Key_Plus: lambda: choice.set_draw(temperature=choice.temperature + 0.05),
            key.Key_Equal: lambda: choice.set_draw(temperature=choice.temperature + 0.05),
            key.Key_Return: self.toggle_play,
            key.Key_Enter: self.toggle_play,
        }

    def _look(self, station: int) -> None:
        self.pause()
        self.choice.watch_for(station)

    def _play_on(self) -> None:
        if self.choice.station >= self.choice.count - 1:
            self.pause()
        else:
            self.choice.step(1)

    def _chosen(self) -> None:
        self.controls.show_choice()
        self.refresh()
        self._show_station()

    def _show(self) -> None:
        way = self.followed.way
        self.controls.set_noun(self.is_point_data)
        self.choice.count = 0 if way is None else len(way.stations)
        hint = self.followed.failure or "following…"
        self.strip.set_way(way, f"Nothing to follow: {hint}" if self.followed.failure else hint)
        self.strip.set_swarm(self._swarm())
        self._show_station()
        returned = self.followed.returned
        there = way is not None and way.direction == "forward" and returned is not None
        self.inspector.show_back(way, (way.stages[0], returned) if there and way is not None else None)

    def _show_station(self) -> None:
        way, station = self.followed.way, self.choice.station
        self.strip.watch_for(station)
        self.inspector.show_way(way, self._swarm(), station, self.followed.failure or "following…")
        if way is not None:
            self.area.show_station(station)

    def _swarm(self) -> Swarm | None:
        stages, groups, way = self.followed.swarm, self.followed.groups, self.followed.way
        fits = stages is not None and groups is not None and way is not None and len(stages) == len(way.stations)
        return Swarm(stages, groups) if fits and stages is not None and groups is not None else None

    def _write_film(self, path: Path) -> None:
        if self.followed.way is not None:
            pictures, frame_ms = animation_export.frames(self.followed.way, self._swarm(), self.context.palette)
            write_gif(pictures, path, frame_ms)

    def _recolor(self) -> None:
        self.strip.recolor(self.context.palette)
        self.inspector.large.recolor(self.context.palette)
