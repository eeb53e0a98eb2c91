"""Export a run as a zip file that `genexplorer.runs.import_run` reads: everything, or a light one to send by mail.

The run may be training meanwhile: the database is copied as of one moment, and a snapshot or checkpoint whose files are
removed before they are opened is left out.
"""

import json
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from genexplorer.errors import DamagedRunError
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.database import sqlite
from genexplorer.runs.import_run import RUN_FILE_PATH
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.untrusted_files import open_file
from trainers.storage import atomic_files

LIGHT_SNAPSHOT_BYTES = 5 << 20
LIGHT_IMAGE_BYTES = 1 << 20  # for each kind of image
_MAX_LIGHT_SNAPSHOTS = 30
_MAX_NAME_CHARACTERS = 48
_COPY_BYTES = 1 << 20
_WEIGHTS_SUFFIX = ".safetensors"  # floating-point numbers hardly compress: a tenth, at a fifteenth of the speed
_PAGES_PER_COPY = 1024
OnProgress = Callable[[float, str], None]  # the fraction that is done, and what is being done


@dataclass(frozen=True)
class ExportResult:
    """An exported run.

    Args:
        path: The zip file.
        num_bytes: Its size.
        num_files: Number of its files.
        left_out: What it lacks, and what is then not possible, one line each.
    """

    path: Path
    num_bytes: int
    num_files: int
    left_out: tuple[str, ...] = ()


