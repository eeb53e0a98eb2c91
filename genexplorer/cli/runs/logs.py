"""`genexplorer runs logs`: print a run's log, and follow it."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import Run, RunsDir

if TYPE_CHECKING:
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.record import LogLine

POLL_S = 0.25


def logs(
    run: Run,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of last lines.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines until the run ends.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print the worker's raw output, tracebacks included.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Print a run's log."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    folder = RunStore(paths.runs_dir(runs_dir)).find(run)
    with RunReader(folder) as reader:
        status = reader.status()
        if raw:
            output.print_data(reader.log_tail(lines).rstrip() or "(nothing)")
            return
        entries = reader.log(limit=lines)
        for line in entries:
            print_log_line(line)
        last = entries[-1].id if entries else 0
        if follow:
            _follow_log(reader, last)
        elif not status.state.live and (tail := reader.log_tail(12).strip()) and status.state.resumable:
            output.print_message(f"last lines of the worker's output ({status.state.value}):\n{tail}")


def _follow_log(reader: "RunReader", after: int) -> None:
    while True:
        live = reader.status().state.live
        for line in reader.log(limit=1000, after=after):
            print_log_line(line)
            after = line.id
        if not live:
            return
        time.sleep(POLL_S)


def print_log_line(line: "LogLine") -> None:
    """Print a line of a run's log: time of day, step, message."""
    from genexplorer.session import formatting

    role = {"error": "error", "warning": "warning"}.get(line.severity)
    message = output.style(f"{line.severity}: {line.message}", role) if role else line.message
    output.print_data(f"{formatting.clock(line.time)}  step {line.step:>7,}  {message}")
