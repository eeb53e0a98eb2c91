"""`python -m genexplorer.viewer.main [RUN] [--runs-dir DIR]`: the desktop viewer's process. Never imports torch."""

import argparse
import gc
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from genexplorer import paths
from genexplorer.errors import NoSuchRunError, UserError, missing_package

if TYPE_CHECKING:
    from PyQt6.QtWidgets import QApplication

    from genexplorer.viewer.error_handler import ErrorHandler
    from genexplorer.viewer.model_client import MakeClient
    from genexplorer.viewer.window import MainWindow


def main(arguments: list[str] | None = None) -> int:
    """Show the window until it is closed; return the exit code."""
    gc.set_threshold(20_000, 20, 20)  # objects made at start stay: collecting would find no garbage
    parser = argparse.ArgumentParser(prog="genexplorer view", description="Explore a run in a window.")
    parser.add_argument("run", nargs="?", default="", help="a run's id, name, folder, or 'latest'")
    parser.add_argument("--runs-dir", type=Path, default=None, help="the runs folder")
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except UserError as error:
        failure = error
    except ImportError as error:
        missing = missing_package(error)
        if missing is None:
            raise
        failure = missing
    print(f"genexplorer: {failure}", file=sys.stderr)  # noqa: T201
    return failure.exit_code


def _run(args: argparse.Namespace) -> int:
    from genexplorer.session.display import require_display

    runs_dir = paths.runs_dir(args.runs_dir)
    # Without a display, suggest the command that writes an image.
    command = ["genexplorer", "manifold", args.run or "RUN", "--out", "manifold.png"]
    if args.runs_dir is not None:
        command += ["--runs-dir", str(args.runs_dir)]
    require_display(f"write an image instead: {shlex.join(command)}", load_plugins=True)
    folder = _find_run(args.run, runs_dir) if args.run else None
    app = make_application()
    window = make_window(app, runs_dir)
    report_errors(window)
    # Open the given run, or the last one, once the window is painted.
    last_run = window.preferences.text("run")
    if folder is None and last_run and (Path(last_run) / "config.json").is_file():
        folder = Path(last_run)
        print(f"genexplorer: opens the run that was viewed last, {folder}", file=sys.stderr)  # noqa: T201
    window.open_soon(folder)
    window.show()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda *_: window.close())
    return int(app.exec())


def _find_run(selector: str, runs_dir: Path) -> Path:
    from genexplorer.runs.store import RunStore

    path = Path(selector).expanduser()
    if (path / "config.json").is_file():
        return path.resolve()
    if not runs_dir.is_dir():
        raise NoSuchRunError(f"there is no runs folder {runs_dir}", "name a run's folder, or --runs-dir")
    return RunStore(runs_dir).find(selector)


def make_application() -> "QApplication":
    """Return the application with its name and style; errors are shown and logged instead of aborting it."""
    from PyQt6.QtWidgets import QApplication

    QApplication.setApplicationName("genexplorer")
    QApplication.setDesktopFileName("genexplorer")
    existing = QApplication.instance()
    return existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])


def make_window(app: "QApplication", runs_dir: Path, make_client: "MakeClient | None" = None) -> "MainWindow":
    """Return the window, not yet shown and without a run.

    Args:
        app: The application; it gets its style and colors.
        runs_dir: The folder whose runs the menu lists.
        make_client: Makes the client of the model's process; the real one by default.
    """
    from genexplorer.session.step_selection import StepSelection
    from genexplorer.viewer import style
    from genexplorer.viewer.context import ViewerContext
    from genexplorer.viewer.model_client import ModelClient
    from genexplorer.viewer.preferences import Preferences
    from genexplorer.viewer.window import MainWindow

    if make_client is None:
        from genexplorer.explore.client import ExplorerClient

        make_client = ExplorerClient
    preferences = Preferences()
    palette = style.palette_for(preferences.text("theme"))
    style.apply(app, palette)
    context = ViewerContext(StepSelection(), palette, ModelClient(make_client), runs_dir)
    return MainWindow(context, preferences)


def report_errors(window: "MainWindow") -> "ErrorHandler":
    """Log uncaught exceptions and show them in the window, from now on."""
    from PyQt6.QtCore import Qt

    from genexplorer.viewer.error_handler import ErrorHandler, log_to_file

    log_to_file()
    reporter = ErrorHandler(window)
    queued = Qt.ConnectionType.QueuedConnection  # shown after the call that failed, which could fail again
    reporter.happened.connect(window.context.alert, queued)  # type: ignore[call-arg]
    reporter.install()
    return reporter


if __name__ == "__main__":
    sys.exit(main())
