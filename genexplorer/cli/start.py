"""What `train` does once the settings stand: show the plan, or start the worker and watch."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.train import Watch
from trainers import registry

LOADING_S = 120.0

if TYPE_CHECKING:
    from genexplorer.runs.record import RunStatus
    from trainers.config import RunConfig


def show_plan(config: "RunConfig", runs_dir: Path | None, *, as_json: bool) -> None:
    """Print a configuration, its number of parameters and the expected time."""
    from genexplorer.session.eta import expected_time
    from trainers import plan

    resolved = plan.resolve(config)
    shape, parameters = resolved.image_shape, resolved.num_parameters()
    estimate = expected_time(config, paths.runs_dir(runs_dir))
    expected = registry.preset(config.preset).expected if config.preset in registry.presets() else ""
    if as_json:
        output.as_json(
            {
                "config": config.model_dump(mode="json"),
                "parameters": parameters,
                "image_shape": list(shape),
                "expected_time": estimate.as_json(),
                "preset_expects": expected,
            }
        )
        return
    _print_settings(config)
    output.data("")
    rows = [("parameters", f"{parameters:,}"), _of_data(config, shape)]
    rows.append(("expected time", _told(estimate.seconds, estimate.source)))
    output.pairs([*rows, ("the preset reaches", expected)])


def start(
    config: "RunConfig",
    runs_dir: Path | None,
    *,
    name: str,
    tags: Sequence[str],
    watch: Watch,
    as_json: bool = False,
) -> None:
    """Create a run, start its worker, and watch it as asked."""
    from genexplorer.cli import follow

    status = launch(config, runs_dir, name=name, tags=tags, watch=watch)
    if watch is Watch.NOT:
        status = _until_it_trains(status)
    if as_json:
        from genexplorer.cli.runs.json_output import status_json

        output.as_json(status_json(status))
    else:
        output.say(f"{status.name}: {config.preset} on {status.data}, process {status.pid}, {status.folder}")
    match watch:
        case Watch.NOT:
            output.say(
                f"'genexplorer' shows it, 'genexplorer runs stop {output.handle(status.name, status.id)}' stops it"
            )
        case Watch.DASHBOARD:
            from genexplorer.cli.open_ui import open_dashboard

            open_dashboard(runs_dir, status.folder)
        case Watch.LINES:
            follow.follow_detachable(status.folder)
        case Watch.FOREGROUND:
            follow.follow_in_foreground(status.folder)


def launch(
    config: "RunConfig", runs_dir: Path | None, *, name: str = "", tags: Sequence[str] = (), watch: Watch = Watch.LINES
) -> "RunStatus":
    """Create a run's folder and start its worker. Ctrl+C meanwhile stops a foreground run and leaves any other.

    Raises:
        WorkerError: with the worker's last words, if it died before its first heartbeat.
    """
    from genexplorer.cli import follow
    from genexplorer.runs.store import RunStore
    from genexplorer.workers import launcher

    folder = RunStore(paths.runs_dir(runs_dir)).create(config, name=name, tags=tuple(tags))
    try:
        return launcher.start(folder)
    except KeyboardInterrupt:
        if watch is Watch.FOREGROUND:
            with follow.Following(folder) as followed:
                follow.stop_and_wait(folder, followed)
        else:
            follow.tell_goes_on(folder)
        raise typer.Exit(follow.INTERRUPTED) from None


def _until_it_trains(status: "RunStatus") -> "RunStatus":
    """Wait until the model and the data are loaded, so that what cannot train is told to who will not watch it."""
    from genexplorer.cli import follow
    from genexplorer.runs.reader import RunReader

    deadline = time.monotonic() + LOADING_S
    with RunReader(status.folder) as reader:
        while status.state.live and status.phase in ("", "loading") and time.monotonic() < deadline:
            time.sleep(follow.POLL_S)
            status = reader.status()
    if not status.state.live and status.state in follow.END_CODES:
        follow.finish(status)
    return status


def _of_data(config: "RunConfig", shape: tuple[int, ...]) -> tuple[str, str]:
    if registry.dataset(config.data.name).kind == "points":
        return "data", "points of the plane"
    return "images", "×".join(str(size) for size in shape) + " (C×H×W)"


def _told(seconds: float | None, source: str) -> str:
    from genexplorer.session import formatting

    return f"{formatting.duration(seconds)} ({source})" if seconds is not None else f"unknown ({source})"


def _print_settings(config: "RunConfig") -> None:
    from genexplorer.cli.settings import flatten

    values = flatten(config.model_dump(mode="json"))
    output.pairs([(key, _shown(value)) for key, value in values.items()])


def _shown(value: object) -> str:
    if value is None or value == "":
        return output.style("(not set)", "faint")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
