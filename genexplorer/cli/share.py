"""`genexplorer share`: one self-contained page of runs."""

from pathlib import Path
from typing import Annotated

import typer

from genexplorer.cli import output
from genexplorer.cli.options import AsJson, Runs, RunsDir, Step, find_run


def share(
    runs: Runs,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="HTML file to write; an existing one is replaced (NAME.html)."
        ),
    ] = None,
    step: Step = None,
    as_json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Write one page of up to four runs that anyone opens in a browser, offline: the model decodes in the page."""
    from genexplorer.cli.pictures.image_command import new_client
    from genexplorer.jobs.image_files import format_of
    from genexplorer.runs.export_run import safe_name
    from genexplorer.runs.status.run_status import read_status
    from genexplorer.session.disk_use import size
    from genexplorer.share.page import MAX_PAGE_BYTES, write_page

    folders = [find_run(run, runs_dir) for run in dict.fromkeys(runs)]
    path = out or Path(f"{safe_name(read_status(folders[0]).name)}.html")
    format_of(path, {".html": "HTML"})  # before anything is computed
    client = new_client()
    try:
        with output.progress_bar("share") as show:
            num_bytes = write_page(folders, path, client, step=step, on_progress=show)
    finally:
        client.close()
    if as_json:
        output.print_json({"path": str(path), "bytes": num_bytes})
        return
    note = "; large for a mail" if num_bytes > MAX_PAGE_BYTES else ""
    output.print_stderr(f"{path}: {size(num_bytes)}{note}")
