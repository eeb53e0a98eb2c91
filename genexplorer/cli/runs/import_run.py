"""`genexplorer runs import`: takes in a run that somebody sent."""

from pathlib import Path
from typing import Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import RunsDir
from genexplorer.cli.typer_classes import Command


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("import", cls=Command)(import_)


def import_(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|ZIP", help="A run folder, or a zip file of one.")],
    runs_dir: RunsDir = None,
) -> None:
    """Copy a run that somebody sent into the runs folder; nothing in it is trusted, the source stays as it is."""
    from genexplorer.runs.import_run import import_run
    from genexplorer.runs.status.run_status import read_status
    from genexplorer.runs.store import RunStore

    taken = import_run(source.expanduser(), RunStore(paths.runs_dir(runs_dir)))
    status = read_status(taken.folder)
    others = f", {taken.left_out} files that no run has were left out" if taken.left_out else ""
    output.say(f"{status.name}: {taken.num_files} files{others}")
    output.data(str(taken.folder))
