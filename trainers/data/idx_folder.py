"""Folders of IDX files with the standard names of MNIST, Fashion-MNIST, KMNIST and EMNIST."""

import re
import string
from dataclasses import dataclass
from pathlib import Path

from trainers.data import idx, zip_files
from trainers.data.dataset import ImageData
from trainers.data.downloads.catalog import CLASS_NAMES_FILE, DOWNLOADS
from trainers.errors import DataError

# train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte, emnist-letters-test-images-idx3-ubyte, qmnist-test-labels-idx2-int
_FILE_NAME = re.compile(
    r"(?P<prefix>.*?)[-_]?(?P<split>train|t10k|test)-(?P<content>images|labels)[-.]idx(?:[134]-ubyte|2-int)(?P<gz>\.gz)?"
)
_MAX_DEPTH = 2  # of subfolders that are searched: torchvision stores MNIST in MNIST/raw
_MAX_CLASSES, _MAX_NAME_LENGTH = 1000, 255  # as a model card can store
_MAX_NAMES_BYTES = 1 << 16
# Words in the names of the folders in which people keep data sets whose files have the names of MNIST's.
_KNOWN_FOLDERS = {"fashion-mnist": ("fashion",), "kmnist": ("kmnist", "kuzushiji")}
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"  # of letters that look alike in both cases, one
_EMNIST_CLASSES = {
    "emnist-byclass": tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase),
    "emnist-bymerge": tuple(_MERGED),
    "emnist-balanced": tuple(_MERGED),
    "emnist-letters": ("", *(upper + upper.lower() for upper in string.ascii_uppercase)),  # labels start at 1
}
_STANDARD_FILE_NAMES = "train-images-idx3-ubyte[.gz] and t10k-images-idx3-ubyte[.gz]"


@dataclass(frozen=True)
class IdxFiles:
    """Paths of the files of one data set."""

    prefix: str
    train_images: Path
    test_images: Path
    train_labels: Path | None
    test_labels: Path | None


def find(folder: Path, prefix: str = "") -> IdxFiles:
    """Find the files of one data set by their standard names.

    Args:
        folder: Searched without its subfolders.
        prefix: Selects a data set in a folder with several: "emnist-letters".

    Raises:
        DataError: if the folder is missing, empty or incomplete, or has several data sets and no prefix is given.
    """
    # Choose the data set.
    groups = _find_files(folder)
    if not groups:
        raise DataError(f"{folder}: no IDX files in this folder", f"put {_STANDARD_FILE_NAMES} there")
    if prefix and prefix not in groups:
        raise DataError(f"{folder}: no data set '{prefix}'", f"choose one of {', '.join(sorted(groups))}")
    if not prefix and len(groups) > 1:
        hint = f"choose one, such as --set data.prefix={sorted(groups)[0]}"
        raise DataError(f"{folder}: contains several data sets: {', '.join(sorted(groups))}", hint)
    prefix = prefix or next(iter(groups))
    # Check that it is complete.
    files = groups[prefix]
    for split in ("train", "test"):
        if (split, "images") not in files:
            raise DataError(f"{folder}: the {split} images are missing", f"put {_STANDARD_FILE_NAMES} there")
    return IdxFiles(
        prefix,
        files["train", "images"],
        files["test", "images"],
        files.get(("train", "labels")),
        files.get(("test", "labels")),
    )


def prefixes_in_archive(path: Path) -> tuple[str, ...]:
    """Return the prefixes of the data sets in a zip archive that have training images; empty if there is none.

    Raises:
        DataError: if it is no zip archive.
    """
    matches = (_FILE_NAME.fullmatch(name.rpartition("/")[2]) for name in zip_files.member_names(path))
    parts = {(each["prefix"], each["split"], each["content"]) for each in matches if each}
    return tuple(sorted(prefix for prefix, split, content in parts if (split, content) == ("train", "images")))


def unpack(path: Path, prefix: str) -> Path:
    """Return a folder of the cache with the files of one data set of a zip archive, such as EMNIST's `gzip.zip`.

    Raises:
        DataError: if the archive has several data sets and no prefix is given, none of that prefix, or is damaged.
    """
    prefixes = prefixes_in_archive(path)
    if prefix not in prefixes:
        if len(prefixes) != 1 or prefix:
            names = ", ".join(prefixes) or "no data sets of IDX files"
            hint = f"choose one, such as --set data.prefix={prefixes[0]}" if prefixes else "choose another file"
            raise DataError(f"{path}: contains {names}", hint)
        prefix = prefixes[0]

    def belongs(name: str) -> bool:
        base = name.rpartition("/")[2]
        match = _FILE_NAME.fullmatch(base)
        return (match["prefix"] == prefix) if match else base in (f"{prefix}-mapping.txt", CLASS_NAMES_FILE)

    folder = find_folder(zip_files.unpack(path, belongs, f"idx {prefix}"))
    assert folder is not None  # it has training images
    return folder


def find_folder(folder: Path) -> Path | None:
    """Return the folder with IDX files: this one, or the only such one among its subfolders; None if there is none.

    Raises:
        DataError: if several subfolders have IDX files, or the folder cannot be listed.
    """
    level = [folder]
    for _ in range(_MAX_DEPTH + 1):
        matching = [each for each in level if _find_files(each)]
        if len(matching) > 1:
            hint = f"choose one: {', '.join(map(str, matching[:5]))}"
            raise DataError(f"{folder}: {len(matching)} of its subfolders have IDX files", hint)
        if matching:
            return matching[0]
        level = [path for each in level for path in _subfolders(each)]
    return None


