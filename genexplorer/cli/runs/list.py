"""`genexplorer runs list`: every run in one line."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer import paths
from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson, RunsDir

if TYPE_CHECKING:
    from genexplorer.runs.record import RunStatus, State

OPTIONAL = ("speed", "preset", "started")  # columns dropped in a narrow terminal, in this order


def list_runs(
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs with this tag.")] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help="Only runs in this state, or 'active'.", autocompletion=completion.states),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many.")] = 1000,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from genexplorer.cli.runs.json_output import status_json
    from genexplorer.runs.store import RunStore

    folder = paths.runs_dir(runs_dir)
    states = _states(state)
    runs = [
        status for status in RunStore(folder).list() if status.state in states and (tag is None or tag in status.tags)
    ][:limit]
    if as_json:
        output.print_json([status_json(status) for status in runs])
    elif runs:
        _print_list(runs)
    elif tag or state:
        output.print_message(f"no matching runs in {folder}")
    else:
        output.print_message(f"no runs in {folder} yet; start one with: genexplorer train vae-2d")


def _states(name: str | None) -> "set[State]":
    from genexplorer.errors import ConfigError
    from genexplorer.runs.record import State

    if name is None:
        return set(State)
    if name in ("active", "live"):
        return {state for state in State if state.live}
    try:
        return {State(name.lower())}
    except ValueError:
        raise ConfigError(f"--state {name}: no such state", f"choose from active, {', '.join(State)}") from None


def _print_list(runs: "list[RunStatus]") -> None:
    columns = list_columns(runs)
    for name in OPTIONAL:
        if sum(max(len(text) for text in [name, *cells]) + 2 for name, cells in columns.items()) - 2 > output.width():
            columns.pop(name)
    names = list(columns)
    right = [names.index(name) for name in names if name in ("done", "speed") or "/" in name]
    output.table(names, list(zip(*columns.values(), strict=True)), right=right)


def list_columns(runs: "list[RunStatus]") -> dict[str, list[str]]:
    """Return the cells by column; the objective's column is named after its metric if all runs share it."""
    from genexplorer.session import formatting

    now = time.time()
    objectives = {status.primary_metric for status in runs if status.primary_metric}
    objective = objectives.pop() if len(objectives) == 1 else "objective"
    return {
        "": [formatting.state_symbol(status.state) for status in runs],
        "state": [status.state.value for status in runs],
        "name": [output.cut(status.name or status.id, 24) for status in runs],
        "preset": [output.cut(status.preset or status.family, 16) for status in runs],
        "done": [formatting.percent(status.progress) for status in runs],
        objective: [formatting.number(s.primary_value) if s.primary_value is not None else "" for s in runs],
        "speed": [formatting.speed(status, short=True) for status in runs],
        "time": [formatting.time_left(s) if s.state.live else formatting.duration(s.elapsed_s) for s in runs],
        "started": [formatting.ago(now - status.created) if status.created else "" for status in runs],
    }
