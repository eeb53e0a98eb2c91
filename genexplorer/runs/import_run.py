"""Import a run from an untrusted folder or zip file; only known files are copied.

No path leaves the new folder, links are refused, sizes are bounded before anything is written. The database is rebuilt
from the rows of its tables, so that a worker never writes to one with foreign views or triggers.
"""

import errno
import os
import re
import shutil
import stat
import struct
import tempfile
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
MAX_COMPRESSION_RATIO = 1_100  # a file that deflate compressed expands by 1,032 at most
_RECEIVED_DATABASE = ".received.sqlite"
_NEW_COPY_HINT = "ask the sender for a new copy"
_ZIP_ERRORS = (  # exceptions that zipfile raises for invalid archives
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(RuntimeError, ValueError, LookupError),
)
_RUN_FILE_PATH = re.compile(  # matches the paths, inside a run, of the files that are imported
    rf"{layout.CONFIG}|{layout.LIVE}|{layout.NOTES}|{re.escape(layout.LOG)}|{layout.DATABASE}(-wal)?"
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


@dataclass(frozen=True)
class _Entry:
    """A file of the source: its path inside the run, its size, and its zip member or path."""

    path: str
    size: int
    member: zipfile.ZipInfo | Path


_OpenEntry = Callable[[_Entry], IO[bytes]]


def import_run(source: Path, store: RunStore) -> ImportResult:
    """Copy a run into a store under a new id; the source is not changed.

    Args:
        source: A run folder, or a zip file of one.
        store: The store that receives the run.

    Raises:
        NoSuchRunError: if the source is not a run.
        DamagedRunError: if it is damaged, or not safe to import.
        OSError: if the disk refuses.
    """
    # Select the known files, then copy them into a hidden folder that becomes the run when it is complete.
    with _open_source(source) as (entries, open_entry):
        selected = [entry for entry in entries if _RUN_FILE_PATH.fullmatch(entry.path)]
        if not any(entry.path == layout.CONFIG for entry in selected):
            raise NoSuchRunError(f"{one_line(source.name, 80)} does not contain a run", f"it has no {layout.CONFIG}")
        store.runs_dir.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=store.runs_dir))
        try:
            _copy(selected, temporary, open_entry)
            _rebuild_records(temporary)
            folder = store.move_in(temporary)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return ImportResult(folder, len(selected), len(entries) - len(selected))


@contextmanager
def _open_source(source: Path) -> Iterator[tuple[list[_Entry], _OpenEntry]]:
    """Yield the files of a source and a function that opens one; sizes are checked before the first byte is read.

    Raises:
        DamagedRunError: if it is not safe to import.
        NoSuchRunError: if it is not a run.
    """
    # A folder is read in place, an archive through zipfile.
    if is_run_folder(source):
        entries = list(_files_below(source))
        _check_limits(entries, source)
        yield entries, lambda entry: open_file(source / entry.path)
        return
    if not source.is_file():
        raise NoSuchRunError(f"{one_line(source, 120)} is neither a run folder nor a zip file", "pass one of them")
    try:
        with zipfile.ZipFile(source) as archive:
            entries = _members(archive, source)
            _check_limits(entries, source)
            yield entries, lambda entry: archive.open(cast(zipfile.ZipInfo, entry.member))
    except (*_ZIP_ERRORS, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # EINVAL: a seek before the start
            raise
        raise DamagedRunError(
            f"{one_line(source.name, 80)} is not a valid zip file: {one_line(error, 120)}", _NEW_COPY_HINT
        ) from error


def _files_below(folder: Path) -> Iterator[_Entry]:
    """Yield the regular files; links are skipped."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not (Path(parent) / name).is_symlink()]
        for name in names:
            path = Path(parent) / name
            if stat.S_ISREG((info := path.lstat()).st_mode):
                yield _Entry(path.relative_to(folder).as_posix(), info.st_size, path)


def _members(archive: zipfile.ZipFile, source: Path) -> list[_Entry]:
    """Return the files of a zip file, without the top folder if there is one."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    # Refuse what leads outside or expands beyond its bounds.
    for info in infos:
        parts = PurePosixPath(info.filename).parts
        escapes = ".." in parts or info.filename.startswith("/") or "\\" in info.filename or ":" in info.filename
        is_link = stat.S_ISLNK(info.external_attr >> 16)
        member = f"{one_line(source.name, 80)}: '{one_line(info.filename, 80)}'"
        if escapes or is_link:
            raise DamagedRunError(f"{member} {'is a link' if is_link else 'leads out of the folder'}", _NEW_COPY_HINT)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DamagedRunError(f"{member} uses an unsupported compression method", _NEW_COPY_HINT)
        if info.file_size > MAX_COMPRESSION_RATIO * max(info.compress_size, 1):
            raise DamagedRunError(f"{member} is a zip bomb", _NEW_COPY_HINT)
    # Find the run inside.
    configs = [info.filename for info in infos if PurePosixPath(info.filename).name == layout.CONFIG]
    prefix = min(configs, key=len, default="").removesuffix(layout.CONFIG)
    if prefix.count("/") > 1:
        raise NoSuchRunError(f"{one_line(source.name, 80)} has no run at its top", "zip the run's own folder")
    inside = [info for info in infos if info.filename.startswith(prefix)]
    return [_Entry(info.filename.removeprefix(prefix), info.file_size, info) for info in inside]


def _check_limits(entries: list[_Entry], source: Path) -> None:
    """Raise unless the number of files and their size are bounded, and their names differ.

    Raises:
        DamagedRunError: if they do not.
    """
    size = sum(entry.size for entry in entries)
    if len(entries) > MAX_FILES or size > MAX_TOTAL_BYTES:
        contents = f"{one_line(source.name, 80)} has {len(entries):,} files and {size / 1e9:,.1f} GB"
        raise DamagedRunError(contents, f"the limits are {MAX_FILES:,} files and {MAX_TOTAL_BYTES / 1e9:,.0f} GB")
    if len({entry.path for entry in entries}) < len(entries):
        raise DamagedRunError(f"{one_line(source.name, 80)} has two files with the same name", _NEW_COPY_HINT)


def _copy(entries: list[_Entry], target: Path, open_entry: _OpenEntry) -> None:
    """Copy files to the paths that `_RUN_FILE_PATH` allows, never more bytes than declared."""
    for entry in entries:
        is_database = entry.path.startswith(layout.DATABASE)
        path = target / (_RECEIVED_DATABASE + entry.path.removeprefix(layout.DATABASE) if is_database else entry.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_entry(entry) as stream, path.open("xb") as file:
            remaining = entry.size
            while remaining and (chunk := stream.read(min(remaining, 1 << 20))):
                file.write(chunk)
                remaining -= len(chunk)
            if remaining or stream.read(1):
                raise DamagedRunError(f"'{entry.path}' does not have its declared size", _NEW_COPY_HINT)


def _rebuild_records(folder: Path) -> None:
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
        sqlite.copy_tables(received, folder)
    for path in folder.glob(f"{_RECEIVED_DATABASE}*"):
        path.unlink()
    atomic_files.sync_folder(folder)
