"""The time bar below every tab: playback, the track of snapshots, follow or hold."""

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from PyQt6.QtWidgets import QButtonGroup, QHBoxLayout, QWidget

from genexplorer.session import charts
from genexplorer.session.change_marks import change_marks
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.panes.time_track import TimeTrack
from genexplorer.viewer.style import GAP, mix, scaled
from genexplorer.viewer.widgets.controls import Toolbar, fill_box, timer, tool_button
from genexplorer.viewer.widgets.icons import icon
from genexplorer.viewer.widgets.labels import heading, muted
from trainers.errors import UserError

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller

_STEP_INTERVAL_MS = 140  # playback shows each snapshot for so long at speed 1
PLAYBACK_SPEEDS = (0.5, 1.0, 2.0, 4.0)
_MAX_WAIT_TICKS = 12  # ticks that playback waits for a pending image
_MAX_CURVE_VALUES = 600


class TimeBar(QWidget):
    """Selects the step that the window shows: by playback, by dragging, or by following the newest."""

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._waited = 0
        self.track = TimeTrack(context.palette)
        self.play = tool_button("", "Play through the training (Space)")
        self.speed = tool_button("1×", "Playback speed (S)", name="small")
        self._speed = 1.0
        self.step_label, self.index_label = heading("no snapshot"), muted("")
        self.follow = tool_button("Follow", "Follow new snapshots (L)", checkable=True)
        self.hold = tool_button("Hold", "Stay at this snapshot (L)", checkable=True)
        self._timer = timer(self, _STEP_INTERVAL_MS, self._tick)
        self._lay_out()
        # Connect the signals.
        self.play.clicked.connect(self.toggle_play)
        self.speed.clicked.connect(self.next_speed)
        self.follow.clicked.connect(context.step_selection.follow)
        self.hold.clicked.connect(context.step_selection.hold)
        self.track.step_chosen.connect(context.step_selection.select)
        self.track.move_requested.connect(context.step_selection.move)
        self.track.dragging.connect(context.set_dragging)
        self._unsubscribe = context.step_selection.subscribe(self._show_playback)
        context.run_changed.connect(self._show_curve)
        context.data_changed.connect(self._on_changes)
        self.recolor()

    def toggle_follow(self) -> None:
        """Switch between follow and hold."""
        step_selection = self._context.step_selection
        (step_selection.hold if step_selection.following else step_selection.follow)()

    def toggle_play(self) -> None:
        """Start or pause playback."""
        step_selection = self._context.step_selection
        (step_selection.pause if step_selection.playing else step_selection.play)()

    def next_speed(self) -> None:
        """Switch to the next playback speed."""
        self._speed = PLAYBACK_SPEEDS[(PLAYBACK_SPEEDS.index(self._speed) + 1) % len(PLAYBACK_SPEEDS)]
        self._timer.setInterval(round(_STEP_INTERVAL_MS / self._speed))
        self.speed.setText({0.5: "½×"}.get(self._speed, f"{self._speed:g}×"))

    def recolor(self) -> None:
        """Take the context's palette."""
        self.track.set_palette(self._context.palette)
        self._show_playback()

    def _lay_out(self) -> None:
        group = QButtonGroup(self)
        group.addButton(self.follow)
        group.addButton(self.hold)
        self.step_label.setMinimumWidth(scaled(17 * GAP))
        playing = Toolbar(self.play, self.speed, None, vertical=True, spacing=GAP // 2)
        choice = fill_box(QHBoxLayout(), self.follow, self.hold, spacing=GAP // 2)
        side = Toolbar(self.step_label, self.index_label, None, choice, vertical=True, spacing=2)
        fill_box(QHBoxLayout(self), playing, (self.track, 1), side, margins=(2 * GAP, GAP, 2 * GAP, 0))

    def closing(self) -> None:
        """Stop the timer and unsubscribe."""
        self._timer.stop()
        self._unsubscribe()

    def _tick(self) -> None:
        """Go to the next snapshot; wait for pending images first, or a slow model would show none at all."""
        busy = self._context.model_client.is_pending("preview") or self._context.model_client.is_pending("drag")
        self._waited = self._waited + 1 if busy else 0
        if self._waited < 1 or self._waited > _MAX_WAIT_TICKS:
            self._waited = 0
            self._context.step_selection.tick()

    def _on_changes(self, changed: frozenset[str]) -> None:
        run = self._context.run
        if "commands" in changed or (
            "metrics" in changed and run is not None and self.track.shows_growth(run.status.step)
        ):
            self._show_curve()

    def _show_playback(self) -> None:
        step_selection, palette, run = self._context.step_selection, self._context.palette, self._context.run
        last = run.status.step if run is not None else 0
        self.track.set_time(tuple(step_selection.steps), step_selection.selected_step, last)
        # Playback, follow or hold.
        if step_selection.playing != self._timer.isActive():
            (self._timer.start if step_selection.playing else self._timer.stop)()
        dim = mix(palette.muted, palette.background, 0.5)
        self.play.setIcon(icon("pause" if step_selection.playing else "play", palette.text, dim))
        for button in (self.play, self.follow, self.hold):
            button.setEnabled(bool(step_selection.steps))
        (self.follow if step_selection.following else self.hold).setChecked(True)
        # The displayed step.
        noun = "image" if self._context.steps_are_images else "snapshot"
        self.step_label.setText(
            "no snapshot" if step_selection.selected_step is None else f"step {step_selection.selected_step:,}"
        )
        index = (
            "" if step_selection.index is None else f"{noun} {step_selection.index + 1} of {len(step_selection.steps)}"
        )
        self.index_label.setText(index)

    def _show_curve(self) -> None:
        run = self._context.run
        metric = None if run is None else objective_metric(run)
        if run is None or metric is None:
            self.track.set_curve("", "", np.zeros(0), np.zeros(0), ())
        else:
            series, spec = run.series(metric, "step", _MAX_CURVE_VALUES), run.metric_specs[metric]
            marks = tuple((mark.step, mark.text) for mark in change_marks(run.command_history))
            self.track.set_curve(charts.plain_title(spec), spec.unit, series.x, series.mean, marks)
        self._show_playback()


def objective_quantity(run: "RunPoller") -> str:
    """Return the quantity of the family's objective, such as "elbo"; empty where the family is unknown."""
    if run.config is not None:
        with suppress(UserError):  # a family of a package that is not installed here
            return run.config.theory().objective_quantity
    return ""


def objective_metric(run: "RunPoller") -> str | None:
    """Return the densest curve of the run's objective, or None while there is none."""
    total = objective_quantity(run) or "elbo"
    candidates = (f"train/{total}", f"test/{total}_ema", f"test/{total}_raw", run.status.primary_metric)
    return next((name for name in candidates if name in run.metric_specs), None)
