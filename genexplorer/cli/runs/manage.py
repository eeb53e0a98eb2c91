"""`genexplorer runs rename | tag | note | delete | restore | empty-trash | export | import`.

A deleted run can be restored until the trash is emptied.
"""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer.cli import output
from genexplorer.cli.options import AsJson, OutFile, Run, Runs, RunsDir, Yes, open_store
from genexplorer.cli.runs.control import apply_to_each
from genexplorer.errors import NoSuchRunError, UserError
from genexplorer.runs import layout
from genexplorer.runs.sanitize import one_line

if TYPE_CHECKING:
    from genexplorer.runs.store import RunStore

MAX_NOTE_CHARACTERS = 20_000


def rename(
    run: Run, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")], runs_dir: RunsDir = None
) -> None:
    """Rename a run; its id stays."""
    from genexplorer.runs.status.run_status import read_status

    store = open_store(runs_dir)
    folder = store.find(run)
    store.rename(folder, name)
    status = read_status(folder)
    output.print_stderr(f"{status.id} renamed to {status.name}")
    if notice := store.same_name_notice(folder):
        output.print_stderr(notice)


def tag(
    run: Run,
    tags: Annotated[list[str] | None, typer.Argument(metavar="TAG", help="Tags to add.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="TAG", help="Tag to remove. Repeat for more.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Add and remove tags of a run; without either, print them."""
    from genexplorer.runs import notes
    from genexplorer.runs.status.run_status import read_status

    store = open_store(runs_dir)
    folder = store.find(run)
    if tags or remove:
        labels = dict.fromkeys([*read_status(folder).tags, *notes.require_tags(tags or ())])
        store.set_tags(folder, notes.require_tags(label for label in labels if label not in (remove or ())))
    for label in read_status(folder).tags:
        output.print_stdout(label)


def note(
    run: Run,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The note; '-' reads standard input, '' deletes it.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Set a run's note; without a text, print it."""
    from genexplorer.runs.status.run_status import read_status

    store = open_store(runs_dir)
    folder = store.find(run)
    if text is not None:
        store.set_note(folder, sys.stdin.read(MAX_NOTE_CHARACTERS) if text == "-" else text)
    elif current := read_status(folder).note:
        output.print_stdout(current)


def delete(runs: Runs, runs_dir: RunsDir = None) -> None:
    """Move runs to the trash; 'restore' brings them back. An active run must be stopped first."""
    from genexplorer.session import actions

    apply_to_each(runs, runs_dir, actions.delete, _restore_hint)


def _restore_hint(folder: Path) -> str:
    from genexplorer.runs.command_hints import runs_dir_option

    identity = shlex.quote(folder.name)
    return f"; 'genexplorer runs restore {identity}{runs_dir_option(folder.parent)}' restores it"


def restore(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="Id, name, or 'latest' (last deleted).")] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Restore a deleted run; without a RUN, list the trash."""
    from genexplorer.session import actions

    store = open_store(runs_dir)
    if run is None:
        for entry in store.trash():
            output.print_stdout(f"{_id_of(entry)}  {_name_of(entry)}".rstrip())
        return
    result = actions.restore(_find_in_trash(store, run))
    if not result.ok:
        output.print_error(UserError(result.message, result.hint))
        raise typer.Exit(result.exit_code)
    output.print_stderr(result.message)


def empty_trash(yes: Yes = False, runs_dir: RunsDir = None) -> None:
    """Delete the runs in the trash permanently."""
    store = open_store(runs_dir)
    entries = store.trash()
    if not entries:
        output.print_stderr("the trash is empty")
        return
    files = (path for entry in entries for path in entry.rglob("*") if path.is_file() and not path.is_symlink())
    size = sum(path.lstat().st_size for path in files)
    runs = f"{len(entries)} deleted run{'' if len(entries) == 1 else 's'} ({size / 1e6:,.1f} MB)"
    if not yes:
        typer.confirm(f"Delete {runs} permanently?", abort=True, err=True)
    store.empty_trash()
    output.print_stderr(f"permanently deleted {runs}")


def _find_in_trash(store: "RunStore", selector: str) -> Path:
    entries = store.trash()
    if selector == "latest" and entries:
        return entries[0]
    exact = [entry for entry in entries if selector in (_id_of(entry), _name_of(entry))]
    matches = exact or [e for e in entries if _id_of(e).startswith(selector) or _name_of(e).startswith(selector)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise NoSuchRunError(f"'{selector}' matches {len(matches)} deleted runs", "use the id")
    from genexplorer.runs.command_hints import runs_dir_option

    lists = f"'genexplorer runs restore{runs_dir_option(store.runs_dir)}' lists them"
    raise NoSuchRunError(f"no deleted run '{selector}'", lists)


def _id_of(entry: Path) -> str:
    return entry.name.removeprefix(layout.TRASH_PREFIX)


def _name_of(entry: Path) -> str:
    from genexplorer.runs import notes

    return notes.read(entry).name


def export(
    run: Run,
    out: OutFile = None,
    light: Annotated[
        bool,
        typer.Option("--light", help="Leave out checkpoints, and most snapshots and images: small enough to mail."),
    ] = False,
    as_json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Export a run as a zip file, which 'runs import' reads; data are not part of it."""
    from genexplorer.cli.pictures.image_command import default_file
    from genexplorer.jobs.image_files import format_of
    from genexplorer.runs.export_run import export_run, safe_name
    from genexplorer.runs.status.run_status import read_status
    from genexplorer.session.disk_use import size

    folder = open_store(runs_dir).find(run)
    path = out or default_file(f"{safe_name(read_status(folder).name)}.zip")
    format_of(path, {".zip": "ZIP"})  # before anything is read
    with output.interruptible() as check, output.progress_bar("export") as show:

        def report(fraction: float, message: str) -> None:
            check()
            show(fraction, message)

        result = export_run(folder, path, light=light, on_progress=report)
    if as_json:
        output.print_json(
            {
                "path": str(result.path),
                "bytes": result.num_bytes,
                "files": result.num_files,
                "left_out": result.left_out,
            }
        )
        return
    output.print_stderr(f"{read_status(folder).name}: {result.num_files} files, {size(result.num_bytes)}")
    for line in result.left_out:
        output.print_stderr(f"without {line}")
    output.print_stdout(str(result.path))


def import_(
    source: Annotated[
        Path, typer.Argument(metavar="FOLDER|ZIP", help="A run folder, a folder of them, or a zip file of either.")
    ],
    runs_dir: RunsDir = None,
) -> None:
    """Import shared runs: copy them into the runs folder after checking them; the source is not changed."""
    from genexplorer.runs.import_run import import_runs
    from genexplorer.runs.status.run_status import read_status

    store = open_store(runs_dir)
    names_before = {status.name for status in store.list()}
    with output.interruptible() as check, output.progress_bar("import") as show:

        def report(fraction: float, message: str) -> None:
            check()
            show(fraction, message)

        results = import_runs(source.expanduser(), store, on_progress=report)
    for result in results:
        status = read_status(result.folder)
        parts = [f"{result.num_files} files"]
        if result.num_skipped:
            parts.append(f"{result.num_skipped} unexpected files skipped")
        if result.links:
            more = f" and {len(result.links) - 3} more" if len(result.links) > 3 else ""
            links = ", ".join(one_line(path, 60) for path in result.links[:3])
            parts.append(f"links skipped: {links}{more}")
        output.print_stderr(f"{status.name}: {', '.join(parts)}")
        if status.name in names_before:
            output.print_stderr(f"another run is named {status.name}; this one is {status.id}")
        names_before.add(status.name)
        output.print_stdout(str(result.folder))
