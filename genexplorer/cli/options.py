"""Options and arguments shared by several commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer import paths
from genexplorer.cli import completion

if TYPE_CHECKING:
    from genexplorer.runs.store import RunStore

MAX_GRID_SIDE = 100  # rows or columns of an image grid


def _inherit_runs_dir(context: typer.Context, value: Path | None) -> Path | None:
    """Take --runs-dir from a parent command: `genexplorer --runs-dir X runs list`."""
    parent = context.parent
    while value is None and parent is not None:
        value = parent.params.get("runs_dir")
        parent = parent.parent
    return value


RunsDir = Annotated[
    Path | None,
    typer.Option(
        "--runs-dir",
        file_okay=False,
        metavar="DIR",
        callback=_inherit_runs_dir,
        help="Runs folder (GENEXPLORER_RUNS, else ./runs).",
    ),
]
_RUN = typer.Argument(metavar="RUN", help="Id, name, unique prefix, or 'latest'.", autocompletion=completion.runs)
_RUNS = typer.Argument(metavar="RUN", help="Ids, names, unique prefixes, or 'latest'.", autocompletion=completion.runs)
Run = Annotated[str, _RUN]
OptionalRun = Annotated[str | None, _RUN]
Runs = Annotated[list[str], _RUNS]
OptionalRuns = Annotated[list[str] | None, _RUNS]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
OutFile = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="File to write; an existing one is replaced (a new file in this folder)."
    ),
]
Step = Annotated[
    int | None,
    typer.Option("--step", min=0, metavar="N", help="Newest snapshot at or before this step (newest of all)."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random numbers.")]
Rows = Annotated[int, typer.Option("--rows", min=1, max=MAX_GRID_SIDE, help="Images from top to bottom.")]
Columns = Annotated[int, typer.Option("--columns", min=1, max=MAX_GRID_SIDE, help="Images from left to right.")]
Scale = Annotated[
    int, typer.Option("--scale", min=0, max=32, metavar="K", help="Enlarge each pixel to K × K (0: automatic).")
]


def open_store(runs_dir: Path | None) -> "RunStore":
    """Return the store of the runs folder that --runs-dir names."""
    from genexplorer.runs.store import RunStore

    return RunStore(paths.runs_dir(runs_dir))


def find_run(run: str, runs_dir: Path | None) -> Path:
    """Return the folder of the run with this id, name or unique prefix.

    Raises:
        NoSuchRunError: if there is none, or more than one.
    """
    return open_store(runs_dir).find(run)
