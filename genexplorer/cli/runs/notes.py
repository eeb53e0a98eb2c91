"""`genexplorer runs rename | tag | note`: what people say about a run; a live one may be described too."""

import sys
from typing import Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import Run, RunsDir
from genexplorer.cli.typer_classes import Command

MAX_NOTE = 20_000


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("rename", cls=Command)(rename)
    app.command("tag", cls=Command)(tag)
    app.command("note", cls=Command)(note)


def rename(
    run: Run, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")], runs_dir: RunsDir = None
) -> None:
    """Give a run another name; its id stays."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    folder = store.find(run)
    store.rename(folder, name)
    with RunReader(folder) as reader:
        status = reader.status()
    output.say(f"{status.id} is now called {status.name}")


def tag(
    run: Run,
    tags: Annotated[list[str] | None, typer.Argument(metavar="TAG", help="Tags to add.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="TAG", help="Take a tag away. Repeat for more.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Add tags to a run and take tags away; without either, print them."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    folder = store.find(run)
    with RunReader(folder) as reader:
        status = reader.status()
        if tags or remove:
            gone = set(remove or ())
            store.set_tags(folder, [one for one in dict.fromkeys([*status.tags, *(tags or ())]) if one not in gone])
        for one in reader.status().tags:
            output.data(one)


def note(
    run: Run,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The note; '-' reads standard input, '' removes it.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Write a note about a run; without a text, print it."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    folder = store.find(run)
    if text is not None:
        store.set_note(folder, sys.stdin.read(MAX_NOTE) if text == "-" else text)
        return
    with RunReader(folder) as reader:
        if written := reader.status().note:
            output.data(written)
