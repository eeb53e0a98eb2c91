"""The line above the keys: what was just done, else the newest line of the log."""

from typing import Any

from textual.content import Content
from textual.widgets import Static

from genexplorer.dashboard.charts.chart import clip
from genexplorer.dashboard.view import RunView
from genexplorer.session import formatting

_STAYS_S = 6.0


class StatusBar(Static):
    """One line of news."""

    def __init__(self, **options: Any) -> None:
        super().__init__("", markup=False, **options)
        self._said: Content | None = None
        self._log: Content = Content("")
        self._shown: Content = Content("")

    def say(self, text: str, *, warning: bool = False) -> None:
        """Show a text for a few seconds."""
        self._said = Content.assemble((text, "$warning" if warning else "$accent"))
        self.set_timer(_STAYS_S, self._forget_later(self._said))
        self._show()

    def show(self, run: RunView | None) -> None:
        """Show the newest line of a run's log while nothing else is to be said."""
        line = run.log[-1] if run is not None and run.log else None
        if line is None:
            self._log = Content("")
        else:
            message = clip(line.message, max(self.size.width - 10, 10))
            self._log = Content.assemble((f"{formatting.clock(line.time)} ", "$quiet"), (message, "$muted"))
        self._show()

    def _forget_later(self, said: Content):  # type: ignore[no-untyped-def]
        def forget() -> None:
            if self._said is said:
                self._said = None
                self._show()

        return forget

    def _show(self) -> None:
        wanted = self._said or self._log
        if not wanted.is_same(self._shown):
            self._shown = wanted
            self.update(wanted, layout=False)
