"""Taking in a run that somebody sent, a folder or a zip file: nothing is trusted, and only what is known is kept.

No path leaves the new folder, links are refused, sizes are bounded before anything is written. The database is written
anew from the rows of its tables, so that no view or trigger of a stranger's is ever there when a worker writes to it.
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
from typing import IO, BinaryIO, cast

from genexplorer.errors import DamagedRunError, NoSuchRunError
from genexplorer.runs import layout, notes
from genexplorer.runs.database import sqlite
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status import heartbeat, process_id
from genexplorer.runs.status.run_status import is_run_folder, read_config
from genexplorer.runs.store import RunStore
from trainers.storage import atomic_files

MAX_BYTES = 64 << 30  # of all files together
MAX_FILES = 20_000
MAX_RATIO = 1_100  # deflate cannot expand by more than about 1,032
_RECEIVED = ".received.sqlite"
_HINT = "ask for it again, or look into it with care"
_NOT_A_ZIP = (  # what zipfile raises for bytes that are none: names that are no text, fields that contradict each other
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(RuntimeError, ValueError, LookupError),
)
_KNOWN = re.compile(  # the files of a run that are taken over, by their path inside of it
    rf"{layout.CONFIG}|{layout.LIVE}|{layout.NOTES}|{re.escape(layout.LOG)}|{layout.DATABASE}(-wal)?"
    rf"|{layout.PICTURES}/[a-z0-9_-]{{1,32}}/step-\d{{8,15}}\.png"
    rf"|{layout.SNAPSHOTS}/step-\d{{8,15}}/({layout.CARD}|{re.escape(layout.WEIGHTS)}|manifest\.json)"
    rf"|{layout.CHECKPOINTS}/step-\d{{8,15}}/(state\.safetensors|meta\.json|manifest\.json)"
    rf"|{layout.EVALUATIONS}/[a-z0-9_-]{{1,64}}\.json"
)


@dataclass(frozen=True)
class ImportResult:
    """What came in."""

    folder: Path
    num_files: int
    left_out: int  # files that no run has


@dataclass(frozen=True)
class _Entry:
    """A file of a source: its path inside the run, its size, and where its bytes are."""

    path: str
    size: int
    member: zipfile.ZipInfo | Path


_Read = Callable[[_Entry], IO[bytes]]


def import_run(source: Path, store: RunStore) -> ImportResult:
    """Copy a run into a store, under a new id; the source stays as it is.

    Args:
        source: A run folder, or a zip file that holds one.
        store: Where it goes.

    Raises:
        NoSuchRunError: if the source is no run.
        DamagedRunError: if it is not what it should be, or not what may be let in.
        OSError: if the disk refuses.
    """
    with _opened(source) as (entries, read):
        kept = [entry for entry in entries if _KNOWN.fullmatch(entry.path)]
        if not any(entry.path == layout.CONFIG for entry in kept):
            raise NoSuchRunError(f"{one_line(source.name, 80)} holds no run", f"a run has a {layout.CONFIG}")
        store.runs_dir.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=store.runs_dir))
        try:
            _copy(kept, temporary, read)
            _make_ours(temporary)
            folder = store.adopt(temporary)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return ImportResult(folder, len(kept), len(entries) - len(kept))


@contextmanager
def _opened(source: Path) -> Iterator[tuple[list[_Entry], _Read]]:
    """Give the files of a source and what opens them; everything is bounded before the first byte is read.

    Raises:
        DamagedRunError: if something in it may not be let in.
        NoSuchRunError: if there is nothing.
    """
    if is_run_folder(source):
        entries = list(_files_below(source))
        _refuse_too_much(entries, source)
        yield entries, lambda entry: _open_regular(source / entry.path)
        return
    if not source.is_file():
        raise NoSuchRunError(f"{one_line(source, 120)} is neither a run folder nor a zip file", "name one of them")
    try:
        with zipfile.ZipFile(source) as archive:
            entries = _members(archive, source)
            _refuse_too_much(entries, source)
            yield entries, lambda entry: archive.open(cast(zipfile.ZipInfo, entry.member))
    except (*_NOT_A_ZIP, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a place before the file's beginning
            raise
        raise DamagedRunError(
            f"{one_line(source.name, 80)} is no whole zip file: {one_line(error, 120)}", _HINT
        ) from error


def _files_below(folder: Path) -> Iterator[_Entry]:
    """Yield the regular files; links are neither followed nor taken."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not (Path(place) / name).is_symlink()]
        for name in names:
            path = Path(place) / name
            if stat.S_ISREG((found := path.lstat()).st_mode):
                yield _Entry(path.relative_to(folder).as_posix(), found.st_size, path)


