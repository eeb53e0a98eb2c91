"""Import runs from an untrusted folder or zip file; only known files are copied.

No path leaves the new folder, links are refused, sizes are bounded before anything is written. The database is rebuilt
from the rows of its tables, so that a worker never writes to one with foreign views or triggers.
"""

import errno
import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, cast

from genexplorer.errors import DamagedRunError, NoSuchRunError
from genexplorer.runs import layout, notes
from genexplorer.runs.database import sqlite
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status import heartbeat, process_id
from genexplorer.runs.status.run_status import is_run_folder, read_config
from genexplorer.runs.store import RunStore
from genexplorer.runs.untrusted_files import open_file
from trainers.storage import atomic_files

MAX_TOTAL_BYTES = 64 << 30
MAX_FILES = 20_000
MAX_RUNS = 100
MAX_COMPRESSION_RATIO = 1_100  # a file that deflate compressed expands by 1,032 at most
_RECEIVED_DATABASE = ".received.sqlite"
_REBUILD_COST = 20  # a byte of a database takes about as long to rebuild as so many bytes to copy
_NEW_COPY_HINT = "ask the sender for a new copy"
_ZIP_ERRORS = (  # exceptions that zipfile raises for invalid archives
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(RuntimeError, ValueError, LookupError),
)
RUN_FILE_PATH = re.compile(  # matches the paths, inside a run, of the files that are imported
    rf"{layout.CONFIG}|{layout.CHANGES}|{layout.LIGHT}|{layout.LIVE}|{layout.NOTES}|{layout.PARENT}"
    rf"|{re.escape(layout.LOG)}|{layout.DATABASE}(-wal|-journal)?"
    rf"|{layout.INITIAL}/({layout.CARD}|{re.escape(layout.WEIGHTS)}|manifest\.json)"
    rf"|{layout.PICTURES}/[a-z0-9_-]{{1,32}}/step-\d{{8,15}}\.png"
    rf"|{layout.SNAPSHOTS}/step-\d{{8,15}}/({layout.CARD}|{re.escape(layout.WEIGHTS)}|manifest\.json)"
    rf"|{layout.CHECKPOINTS}/step-\d{{8,15}}/(state\.safetensors|meta\.json|manifest\.json)"
    rf"|{layout.EVALUATIONS}/[a-z0-9_-]{{1,64}}\.json"
)


@dataclass(frozen=True)
class ImportResult:
    """The imported run."""

    folder: Path
    num_files: int
    num_skipped: int  # files that are not part of a run
    links: tuple[str, ...] = ()  # paths in the source that are links, which are not followed


@dataclass(frozen=True)
class _Entry:
    """A file of the source: its path inside the run, its size, and its zip member or path."""

    path: str
    size: int
    member: zipfile.ZipInfo | Path


OnProgress = Callable[[float, str], None]  # the fraction that is done, and what is being done
_OpenEntry = Callable[[_Entry], IO[bytes]]


@dataclass(frozen=True)
class _SourceRun:
    """A run in the source: where it is, its files, and its links."""

    label: str  # for messages
    entries: list[_Entry]
    links: tuple[str, ...] = ()


def import_run(source: Path, store: RunStore) -> ImportResult:
    """Copy a run into a store under a new id; the source is not changed.

    Args:
        source: A run folder, or a zip file of one.
        store: The store that receives the run.

    Raises:
        NoSuchRunError: if the source is not one run.
        DamagedRunError: if it is damaged, or not safe to import.
        OSError: if the disk refuses.
    """
    results = import_runs(source, store, max_count=1)
    return results[0]


