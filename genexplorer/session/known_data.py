"""The data sets that are known by name: those of genexplorer, downloads, and the user's own."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from genexplorer.runs.sanitize import one_line
from trainers import registry
from trainers.config import parse_section
from trainers.data import data_names
from trainers.data.downloads import catalog
from trainers.errors import UserError
from trainers.registry import DataKind

Origin = Literal["built-in", "added", "downloaded", "to download"]
_MAX_FILES = 200_000  # whose sizes are added up


@dataclass(frozen=True)
class NamedDataSet:
    """A data set that is known by name.

    Args:
        name: As `--data` takes it.
        origin: Where it comes from.
        title: What it is; the path of what the user added.
        settings: Of the section "data"; empty for one that is not on this machine.
        num_bytes: Size on the disk, or of the download; None where it is unknown.
    """

    name: str
    origin: Origin
    title: str
    settings: dict[str, Any]
    num_bytes: int | None = None

    @property
    def path(self) -> str:
        """Where the data are; empty for data that are computed or bundled."""
        return str(self.settings.get("path", ""))


def named_data(kind: DataKind) -> list[tuple[str, str]]:
    """Return the names, each with a description, of data of a kind that the user added or downloaded."""
    entries = [(name, settings, "") for name, settings in data_names.read_all().items()]
    for download in catalog.DOWNLOADS.values():
        if download.is_complete:
            entries += [(name, download.settings(name), download.title) for name in download.set_names]
    return [
        (name, title or one_line(settings.get("path", ""), 60))
        for name, settings, title in entries
        if settings["name"] in registry.datasets() and registry.data_kind(settings["name"]) == kind
    ]


def known_data(*, with_sizes: bool = True) -> list[NamedDataSet]:
    """Return every data set that is known by name, also those that can be downloaded.

    Args:
        with_sizes: Whether to add up the sizes of files.
    """

    def size_of(place: Path) -> int | None:
        return disk_bytes(place) if with_sizes else None

    data = [
        NamedDataSet(spec.name, "built-in", spec.title, {"name": spec.name}, _builtin_bytes(spec.name))
        for spec in registry.datasets().values()
        if not spec.reads_path
    ]
    for name, settings in data_names.read_all().items():
        place = Path(settings.get("path", ""))
        title = one_line(place, 200) if place.exists() else f"{one_line(place, 200)} (not there)"
        data.append(NamedDataSet(name, "added", title, settings, size_of(place)))
    for download in catalog.DOWNLOADS.values():
        if not download.is_complete:
            data.append(NamedDataSet(download.name, "to download", download.title, {}, download.num_bytes))
            continue
        data += [
            NamedDataSet(name, "downloaded", download.title, download.settings(name), size_of(download.folder))
            for name in download.set_names
        ]
    return data


def num_train(data: NamedDataSet) -> int | None:
    """Return the number of training examples by the headers; None where it is unknown or the data cannot be read."""
    if not data.settings:
        return None
    try:
        spec = registry.dataset(data.settings["name"])
        options = {key: value for key, value in data.settings.items() if key != "name"}
        return spec.num_train(parse_section(spec.options, options, "data"))
    except (UserError, OSError):
        return None


def disk_bytes(place: Path) -> int | None:
    """Return the size of a file, or of the files in a folder; None if there is neither, or there are very many."""
    if place.is_file():
        return place.stat().st_size
    if not place.is_dir():
        return None
    total, count = 0, 0
    for folder, _, files in os.walk(place):
        for file in files:
            count += 1
            if count > _MAX_FILES:
                return None
            try:
                total += (Path(folder) / file).lstat().st_size
            except OSError:
                continue
    return total


def _builtin_bytes(name: str) -> int | None:
    if name != "mnist":
        return None  # computed
    from trainers.data.catalog import bundled_folder

    try:
        return disk_bytes(bundled_folder(name))
    except UserError:
        return None
