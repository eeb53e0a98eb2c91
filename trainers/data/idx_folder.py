"""A folder of IDX files by their standard names: MNIST, Fashion-MNIST, KMNIST, EMNIST come so."""

import re
from dataclasses import dataclass
from pathlib import Path

from trainers.data import idx
from trainers.data.images import ImageData, Images, Labels
from trainers.errors import DataError

# train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte, emnist-letters-test-images-idx3-ubyte
_NAME = re.compile(
    r"(?P<prefix>.*?)[-_]?(?P<split>train|t10k|test)-(?P<what>images|labels)[-.]idx[134]-ubyte(?P<gz>\.gz)?"
)
_STANDARD = "train-images-idx3-ubyte[.gz] and t10k-images-idx3-ubyte[.gz]"


@dataclass(frozen=True)
class IdxFiles:
    """The files of one data set in a folder."""

    prefix: str
    train_images: Path
    test_images: Path
    train_labels: Path | None
    test_labels: Path | None


def find(folder: Path, prefix: str = "") -> IdxFiles:
    """Find the files of a data set by their standard names.

    Args:
        folder: Where to look; not below it.
        prefix: Which data set, where the folder holds several: "emnist-letters".

    Raises:
        DataError: if the folder is missing, empty, incomplete, or holds several data sets.
    """
    groups = _groups(folder)
    if not groups:
        raise DataError(f"{folder}: no IDX files in this folder", f"put {_STANDARD} there")
    if prefix and prefix not in groups:
        raise DataError(f"{folder}: no data set '{prefix}'", f"choose one of {', '.join(sorted(groups))}")
    if not prefix and len(groups) > 1:
        raise DataError(
            f"{folder}: holds several data sets: {', '.join(sorted(groups))}", "set data.prefix to one of them"
        )
    chosen = prefix or next(iter(groups))
    files = groups[chosen]
    for split in ("train", "test"):
        if (split, "images") not in files:
            raise DataError(f"{folder}: the {split} images are missing", f"put {_STANDARD} there")
    return IdxFiles(
        chosen,
        files["train", "images"],
        files["test", "images"],
        files.get(("train", "labels")),
        files.get(("test", "labels")),
    )


def peek(files: IdxFiles, *, transpose: bool = False) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of an image from headers and sizes alone.

    Raises:
        DataError: if training and test images differ in shape, a file is torn, or labels do not match their images.
    """
    num_train, *train = idx.peek_images(files.train_images)
    num_test, *test = idx.peek_images(files.test_images)
    if train != test:
        shown = "×".join(map(str, test)), "×".join(map(str, train))
        raise DataError(f"{files.test_images}: images of {shown[0]}, the training images are {shown[1]}", "use one set")
    for labels, count, images in (
        (files.train_labels, num_train, files.train_images),
        (files.test_labels, num_test, files.test_images),
    ):
        if labels is not None:
            _refuse_other_count(labels, idx.peek_labels(labels), images, count)
    height, width, channels = train
    return (channels, width, height) if transpose else (channels, height, width)


def load(
    files: IdxFiles, name: str, *, limits: tuple[int | None, int | None] = (None, None), transpose: bool = False
) -> ImageData:
    """Read the images and labels of a data set.

    Args:
        files: What `find` found.
        name: What to call it.
        limits: At most this many training and test images, the first ones.
        transpose: Exchange rows and columns, as EMNIST needs.

    Raises:
        DataError: in one line, with the file and what to do.
    """
    peek(files)
    train, train_labels = _split(files.train_images, files.train_labels, limits[0])
    test, test_labels = _split(files.test_images, files.test_labels, limits[1])
    if transpose:
        train, test = train.swapaxes(1, 2).copy(), test.swapaxes(1, 2).copy()
    return ImageData(name, train, test, train_labels, test_labels)


def _split(images_path: Path, labels_path: Path | None, limit: int | None) -> tuple[Images, Labels | None]:
    images = idx.read_images(images_path)
    labels = idx.read_labels(labels_path) if labels_path else None
    if labels is not None and labels_path is not None:
        _refuse_other_count(labels_path, len(labels), images_path, len(images))
    return images[:limit], None if labels is None else labels[:limit]


def _refuse_other_count(labels: Path, num_labels: int, images: Path, num_images: int) -> None:
    if num_labels != num_images:
        raise DataError(
            f"{labels}: {num_labels:,} labels do not match the {num_images:,} images of {images.name}",
            "take both files from one source, or remove the labels",
        )


def _groups(folder: Path) -> dict[str, dict[tuple[str, str], Path]]:
    """Return the files by prefix, then by (split, what). An unpacked file goes before its gzip."""
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        raise DataError(f"{folder}: no such folder", "check the path") from None
    except NotADirectoryError:
        raise DataError(f"{folder}: not a folder", "name the folder that holds the IDX files") from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})", "check the permissions") from None
    groups: dict[str, dict[tuple[str, str], Path]] = {}
    for path in paths:
        match = _NAME.fullmatch(path.name)
        if match:
            split = "train" if match["split"] == "train" else "test"
            groups.setdefault(match["prefix"], {}).setdefault((split, match["what"]), path)
    return groups