def _members(archive: zipfile.ZipFile, source: Path) -> list[_Entry]:
    """Return the files of a zip, without the one folder that may hold them all."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    for info in infos:
        _refuse_member(info, source)
    configs = [info.filename for info in infos if PurePosixPath(info.filename).name == layout.CONFIG]
    prefix = min(configs, key=len, default="").removesuffix(layout.CONFIG)
    if prefix.count("/") > 1:
        raise NoSuchRunError(f"{one_line(source.name, 80)} holds no run at its top", "zip the run's own folder")
    inside = [info for info in infos if info.filename.startswith(prefix)]
    return [_Entry(info.filename.removeprefix(prefix), info.file_size, info) for info in inside]


def _refuse_member(info: zipfile.ZipInfo, source: Path) -> None:
    parts = PurePosixPath(info.filename).parts
    leaves = ".." in parts or info.filename.startswith("/") or "\\" in info.filename or ":" in info.filename
    linked = stat.S_ISLNK(info.external_attr >> 16)
    if leaves or linked:
        what = "is a link" if linked else "leads out of the folder"
        raise DamagedRunError(f"{one_line(source.name, 80)}: '{one_line(info.filename, 80)}' {what}", _HINT)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DamagedRunError(f"{one_line(source.name, 80)}: '{one_line(info.filename, 80)}' is packed oddly", _HINT)
    if info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise DamagedRunError(f"{one_line(source.name, 80)}: '{one_line(info.filename, 80)}' is a zip bomb", _HINT)


def _refuse_too_much(entries: list[_Entry], source: Path) -> None:
    size = sum(entry.size for entry in entries)
    if len(entries) > MAX_FILES or size > MAX_BYTES:
        said = f"{one_line(source.name, 80)} has {len(entries):,} files and {size / 1e9:,.1f} GB"
        raise DamagedRunError(said, f"at most {MAX_FILES:,} files and {MAX_BYTES / 1e9:,.0f} GB are let in")
    if len({entry.path for entry in entries}) < len(entries):
        raise DamagedRunError(f"{one_line(source.name, 80)} has two files of one name", _HINT)


def _open_regular(path: Path) -> BinaryIO:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    return os.fdopen(handle, "rb")


def _copy(entries: list[_Entry], target: Path, read: _Read) -> None:
    """Copy files to the paths that `_KNOWN` has allowed, never more bytes than were announced."""
    for entry in entries:
        name = _RECEIVED + entry.path.removeprefix(layout.DATABASE) if _is_database(entry.path) else entry.path
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with read(entry) as stream, path.open("xb") as file:
            left = entry.size
            while left and (chunk := stream.read(min(left, 1 << 20))):
                file.write(chunk)
                left -= len(chunk)
            if left or stream.read(1):
                raise DamagedRunError(f"'{entry.path}' has another size than announced", _HINT)


def _is_database(path: str) -> bool:
    return path.startswith(layout.DATABASE)


def _make_ours(folder: Path) -> None:
    """Write anew what is read back by programs: the notes, the heartbeat's record, the database."""
    config = read_config(folder)
    said = notes.read(folder)
    notes.write(folder, replace(said, name=said.name or config.preset or config.model.name))
    (folder / layout.CONTROL).mkdir()
    record = heartbeat.read(folder / layout.LIVE) or heartbeat.LiveRecord()
    (folder / layout.LIVE).unlink(missing_ok=True)
    here = replace(record, host=process_id.host_name(), boot_id="", pid=0, start=0)  # no worker of ours: never live
    heartbeat.create(folder / layout.LIVE, here)
    received = folder / _RECEIVED
    if received.is_file():
        sqlite.copy_tables(received, folder)
    for path in folder.glob(f"{_RECEIVED}*"):
        path.unlink()
    atomic_files.sync_folder(folder)
