"""Downloads data sets with pooch: verified by checksum, continued after an interruption, from several mirrors."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trainers import registry
from trainers.data.downloads.catalog import CLASS_NAMES_FILE, Download
from trainers.errors import DataError
from trainers.storage.atomic_files import new_temporary_folder, rename_folder, write_bytes
from trainers.storage.user_folders import downloaded_data_dir

MIRRORS_VARIABLE = "GENEXPLORER_MIRRORS"  # addresses that are tried first, separated by spaces
TIMEOUT_S = 30.0
CHUNK_BYTES = 1 << 16  # what an interruption may lose
_MAX_EXCESS = 4  # a file that is so many times larger than the whole data set is not read to its end
_RANGE_NOT_SATISFIABLE, _PARTIAL_CONTENT = 416, 206
OnProgress = Callable[[float, str], None]


def fetch(download: Download, on_progress: OnProgress = lambda fraction, message: None) -> Path:
    """Download a data set, unless it is there, and return its folder.

    Files that are in `downloads/NAME` below the data folder already, from an earlier try or another machine, are
    used if their checksums are right.

    Args:
        download: From `trainers.data.downloads.catalog`.
        on_progress: Called with the fraction of all bytes and the name of the file.

    Raises:
        DataError: if a file cannot be had from any mirror; it names where to put the files.
        OSError: if they cannot be stored.
    """
    if download.is_complete:
        return download.folder
    # Get the files.
    source = downloaded_data_dir() / "downloads" / download.name
    source.mkdir(parents=True, exist_ok=True)
    num_done = 0
    for name, checksum in download.files.items():
        _fetch_file(download, source / name, checksum, _FileProgress(download, name, num_done, on_progress))
        num_done += (source / name).stat().st_size
    # Convert or copy them to a folder that appears when it is complete.
    temporary = new_temporary_folder(downloaded_data_dir(), f".{download.name}.", ".tmp")
    try:
        if download.convert:
            on_progress(1.0, "converting")
            registry.import_object(download.convert)(source, temporary)
        else:
            for name in download.files:
                (source / name).rename(temporary / name)
        if download.class_names:
            write_bytes(temporary / CLASS_NAMES_FILE, "".join(f"{name}\n" for name in download.class_names).encode())
        try:
            rename_folder(temporary, download.folder)
        except OSError:
            if not download.is_complete:  # else another process was faster
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(source, ignore_errors=True)
    return download.folder


def mirrors(download: Download) -> tuple[str, ...]:
    """Return the addresses of the folders that have the files of a data set: the user's mirrors, then the known ones.

    A mirror M of the user has them as M/NAME/FILE.
    """
    own = os.environ.get(MIRRORS_VARIABLE, "").replace(",", " ").split()
    return (*(f"{mirror.rstrip('/')}/{download.name}" for mirror in own), *download.urls)


class _FileProgress:
    """Reports the bytes of one file as a fraction of a data set."""

    def __init__(self, download: Download, name: str, num_before: int, on_progress: OnProgress) -> None:
        self._total, self._before = max(download.num_bytes, 1), num_before
        self._name, self._on_progress = name, on_progress

    def show(self, num_bytes: int) -> None:
        self._on_progress(min((self._before + num_bytes) / self._total, 1.0), self._name)


def _fetch_file(download: Download, path: Path, checksum: str, progress: _FileProgress) -> None:
    import pooch

    if path.is_file() and _matches(path, checksum):
        return
    path.unlink(missing_ok=True)
    pooch.get_logger().setLevel("ERROR")  # the progress and the error are shown by the caller
    failures = []
    for mirror in mirrors(download):
        host = urlsplit(mirror).netloc or mirror
        try:
            pooch.retrieve(
                f"{mirror}/{path.name}",
                known_hash=checksum,
                fname=path.name,
                path=path.parent,
                downloader=_Downloader(_MAX_EXCESS * download.num_bytes, path.with_name(f"{path.name}.part"), progress),
            )
            return
        except ValueError:
            failures.append(f"{host}: another file, its checksum differs")
        except OSError as error:  # also every error of requests
            if error.errno is not None and error.filename is not None:
                raise  # of the disk
            failures.append(f"{host}: {_reason(error)}")
    names = ", ".join(download.files)
    message = f"{download.name}: {path.name} cannot be downloaded ({'; '.join(failures)})"
    hint = f"try again later, name a mirror in {MIRRORS_VARIABLE}, or put {names} into {path.parent}, and fetch again"
    raise DataError(message, hint)


def _matches(path: Path, checksum: str) -> bool:
    import pooch

    algorithm, _, digest = checksum.rpartition(":")
    return bool(pooch.file_hash(str(path), alg=algorithm or "sha256") == digest)


class _Downloader:
    """Downloads for pooch: into a file that stays after an interruption, from where the next try continues."""

    def __init__(self, max_bytes: int, partial: Path, progress: _FileProgress) -> None:
        self._max_bytes, self._partial, self._progress = max_bytes, partial, progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests

        num_present = self._partial.stat().st_size if self._partial.is_file() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={num_present}-"} if num_present else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            if response.status_code == _RANGE_NOT_SATISFIABLE and num_present:  # it was complete, or another file
                shutil.move(self._partial, output_file)
                return
            response.raise_for_status()
            if response.status_code != _PARTIAL_CONTENT:
                num_present = 0
            with self._partial.open("ab" if num_present else "wb") as file:
                for chunk in response.iter_content(CHUNK_BYTES):
                    num_present += len(chunk)
                    if num_present > self._max_bytes:
                        with suppress(OSError):
                            self._partial.unlink()
                        raise requests.RequestException("much larger than the file should be")
                    file.write(chunk)
                    self._progress.show(num_present)
        shutil.move(self._partial, output_file)  # a file with a wrong checksum is not continued


def _reason(error: OSError) -> str:
    """Return an error of requests in a few words."""
    import requests

    response = getattr(error, "response", None)
    if response is not None:
        return f"{response.status_code} {response.reason}"
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout):
        return f"no answer in {TIMEOUT_S:.0f} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off; the next try continues"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return " ".join(str(error).split())[:80]
