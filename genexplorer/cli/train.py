"""`genexplorer train`: start a training in the background from a preset and settings, and watch it."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer import paths
from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson, RunsDir, open_store
from genexplorer.cli.setting_flags import HELP_SECTION_MODEL, HELP_SECTION_SETTINGS, with_setting_flags
from genexplorer.errors import ConfigError
from genexplorer.runs import notes
from genexplorer.runs.sanitize import one_line

if TYPE_CHECKING:
    from genexplorer.runs.initial import InitialSource
    from genexplorer.runs.record import RunStatus
    from trainers.config import RunConfig
    from trainers.plan import Plan

# Headings of further sections in `train --help`.
HELP_SECTION_RUN = "Run"
HELP_SECTION_WATCHING = "Watching"
LOADING_TIMEOUT_S = 120.0  # --detach waits so long until the model and the data are loaded

EPILOG = """\
Each setting has a dotted key, as listed by --dry-run. Flags and --set override the environment \
(GENEXPLORER__MODEL__BETA=4), that overrides the --config file, that overrides the preset.

Closing the dashboard, the terminal or the connection does not affect the training."""


class WatchMode(StrEnum):
    """What the command does after the worker has started."""

    DASHBOARD = "dashboard"
    LINES = "lines"
    DETACHED = "detached"
    FOREGROUND = "foreground"


@with_setting_flags
def train(
    preset: Annotated[
        str | None,
        typer.Argument(metavar="PRESET", help="See 'genexplorer presets'.", autocompletion=completion.presets),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME|PATH",
            help="A data set, a folder or .zip of images or IDX files, or a file .npy, .npz, .h5, .csv, .parquet.",
            autocompletion=completion.data_sets,
            rich_help_panel=HELP_SECTION_MODEL,
        ),
    ] = None,
    flags: Mapping[str, Any] | None = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting, such as --set model.beta=4. Repeat for more.",
            autocompletion=completion.keys,
            rich_help_panel=HELP_SECTION_SETTINGS,
        ),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Read settings from a TOML file.", rich_help_panel=HELP_SECTION_SETTINGS
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Automatic if not given.", rich_help_panel=HELP_SECTION_RUN)] = "",
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="A label. Repeat for more.", rich_help_panel=HELP_SECTION_RUN),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            "--init",
            metavar="RUN[@STEP]",
            help="Start from the weights of another run that fit; the others are random as usual.",
            autocompletion=completion.runs,
            rich_help_panel=HELP_SECTION_RUN,
        ),
    ] = None,
    runs_dir: RunsDir = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return at once.", rich_help_panel=HELP_SECTION_WATCHING)
    ] = False,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain", help="Print progress lines. Ctrl+C leaves it training.", rich_help_panel=HELP_SECTION_WATCHING
        ),
    ] = False,
    foreground: Annotated[
        bool,
        typer.Option(
            "--foreground", help="Print progress lines. Ctrl+C stops it.", rich_help_panel=HELP_SECTION_WATCHING
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print settings, parameters and expected time; do not train.")
    ] = False,
    write_config: Annotated[
        Path | None,
        typer.Option("--write-config", metavar="FILE", help="Write the settings as TOML ('-': print); do not train."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model in the background and watch it.

    Starts a worker process, waits for its first heartbeat, and opens the dashboard (in a pipe or a notebook:
    prints progress lines).
    """
    from genexplorer.cli import settings

    watch = _choose_watch_mode(detach=detach, plain=plain, foreground=foreground, as_json=as_json)
    # Refuse name and tags now: a dry run accepts what a training accepts, and preparing data may take minutes.
    if name:
        notes.clean_name(name)
    notes.require_tags(tags or ())
    plan = settings.resolve(
        preset, flags=flags or {}, assignments=assignments or (), data=data, config_file=config_file
    )
    output.print_plugin_failures()
    for note in plan.notes:
        output.print_stderr(one_line(note))
    initial = None if init is None else _find_initial_weights(plan, init, runs_dir)
    if write_config is not None:
        text = settings.to_toml(plan.config)
        if str(write_config) == "-":
            output.print_stdout(text.rstrip())
        else:
            from genexplorer.jobs.image_files import replace_file

            replace_file(write_config, text.encode())
            output.print_stderr(
                f"wrote {write_config}; train it with: genexplorer train --config {shlex.quote(str(write_config))}"
            )
    if dry_run:
        _print_plan(plan, paths.runs_dir(runs_dir), as_json=as_json)
    if dry_run or write_config is not None:
        return
    _warn_of_low_disk(plan, paths.runs_dir(runs_dir))
    _prepare_data(plan)
    _start(plan.config, runs_dir, name=name, tags=tags or (), initial=initial, watch=watch, as_json=as_json)


def launch(
    config: "RunConfig",
    runs_dir: Path | None,
    *,
    name: str = "",
    tags: Sequence[str] = (),
    initial: "InitialSource | None" = None,
    watch: WatchMode = WatchMode.LINES,
) -> "RunStatus":
    """Create a run folder and start its worker. Ctrl+C meanwhile stops a foreground run and leaves any other running.

    Raises:
        ConfigError: if this machine lacks the device, or a name or tag is refused.
        WorkerError: with the end of the worker's output, if it crashed before its first heartbeat.
    """
    from genexplorer.cli import follow
    from genexplorer.workers import launcher

    launcher.require_device(config.execution.device)
    store = open_store(runs_dir)
    folder = store.create(config, name=name, tags=tuple(tags), initial=initial)
    if name and (notice := store.same_name_notice(folder)):
        output.print_stderr(notice)
    try:
        return launcher.start(folder)
    except KeyboardInterrupt:
        if watch is WatchMode.FOREGROUND:
            follow.stop_and_wait(folder, follow.RunFollower(folder))
        else:
            follow.print_still_training(folder)
        raise typer.Exit(follow.INTERRUPTED_EXIT_CODE) from None