def import_runs(
    source: Path,
    store: RunStore,
    *,
    max_count: int = MAX_RUNS,
    on_progress: OnProgress = lambda fraction, message: None,
) -> list[ImportResult]:
    """Copy the runs of a source into a store under new ids, all or none; the source is not changed.

    Args:
        source: A run folder, a folder of run folders, or a zip file of either.
        store: The store that receives the runs.
        max_count: The largest number of runs.
        on_progress: Called with the fraction that is done and a message; an exception of it cancels the import.

    Raises:
        NoSuchRunError: if the source contains no run, or more than `max_count`.
        DamagedRunError: if it is damaged, or not safe to import.
        OSError: if the disk refuses.
    """
    # Select the known files, then copy them into hidden folders that become runs when all are complete.
    results: list[ImportResult] = []
    temporaries: list[Path] = []
    with _open_source(source) as (runs, open_entry):
        if not runs:
            raise NoSuchRunError(f"{one_line(source.name, 80)} does not contain a run", f"it has no {layout.CONFIG}")
        if len(runs) > max_count:
            names = one_line(", ".join(run.label for run in runs[:8]), 200)
            raise NoSuchRunError(
                f"{one_line(source.name, 80)} contains {len(runs)} runs, such as {names}", "import them one by one"
            )
        store.runs_dir.mkdir(parents=True, exist_ok=True)
        try:
            progress = _Progress([entry for run in runs for entry in run.entries], on_progress)
            for run in runs:
                selected = [entry for entry in run.entries if RUN_FILE_PATH.fullmatch(entry.path)]
                temporaries.append(store.new_temporary_folder())
                try:
                    _copy(selected, temporaries[-1], open_entry, progress)
                    _rebuild_records(temporaries[-1], progress)
                except DamagedRunError as error:
                    if len(runs) == 1:
                        raise
                    message = f"{one_line(run.label, 80)}: {error.message}; nothing is imported"
                    raise DamagedRunError(message, error.hint) from error
                num_skipped = len(run.entries) - len(selected)
                results.append(ImportResult(temporaries[-1], len(selected), num_skipped, run.links))
            results = [replace(result, folder=store.move_in(result.folder)) for result in results]
        except BaseException:
            for temporary in temporaries:
                shutil.rmtree(temporary, ignore_errors=True)
            raise
    return results


@contextmanager
def _open_source(source: Path) -> Iterator[tuple[list[_SourceRun], _OpenEntry]]:
    """Yield the runs of a source and a function that opens a file; sizes are checked before the first byte is read.

    Raises:
        DamagedRunError: if it is not safe to import.
        NoSuchRunError: if it is neither a folder with runs nor a zip file.
    """
    # A folder is read in place, an archive through zipfile.
    folders = [source] if is_run_folder(source) else _run_folders_in(source)
    if folders:
        runs = [_folder_run(folder) for folder in folders]
        _check_limits(runs, source)
        yield runs, lambda entry: open_file(cast(Path, entry.member))
        return
    if not source.is_file():
        raise NoSuchRunError(f"{one_line(source, 120)} is neither a run folder nor a zip file", "pass one of them")
    try:
        with zipfile.ZipFile(source) as archive:
            runs = _archived_runs(archive, source)
            _check_limits(runs, source)
            yield runs, lambda entry: archive.open(cast(zipfile.ZipInfo, entry.member))
    except (*_ZIP_ERRORS, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # EINVAL: a seek before the start
            raise
        raise DamagedRunError(
            f"{one_line(source.name, 80)} is not a valid zip file: {one_line(error, 120)}", _NEW_COPY_HINT
        ) from error


def _run_folders_in(folder: Path) -> list[Path]:
    """Return the run folders directly inside a folder; not those that are hidden."""
    if not folder.is_dir():
        return []
    inside = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return [path for path in inside if (path / layout.CONFIG).is_file()]


def _folder_run(folder: Path) -> _SourceRun:
    """Return the regular files of a run folder, and the links, which are not followed."""
    entries: list[_Entry] = []
    links: list[str] = []
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent) / name
            relative, mode = path.relative_to(folder).as_posix(), (info := path.lstat()).st_mode
            if stat.S_ISLNK(mode):
                links.append(relative)
            elif stat.S_ISREG(mode):
                entries.append(_Entry(relative, info.st_size, path))
    has_config = any(entry.path == layout.CONFIG for entry in entries)
    if not has_config:
        reason = "its configuration is a link" if layout.CONFIG in links else f"it has no {layout.CONFIG}"
        raise NoSuchRunError(f"{one_line(folder.name, 80)} does not contain a run", reason)
    return _SourceRun(folder.name, entries, tuple(sorted(links)))


