"""`genexplorer runs list | show | logs`: every run in one line, one run in detail, its log."""

import itertools
import time
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson, Run, RunsDir, find_run, open_store
from genexplorer.cli.runs.control import print_active_elsewhere

if TYPE_CHECKING:
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.record import LogLine, RunStatus, State

OPTIONAL_COLUMNS = ("speed", "branch of", "preset", "started")  # a narrow terminal drops them, in this order
STATE_ROLES = {"running": "accent", "succeeded": "good", "failed": "error", "lost": "error", "damaged": "error"}
POLL_INTERVAL_S = 0.25


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
    """List runs, newest first, with branches below their parents."""
    from genexplorer.cli.runs.json_output import status_json

    states, store = _parse_states(state), open_store(runs_dir)
    matching = (run for run in store.list_after_observing() if run.state in states and (tag is None or tag in run.tags))
    runs = list(itertools.islice(matching, limit))
    if as_json:
        output.print_json([status_json(status) for status in runs])
    elif runs:
        from rich.cells import cell_len

        from genexplorer.session import comparison

        # Drop columns until the rest fits the terminal.
        columns = list_columns(runs)
        for name in (name for name in OPTIONAL_COLUMNS if name in columns):
            widths = [max(map(cell_len, [heading, *cells])) + 2 for heading, cells in columns.items()]
            if sum(widths) - 2 > output.terminal_columns():
                columns.pop(name)
        names = list(columns)
        right_aligned = [i for i, name in enumerate(names) if name in ("done", "speed", "objective") or "/" in name]
        output.print_table(names, list(zip(*columns.values(), strict=True)), right_aligned=right_aligned)
        for note in comparison.list_notes(runs):
            output.print_stderr(note)
    elif tag or state:
        output.print_stderr(f"no matching runs in {store.runs_dir}")
    else:
        output.print_stderr(f"no runs in {store.runs_dir} yet; start one with: genexplorer train vae-2d")
    if not as_json:
        print_active_elsewhere(store.runs_dir)


def _parse_states(name: str | None) -> "set[State]":
    from genexplorer.errors import ConfigError
    from genexplorer.runs.record import State

    if name is None:
        return set(State)
    if name in ("active", "live"):
        return {state for state in State if state.active}
    try:
        return {State(name.lower())}
    except ValueError:
        raise ConfigError(f"--state {name}: no such state", f"choose from active, {', '.join(State)}") from None


def list_columns(runs: "list[RunStatus]") -> dict[str, list[str]]:
    """Return the cells by column; the objective's column is named after its metric if all runs share it.

    Where they do not, each value has the name of its metric beside it: nats, bits/dim and losses are not comparable.
    """
    from genexplorer.session import formatting
    from genexplorer.session.run_tree import branch_text, tree_rows

    now, rows = time.time(), tree_rows(runs)
    runs, names = [row.status for row in rows], {status.id: status.name for status in runs}
    parents = [branch_text(status, names) for status in runs]
    objectives = {status.primary_metric for status in runs if status.primary_metric}
    objective = objectives.pop() if len(objectives) == 1 else "objective"  # then `objectives` is empty
    return {
        "": [formatting.state_symbol(status.state) for status in runs],
        "state": [status.state.value for status in runs],
        "name": [output.truncate(row.name, 24 + len(row.prefix)) for row in rows],
        **({"branch of": [output.truncate(parent, 24) for parent in parents]} if any(parents) else {}),
        "preset": [output.truncate(status.preset or status.family, 16) for status in runs],
        "done": [formatting.percent(status.progress) for status in runs],
        objective: [formatting.number(s.primary_value) if s.primary_value is not None else "" for s in runs],
        **({"metric": [s.primary_metric for s in runs]} if objectives else {}),
        "speed": [formatting.speed(status, short=True) for status in runs],
        "time": [formatting.time_left(s) if s.state.active else formatting.duration(s.elapsed_s) for s in runs],
        "started": [formatting.ago(now - status.created) if status.created else "" for status in runs],
    }


def show(
    run: Run,
    runs_dir: RunsDir = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the run's settings as TOML for 'train --config'.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one run: state, metrics, settings, files."""
    from genexplorer.cli.runs.json_output import run_json
    from genexplorer.errors import DamagedRunError
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.record import State

    reader = RunReader(find_run(run, runs_dir))
    status = reader.read_new().status  # unlike `status()`, this opens the database
    if as_json:
        output.print_json(run_json(reader, status))
    elif toml:
        from genexplorer.cli.settings import to_toml

        output.print_stdout(to_toml(reader.config()).rstrip())
    else:
        _print_run(reader, status)
    if status.state is State.DAMAGED:
        raise typer.Exit(DamagedRunError.exit_code)


def _print_run(reader: "RunReader", status: "RunStatus") -> None:
    from genexplorer.cli.runs.json_output import if_readable
    from genexplorer.session import formatting

    symbol = output.style(formatting.state_symbol(status.state), STATE_ROLES.get(status.state.value, "faint"))
    is_shown = status.state.active and status.phase not in ("", "training", status.state.value)
    phase = f", {status.phase} {status.phase_detail}".rstrip() if is_shown else ""
    output.print_stdout(f"{symbol} {status.name}  {status.state.value}{phase}")
    output.print_pairs(
        [
            ("id", status.id),
            ("reason", status.reason),
            ("preset", f"{status.preset or status.family} on {status.dataset}" if status.dataset else ""),
            ("tags", ", ".join(status.tags)),
            ("parent", formatting.origin(status.parent) if status.parent else ""),
            ("progress", _progress_text(status)),
            ("speed" if status.state.active else "average speed", formatting.speed(status)),
            ("worker", _worker_text(status)),
            ("newest snapshot", f"step {status.snapshot_step:,}" if status.snapshot_step is not None else "none yet"),
            ("alerts", str(status.num_alerts) if status.num_alerts else ""),
            ("changed", _changed_settings(reader)),
            ("started", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.created)) if status.created else ""),
            ("folder", str(status.folder)),
        ],
        indent=2,
    )
    _print_metrics(reader)
    for alert in if_readable(reader.alerts) or []:
        output.print_stdout("  " + output.style(f"{alert.severity} at step {alert.step:,}: {alert.message}", "warning"))
    if status.note:
        output.print_stdout("")
        output.print_stdout(status.note)


