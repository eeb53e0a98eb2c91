"""`genexplorer share`: one self-contained page of runs."""

from genexplorer.cli import output
from genexplorer.cli.options import AsJson, OutFile, Runs, RunsDir, Step, find_run


def share(
    runs: Runs,
    out: OutFile = None,
    step: Step = None,
    as_json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Write one page of up to four runs that anyone opens in a browser, offline: the model decodes in the page."""
    from genexplorer.cli.pictures.image_command import default_file
    from genexplorer.jobs.image_files import format_of
    from genexplorer.runs.export_run import safe_name
    from genexplorer.runs.status.run_status import read_status
    from genexplorer.session.disk_use import size
    from genexplorer.share.page import MAX_PAGE_BYTES, write_page

    folders = [find_run(run, runs_dir) for run in dict.fromkeys(runs)]
    path = out or default_file(f"{safe_name(read_status(folders[0]).name)}.html")
    format_of(path, {".html": "HTML"})  # before anything is computed
    with output.progress_bar("share") as show:
        num_bytes = write_page(folders, path, step=step, on_progress=show)
    if as_json:
        output.print_json({"path": str(path), "bytes": num_bytes})
        return
    note = "; large for a mail" if num_bytes > MAX_PAGE_BYTES else ""
    output.print_stderr(f"{path}: {size(num_bytes)}{note}")
