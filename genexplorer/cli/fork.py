"""`genexplorer fork`: start a branch of a run as a new run."""

from typing import Annotated

import typer

from genexplorer.cli import output
from genexplorer.cli.options import AsJson, Run, RunsDir, open_store
from genexplorer.cli.runs.control import parse_assignments
from genexplorer.cli.runs.steer import LrSchedule, parse_lr_schedule
from genexplorer.errors import ConfigError, UserError
from genexplorer.runs import notes


def fork(
    run: Run,
    at_step: Annotated[
        int | None,
        typer.Option(
            "--at", min=0, metavar="STEP", help="A checkpoint, else the weights of a snapshot (newest checkpoint)."
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; repeatable.")
    ] = None,
    lr_schedule: LrSchedule = "continue",
    name: Annotated[str, typer.Option("--name", help="Automatic if not given.")] = "",
    tags: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A label. Repeat for more.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print progress lines. Ctrl+C leaves it training.")
    ] = False,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Start a branch: a new run that goes on from a checkpoint of another one, with settings changed.

    The other run is not touched: it may be training, finished, or of somebody else. Where only a snapshot of the step
    exists, the branch starts from its weights, with a new optimizer.
    """
    from genexplorer.cli.follow import EXIT_CODES, exit_with_outcome, follow_detachable
    from genexplorer.cli.train import LOADING_TIMEOUT_S
    from genexplorer.session import forking
    from genexplorer.workers import launcher

    if follow and as_json:
        raise ConfigError("--json prints one value and returns", "omit --follow")
    if name:
        notes.clean_name(name)
    store = open_store(runs_dir)
    result = forking.fork(
        store.find(run),
        store.runs_dir,
        at_step=at_step,
        values=parse_assignments(assignments or (), "--set"),
        name=name,
        tags=tags or (),
        lr_continuation=parse_lr_schedule(lr_schedule),
    )
    if not result.ok or result.folder is None:
        output.print_error(UserError(result.message, result.hint))
        raise typer.Exit(result.exit_code)
    # Wait until the model and the data are loaded, so that errors in them are reported.
    status = launcher.wait_until_loaded(result.folder, LOADING_TIMEOUT_S)
    if not status.state.active and status.state in EXIT_CODES:
        exit_with_outcome(status)
    output.print_stderr(result.message)
    output.print_lifetime_warning()
    if as_json:
        from genexplorer.cli.runs.json_output import status_json

        output.print_json(status_json(status))
    if follow:
        follow_detachable(result.folder)
