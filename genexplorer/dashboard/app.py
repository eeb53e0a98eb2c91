"""The terminal dashboard: `run_dashboard(runs_dir)`, or `python -m genexplorer.dashboard.app RUNS_DIR`."""

import contextlib
import fcntl
import os
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import App
from textual.screen import Screen

from genexplorer import paths
from genexplorer.dashboard.command_palette import DashboardCommands
from genexplorer.dashboard.deeds import Deeds, SessionDeeds
from genexplorer.dashboard.preferences import remembered_dark
from genexplorer.dashboard.screens.main import MainScreen
from genexplorer.dashboard.tabs.latent import MakeClient, start_client
from genexplorer.dashboard.theme import NAMES, prefers_dark, themes, variables
from genexplorer.session.palette import palette


class DashboardApp(App[None]):
    """Runs and what became of them.

    Args:
        runs_dir: The folder of runs; it need not exist yet.
        select: The run to begin with; the newest without it.
        deeds: What the keys do; tests put others in their place.
        make_client: Starts explorers for the walk.
        clock: Unix time; tests freeze it.
        dark: The look to begin with; None takes the one that was chosen last, else asks the terminal.
    """

    TITLE = "genexplorer"
    CSS_PATH = "dashboard.tcss"
    COMMANDS: ClassVar[set[type[DashboardCommands] | Callable[[], type[DashboardCommands]]]] = {DashboardCommands}  # type: ignore[assignment]
    ESCAPE_TO_MINIMIZE = False

    def __init__(
        self,
        runs_dir: Path,
        select: Path | None = None,
        *,
        deeds: Deeds | None = None,
        make_client: MakeClient = start_client,
        clock: Callable[[], float] = time.time,
        dark: bool | None = None,
    ) -> None:
        super().__init__()
        self._main = MainScreen(
            runs_dir, select, deeds=deeds or SessionDeeds(runs_dir), make_client=make_client, clock=clock
        )
        for theme in themes():
            self.register_theme(theme)
        self.theme = NAMES[self._look() if dark is None else dark]

    def _look(self) -> bool:
        remembered = remembered_dark()
        return prefers_dark() if remembered is None else remembered

    def get_default_screen(self) -> Screen[None]:
        """Return the one screen."""
        return self._main

    async def on_event(self, event: events.Event) -> None:
        """Wake up when somebody is back, before what they do is done."""
        if isinstance(event, events.InputEvent | events.AppFocus):
            self._main.touch()
        await super().on_event(event)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return colors of our own for Textual's other themes too."""
        return variables(palette(dark=True))


def run_dashboard(runs_dir: Path, select: Path | None = None) -> int:
    """Show the runs of a folder until the person leaves. Trainings are never touched by that.

    Args:
        runs_dir: The folder of runs; it need not exist yet.
        select: The run folder to begin with; the newest without it.
    Returns:
        The exit code: 0, or 1 where a fault of the dashboard ended it.
    """
    _insist_on_a_size()
    app = DashboardApp(runs_dir, select)
    app.run()
    return app.return_code or 0


def _insist_on_a_size() -> None:
    """Take a terminal that does not know its size for 80 × 24; Textual and Rich guess differently, without an end."""
    with contextlib.suppress(OSError, ValueError):
        handle = sys.__stdout__.fileno() if sys.__stdout__ is not None else 1
        if 0 in os.get_terminal_size(handle):
            fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))


def main() -> None:
    """Run the dashboard on the folder that is named first, else on the usual one."""
    option = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(run_dashboard(paths.runs_dir(option)))


if __name__ == "__main__":
    main()
