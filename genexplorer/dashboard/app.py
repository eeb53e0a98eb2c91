"""The terminal dashboard: `run_dashboard(runs_dir)`, or `python -m genexplorer.dashboard.app RUNS_DIR`."""

import contextlib
import fcntl
import os
import struct
import sys
import termios
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.driver import Driver
from textual.screen import Screen

from genexplorer import paths
from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.dashboard.screens.main import MainScreen
from genexplorer.dashboard.tabs.latent import ClientFactory
from genexplorer.dashboard.theme import (
    DARK_THEME,
    LIGHT_THEME,
    build_themes,
    css_variables,
    is_terminal_dark,
    load_theme,
)
from genexplorer.explore.client import ExplorerClient
from genexplorer.session import plain_marks
from genexplorer.session.palette import DARK
from genexplorer.session.run_poller import IdleTracker

_MAX_OFFERED_RUNS = 50  # by the command palette
_Command = tuple[str, str, Callable[[], object]]  # name, help, and the callback that runs it


def plain_driver(base: type[Driver]) -> type[Driver]:
    """Return a driver that replaces characters that the Linux console lacks in all that is written."""

    class PlainDriver(base):  # type: ignore[misc,valid-type]
        def write(self, data: str) -> None:
            super().write(plain_marks.translate(data))

    return PlainDriver


class DashboardCommands(Provider):
    """The command palette (ctrl+p): every key's action, and every run."""

    async def discover(self) -> Hits:
        """Offer every action before anything is typed."""
        for name, text, callback in self._actions():
            yield DiscoveryHit(Content(name), callback, text=name, help=text)

    async def search(self, query: str) -> Hits:
        """Offer matching actions and runs."""
        matcher = self.matcher(query)
        runs = self.screen.query_one(RunList)
        selections: list[_Command] = [
            (f"Go to {folder.name}", "select this run", partial(runs.select, folder))
            for folder in runs.folders[:_MAX_OFFERED_RUNS]
        ]
        for name, text, callback in [*self._actions(), *selections]:
            score = max(matcher.match(name), matcher.match(text) * 0.8)  # names count more than help texts
            if score > 0:
                yield Hit(score, Content(name), callback, text=name, help=text)

    def _actions(self) -> list[_Command]:
        return [
            (f"{key.name.capitalize()} ({key.display})", key.help, partial(self.screen.run_action, key.action))
            for key in MainScreen.KEYS
            if key.action != "escape"
        ]


class DashboardApp(App[None]):
    """The list of runs, and the selected run in detail.

    Args:
        runs_dir: The folder of runs; it need not exist yet.
        initial_run: The run to select first; the newest by default.
        make_client: Makes the client of the process that evaluates models.
        clock: Unix time; tests freeze it.
        idle_tracker: Tracks when the dashboard was last used; tests control its clock.
        dark: Whether to start in the dark theme; by default the saved choice, else the terminal's.
    """

    TITLE = "genexplorer"
    CSS_PATH = "dashboard.tcss"
    COMMANDS: ClassVar[set[type[DashboardCommands] | Callable[[], type[DashboardCommands]]]] = {DashboardCommands}  # type: ignore[assignment]
    ESCAPE_TO_MINIMIZE = False

    def __init__(
        self,
        runs_dir: Path,
        initial_run: Path | None = None,
        *,
        make_client: ClientFactory = ExplorerClient,
        clock: Callable[[], float] = time.time,
        idle_tracker: IdleTracker | None = None,
        dark: bool | None = None,
    ) -> None:
        super().__init__()
        self._main = MainScreen(runs_dir, initial_run, make_client=make_client, clock=clock, idle_tracker=idle_tracker)
        for theme in build_themes():
            self.register_theme(theme)
        saved_theme = load_theme() if dark is None else None
        dark = is_terminal_dark() if dark is None else dark
        self.theme = saved_theme or (DARK_THEME if dark else LIGHT_THEME)

    def get_driver_class(self) -> type[Driver]:
        """Return the driver of this platform, one that writes plain marks where the terminal needs them."""
        driver = super().get_driver_class()
        return plain_driver(driver) if plain_marks.is_plain() else driver

    def get_default_screen(self) -> Screen[None]:
        """Return the main screen."""
        return self._main

    async def on_event(self, event: events.Event) -> None:
        """Resume frequent polling on any input, before the input is handled."""
        if isinstance(event, events.InputEvent | events.AppFocus):
            self._main.record_input()
        await super().on_event(event)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the CSS variables that Textual's own themes lack."""
        return css_variables(DARK)


def run_dashboard(runs_dir: Path, initial_run: Path | None = None) -> int:
    """Show the runs of a folder until the user quits, which does not affect any training.

    Args:
        runs_dir: The folder of runs; it need not exist yet.
        initial_run: The run folder to select first; the newest by default.
    Returns:
        The exit code: 0, or 1 after an internal error.
    """
    # Give a terminal of unknown size 80 × 24 cells; Textual and Rich would assume different sizes.
    with contextlib.suppress(OSError, ValueError):
        file_descriptor = sys.__stdout__.fileno() if sys.__stdout__ is not None else 1
        if 0 in os.get_terminal_size(file_descriptor):
            fcntl.ioctl(file_descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    app = DashboardApp(runs_dir, initial_run)
    app.run()
    return app.return_code or 0


def main() -> None:
    """Run the dashboard on the folder given as first argument, else on the default one."""
    runs_dir = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(run_dashboard(paths.runs_dir(runs_dir)))


if __name__ == "__main__":
    main()
