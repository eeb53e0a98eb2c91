"""`genexplorer runs pause | resume | stop`: send a command to workers and wait for each answer."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer import paths
from genexplorer.cli import completion, output
from genexplorer.cli.options import RunsDir
from genexplorer.errors import UserError

if TYPE_CHECKING:
    from genexplorer.runs.store import RunStore
    from genexplorer.session.actions import ActionResult

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN", help="Ids, names, unique prefixes, or 'latest'.", autocompletion=completion.runs),
]
All = Annotated[bool, typer.Option("--all", help="Every active run.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.0, metavar="S", help="Seconds to wait for the answer.")]


def pause(names: Names = None, all_active: All = False, timeout: Timeout = 30.0, runs_dir: RunsDir = None) -> None:
    """Pause runs: they keep their memory and release their cores."""
    from genexplorer.session import actions

    pause_one = partial(actions.pause, timeout_s=timeout, wait_for_state=True)
    _apply_to_each(names, all_active, runs_dir, pause_one)


def resume(names: Names = None, all_active: All = False, timeout: Timeout = 60.0, runs_dir: RunsDir = None) -> None:
    """Resume paused runs; restart stopped, failed and lost ones from their newest checkpoint."""
    from genexplorer.session import actions

    _apply_to_each(names, all_active, runs_dir, partial(actions.resume, timeout_s=timeout))


def stop(names: Names = None, all_active: All = False, timeout: Timeout = 60.0, runs_dir: RunsDir = None) -> None:
    """Stop runs; they save their state first and can be resumed."""
    from genexplorer.session import actions

    stop_one = partial(actions.stop, timeout_s=timeout, wait_for_state=True)
    _apply_to_each(names, all_active, runs_dir, stop_one)


def _apply_to_each(
    names: Sequence[str] | None, all_active: bool, runs_dir: Path | None, action: "Callable[[Path, Path], ActionResult]"
) -> None:
    """Apply an action to each run; a failure does not keep the others from it, but decides the exit code."""
    from genexplorer.runs.record import State
    from genexplorer.runs.status.run_status import read_status
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    folders, codes = _find_folders(names or (), all_active, store)
    for folder in folders:
        result = action(folder, store.runs_dir)
        if not result.ok:
            output.print_error(UserError(result.message, result.hint))
            codes.append(result.exit_code)
            continue
        status = read_status(folder)
        resumable = status.state in (State.PAUSED, State.STOPPED)
        handle = output.handle(status.name, status.id)
        output.print_message(
            result.message + (f"; 'genexplorer runs resume {handle}' continues it" if resumable else "")
        )
    if codes:
        raise typer.Exit(codes[0])


def _find_folders(names: Sequence[str], all_active: bool, store: "RunStore") -> tuple[list[Path], list[int]]:
    """Return the folders of the named runs, and the exit codes for the names that are not found."""
    from genexplorer.errors import ConfigError

    if all_active:
        active = [status.folder for status in store.list() if status.state.live]
        if not active:
            output.print_message("no active runs")
        return active, []
    if not names:
        raise ConfigError("no run given", "give an id, a name, 'latest', or --all")
    folders, codes = [], []
    for name in dict.fromkeys(names):
        try:
            folders.append(store.find(name))
        except UserError as error:
            output.print_error(error)
            codes.append(error.exit_code)
    return folders, codes