def _find_initial_weights(plan: "Plan", init: str, runs_dir: Path | None) -> "InitialSource":
    """Return the weights of --init, and print which of them fit."""
    from genexplorer.session import initial_weights

    source = initial_weights.find_source(open_store(runs_dir), init)
    for line in initial_weights.require_fit(plan, source).lines():
        output.print_stderr(one_line(line, 400))
    return source


def _prepare_data(plan: "Plan") -> None:
    """Make what the data set needs before it can be loaded, such as a cache of decoded images, with a progress bar."""
    from trainers import registry

    if plan.dataset.prepare is None:
        return
    with output.progress_bar("preparing the data") as show_progress:
        skipped = registry.import_object(plan.dataset.prepare)(
            plan.data_options, lambda done, total: show_progress(done / total, f"{done:,} of {total:,} files")
        )
    if skipped:
        output.print_stderr(f"{output.style('warning', 'warning', sys.stderr)}: {one_line(skipped, 400)}")


def _choose_watch_mode(*, detach: bool, plain: bool, foreground: bool, as_json: bool) -> WatchMode:
    if detach + plain + foreground > 1:
        raise ConfigError("--detach, --plain and --foreground exclude each other", "give one of them")
    if as_json and (plain or foreground):
        raise ConfigError("--json prints one value and returns", "omit --plain and --foreground")
    if detach or as_json:
        return WatchMode.DETACHED
    if foreground:
        return WatchMode.FOREGROUND
    return WatchMode.LINES if plain or not output.can_show_dashboard() else WatchMode.DASHBOARD


def _warn_of_low_disk(plan: "Plan", runs_dir: Path) -> None:
    from genexplorer.session.disk_use import low_disk_warning

    if warning := low_disk_warning(plan, runs_dir):
        output.print_warning(warning)


def _print_plan(plan: "Plan", runs_dir: Path, *, as_json: bool) -> None:
    """Print a configuration, its number of parameters and the expected time."""
    from genexplorer.session import formatting
    from genexplorer.session.disk_use import expected_disk_use
    from genexplorer.session.eta import expected_time
    from genexplorer.session.preset_info import expected_result
    from trainers import presets

    config, shape = plan.config, plan.image_shape
    estimate = expected_time(plan, runs_dir)
    disk_use = expected_disk_use(plan, runs_dir, estimate)
    expected = expected_result(config)
    if as_json:
        output.print_json(
            {
                "config": config.model_dump(mode="json"),
                "parameters": plan.num_parameters(),
                "image_shape": list(shape),
                "expected_time": estimate.as_json(),
                "expected_disk_use": disk_use.as_json(),
                "preset_expects": expected,
            }
        )
        return
    rows = []
    for key, value in presets.flatten(config.model_dump(mode="json")).items():
        text = f"{value:g}" if isinstance(value, float) else str(value)
        if value is None or value == "":
            text = output.style("(not set)", "faint")
        rows.append((key, text.lower() if isinstance(value, bool) else text))
    output.print_pairs(rows)
    output.print_stdout("")
    images = ("images", "×".join(map(str, shape)) + " (C×H×W)")
    duration = formatting.duration(estimate.seconds) if estimate.seconds is not None else "unknown"
    output.print_pairs(
        [
            ("parameters", f"{plan.num_parameters():,}"),
            images if plan.dataset.kind == "images" else ("data", "2-D points"),
            ("expected time", f"{duration} ({estimate.source})"),
            ("disk", str(disk_use)),
            ("expected result", expected),
        ]
    )


def _start(
    config: "RunConfig",
    runs_dir: Path | None,
    *,
    name: str,
    tags: Sequence[str],
    initial: "InitialSource | None",
    watch: WatchMode,
    as_json: bool,
) -> None:
    """Create a run, start its worker, and watch it."""
    from genexplorer.cli import follow
    from genexplorer.workers import launcher

    status = launch(config, runs_dir, name=name, tags=tags, initial=initial, watch=watch)
    if watch is WatchMode.DETACHED:
        # Wait until the model and the data are loaded, so that errors in them are reported.
        status = launcher.wait_until_loaded(status.folder, LOADING_TIMEOUT_S)
        if not status.state.active and status.state in follow.EXIT_CODES:
            follow.exit_with_outcome(status)
    # Report the run.
    if as_json:
        from genexplorer.cli.runs.json_output import status_json

        output.print_json(status_json(status))
    else:
        output.print_stderr(
            f"{status.name}: {config.preset} on {status.dataset}, process {status.pid}, {status.folder}"
        )
    if watch is not WatchMode.FOREGROUND:
        output.print_lifetime_warning()
    match watch:
        case WatchMode.DETACHED:
            from genexplorer.runs.command_hints import run_command, runs_dir_option

            dashboard = f"'genexplorer{runs_dir_option(status.folder.parent)}' opens the dashboard"
            output.print_stderr(f"{dashboard}, '{run_command('runs stop', status.folder)}' stops it")
        case WatchMode.DASHBOARD:
            from genexplorer.cli.open_ui import open_dashboard

            open_dashboard(runs_dir, status.folder)
        case WatchMode.LINES:
            follow.follow_detachable(status.folder)
        case WatchMode.FOREGROUND:
            follow.follow_in_foreground(status.folder)
