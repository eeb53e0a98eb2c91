"""Finds the images of a folder, their classes and splits.

Rules: files whose name ends like an image are images; others are counted. Hidden files and folders, and those that
macOS and Windows create (`._name`, `__MACOSX`, `Thumbs.db`), are ignored. Links are followed; a folder is read once.
Folders `train` and `test` (or `val`) are the splits. If all images are in two or more subfolders, the names of these
are the classes, as in torchvision's ImageFolder; deeper folders belong to the class above them.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from trainers.errors import DataError

EXTENSIONS = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"))
_IGNORED_NAMES = frozenset(("__macosx", "thumbs.db", "desktop.ini"))
_TRAIN_NAMES = frozenset(("train", "training"))
_TEST_NAMES = frozenset(("test", "testing", "val", "valid", "validation"))
MAX_CLASSES = 1000
MAX_FILES = 2_000_000  # a folder with more is taken for a mistake, such as / or a home folder


@dataclass(frozen=True)
class ImageFile:
    """One image file.

    Args:
        path: Relative to the folder.
        size_bytes: Size of the file.
        modified_ns: Time of the last change, Unix time in ns.
        split: "train" or "test"; empty where the folder has no splits.
        class_name: Empty without classes.
    """

    path: str
    size_bytes: int
    modified_ns: int
    split: str = ""
    class_name: str = ""


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder, sorted by path."""

    folder: Path
    files: tuple[ImageFile, ...]
    class_names: tuple[str, ...] = ()
    other_files: tuple[tuple[str, int], ...] = ()  # extensions of files that are no images, and how many there are
    open_packed: Callable[[ImageFile], BinaryIO] | None = None  # of images that are inside another file

    def open(self, file: ImageFile) -> Path | BinaryIO:
        """Return the path or content of one of the images.

        Raises:
            OSError: if it cannot be read.
        """
        return self.folder / file.path if self.open_packed is None else self.open_packed(file)


def scan(folder: Path) -> ImageFolder:
    """Find the images of a folder and its subfolders.

    Raises:
        DataError: if the folder cannot be listed or has no images.
    """
    return find_images(folder, ((parts, status.st_size, status.st_mtime_ns) for parts, status in _walk(folder)))


def find_images(folder: Path, files: Iterable[tuple[tuple[str, ...], int, int]]) -> ImageFolder:
    """Find the images among files, their classes and splits.

    Args:
        folder: Where the files are.
        files: Path, as its parts below the folder, size and time of the last change of each.

    Raises:
        DataError: if none is an image.
    """
    entries: list[tuple[tuple[str, ...], int, int]] = []
    others: Counter[str] = Counter()
    for parts, size, modified in files:
        extension = Path(parts[-1]).suffix.lower()
        if extension in EXTENSIONS:
            entries.append((parts, size, modified))
        else:
            others[extension or "no extension"] += 1
    if not entries:
        kinds = ", ".join(f"{count:,} {name}" for name, count in others.most_common(3))
        contents = f"it has {kinds} files" if others else "it is empty"
        raise DataError(f"{folder}: no images in this folder; {contents}", f"put {_extensions_text()} files there")
    entries.sort(key=lambda entry: _natural_key(entry[0]))
    splits = _splits([parts for parts, _, _ in entries])
    below_split = [parts[1:] if split else parts for (parts, _, _), split in zip(entries, splits, strict=True)]
    classes = _classes(below_split)
    images = tuple(
        ImageFile("/".join(parts), size, modified, split, name)
        for (parts, size, modified), split, name in zip(entries, splits, classes, strict=True)
    )
    names = tuple(sorted(set(classes) - {""}, key=lambda name: _natural_key((name,))))
    return ImageFolder(folder, images, names, tuple(others.most_common()))


def split_of(name: str) -> str:
    """Return "train" or "test" for the name of a folder or file that begins like one of a split, else ""."""
    words = re.split(r"[^a-z]+", name.lower())
    return "train" if words[0] in _TRAIN_NAMES else "test" if words[0] in _TEST_NAMES else ""


def has_images(folder: Path) -> bool:
    """Return whether a folder or one of its subfolders has an image; stops at the first."""
    return any(Path(parts[-1]).suffix.lower() in EXTENSIONS for parts, _ in _walk(folder))


def _walk(folder: Path) -> Iterator[tuple[tuple[str, ...], os.stat_result]]:
    """Yield the path, as its parts below the folder, and status of each file that is not ignored."""
    visited: set[tuple[int, int]] = set()
    num_files = 0
    pending: list[tuple[str, ...]] = [()]
    while pending:
        parts = pending.pop()
        try:
            place = folder.joinpath(*parts)
            status = place.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue  # a link to a folder that is read already
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(place) as iterator:
                entries = sorted(iterator, key=lambda entry: entry.name)
        except OSError as error:
            if not parts:
                raise DataError(f"{folder}: cannot be listed ({error.strerror})", "check the path") from None
            continue  # a subfolder without permission
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _IGNORED_NAMES:
                continue
            try:
                if entry.is_dir():
                    pending.append((*parts, entry.name))
                elif entry.is_file():
                    num_files += 1
                    if num_files > MAX_FILES:
                        raise DataError(f"{folder}: more than {MAX_FILES:,} files", "choose the folder of the data")
                    yield (*parts, entry.name), entry.stat()
            except OSError:  # a link to nothing, or a loop of links
                continue


def _splits(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the split of each path: by the first folder where all images are in folders of splits, else empty."""
    tops = {parts[0].lower() for parts in paths if len(parts) > 1}
    is_split = all(len(parts) > 1 for parts in paths) and tops <= _TRAIN_NAMES | _TEST_NAMES
    if not (is_split and tops & _TRAIN_NAMES and tops & _TEST_NAMES):
        return [""] * len(paths)
    return ["train" if parts[0].lower() in _TRAIN_NAMES else "test" for parts in paths]


def _classes(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the class of each path: the first folder, where all images are in at least two of them; else empty."""
    tops = {parts[0] for parts in paths if len(parts) > 1}
    if not 2 <= len(tops) <= MAX_CLASSES or any(len(parts) == 1 for parts in paths):
        return [""] * len(paths)
    return [parts[0] for parts in paths]


def _natural_key(parts: tuple[str, ...]) -> list[list[tuple[int, int, str]]]:
    """Return a sort key by which "2.png" comes before "10.png"."""
    return [
        [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"(\d+)", part) if piece]
        for part in parts
    ]


def _extensions_text() -> str:
    return ", ".join(sorted(name.removeprefix(".").upper() for name in EXTENSIONS - {".jpeg", ".tiff"}))
