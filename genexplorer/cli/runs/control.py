"""`genexplorer runs pause | resume | stop`: send a command to workers and wait until each has applied it."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OptionalRuns, RunsDir, open_store
from genexplorer.errors import ConfigError, UserError
from genexplorer.session.settings_text import parse_assignment

if TYPE_CHECKING:
    from genexplorer.session.actions import ActionResult

AllActive = Annotated[bool, typer.Option("--all", help="Every active run.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.0, metavar="S", help="Seconds to wait for the worker.")]


def pause(
    names: OptionalRuns = None, all_active: AllActive = False, timeout: Timeout = 30.0, runs_dir: RunsDir = None
) -> None:
    """Pause runs: they keep their memory and release their cores."""
    from genexplorer.session import actions

    pause_one = partial(actions.pause, timeout_s=timeout, wait_for_state=True)
    apply_to_each(names, runs_dir, pause_one, resume_hint, all_active=all_active)


def resume(
    names: OptionalRuns = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting from then on; repeatable.")
    ] = None,
    all_active: AllActive = False,
    timeout: Timeout = 60.0,
    runs_dir: RunsDir = None,
) -> None:
    """Resume paused runs; restart stopped, failed and lost ones from their newest checkpoint."""
    from genexplorer.session import actions, steering

    output.print_lifetime_warning()
    values = parse_assignments(assignments or (), "--set")
    if values:
        apply_to_each(
            names, runs_dir, lambda folder, own: steering.resume_with(folder, own, values), all_active=all_active
        )
        return
    resume_one = partial(actions.resume, timeout_s=timeout)
    apply_to_each(names, runs_dir, resume_one, all_active=all_active)


def stop(
    names: OptionalRuns = None, all_active: AllActive = False, timeout: Timeout = 60.0, runs_dir: RunsDir = None
) -> None:
    """Stop runs; they save their state first and can be resumed."""
    from genexplorer.session import actions

    stop_one = partial(actions.stop, timeout_s=timeout, wait_for_state=True)
    apply_to_each(names, runs_dir, stop_one, resume_hint, all_active=all_active)


def apply_to_each(
    names: Sequence[str] | None,
    runs_dir: Path | None,
    action: "Callable[[Path, Path], ActionResult]",
    success_note: Callable[[Path], str] = lambda folder: "",
    *,
    all_active: bool = False,
) -> None:
    """Apply an action to each run. After a failure, which decides the exit code, the others are still processed.

    Args:
        names: Ids, names or prefixes of the runs.
        runs_dir: Value of --runs-dir.
        action: Called with the run folder and the runs folder.
        success_note: Returns the text after the message of a success, given the run folder.
        all_active: Apply it to every active run instead.
    """
    store = open_store(runs_dir)
    folders, codes = [], []
    # Find the runs; names that do not exist only set the exit code.
    if all_active:
        folders = [status.folder for status in store.list_after_observing() if status.state.active]
        if not folders:
            output.print_stderr(f"no active runs in {store.runs_dir}")
            print_active_elsewhere(store.runs_dir)
    elif not names:
        raise ConfigError("no run given", "give an id, a name, 'latest', or --all")
    else:
        for name in dict.fromkeys(names):
            try:
                folders.append(store.find(name))
            except UserError as error:
                output.print_error(error)
                codes.append(error.exit_code)
    # Apply the action.
    for folder in folders:
        result = action(folder, store.runs_dir)
        if result.ok:
            output.print_stderr(result.message + success_note(folder))
        else:
            output.print_error(UserError(result.message, result.hint))
            codes.append(result.exit_code)
    if codes:
        raise typer.Exit(codes[0])


def resume_hint(folder: Path) -> str:
    """Return how to continue a run; empty unless it is paused or stopped."""
    from genexplorer.runs.command_hints import run_command
    from genexplorer.runs.record import State
    from genexplorer.runs.status.run_status import read_status

    status = read_status(folder)
    if status.state not in (State.PAUSED, State.STOPPED):
        return ""
    return f"; '{run_command('runs resume', folder)}' continues it"


def print_active_elsewhere(runs_dir: Path) -> None:
    """Print which trainings are active in other runs folders, if any."""
    from genexplorer.runs import active_runs

    if line := active_runs.describe_others(runs_dir):
        output.print_stderr(line)


def parse_assignments(texts: Sequence[str], given_in: str) -> dict[str, Any]:
    """Parse texts such as "model.beta=4" as values by dotted key.

    Args:
        texts: The assignments.
        given_in: Where they were given, such as "--set", for error messages.

    Raises:
        ConfigError: if one is not of the form key=value, or a key is given twice.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, value = parse_assignment(text, given_in)
        if key in values:
            raise ConfigError(f"{key} is given twice", "give it once")
        values[key] = value
    return values
