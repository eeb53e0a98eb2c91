"""The entry point: the tree of commands, and the reporting of errors."""

import difflib
import gc
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from genexplorer import __version__
from genexplorer.cli import demo, export, fork, open_ui, output, presets, share, train
from genexplorer.cli.data import inspect
from genexplorer.cli.data import manage as manage_data
from genexplorer.cli.doctor import command as doctor
from genexplorer.cli.options import RunsDir
from genexplorer.cli.pictures import images, interpolate, play, reconstruct, trace
from genexplorer.cli.run_data import with_data_option
from genexplorer.cli.runs import control, manage, show, steer
from genexplorer.errors import UserError, as_user_error, missing_package

INTERRUPTED_EXIT_CODE = 130

_READS_RUN_DATA = (
    "dashboard",
    "view",
    "manifold",
    "sample",
    "reconstruct",
    "interpolate",
    "play",
    "invert",
    "trace",
    "density",
    "export",
    "share",
)

EPILOG = """\
A RUN is an id, a name, a unique prefix of either, or 'latest'.

Runs live in ./runs, or in $GENEXPLORER_RUNS, or in --runs-dir. Data goes to standard output, messages to \
standard error.

Exit codes: 0 success · 1 failure · 2 wrong usage or configuration · 3 bad data · 4 damaged run or checkpoint · \
5 training failed · 6 no such run · 7 not possible in the run's state · 8 a background process crashed · \
9 no display · 130 interrupted"""


class _NoFlagMetavar:
    """Omits the type that typer prints in the help beside flags without a value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters as shown in the help."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False) and parameter.metavar is None:
                parameter.metavar = ""
        return parameters


class Command(_NoFlagMetavar, TyperCommand):
    """A command."""


class Group(_NoFlagMetavar, TyperGroup):
    """A group of commands."""


app = typer.Typer(
    name="genexplorer",
    cls=Group,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
data_app = typer.Typer(help="List, inspect, fetch and name data sets.", cls=Group)
runs_app = typer.Typer(help="List, control, describe, delete, export and import runs.", cls=Group)


def _print_version(requested: bool) -> None:
    if requested:
        output.print_stdout(f"genexplorer {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    runs_dir: RunsDir = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    # `run` removes --debug before typer parses the arguments; it is declared for the help.
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Train, watch and explore generative models on your own machine.

    Without a command it opens the dashboard.
    """
    if context.invoked_subcommand is not None:
        return
    if output.can_show_dashboard():
        open_ui.open_dashboard(runs_dir, None)
    else:
        output.print_stdout(context.get_help())


@runs_app.callback(invoke_without_command=True)
def runs(context: typer.Context, runs_dir: RunsDir = None) -> None:
    """List, control, describe, delete, export and import runs. Without a command it lists them."""
    if context.invoked_subcommand is None:
        show.list_runs(runs_dir=runs_dir)


@data_app.callback(invoke_without_command=True)
def data(context: typer.Context) -> None:
    """List, inspect, fetch and name data sets. Without a command it lists them."""
    if context.invoked_subcommand is None:
        manage_data.list_data()


def _add_commands() -> None:
    """Add the commands to the two groups, in the order of the help."""
    help_sections: dict[str, dict[str, Callable[..., None]]] = {
        "Train": {
            "train": train.train,
            "fork": with_data_option(fork.fork),
            "presets": presets.presets,
            "demo": demo.demo,
        },
        "Explore": {
            "dashboard": open_ui.dashboard,
            "view": open_ui.view,
            "manifold": images.manifold,
            "sample": images.sample,
            "reconstruct": reconstruct.reconstruct,
            "interpolate": interpolate.interpolate,
            "play": play.play,
            "invert": reconstruct.invert,
            "trace": trace.trace,
            "density": images.density,
            "progress": images.progress,
        },
        "Share": {"share": share.share, "export": export.export},
        "Manage": {"doctor": doctor.doctor},
    }
    for help_section, commands in help_sections.items():
        for name, function in commands.items():
            epilog = {"train": train.EPILOG, "export": export.EPILOG}.get(name)
            function = with_data_option(function) if name in _READS_RUN_DATA else function
            app.command(name, cls=Command, rich_help_panel=help_section, epilog=epilog)(function)
    # The commands of `genexplorer data`.
    app.add_typer(data_app, name="data", rich_help_panel="Manage")
    data_commands: dict[str, Callable[..., None]] = {
        "list": manage_data.list_data,
        "inspect": inspect.inspect,
        "fetch": manage_data.fetch,
        "add": manage_data.add,
        "remove": manage_data.remove,
        "cache": manage_data.cache,
    }
    for name, function in data_commands.items():
        data_app.command(name, cls=Command)(function)
    # The commands of `genexplorer runs`.
    app.add_typer(runs_app, name="runs", rich_help_panel="Manage")
    run_commands: dict[str, Callable[..., None]] = {
        "list": show.list_runs,
        "show": show.show,
        "logs": show.logs,
        "pause": control.pause,
        "resume": with_data_option(control.resume),
        "stop": control.stop,
        "set": steer.set_,
        "extend": with_data_option(steer.extend),
        "step": steer.step,
        "rename": manage.rename,
        "tag": manage.tag,
        "note": manage.note,
        "delete": manage.delete,
        "restore": manage.restore,
        "empty-trash": manage.empty_trash,
        "export": manage.export,
        "import": manage.import_,
    }
    for name, function in run_commands.items():
        runs_app.command(name, cls=Command)(function)


_add_commands()


def main() -> None:
    """Run the command line of this process and exit with its code."""
    gc.set_threshold(20_000, 20, 20)  # garbage collection took a tenth of the startup time
    output.prepare_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code.

    `--debug` is accepted anywhere before a lone `--`: it is usually added after something went wrong.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    remaining = [argument for i, argument in enumerate(arguments) if argument != "--debug" or i > end]
    try:
        result = app(remaining, prog_name="genexplorer", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _report_error(error)
    except KeyboardInterrupt:
        output.print_stderr("interrupted")
        return INTERRUPTED_EXIT_CODE
    finally:
        output.flush()


def _report_error(error: Exception) -> int:
    match error:
        case UserError():
            output.print_error(error)
            return error.exit_code
        case typer.Abort():
            output.print_stderr("cancelled")
            return 1
        case typer.TyperException():
            return _report_usage(error)
        case ImportError() if missing := missing_package(error):
            output.print_error(missing)
            return missing.exit_code
        case OSError():
            output.print_error(as_user_error(error))
            return 1
    output.print_error(
        UserError(f"{type(error).__name__}: {error}", "this is a bug in genexplorer; --debug shows the traceback")
    )
    return 1


def _report_usage(error: typer.TyperException) -> int:
    """Report wrong usage in one line, with the closest match or a reference to the help."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "genexplorer"
    if error.__cause__ is not None and hasattr(error.__cause__, "errors"):  # pydantic's, which typer quotes
        from trainers import validation

        error.message = validation.describe(error.__cause__.errors()[0])
    message, _, close = error.format_message().strip().partition(". Did you mean ")
    hint = f"did you mean {close.rstrip('?')}?" if close else f"see '{command} --help'"
    option = getattr(error, "option_name", "")
    if option and hasattr(error, "possibilities"):
        message = f"no such option {option}"
        matches = difflib.get_close_matches(option, error.possibilities or (), n=1)
        hint = f"did you mean {matches[0]}?" if matches else hint
    message = message[:1].lower() + message[1:].rstrip(".")
    output.print_error(UserError(message, hint))
    return error.exit_code
