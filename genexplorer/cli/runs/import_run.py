"""`genexplorer runs import`: copy a shared run into the runs folder."""

from pathlib import Path
from typing import Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import RunsDir


def import_(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|ZIP", help="A run folder, or a zip file of one.")],
    runs_dir: RunsDir = None,
) -> None:
    """Import a shared run: copy it into the runs folder after checking it; the source is not changed."""
    from genexplorer.runs.import_run import import_run
    from genexplorer.runs.status.run_status import read_status
    from genexplorer.runs.store import RunStore

    result = import_run(source.expanduser(), RunStore(paths.runs_dir(runs_dir)))
    status = read_status(result.folder)
    skipped = f", {result.num_skipped} unexpected files skipped" if result.num_skipped else ""
    output.print_message(f"{status.name}: {result.num_files} files{skipped}")
    output.print_data(str(result.folder))
