"""`genexplorer dashboard | view`: open one of the other front ends."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import OptionalRun, RunsDir, find_run
from genexplorer.cli.runs.control import print_active_elsewhere
from genexplorer.errors import DisplayError, NoSuchRunError, UserError

CLOSE_TIMEOUT_S = 5.0  # for the viewer to close its window


def dashboard(run: OptionalRun = None, runs_dir: RunsDir = None) -> None:
    """Open the dashboard in this terminal."""
    if not output.can_show_dashboard():
        place = output.unattended_terminal(os.environ)
        reason = f", this is {place}" if place else ""
        hint = "'genexplorer runs list' prints the runs"
        raise UserError(f"the dashboard needs a terminal with a keyboard{reason}", hint)
    open_dashboard(runs_dir, None if run is None else find_run(run, runs_dir))


def view(
    run: OptionalRun = None,
    runs_dir: RunsDir = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Open the window and return at once.")] = False,
) -> None:
    """Open the desktop viewer on a run (the newest)."""
    from genexplorer.session import actions

    try:
        folder = find_run("latest" if run is None else run, runs_dir)
    except NoSuchRunError:
        if run is not None:
            raise
        folder = None  # the empty window explains how to start
        output.print_stderr(f"no runs in {paths.runs_dir(runs_dir)}")
        print_active_elsewhere(paths.runs_dir(runs_dir))
    actions.require_display(folder)
    if not detach:
        raise typer.Exit(_run_viewer(folder, paths.runs_dir(runs_dir)))
    result = actions.open_viewer(folder, paths.runs_dir(runs_dir))
    if not result.ok:
        raise DisplayError(result.message, result.hint or "'genexplorer doctor' checks the display")
    output.print_stderr(result.message)


def open_dashboard(runs_dir: Path | None, initial_run: Path | None) -> None:
    """Run the dashboard in this terminal until it is closed."""
    from genexplorer.dashboard.app import run_dashboard

    code = run_dashboard(paths.runs_dir(runs_dir), initial_run)
    if code:
        raise typer.Exit(code)


def _run_viewer(folder: Path | None, runs_dir: Path) -> int:
    """Run the viewer until its window is closed and return its exit code; a signal that ends this process closes it."""
    from genexplorer.session import actions

    def end(number: int, _: object) -> None:
        raise _SignalError(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, end)
    process = subprocess.Popen(actions.viewer_command(folder), env=actions.viewer_environment(runs_dir))
    try:
        code = process.wait()
    except KeyboardInterrupt:
        _close_viewer(process)
        raise
    except _SignalError as error:
        _close_viewer(process)
        return 128 + error.number
    if code < 0:  # Qt aborts where it cannot reach the display
        raise DisplayError(f"the viewer was killed by signal {-code}", "'genexplorer doctor' checks the display")
    return code


class _SignalError(Exception):
    """A signal asks this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _close_viewer(process: "subprocess.Popen[bytes]") -> None:
    """Close the window as the person would; kill a viewer that does not respond."""
    process.terminate()
    try:
        process.wait(CLOSE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
