"""`genexplorer data list | add | remove | fetch | cache`: the data sets that are known by name, and the cache."""

from typing import Annotated, Any

import typer

from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson
from genexplorer.runs.sanitize import one_line

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Choose within the data, such as size=64 or prefix=emnist-letters. Repeat."
    ),
]


def list_data(as_json: AsJson = False) -> None:
    """List the data sets that are known by name: built-in, added, downloaded, and those that can be downloaded."""
    from genexplorer.session import known_data
    from genexplorer.session.disk_use import size

    data = known_data.known_data()
    counts = {each.name: known_data.num_train(each) for each in data if each.settings}
    if as_json:
        output.print_json(
            [
                {
                    "name": each.name,
                    "origin": each.origin,
                    "on_disk": bool(each.settings),
                    "title": each.title,
                    "settings": each.settings,
                    "path": each.path or None,
                    "bytes": each.num_bytes,
                    "num_train": counts.get(each.name),
                }
                for each in data
            ]
        )
        return
    rows = []
    for each in data:
        count = counts.get(each.name)
        num_bytes = "" if each.num_bytes is None else size(each.num_bytes)
        rows.append((each.name, each.origin, "" if count is None else f"{count:,}", num_bytes, each.title))
    output.print_table(("NAME", "ORIGIN", "TRAIN", "SIZE", "WHAT"), rows, right_aligned=(2, 3))
    output.print_stderr("\ntrain on one with: genexplorer train vae --data NAME")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="A folder or file, as for 'train --data'.")],
    assignments: Assignments = None,
    replace: Annotated[bool, typer.Option("--replace", help="The name may stand for other data until now.")] = False,
) -> None:
    """Remember a name for data at a path, with the options that choose within it; '--data NAME' then works."""
    from trainers.data import data_names

    settings = data_section(path, assignments or ())
    data_names.add(name, settings, replace=replace)
    place = one_line(settings.get("path", settings["name"]), 400)
    output.print_stderr(f"{name}: {place}; see it: genexplorer data inspect {name}")


def remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name that was added.", autocompletion=completion.names)
    ],
) -> None:
    """Forget a name that was added; the data stay."""
    from trainers.data import data_names

    data_names.remove(name)
    output.print_stderr(f"{name} is forgotten; its data stay where they are")


def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="See 'genexplorer data list'.", autocompletion=completion.downloads)
    ],
) -> None:
    """Download a well-known data set and verify its checksums.

    An interrupted download continues where it stopped. $GENEXPLORER_MIRRORS names mirrors that are tried first.
    """
    from genexplorer.errors import ConfigError
    from trainers.data.downloads import catalog
    from trainers.data.downloads import fetch as fetching

    download = catalog.find_download(name)
    if download is None:
        raise ConfigError(f"'{name}' cannot be downloaded", f"choose one of {', '.join(catalog.DOWNLOADS)}")
    was_complete = download.is_complete
    with output.progress_bar(f"fetching {download.name}") as show_progress:
        folder = fetching.fetch(download, show_progress)
    output.print_stderr(f"{download.name} {'is there already' if was_complete else 'is complete'}: {folder}")
    set_name = name if name in download.set_names else download.set_names[0]
    output.print_stderr(f"train on it with: genexplorer train vae --data {set_name}")


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all prepared data; they are made again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the size of the cache of decoded data, or clear it."""
    from genexplorer.session.disk_use import size
    from genexplorer.session.known_data import disk_bytes
    from trainers.storage import cache as data_cache

    folders = data_cache.entries()
    num_bytes = sum(disk_bytes(folder) or 0 for folder in folders)
    if clear:
        data_cache.clear()
    folder = data_cache.data_cache_dir()
    if as_json:
        output.print_json({"folder": str(folder), "entries": len(folders), "bytes": num_bytes, "cleared": clear})
    elif clear:
        output.print_stderr(f"{size(num_bytes)} in {len(folders):,} entries deleted from {folder}")
    else:
        output.print_stdout(f"{folder}: {size(num_bytes)} in {len(folders):,} entries")
        output.print_stderr("clear it with: genexplorer data cache --clear")


def data_section(place: str, assignments: Any) -> dict[str, Any]:
    """Return the section "data" of a name or path with further options, given as "size=64" or "data.size=64".

    Raises:
        ConfigError: if there is no such data set or option.
        DataError: if the path is no data set.
    """
    from genexplorer.cli.settings import data_settings
    from genexplorer.session.settings_text import parse_assignment

    settings = data_settings(place)
    for assignment in assignments:
        key, value = parse_assignment(assignment, "--set")
        settings[key.removeprefix("data.")] = value
    return settings