def peek(files: IdxFiles, *, transpose: bool = False) -> tuple[int, int, int]:
    """Return the image shape (C, H, W), reading only headers and file sizes.

    Raises:
        DataError: if training and test shapes differ, a file is truncated, or the numbers of labels and images differ.
    """
    # Compare the shapes of both splits.
    num_train, *train = idx.peek_images(files.train_images)
    num_test, *test = idx.peek_images(files.test_images)
    if train != test:
        test_size, train_size = "×".join(map(str, test)), "×".join(map(str, train))
        hint = "take both splits from one data set"
        raise DataError(f"{files.test_images}: {test_size} images, but the training images are {train_size}", hint)
    # Compare the numbers of labels and images.
    train_pair, test_pair = (files.train_labels, files.train_images), (files.test_labels, files.test_images)
    for (labels, images), count in ((train_pair, num_train), (test_pair, num_test)):
        if labels is not None and (num_labels := idx.peek_labels(labels)) != count:
            hint = "use files from one source, or remove the label file"
            raise DataError(f"{labels}: {num_labels:,} labels, but {images.name} has {count:,} images", hint)
    height, width, channels = train
    return (channels, width, height) if transpose else (channels, height, width)


def load(
    files: IdxFiles, name: str, *, limits: tuple[int | None, int | None] = (None, None), transpose: bool = False
) -> ImageData:
    """Read the images and labels of a data set.

    Args:
        files: Paths of the files, from `find`.
        name: Name of the data set.
        limits: Maximal numbers of training and test images; the first ones are used.
        transpose: Swap rows and columns, as EMNIST requires.

    Raises:
        DataError: if a file is missing, damaged or inconsistent.
    """
    peek(files)  # checks that the files belong together
    train, test = idx.read_images(files.train_images)[: limits[0]], idx.read_images(files.test_images)[: limits[1]]
    train_labels, test_labels = (
        None if path is None else idx.read_labels(path)[:limit]
        for path, limit in zip((files.train_labels, files.test_labels), limits, strict=True)
    )
    if transpose:
        train, test = train.swapaxes(1, 2).copy(), test.swapaxes(1, 2).copy()
    return ImageData(name, train, test, train_labels, test_labels, class_names(files))


def class_names(files: IdxFiles) -> tuple[str, ...]:
    """Return the names of the labels 0, 1, … where they are known; empty for digits and unknown data.

    They are in a file `class-names.txt` beside the images, a line each, in EMNIST's `…-mapping.txt`, or known for
    Fashion-MNIST and KMNIST by the name of their folder.
    """
    folder = files.train_images.parent
    lines = _read_lines(folder / CLASS_NAMES_FILE)
    if lines:
        return tuple(line.strip()[:_MAX_NAME_LENGTH] for line in lines[:_MAX_CLASSES])
    if files.prefix and (names := _mapped_names(_read_lines(folder / f"{files.prefix}-mapping.txt"))):
        return names
    if files.prefix in _EMNIST_CLASSES:
        return _EMNIST_CLASSES[files.prefix]
    place = "/".join(folder.parts[-3:]).lower()
    for download in DOWNLOADS.values():
        words = _KNOWN_FOLDERS.get(download.name, ())
        if any(word in place for word in words):
            return download.class_names
    return ()


def _mapped_names(lines: list[str]) -> tuple[str, ...]:
    """Return the names of EMNIST's labels from lines such as "11 66" or "1 65 97": the label, then ASCII codes."""
    names: dict[int, str] = {}
    for line in lines:
        words = line.split()
        if len(words) < 2 or not all(word.isdecimal() and len(word) < 4 for word in words):
            return ()
        codes = [chr(int(word)) for word in words[1:]]
        names[int(words[0])] = "".join(code for code in dict.fromkeys(codes) if code.isalnum())
    if all(name.isdecimal() for name in names.values()) or not names:
        return ()  # digits are their own names
    return tuple(names.get(label, "") for label in range(max(names) + 1))


def _read_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_NAMES_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def _find_files(folder: Path) -> dict[str, dict[tuple[str, str], Path]]:
    """Return paths by prefix and (split, content). An uncompressed file takes precedence over its gzip."""
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        raise DataError(f"{folder}: no such folder", "check the path") from None
    except NotADirectoryError:
        raise DataError(f"{folder}: not a folder", "choose a folder with IDX files") from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})", "check the permissions") from None
    # Group them; the first of a kind counts, and the uncompressed one sorts first. Hidden files are of macOS.
    groups: dict[str, dict[tuple[str, str], Path]] = {}
    for path in paths:
        match = None if path.name.startswith(".") else _FILE_NAME.fullmatch(path.name)
        if match and path.is_dir():  # as on Kaggle: a folder of the file's name around the file
            path = path / path.name
        if match and path.is_file():
            split = "train" if match["split"] == "train" else "test"
            groups.setdefault(match["prefix"], {}).setdefault((split, match["content"]), path)
    return groups


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))[:100]
    except OSError:
        return []