def _changed_settings(reader: "RunReader") -> str:
    """Return the settings that were changed while the run trained, or will be when it is resumed."""
    from genexplorer.cli.runs.json_output import if_readable
    from genexplorer.runs import settings

    changes = if_readable(lambda: settings.read_changes(reader.folder)) or ()
    if not changes:
        return ""
    from genexplorer.session.change_marks import earlier_values, settings_text

    present = if_readable(lambda: settings.with_changes(reader.config(), settings.applied(changes)))
    return settings_text(present, earlier_values(reader.config(), changes)) if present is not None else ""


def _print_metrics(reader: "RunReader") -> None:
    from genexplorer.cli.runs.json_output import if_readable
    from genexplorer.session import formatting
    from trainers.events import standard_error_of

    specs, latest = if_readable(reader.metric_specs) or {}, if_readable(reader.latest) or {}
    if not latest:
        return
    output.print_stdout("")
    names = [name for name in specs if name in latest] + sorted(set(latest) - set(specs))
    errors = {name: latest[standard_error_of(name)] for name in names if standard_error_of(name) in latest}
    names = [name for name in names if name not in map(standard_error_of, errors)]  # printed beside their values
    rows = []
    for name in names:
        spec, point = specs.get(name), latest[name]
        description = f"{spec.title}; {spec.setup}" if spec and spec.setup else spec.title if spec else ""
        rows.append(
            (
                name,
                formatting.number_with_error(
                    point.value, errors[name].value if name in errors else None, spec.unit if spec else ""
                ),
                f"step {point.step:,}",
                description,
            )
        )
    output.print_table(("metric", "latest", "at", "description"), rows, right_aligned=(1, 2))


def _progress_text(status: "RunStatus") -> str:
    from genexplorer.session import formatting

    of = f" of {status.total_steps:,}" if status.total_steps else ""
    text = (
        f"{formatting.percent(status.progress)}, step {status.step:,}{of}, {status.images_seen:,} {status.data_kind}, "
    )
    text += formatting.duration(status.elapsed_s)
    return text + (f", {formatting.time_left(status)}" if status.state.value == "running" else "")


def _worker_text(status: "RunStatus") -> str:
    parts = [f"attempt {status.attempt}"] if status.attempt else []
    if status.state.active and status.pid:
        parts.append(f"process {status.pid}" + (f" on {status.host}" if status.host else ""))
    if status.device:
        parts.append(f"{status.device}, {status.threads} thread{'' if status.threads == 1 else 's'}")
    if not status.is_responding:
        parts.append("not answering")
    return ", ".join(parts)


def logs(
    run: Run,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of last lines.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines until the run ends.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print the worker's raw output, tracebacks included.")] = False,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Print a run's log."""
    from genexplorer.cli.runs.json_output import log_line_json
    from genexplorer.errors import ConfigError
    from genexplorer.runs.reader import RunReader

    if as_json and (follow or raw):
        raise ConfigError("--json prints the lines that there are, and returns", "omit --follow and --raw")

    reader = RunReader(find_run(run, runs_dir))
    status = reader.status()
    if raw:
        output.print_stdout(reader.log_tail(lines).rstrip() or "(nothing)")
        return
    entries = reader.log(limit=lines)
    if as_json:
        output.print_json([log_line_json(line) for line in entries])
        return
    for line in entries:
        print_log_line(line)
    last = entries[-1].id if entries else 0
    if follow:
        is_active = True
        while is_active:
            is_active = reader.status().state.active  # read before the lines, so that the last ones are printed as well
            for line in reader.log(limit=1000, after=last):
                print_log_line(line)
                last = line.id
            if is_active:
                time.sleep(POLL_INTERVAL_S)
    elif not status.state.active and (tail := reader.log_tail(12).strip()) and status.state.resumable:
        output.print_stderr(f"last lines of the worker's output ({status.state.value}):\n{tail}")


def print_log_line(line: "LogLine") -> None:
    """Print a line of a run's log: time of day, step, message."""
    from genexplorer.session import formatting

    role = {"error": "error", "warning": "warning"}.get(line.severity)
    message = output.style(f"{line.severity}: {line.message}", role) if role else line.message
    output.print_stdout(f"{formatting.clock(line.time)}  step {line.step:>7,}  {message}")
