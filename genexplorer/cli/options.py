"""Options and arguments that several commands share, each worded once."""

from pathlib import Path
from typing import Annotated

import typer

from genexplorer.cli import completion


def _or_of_parents(context: typer.Context, value: Path | None) -> Path | None:
    """Let `genexplorer --runs-dir X runs list` mean the same as `genexplorer runs list --runs-dir X`."""
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
        callback=_or_of_parents,
        help="Folder of the runs (GENEXPLORER_RUNS, else ./runs).",
    ),
]
Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Id, name, unique beginning, or 'latest'.", autocompletion=completion.runs),
]
MaybeRun = Annotated[
    str | None,
    typer.Argument(metavar="RUN", help="Id, name, unique beginning, or 'latest'.", autocompletion=completion.runs),
]
Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN", help="Ids, names, unique beginnings, or 'latest'.", autocompletion=completion.runs),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
OutFile = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="File to write; one that is there is replaced.")
]
Step = Annotated[
    int | None,
    typer.Option("--step", min=0, metavar="N", help="The newest snapshot at or before this step (the newest of all)."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random numbers.")]
Scale = Annotated[
    int, typer.Option("--scale", min=1, max=32, metavar="K", help="Enlarge each pixel to K × K, without smoothing.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but failures.")]
