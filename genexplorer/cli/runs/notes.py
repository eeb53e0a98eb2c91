"""`genexplorer runs rename | tag | note`: describe a run, also while it trains."""

import sys
from typing import Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import Run, RunsDir

MAX_NOTE = 20_000


def rename(
    run: Run, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")], runs_dir: RunsDir = None
) -> None:
    """Rename a run; its id stays."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    folder = store.find(run)
    store.rename(folder, name)
    with RunReader(folder) as reader:
        status = reader.status()
    output.print_message(f"{status.id} renamed to {status.name}")


def tag(
    run: Run,
    tags: Annotated[list[str] | None, typer.Argument(metavar="TAG", help="Tags to add.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="TAG", help="Tag to remove. Repeat for more.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Add and remove tags of a run; without either, print them."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    folder = store.find(run)
    with RunReader(folder) as reader:
        status = reader.status()
        if tags or remove:
            labels = dict.fromkeys([*status.tags, *(tags or ())])
            store.set_tags(folder, [label for label in labels if label not in (remove or ())])
        for label in reader.status().tags:
            output.print_data(label)


def note(
    run: Run,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The note; '-' reads standard input, '' deletes it.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Set a run's note; without a text, print it."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    folder = store.find(run)
    if text is not None:
        store.set_note(folder, sys.stdin.read(MAX_NOTE) if text == "-" else text)
        return
    with RunReader(folder) as reader:
        if current := reader.status().note:
            output.print_data(current)
