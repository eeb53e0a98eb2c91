"""Keys that move through a run's time; pictures, figures and the mark on the curves go together."""

from textual import on
from textual.screen import Screen
from textual.timer import Timer

from genexplorer.dashboard.images.pane import ImagePane
from genexplorer.dashboard.tabs.curves import CurvesPane
from genexplorer.dashboard.view import DashboardView
from genexplorer.session.playback import TimeCursor

_TICK_S = 0.25


class TimeActions(Screen[None]):
    """Replay, play, follow, and which pictures."""

    view: DashboardView
    cursor: TimeCursor
    kind: str
    _player: Timer | None = None

    def redraw(self) -> None:
        """Show the present view again, and ask for another where needed."""
        raise NotImplementedError

    def say(self, text: str, *, warning: bool = False) -> None:
        """Tell something in passing."""
        raise NotImplementedError

    def action_replay(self, by: int) -> None:
        """Move by one picture."""
        if not self.cursor.steps:
            self.say("There is no picture to go to yet.")
            return
        self.cursor.move(by)
        self.redraw()

    def action_play(self) -> None:
        """Play, or pause."""
        if self.cursor.playing:
            self.cursor.pause()
        else:
            self.cursor.play()
        if self._player is None:
            self._player = self.set_interval(_TICK_S, self._tick)
        self.redraw()

    def _tick(self) -> None:
        if self.cursor.playing:
            self.cursor.tick()
            self.redraw()

    def action_follow(self) -> None:
        """Go to the newest and stay there."""
        self.cursor.follow()
        self.redraw()

    @on(CurvesPane.TimeWanted)
    def _time_wanted(self, event: CurvesPane.TimeWanted) -> None:
        self.cursor.go(event.step)
        self.redraw()

    def action_next_kind(self) -> None:
        """Go on to the next kind of pictures."""
        kinds = self.view.run.picture_kinds if self.view.run else ()
        if kinds:
            place = kinds.index(self.kind) if self.kind in kinds else 0
            self.kind = kinds[(place + 1) % len(kinds)]
            self.redraw()

    def action_picture_size(self) -> None:
        """Few large pictures, or many small ones."""
        for pane in self.query(ImagePane).results(ImagePane):
            pane.large = not pane.large
        self.redraw()
