"""`genexplorer dashboard | view`: the two faces that are not this one."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import MaybeRun, RunsDir
from genexplorer.errors import DisplayError, UserError

VIEWER = "genexplorer.viewer.main"


def dashboard(run: MaybeRun = None, runs_dir: RunsDir = None) -> None:
    """Open the dashboard in this terminal."""
    if not output.full_screen():
        raise UserError("the dashboard needs a terminal", "'genexplorer runs list' prints the runs")
    folder = None
    if run is not None:
        from genexplorer.cli.runs_shown import find

        folder = find(run, runs_dir)
    open_dashboard(runs_dir, folder)


def view(
    run: MaybeRun = None,
    runs_dir: RunsDir = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Open the window and return.")] = False,
) -> None:
    """Open the viewer on the desktop; without a RUN, on the newest one."""
    folder = _folder_to_view(run, runs_dir)
    if not has_display():
        raise DisplayError("no display to open a window on", f"write a picture instead: {picture_command(folder)}")
    process = spawn_viewer(folder, runs_dir, detach=detach)
    if not detach:
        raise typer.Exit(_wait(process))


def open_dashboard(runs_dir: Path | None, select: Path | None) -> None:
    """Run the dashboard in this terminal until it is closed."""
    from genexplorer.dashboard.app import run_dashboard

    run_dashboard(paths.runs_dir(runs_dir), select)


def has_display() -> bool:
    """Whether a window can be asked for: a display is named, or Qt was told of a platform of its own."""
    if sys.platform == "darwin":
        return True
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return any(os.environ.get(name) for name in names)


def spawn_viewer(folder: Path | None, runs_dir: Path | None, *, detach: bool) -> "subprocess.Popen[bytes]":
    """Start the viewer as a process of its own; detached, it outlives this terminal."""
    command = [sys.executable, "-m", VIEWER, *([str(folder)] if folder else [])]
    environment = {**os.environ, paths.RUNS_VARIABLE: str(paths.runs_dir(runs_dir))}
    if not detach:
        return subprocess.Popen(command, env=environment)
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(
        command, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
    )


def picture_command(folder: Path | None) -> str:
    """Return the command that writes what the viewer would show first."""
    if folder is None:
        return "genexplorer manifold RUN --out manifold.png"
    from genexplorer.runs.reader import RunReader

    with RunReader(folder) as reader:
        status = reader.status()
        what = "manifold"
        if status.snapshot_step is not None and not reader.card().ability("manifold").available:
            what = "sample"
    return f"genexplorer {what} {shlex.quote(status.name)} --out {what}.png"


def _folder_to_view(run: str | None, runs_dir: Path | None) -> Path | None:
    from genexplorer.cli.runs_shown import find
    from genexplorer.errors import NoSuchRunError

    if run is not None:
        return find(run, runs_dir)
    try:
        return find("latest", runs_dir)
    except NoSuchRunError:
        return None  # the window opens empty and says how to begin


def _wait(process: "subprocess.Popen[bytes]") -> int:
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    return code if code >= 0 else 128 - code
