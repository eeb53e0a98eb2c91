"""The Flow tab: an image, or points, after every transform, from x to z and from z to x."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.session import command_lines
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.gif_writer import write_gif
from genexplorer.viewer.request_queue import RequestQueue
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.flow import animation_export
from genexplorer.viewer.tabs.flow.controls_row import ControlsRow
from genexplorer.viewer.tabs.flow.inspector import Inspector
from genexplorer.viewer.tabs.flow.point_batch import Swarm
from genexplorer.viewer.tabs.flow.stage_strip import StationStrip, StripArea
from genexplorer.viewer.tabs.flow.trace_loader import Followed
from genexplorer.viewer.tabs.flow.trace_request import Choice
from genexplorer.viewer.tabs.tab import SaveTarget, Tab
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import save_image
from genexplorer.viewer.widgets.labels import wrapped

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller
    from trainers.model_card import ModelCard

PLAY_MS = 450  # a station
_KEY = (
    "Bars: log |det| of each transform, right (+) where volume grows, left (−) where it shrinks; a broken bar goes on. "
    "Below: mean ± spread."
)


class FlowTab(Tab):
    """The stations in rows, the one that is looked at large beside them."""

    title = "Flow"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.choice = Choice()
        self.questions = RequestQueue(context.explorer, "flow", self._failed)
        self.followed = Followed(self.questions, self.choice)
        self.controls = ControlsRow(self.choice)
        self.strip = StationStrip(context.palette)
        self.area = StripArea(self.strip)
        self.inspector = Inspector(context.palette)
        self.key = wrapped(_KEY)
        self._run: RunPoller | None = None
        self._card: ModelCard | None = None
        self._step: int | None = None
        self._asked: dict[str, object] = {}
        self._timer = timer(self, PLAY_MS, self._play_on)
        self._build()
        self._bind()

    # The seam ---------------------------------------------------------------------------------------------------

    def waiting_reason(self) -> str | None:
        """Say why there is nothing to follow."""
        if self._run is None:
            return "No run is open.\nOpen one with the run menu, or press N and train a normalizing flow."
        if self._step is None:
            return "Waiting for the first snapshot.\nIt comes with the first step of the training."
        if self._card is None:
            return f"The snapshot at step {self._step:,} cannot be read.\nMove to another one with [ and ]."
        capability = self._card.capability("trace")
        if capability.available:
            return None
        shows = "This tab shows data after each transform of a flow; press N to train one."
        return f"This {self._card.title} cannot be followed: {capability.reason}.\n{shows}"

    def set_run(self, followed: "RunPoller | None") -> None:
        """Show another run, or none."""
        self.stop()
        self.questions.forget()
        self._run, self._card, self._step, self._asked = followed, None, None, {}
        self.followed.clear()
        self.choice.count = 0
        self._show()

    def on_time(self, step: int | None) -> None:
        """Follow the same through another snapshot."""
        self._step = step
        if step is not None and self._run is not None:
            self._card = self._read_card(step)
        self.refresh()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self._asked = {}
        self.refresh()

    def deactivated(self) -> None:
        """Stop asking and playing."""
        self.stop()
        self.questions.forget()

    def closing(self) -> None:
        """Let go of the timer."""
        self.deactivated()

    def on_key(self, event: QKeyEvent) -> bool:
        """← → station, Home End its ends, ↑ ↓ R other data, D direction, − + temperature, Enter plays."""
        plain = not (event.modifiers() & ~(Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier))
        action = self._actions().get(event.key())
        if action is None or not plain or self.waiting_reason() is not None:
            return False
        action()
        return True

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

    def command_line(self) -> str | None:
        """Return the command that draws the same trace."""
        if self._run is None or self._step is None or self.waiting_reason() is not None:
            return None
        run, choice = self._run.status.id, self.choice
        if choice.direction == "forward":
            line = command_lines.trace(run, index=choice.index, step=self._step)
        else:
            line = command_lines.trace(run, seed=choice.seed, temperature=choice.temperature, step=self._step)
        return command_lines.with_runs_dir(line, self.context.runs_dir)

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

    # Following --------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask for what is chosen, if the tab is seen and it is not what was asked last."""
        if not self.is_active or self._card is None or self._step is None or self.waiting_reason() is not None:
            return
        self.choice.num_test = self._card.data.num_test
        self.choice.index = min(self.choice.index, max(0, self.choice.num_test - 1))
        wanted = {**self.choice.question, "step": self._step}
        if wanted != self._asked:
            self._asked = wanted
            self.followed.ask(self._step, of_points=self._of_points)

    def play(self) -> None:
        """Walk through the stations; from the last, from the first."""
        if self.followed.way is None:
            self.controls.play.setChecked(False)
            return
        if self.choice.station >= self.choice.count - 1:
            self.choice.watch_for(0)
        self.controls.play.setChecked(True)
        self._timer.start()

    def stop(self) -> None:
        """Stand still."""
        self._timer.stop()
        self.controls.play.setChecked(False)

    def toggle_play(self) -> None:
        """Walk, or stand still."""
        (self.stop if self._timer.isActive() else self.play)()

    @property
    def _of_points(self) -> bool:
        return self._card is not None and self._card.data.kind == "points"

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

    def _actions(self) -> dict[int, Callable[[], None]]:
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
        self.stop()
        self.choice.watch_for(station)

    def _play_on(self) -> None:
        if self.choice.station >= self.choice.count - 1:
            self.stop()
        else:
            self.choice.step(1)

    def _chosen(self) -> None:
        self.controls.show_choice()
        self.refresh()
        self._show_station()

    def _show(self) -> None:
        way = self.followed.way
        self.controls.set_noun(self._of_points)
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

    def _read_card(self, step: int) -> "ModelCard | None":
        try:
            return None if self._run is None else self._run.card(step)
        except (UserError, OSError):
            return None

    def _failed(self, message: str, hint: str) -> None:
        self.context.status_message.emit(f"{message}: {hint}" if hint else message)
