"""`genexplorer runs list | show | logs`: looking at runs without touching them."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer import paths
from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson, Run, RunsDir
from genexplorer.cli.typer_classes import Command

if TYPE_CHECKING:
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.record import LogLine, RunStatus, State

SPARED = ("speed", "preset", "begun")  # columns that a narrow terminal goes without, the first one first
STATE_STYLES = {"running": "accent", "succeeded": "good", "failed": "error", "lost": "error", "damaged": "error"}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("list", cls=Command)(list_runs)
    app.command("show", cls=Command)(show)
    app.command("logs", cls=Command)(logs)


def list_runs(
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs with this tag.")] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help="Only runs in this state, or 'live'.", autocompletion=completion.states),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many, the newest.")] = 1000,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first."""
    from genexplorer.cli.runs.json_output import status_json
    from genexplorer.runs.store import RunStore

    folder = paths.runs_dir(runs_dir)
    states = _states(state)
    found = [
        status for status in RunStore(folder).list() if status.state in states and (tag is None or tag in status.tags)
    ][:limit]
    if as_json:
        output.as_json([status_json(status) for status in found])
    elif found:
        _print_list(found)
    elif tag or state:
        output.say(f"no such runs in {folder}")
    else:
        output.say(f"no runs in {folder} yet; 'genexplorer train vae-2d' makes one")


def show(
    run: Run,
    runs_dir: RunsDir = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the run's settings as a file for 'train --config'.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one run: state, figures, settings, files."""
    from genexplorer.cli.runs.json_output import run_json
    from genexplorer.errors import DamagedRunError
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.record import State
    from genexplorer.runs.store import RunStore

    with RunReader(RunStore(paths.runs_dir(runs_dir)).find(run)) as reader:
        status = reader.changes().status  # unlike `status()`, it looks into the database
        if as_json:
            output.as_json(run_json(reader, status))
        elif toml:
            from genexplorer.cli.toml_text import to_toml

            output.data(to_toml(reader.config()).rstrip())
        else:
            _print_run(reader, status)
    if status.state is State.DAMAGED:
        raise typer.Exit(DamagedRunError.exit_code)


def logs(
    run: Run,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="The last lines.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print the worker's own output, tracebacks included.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Print a run's log."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    folder = RunStore(paths.runs_dir(runs_dir)).find(run)
    with RunReader(folder) as reader:
        status = reader.status()
        if raw:
            output.data(reader.last_words(lines).rstrip() or "(nothing)")
            return
        found = reader.log(limit=lines)
        for line in found:
            print_log_line(line)
        last = found[-1].id if found else 0
        if follow:
            _follow_log(reader, last)
        elif not status.state.live and (words := reader.last_words(12).strip()) and status.state.resumable:
            output.say(f"the worker's last words ({status.state.value}):\n{words}")


def _follow_log(reader: "RunReader", after: int) -> None:
    while True:
        live = reader.status().state.live
        for line in reader.log(limit=1000, after=after):
            print_log_line(line)
            after = line.id
        if not live:
            return
        time.sleep(0.25)


def print_log_line(line: "LogLine") -> None:
    """Print one line of a run's log: time of day, step, message."""
    from genexplorer.session import formatting

    role = {"error": "error", "warning": "warning"}.get(line.severity)
    message = output.style(f"{line.severity}: {line.message}", role) if role else line.message
    output.data(f"{formatting.clock(line.time)}  step {line.step:>7,}  {message}")


def _states(asked: str | None) -> "set[State]":
    from genexplorer.errors import ConfigError
    from genexplorer.runs.record import State

    if asked is None:
        return set(State)
    if asked == "live":
        return {state for state in State if state.live}
    try:
        return {State(asked.lower())}
    except ValueError:
        raise ConfigError(f"--state {asked}: no such state", f"choose from live, {', '.join(State)}") from None


def _print_list(found: "list[RunStatus]") -> None:
    columns = _columns(found)
    for name in SPARED:
        if _total_width(columns) > output.width():
            columns.pop(name)
    names = list(columns)
    right = [names.index(name) for name in names if name in ("done", "speed") or "/" in name]
    output.table(names, list(zip(*columns.values(), strict=True)), right=right)


def _columns(found: "list[RunStatus]") -> dict[str, list[str]]:
    """Return the list by column; the objective's column is headed by its metric."""
    from genexplorer.session import formatting

    now = time.time()
    objectives = {status.headline_name for status in found if status.headline_name}
    objective = objectives.pop() if len(objectives) == 1 else "objective"
    return {
        "": [formatting.state_symbol(status.state) for status in found],
        "state": [status.state.value for status in found],
        "name": [output.cut(status.name or status.id, 24) for status in found],
        "preset": [output.cut(status.preset or status.family, 16) for status in found],
        "done": [formatting.percent(status.progress) for status in found],
        objective: [_objective(status) for status in found],
        "speed": [formatting.speed(status, short=True) for status in found],
        "time": [_time(status) for status in found],
        "begun": [formatting.ago(now - status.created) if status.created else "" for status in found],
    }


def _total_width(columns: dict[str, list[str]]) -> int:
    return sum(max(len(text) for text in [name, *cells]) + 2 for name, cells in columns.items()) - 2


def _time(status: "RunStatus") -> str:
    from genexplorer.session import formatting

    if status.state.live:
        return formatting.time_left(status)
    return formatting.duration(status.elapsed_s)


def _objective(status: "RunStatus") -> str:
    from genexplorer.session import formatting

    return formatting.number(status.headline) if status.headline is not None else ""


def _print_run(reader: "RunReader", status: "RunStatus") -> None:
    from genexplorer.cli.runs.json_output import if_readable
    from genexplorer.session import formatting

    symbol = output.style(formatting.state_symbol(status.state), STATE_STYLES.get(status.state.value, "faint"))
    phase = f", {status.phase}" if status.state.live and status.phase not in ("", "training") else ""
    output.data(f"{symbol} {status.name}  {status.state.value}{phase}")
    output.pairs(
        [
            ("id", status.id),
            ("reason", status.reason),
            ("preset", f"{status.preset or status.family} on {status.data}" if status.data else ""),
            ("tags", ", ".join(status.tags)),
            ("progress", _progress(status)),
            ("speed", formatting.speed(status)),
            ("worker", _worker(status)),
            ("newest snapshot", f"step {status.snapshot_step:,}" if status.snapshot_step is not None else "none yet"),
            ("alerts", str(status.num_alerts) if status.num_alerts else ""),
            ("begun", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.created)) if status.created else ""),
            ("folder", str(status.folder)),
        ],
        indent=2,
    )
    _print_metrics(reader)
    for alert in if_readable(reader.alerts) or []:
        output.data("  " + output.style(f"{alert.severity} at step {alert.step:,}: {alert.message}", "warning"))
    if status.note:
        output.data("")
        output.data(status.note)


