"""What ctrl+p finds: every key's action by its name, and every run by its own."""

from collections.abc import Callable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from genexplorer.dashboard.key_bindings import KEYS
from genexplorer.dashboard.panes.run_list import RunList

_MOST_RUNS = 50


class DashboardCommands(Provider):
    """Actions and runs."""

    async def discover(self) -> Hits:
        """Offer every action before anything is typed."""
        for name, text, run in self._actions():
            yield DiscoveryHit(Content(name), run, text=name, help=text)

    async def search(self, query: str) -> Hits:
        """Offer what matches."""
        matcher = self.matcher(query)
        for name, text, run in [*self._actions(), *self._runs()]:
            score = max(matcher.match(name), matcher.match(text) * 0.8)
            if score > 0:
                yield Hit(score, Content(name), run, text=name, help=text)

    def _actions(self) -> list[tuple[str, str, Callable[[], object]]]:
        return [
            (f"{key.name.capitalize()} ({key.shown})", key.help, partial(self.screen.run_action, key.action))
            for key in KEYS
            if key.action != "escape"
        ]

    def _runs(self) -> list[tuple[str, str, Callable[[], object]]]:
        runs = self.screen.query_one(RunList)
        return [
            (f"Go to {folder.name}", "choose this run", partial(runs.choose, folder))
            for folder in runs.folders[:_MOST_RUNS]
        ]