def safe_name(name: str) -> str:
    """Return a run's name as the name of a file or folder on every system; "run" if nothing is left of it."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:_MAX_NAME_CHARACTERS].strip("-._")
    is_reserved = re.fullmatch(r"(?i)con|prn|aux|nul|com\d|lpt\d", cleaned.partition(".")[0])  # on Windows
    return f"run-{cleaned}" if is_reserved else cleaned or "run"


def export_run(
    folder: Path, out: Path, *, light: bool = False, on_progress: OnProgress = lambda fraction, message: None
) -> ExportResult:
    """Write a run into a zip file, which appears once it is complete; an existing one is replaced.

    Args:
        folder: The run folder; it is not changed.
        out: The zip file.
        light: Whether to leave out checkpoints, and most snapshots and images.
        on_progress: Called with the fraction that is done and a message; an exception of it cancels the export.

    Raises:
        DamagedRunError: if the run cannot be read.
        OSError: if the disk refuses.
    """
    status = read_status(folder)
    paths, left_out = _select(folder, light=light)
    root = safe_name(status.name)
    with (
        atomic_files.replacing(out) as temporary,
        tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as scratch,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        database = Path(scratch) / layout.DATABASE
        if (folder / layout.DATABASE).exists():
            _copy_database(folder, database, lambda fraction: on_progress(0.2 * fraction, "metrics"))
            _write(archive, f"{root}/{layout.DATABASE}", database.open("rb"))
        num_lost = 0
        for index, group in enumerate(paths):
            on_progress(0.2 + 0.8 * index / len(paths), group[0])
            num_lost += not _write_group(archive, folder, root, group)
        if num_lost:
            left_out.append(f"{num_lost} of the snapshots, checkpoints and images: the training removed them meanwhile")
        if light:
            archive.writestr(f"{root}/{layout.LIGHT}", json.dumps({"left_out": left_out}))
        num_files = len(archive.namelist())
    return ExportResult(out, out.stat().st_size, num_files, tuple(left_out))


def _select(folder: Path, *, light: bool) -> tuple[list[list[str]], list[str]]:
    """Return the files to export, in groups that belong together, and what is left out."""
    # The single files; the database is copied separately.
    single = (layout.CONFIG, layout.CHANGES, layout.LIVE, layout.NOTES, layout.PARENT, layout.LOG)
    groups = [[name] for name in single if _is_file(folder / name)]
    groups += [[path] for path in _files(folder, layout.EVALUATIONS)]
    if not light:
        groups.append(list(_files(folder, layout.INITIAL)))  # weights that a branch or a new run began with
    left_out: list[str] = []
    # Checkpoints.
    checkpoints = retention.steps(folder / layout.CHECKPOINTS, layout.MANIFEST)
    if not light:
        groups += [_step_files(folder, layout.CHECKPOINTS, step) for step in checkpoints]
    elif checkpoints:
        left_out.append(f"{_count(len(checkpoints), 'checkpoint')}: it cannot be resumed or trained longer")
    # Snapshots.
    snapshots = retention.steps(folder / layout.SNAPSHOTS, layout.CARD)
    if light:
        sizes = {
            step: retention.folder_bytes(layout.step_folder(folder / layout.SNAPSHOTS, step)) for step in snapshots
        }
        removed = retention.select_for_removal(sizes, LIGHT_SNAPSHOT_BYTES, _MAX_LIGHT_SNAPSHOTS, recent=1)
        snapshots = [step for step in snapshots if step not in removed]
        if removed:
            left_out.append(f"{_count(len(removed), 'snapshot')}: the time slider has {_count(len(snapshots), 'step')}")
    groups += [_step_files(folder, layout.SNAPSHOTS, step) for step in snapshots]
    # Images.
    images = list(_files(folder, layout.PICTURES))
    if light:
        selected = [
            path for kind in sorted({Path(path).parent for path in images}) for path in _thin(folder, images, kind)
        ]
        if len(selected) < len(images):
            left_out.append(f"{len(images) - len(selected)} of {len(images)} recorded images")
        images = selected
    groups += [[path] for path in images]
    return [group for group in groups if group], left_out


def _thin(folder: Path, images: Sequence[str], kind: Path) -> list[str]:
    """Return the images of a kind that a light export has: the newest, and others evenly on a logarithmic axis."""
    by_step = {int(Path(path).stem.removeprefix("step-")): path for path in images if Path(path).parent == kind}
    sizes = {step: (folder / path).stat().st_size for step, path in by_step.items()}
    removed = retention.select_for_removal(sizes, LIGHT_IMAGE_BYTES, 10 * _MAX_LIGHT_SNAPSHOTS, recent=1)
    return [path for step, path in sorted(by_step.items()) if step not in removed]


def _files(folder: Path, parent: str) -> Iterator[str]:
    """Yield the paths, inside a run, of those files below a folder that belong to a run, sorted."""
    for path in sorted((folder / parent).rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if RUN_FILE_PATH.fullmatch(relative) and _is_file(path):
            yield relative


def _step_files(folder: Path, parent: str, step: int) -> list[str]:
    return list(_files(folder, layout.step_folder(Path(parent), step).as_posix()))


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _copy_database(folder: Path, copy: Path, on_progress: Callable[[float], None]) -> None:
    """Copy the database as of now, also while its worker writes to it."""

    def report(_status: int, remaining: int, total: int) -> None:
        on_progress(1 - remaining / max(total, 1))

    try:
        with sqlite.open_for_reading(folder) as source, closing(sqlite3.connect(copy)) as target:
            source.commit()  # the backup reads in a transaction of its own
            source.backup(target, pages=_PAGES_PER_COPY, progress=report)
            target.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise DamagedRunError(f"{layout.DATABASE} cannot be copied: {error}") from error


def _write_group(archive: zipfile.ZipFile, folder: Path, root: str, group: Sequence[str]) -> bool:
    """Write files that belong together, all or none; return whether they were there."""
    with ExitStack() as stack:
        try:
            files = [(path, stack.enter_context(open_file(folder / path))) for path in group]
        except FileNotFoundError:
            return False
        for path, file in files:
            _write(archive, f"{root}/{path}", file)
    return True


def _write(archive: zipfile.ZipFile, name: str, file: IO[bytes]) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_STORED if name.endswith(_WEIGHTS_SUFFIX) else zipfile.ZIP_DEFLATED
    with file, archive.open(info, "w", force_zip64=True) as member:
        shutil.copyfileobj(file, member, _COPY_BYTES)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
