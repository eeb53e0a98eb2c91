"""`genexplorer runs delete | restore | empty-trash`: a deleted run can be brought back until the trash is emptied."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import Runs, RunsDir, Yes
from genexplorer.cli.typer_classes import Command
from genexplorer.errors import NoSuchRunError, UserError
from genexplorer.runs import layout

if TYPE_CHECKING:
    from genexplorer.runs.store import RunStore


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("delete", cls=Command)(delete)
    app.command("restore", cls=Command)(restore)
    app.command("empty-trash", cls=Command)(empty_trash)


def delete(runs: Runs, runs_dir: RunsDir = None) -> None:
    """Move runs to the trash; 'restore' brings them back. A live run must be stopped first."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    code = 0
    for name in dict.fromkeys(runs):
        try:
            folder = store.find(name)
            with RunReader(folder) as reader:
                status = reader.status()
            store.delete(folder)
            output.say(f"deleted {status.name}; 'genexplorer runs restore {status.id}' brings it back")
        except UserError as error:
            output.complain(error)
            code = code or error.exit_code
    raise typer.Exit(code)


def restore(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="Id, name, or 'latest' (deleted last).")] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Bring a deleted run back; without a RUN, list what is in the trash."""
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    if run is None:
        for entry in store.trash():
            output.data(f"{_id_of(entry)}  {_name_of(entry)}".rstrip())
        return
    restored = store.restore(_find_in_trash(store, run))
    with RunReader(restored) as reader:
        output.say(f"{reader.status().name} is back")


def empty_trash(yes: Yes = False, runs_dir: RunsDir = None) -> None:
    """Remove deleted runs for good."""
    from genexplorer.runs.store import RunStore

    store = RunStore(paths.runs_dir(runs_dir))
    found = store.trash()
    if not found:
        output.say("the trash is empty")
        return
    size = sum(_size(entry) for entry in found)
    runs = f"{len(found)} deleted run{'' if len(found) == 1 else 's'} ({size / 1e6:,.1f} MB)"
    if not yes:
        typer.confirm(f"Remove {runs} for good?", abort=True, err=True)
    store.empty_trash()
    output.say(f"removed {runs}")


def _find_in_trash(store: "RunStore", selector: str) -> Path:
    found = store.trash()
    if selector == "latest" and found:
        return found[0]
    exact = [entry for entry in found if selector in (_id_of(entry), _name_of(entry))]
    matching = exact or [e for e in found if _id_of(e).startswith(selector) or _name_of(e).startswith(selector)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise NoSuchRunError(f"{len(matching)} deleted runs answer to '{selector}'", "give more of the id")
    raise NoSuchRunError(f"no deleted run answers to '{selector}'", "'genexplorer runs restore' lists them")


def _id_of(entry: Path) -> str:
    return entry.name.removeprefix(layout.TRASH_PREFIX)


def _name_of(entry: Path) -> str:
    from genexplorer.runs import notes

    return notes.read(entry).name


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