def _archived_runs(archive: zipfile.ZipFile, source: Path) -> list[_SourceRun]:
    """Return the runs in a zip file: one at its top, or all that are in its folders."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    # Refuse what leads outside or expands beyond its bounds.
    for info in infos:
        member = f"{one_line(source.name, 80)}: '{one_line(info.filename, 80)}'"
        if problem := _member_problem(info):
            raise DamagedRunError(f"{member} {problem}", _NEW_COPY_HINT)
    # Find the runs inside; a configuration inside a run is not a run of its own.
    configs = [info.filename for info in infos if PurePosixPath(info.filename).name == layout.CONFIG]
    prefixes: list[str] = []
    for prefix in sorted((config.removesuffix(layout.CONFIG) for config in configs), key=lambda p: (p.count("/"), p)):
        if not any(prefix.startswith(outer) for outer in prefixes):
            prefixes.append(prefix)
    # Assign each file to its run.
    entries: dict[str, list[_Entry]] = {prefix: [] for prefix in prefixes}
    for info in infos:
        prefix = next((prefix for prefix in prefixes if info.filename.startswith(prefix)), "")
        if prefix in entries:
            entries[prefix].append(_Entry(info.filename.removeprefix(prefix), info.file_size, info))
    return [_SourceRun(prefix.strip("/") or source.name, entries[prefix]) for prefix in prefixes]


def _member_problem(info: zipfile.ZipInfo) -> str:
    """Return why a member of a zip file cannot be imported; empty if it can."""
    if ".." in PurePosixPath(info.filename).parts or info.filename.startswith("/"):
        return "leads out of the folder"
    if "\\" in info.filename:
        return "has a backslash in its path, where zip files have '/'"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "uses an unsupported compression method"
    if info.file_size > MAX_COMPRESSION_RATIO * max(info.compress_size, 1):
        return "is a zip bomb"
    return ""


class _Progress:
    """Reports how far an import is, by bytes."""

    def __init__(self, entries: list[_Entry], on_progress: OnProgress) -> None:
        databases = sum(entry.size for entry in entries if entry.path == layout.DATABASE)
        self._total = max(sum(entry.size for entry in entries) + databases * _REBUILD_COST, 1)
        self._done = 0.0
        self._on_progress = on_progress

    def add(self, num_bytes: float, message: str) -> None:
        """Report bytes that are done."""
        self._done += num_bytes
        self.show(0.0, message)

    def show(self, num_bytes: float, message: str) -> None:
        """Report bytes that are a part of what is done next."""
        self._on_progress(min((self._done + num_bytes) / self._total, 1.0), message)


def _check_limits(runs: list[_SourceRun], source: Path) -> None:
    """Raise unless the number of files and their size are bounded, and their names differ.

    Raises:
        DamagedRunError: if they do not.
    """
    entries = [entry for run in runs for entry in run.entries]
    size = sum(entry.size for entry in entries)
    if len(entries) > MAX_FILES or size > MAX_TOTAL_BYTES:
        contents = f"{one_line(source.name, 80)} has {len(entries):,} files and {size / 1e9:,.1f} GB"
        raise DamagedRunError(contents, f"the limits are {MAX_FILES:,} files and {MAX_TOTAL_BYTES / 1e9:,.0f} GB")
    if any(len({entry.path for entry in run.entries}) < len(run.entries) for run in runs):
        raise DamagedRunError(f"{one_line(source.name, 80)} has two files with the same name", _NEW_COPY_HINT)


def _copy(entries: list[_Entry], target: Path, open_entry: _OpenEntry, progress: "_Progress") -> None:
    """Copy files to the paths that `RUN_FILE_PATH` allows, never more bytes than declared."""
    for entry in entries:
        is_database = entry.path.startswith(layout.DATABASE)
        path = target / (_RECEIVED_DATABASE + entry.path.removeprefix(layout.DATABASE) if is_database else entry.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_entry(entry) as stream, path.open("xb") as file:
            remaining = entry.size
            while remaining and (chunk := stream.read(min(remaining, 1 << 20))):
                file.write(chunk)
                remaining -= len(chunk)
                progress.add(len(chunk), f"copies {entry.path}")
            if remaining or stream.read(1):
                raise DamagedRunError(f"'{entry.path}' does not have its declared size", _NEW_COPY_HINT)


def _rebuild_records(folder: Path, progress: "_Progress") -> None:
    """Rewrite the notes, the heartbeat and the database from their validated contents."""
    # The name may come from elsewhere or be missing.
    config = read_config(folder)
    run_notes = notes.read(folder)
    notes.write(folder, replace(run_notes, name=run_notes.name or config.preset or config.model.name))
    (folder / layout.CONTROL).mkdir()
    # The record loses its process, which does not exist here: it is never active.
    record = heartbeat.read(folder / layout.LIVE) or heartbeat.LiveRecord()
    (folder / layout.LIVE).unlink(missing_ok=True)
    record = replace(record, host=process_id.host_name(), boot_id="", pid=0, start=0)
    heartbeat.create(folder / layout.LIVE, record)
    # Only the rows of known tables are copied to the new database.
    received = folder / _RECEIVED_DATABASE
    if received.is_file():
        size = received.stat().st_size * _REBUILD_COST
        sqlite.copy_tables(received, folder, lambda fraction: progress.show(fraction * size, "rebuilds the metrics"))
        progress.add(size, "")
    for path in folder.glob(f"{_RECEIVED_DATABASE}*"):
        path.unlink()
    atomic_files.sync_folder(folder)
