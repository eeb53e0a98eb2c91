"""Unpacks the files that are needed of a zip archive into the cache, once; nothing in it can leave its folder."""

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from trainers.errors import DataError
from trainers.storage.cache import CACHE_VARIABLE, cached_folder

MAX_UNPACKED_BYTES = 16 << 30
MAX_MEMBERS = 2_000_000
_MAX_RATIO = 1100  # unpacked bytes per packed byte; deflate reaches about 1032
_COPY_BYTES = 1 << 20
_IGNORED = ("__MACOSX",)


def member_names(path: Path) -> tuple[str, ...]:
    """Return the paths of the ordinary files in an archive, without hidden ones and those of macOS.

    Raises:
        DataError: if it is no zip archive.
    """
    with _open(path) as archive:
        return tuple(info.filename for info in archive.infolist() if _is_ordinary(info))


def unpack(path: Path, is_needed: Callable[[str], bool], purpose: str) -> Path:
    """Return a folder of the cache with files of an archive, at their paths in it.

    Args:
        path: A zip archive.
        is_needed: Whether a file is needed, by its path in the archive.
        purpose: Distinguishes selections of the same archive.

    Raises:
        DataError: if the archive is damaged, or needs more than 16 GiB.
    """
    status = path.stat()
    identity = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0{purpose}"
    key = f"zip-{hashlib.sha256(identity.encode(errors='surrogateescape')).hexdigest()[:40]}"

    def make(place: Path) -> None:
        with _open(path) as archive:
            infos = [info for info in archive.infolist() if _is_ordinary(info) and is_needed(info.filename)]
            if sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
                message = f"{path}: its files need more than {MAX_UNPACKED_BYTES >> 30} GiB"
                raise DataError(message, "unpack it, and give the folder")
            if any(info.file_size > _MAX_RATIO * max(info.compress_size, 64) for info in infos):
                raise DataError(f"{path}: declares impossible sizes", "download it again")
            for info in infos:
                target = place / info.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, _COPY_BYTES)  # at most the declared size, by zipfile

    try:
        return cached_folder(key, make)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: damaged ({' '.join(str(error).split())[:120]})", "download it again") from None
    except OSError as error:
        hint = f"unpack it, and give the folder, or set {CACHE_VARIABLE} to a folder with space"
        raise DataError(f"{path}: cannot be unpacked ({error.strerror or error})", hint) from None


def _open(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        text = getattr(error, "strerror", None) or " ".join(str(error).split())[:120]
        raise DataError(f"{path}: not a zip archive ({text})", "download it again") from None
    if len(archive.infolist()) > MAX_MEMBERS:
        archive.close()
        raise DataError(f"{path}: more than {MAX_MEMBERS:,} files", "unpack it, and give the folder of the data")
    return archive


def _is_ordinary(info: zipfile.ZipInfo) -> bool:
    """Return whether a member is a file at a path below the archive's root: no link, no device, no way out."""
    mode = info.external_attr >> 16
    parts = PurePosixPath(info.filename).parts
    is_file = not info.is_dir() and (stat.S_IFMT(mode) in (0, stat.S_IFREG))
    is_below = bool(parts) and not info.filename.startswith("/") and "\\" not in info.filename
    return (
        is_file
        and is_below
        and "\0" not in info.filename
        and not any(part == ".." or part.startswith(".") or part in _IGNORED for part in parts)
    )
