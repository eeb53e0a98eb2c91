"""Command palette (ctrl+p): every key's action, and every run."""

from collections.abc import Callable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.dashboard.screens.main import MainScreen

_MAX_RUNS = 50
_Command = tuple[str, str, Callable[[], object]]  # name, help, callback


class DashboardCommands(Provider):
    """Actions and runs."""

    async def discover(self) -> Hits:
        """Offer every action before anything is typed."""
        for name, text, run in self._actions():
            yield DiscoveryHit(Content(name), run, text=name, help=text)

    async def search(self, query: str) -> Hits:
        """Offer matching actions and runs."""
        matcher = self.matcher(query)
        for name, text, run in [*self._actions(), *self._runs()]:
            score = max(matcher.match(name), matcher.match(text) * 0.8)
            if score > 0:
                yield Hit(score, Content(name), run, text=name, help=text)

    def _actions(self) -> list[_Command]:
        return [
            (f"{key.name.capitalize()} ({key.display})", key.help, partial(self.screen.run_action, key.action))
            for key in MainScreen.KEYS
            if key.action != "escape"
        ]

    def _runs(self) -> list[_Command]:
        runs = self.screen.query_one(RunList)
        return [
            (f"Go to {folder.name}", "select this run", partial(runs.select, folder))
            for folder in runs.folders[:_MAX_RUNS]
        ]
