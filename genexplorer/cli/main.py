"""The entry point: the tree of commands, and how failures are told."""

import difflib
import errno
import gc
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from genexplorer import __version__
from genexplorer.cli import demo, doctor, open_ui, output, presets, train
from genexplorer.cli.options import RunsDir
from genexplorer.cli.pictures import density, images, interpolate, invert, progress, trace
from genexplorer.cli.runs import import_run, notes, show, steer, trash
from genexplorer.cli.typer_classes import Command, Group
from genexplorer.errors import UserError

INTERRUPTED = 130

EPILOG = """\
A RUN is named by its id, its name, a unique beginning of either, or 'latest'.

Runs live in ./runs, or in $GENEXPLORER_RUNS, or in --runs-dir. Data goes to standard output, messages go to \
standard error.

Exit codes: 0 done · 1 failed · 2 wrong usage or configuration · 3 bad data · 4 damaged run or checkpoint · \
5 training failed · 6 no such run · 7 the run's state forbids it · 8 a background process died · 9 no display · \
130 interrupted"""

app = typer.Typer(
    name="genexplorer",
    cls=Group,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
runs_app = typer.Typer(help="List, show, steer, describe and delete runs.", cls=Group)


def _version(asked: bool) -> None:
    if asked:
        output.data(f"genexplorer {__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    runs_dir: RunsDir = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False,
) -> None:
    """Train, watch and explore generative models on your own machine.

    Without a command it opens the dashboard.
    """
    if context.invoked_subcommand is not None:
        return
    if output.full_screen():
        open_ui.open_dashboard(runs_dir, None)
    else:
        output.data(context.get_help())


@runs_app.callback(invoke_without_command=True)
def runs(context: typer.Context, runs_dir: RunsDir = None) -> None:
    """List, show, steer, describe and delete runs. Without a command it lists them."""
    if context.invoked_subcommand is None:
        show.list_runs(runs_dir=runs_dir)


def _assemble() -> None:
    panels: dict[str, dict[str, Callable[..., None]]] = {
        "Train": {"train": train.train, "presets": presets.presets, "demo": demo.demo},
        "Look": {
            "dashboard": open_ui.dashboard,
            "view": open_ui.view,
            "manifold": images.manifold,
            "sample": images.sample,
            "reconstruct": images.reconstruct,
            "interpolate": interpolate.interpolate,
            "invert": invert.invert,
            "trace": trace.trace,
            "density": density.density,
            "progress": progress.progress,
        },
        "Keep": {"doctor": doctor.doctor},
    }
    for panel, commands in panels.items():
        for name, function in commands.items():
            epilog = train.EPILOG if name == "train" else None
            app.command(name, cls=Command, rich_help_panel=panel, epilog=epilog)(function)
    app.add_typer(runs_app, name="runs", rich_help_panel="Keep")
    for module in (show, steer, notes, trash, import_run):
        module.register(runs_app)


_assemble()


def main() -> None:
    """Run the command line of this process and exit with its code."""
    gc.set_threshold(20_000, 20, 20)  # what a start makes stays: looking for garbage in it was a tenth of the start
    output.prepare_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code.

    `--debug` is understood anywhere before a lone `--`, because it is asked for after something went wrong.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    kept = [argument for i, argument in enumerate(arguments) if argument != "--debug" or i > end]
    try:
        return _invoke(kept)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _tell(error)
    except KeyboardInterrupt:
        output.say("interrupted")
        return INTERRUPTED
    finally:
        output.flush()


def _invoke(arguments: list[str]) -> int:
    result = app(arguments, prog_name="genexplorer", standalone_mode=False)
    return result if isinstance(result, int) else 0


def _tell(error: Exception) -> int:
    match error:
        case UserError():
            output.complain(error)
            return error.exit_code
        case typer.Abort():
            output.say("not done")
            return 1
        case typer.TyperException():
            return _tell_usage(error)
        case OSError():
            output.complain(_of_the_disk(error))
            return 1
    output.complain(
        UserError(f"{type(error).__name__}: {error}", "this is a fault of genexplorer; --debug shows where")
    )
    return 1


_HINTS = {
    errno.EROFS: "--runs-dir or --out can name another place",
    errno.EACCES: "check the permissions, or name another place with --runs-dir or --out",
    errno.ENOSPC: "free some space; 'genexplorer runs empty-trash' removes deleted runs for good",
}


def _of_the_disk(error: OSError) -> UserError:
    """Tell what a disk refused, by the file that is meant and not by the temporary one beside it."""
    path = Path(str(error.filename)) if error.filename else None
    if path is not None and path.name.startswith("."):
        path = path.parent
    where = f"{path}: " if path else ""
    return UserError(f"{where}{error.strerror or error}", _HINTS.get(error.errno or 0, ""))


def _tell_usage(error: typer.TyperException) -> int:
    """Tell wrong usage in one line: what is wrong, then the closest match or where the help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "genexplorer"
    message, _, close = error.format_message().strip().partition(". Did you mean ")
    hint = f"did you mean {close.rstrip('?')}?" if close else f"see '{command} --help'"
    option = getattr(error, "option_name", "")
    if option and hasattr(error, "possibilities"):
        message = f"no such option {option}"
        matches = difflib.get_close_matches(option, error.possibilities or (), n=1)
        hint = f"did you mean {matches[0]}?" if matches else hint
    message = message[:1].lower() + message[1:].rstrip(".").replace("Input should be", "it should be")
    output.complain(UserError(message, hint))
    return error.exit_code