def _print_metrics(reader: "RunReader") -> None:
    from genexplorer.cli.runs.json_output import if_readable
    from genexplorer.session import formatting

    specs, latest = if_readable(reader.specs) or {}, if_readable(reader.latest) or {}
    if not latest:
        return
    output.data("")
    names = [name for name in specs if name in latest] + sorted(set(latest) - set(specs))
    rows = []
    for name in names:
        spec, point = specs.get(name), latest[name]
        meaning = f"{spec.title}; {spec.setup}" if spec and spec.setup else spec.title if spec else ""
        rows.append((name, formatting.number(point.value, spec.unit if spec else ""), f"step {point.step:,}", meaning))
    output.table(("metric", "latest", "at", "what it is"), rows, right=(1, 2))


def _progress(status: "RunStatus") -> str:
    from genexplorer.session import formatting

    of = f" of {status.total_steps:,}" if status.total_steps else ""
    told = f"{formatting.percent(status.progress)}, step {status.step:,}{of}, {status.images_seen:,} {status.kind}, "
    told += formatting.duration(status.elapsed_s)
    return told + (f", {formatting.time_left(status)}" if status.state.value == "running" else "")


def _worker(status: "RunStatus") -> str:
    parts = [f"attempt {status.attempt}"] if status.attempt else []
    if status.state.live and status.pid:
        parts.append(f"process {status.pid}" + (f" on {status.host}" if status.host else ""))
    if status.device:
        parts.append(f"{status.device}, {status.threads} thread{'' if status.threads == 1 else 's'}")
    if not status.answering:
        parts.append("not answering")
    return ", ".join(parts)


def find(run: str, runs_dir: Path | None) -> Path:
    """Return the folder of the run that was named.

    Raises:
        NoSuchRunError: if none, or more than one, answers to it.
    """
    from genexplorer.runs.store import RunStore

    return RunStore(paths.runs_dir(runs_dir)).find(run)
