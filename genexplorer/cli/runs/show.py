"""`genexplorer runs show`: state, metrics, settings and files of one run."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import AsJson, Run, RunsDir

if TYPE_CHECKING:
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.record import RunStatus

STATE_STYLES = {"running": "accent", "succeeded": "good", "failed": "error", "lost": "error", "damaged": "error"}


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
    from genexplorer.runs.store import RunStore

    with RunReader(RunStore(paths.runs_dir(runs_dir)).find(run)) as reader:
        status = reader.changes().status  # unlike `status()`, this opens the database
        if as_json:
            output.print_json(run_json(reader, status))
        elif toml:
            from genexplorer.cli.settings import to_toml

            output.print_data(to_toml(reader.config()).rstrip())
        else:
            _print_run(reader, status)
    if status.state is State.DAMAGED:
        raise typer.Exit(DamagedRunError.exit_code)


def _print_run(reader: "RunReader", status: "RunStatus") -> None:
    from genexplorer.cli.runs.json_output import if_readable
    from genexplorer.session import formatting

    symbol = output.style(formatting.state_symbol(status.state), STATE_STYLES.get(status.state.value, "faint"))
    is_shown = status.state.live and status.phase not in ("", "training", status.state.value)
    phase = f", {status.phase}" if is_shown else ""
    output.print_data(f"{symbol} {status.name}  {status.state.value}{phase}")
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
            ("started", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.created)) if status.created else ""),
            ("folder", str(status.folder)),
        ],
        indent=2,
    )
    _print_metrics(reader)
    for alert in if_readable(reader.alerts) or []:
        output.print_data("  " + output.style(f"{alert.severity} at step {alert.step:,}: {alert.message}", "warning"))
    if status.note:
        output.print_data("")
        output.print_data(status.note)


def _print_metrics(reader: "RunReader") -> None:
    from genexplorer.cli.runs.json_output import if_readable
    from genexplorer.session import formatting

    specs, latest = if_readable(reader.specs) or {}, if_readable(reader.latest) or {}
    if not latest:
        return
    output.print_data("")
    names = [name for name in specs if name in latest] + sorted(set(latest) - set(specs))
    rows = []
    for name in names:
        spec, point = specs.get(name), latest[name]
        description = f"{spec.title}; {spec.setup}" if spec and spec.setup else spec.title if spec else ""
        rows.append(
            (name, formatting.number(point.value, spec.unit if spec else ""), f"step {point.step:,}", description)
        )
    output.table(("metric", "latest", "at", "description"), rows, right=(1, 2))


def _progress(status: "RunStatus") -> str:
    from genexplorer.session import formatting

    of = f" of {status.total_steps:,}" if status.total_steps else ""
    text = f"{formatting.percent(status.progress)}, step {status.step:,}{of}, {status.images_seen:,} {status.kind}, "
    text += formatting.duration(status.elapsed_s)
    return text + (f", {formatting.time_left(status)}" if status.state.value == "running" else "")


def _worker(status: "RunStatus") -> str:
    parts = [f"attempt {status.attempt}"] if status.attempt else []
    if status.state.live and status.pid:
        parts.append(f"process {status.pid}" + (f" on {status.host}" if status.host else ""))
    if status.device:
        parts.append(f"{status.device}, {status.threads} thread{'' if status.threads == 1 else 's'}")
    if not status.answering:
        parts.append("not answering")
    return ", ".join(parts)
