"""`genexplorer runs pause | resume | stop`: steering workers, each answer awaited."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer import paths
from genexplorer.cli import completion, output
from genexplorer.cli.options import RunsDir
from genexplorer.cli.typer_classes import Command
from genexplorer.errors import UserError

if TYPE_CHECKING:
    from genexplorer.runs.record import RunStatus, State
    from genexplorer.runs.store import RunStore

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN", help="Ids, names, unique beginnings, or 'latest'.", autocompletion=completion.runs),
]
All = Annotated[bool, typer.Option("--all", help="Every live run.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.0, metavar="S", help="Seconds to wait for the answer.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("pause", cls=Command)(pause)
    app.command("resume", cls=Command)(resume)
    app.command("stop", cls=Command)(stop)


def pause(names: Names = None, every: All = False, timeout: Timeout = 30.0, runs_dir: RunsDir = None) -> None:
    """Pause runs: they keep their memory and give their cores back."""
    from genexplorer.runs.commands import control
    from genexplorer.runs.record import State
    from trainers.events import Pause

    def one(folder: Path) -> str:
        control.send(folder, Pause())
        status = _until(folder, [State.PAUSED], timeout)
        return f"{status.name} pauses at step {status.step:,}; {_resume_hint(status)} goes on"

    _each(names, every, runs_dir, one)


def resume(names: Names = None, every: All = False, timeout: Timeout = 60.0, runs_dir: RunsDir = None) -> None:
    """Go on with paused runs; start stopped, failed and lost ones again from their newest checkpoint."""
    from genexplorer.workers import launcher

    def one(folder: Path) -> str:
        status = launcher.resume(folder, timeout_s=timeout)
        return f"{status.name} trains from step {status.step:,}, attempt {status.attempt}, process {status.pid}"

    _each(names, every, runs_dir, one, own=True)


def stop(names: Names = None, every: All = False, timeout: Timeout = 60.0, runs_dir: RunsDir = None) -> None:
    """Stop runs; they save their state first and can be resumed."""
    from genexplorer.runs.record import State
    from genexplorer.workers import launcher

    def one(folder: Path) -> str:
        launcher.stop(folder)
        status = _until(folder, [state for state in State if not state.live], timeout)
        if status.state is not State.STOPPED:
            return f"{status.name} {status.state.value} at step {status.step:,}"
        return f"{status.name} stopped at step {status.step:,}; {_resume_hint(status)} goes on from there"

    _each(names, every, runs_dir, one)


def _resume_hint(status: "RunStatus") -> str:
    return f"'genexplorer runs resume {output.handle(status.name, status.id)}'"


def _until(folder: Path, states: "Sequence[State]", timeout_s: float) -> "RunStatus":
    """Wait until the run is in one of the states.

    Raises:
        RunStateError: if the run ended in another one.
        WorkerError: if the worker does not obey in time.
    """
    from genexplorer.errors import RunStateError
    from genexplorer.runs.record import State
    from genexplorer.workers import launcher

    ends = [state for state in State if not state.live]
    status = launcher.wait(folder, {*states, *ends}, timeout_s)
    if status.state not in states:
        raise RunStateError(f"{status.name} {status.state.value} before it obeyed", status.reason)
    return status


def _each(
    names: Sequence[str] | None,
    every: bool,
    runs_dir: Path | None,
    action: Callable[[Path], str],
    *,
    own: bool = False,
) -> None:
    """Do one thing to each run; one that fails does not keep the others from it. `own` refuses runs from elsewhere."""
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    failures: list[UserError] = []
    for folder in _folders(names or (), every, store, failures):
        try:
            if own:
                store.require_own(folder)
            output.say(action(folder))
        except UserError as error:
            output.complain(error)
            failures.append(error)
    if failures:
        raise typer.Exit(failures[0].exit_code)


def _folders(names: Sequence[str], every: bool, store: "RunStore", failures: list[UserError]) -> list[Path]:
    from genexplorer.errors import ConfigError

    if every:
        live = [status.folder for status in store.list() if status.state.live]
        if not live:
            output.say("no run is live")
        return live
    if not names:
        raise ConfigError("which run is not said", "give an id, a name, 'latest', or --all")
    folders = []
    for name in dict.fromkeys(names):
        try:
            folders.append(store.find(name))
        except UserError as error:
            output.complain(error)
            failures.append(error)
    return folders
