"""Prepares a folder of images: decoded once to one shape and kept in the cache, from where runs map them into memory.

The arrays of all processes of a machine share the pages of these files.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.data.dataset import Images, Labels, num_test_examples
from trainers.data.image_files.decode import DecodeError, ImageFormat, ImageHeader, decode, read_header
from trainers.data.image_files.scan import ImageFile, ImageFolder
from trainers.errors import DataError
from trainers.storage.atomic_files import write_json
from trainers.storage.cache import CACHE_VARIABLE, cached_folder, data_cache_dir

Progress = Callable[[int, int], None]  # called with the numbers of files done and of all files
_VERSION = 2  # of the arrays; another one makes the cache anew
_INFO_FILE, _IMAGES_FILE, _LABELS_FILE = "info.json", "images.npy", "labels.npy"
_MAX_LISTED_SKIPPED = 20
_CHUNK_FILES = 64


@dataclass(frozen=True)
class PreparedImages:
    """Images of one shape in random order, the test split first, mapped into memory.

    Args:
        images: (M + N, H, W, C), uint8; a view of an array of (M + N, C, H, W).
        labels: Indices of `class_names`, (M + N,); None without classes.
        num_test: M.
        class_names: Names of the classes.
        skipped: "path: reason" of the first files that could not be decoded.
        num_skipped: Number of all such files.
    """

    images: Images
    labels: Labels | None
    num_test: int
    class_names: tuple[str, ...]
    skipped: tuple[str, ...]
    num_skipped: int


def prepare(
    folder: ImageFolder,
    image_format: ImageFormat,
    *,
    test_fraction: float,
    split_seed: int,
    on_progress: Progress = lambda done, total: None,
) -> PreparedImages:
    """Return the images of a folder in one format, from the cache or decoded into it.

    Args:
        folder: From `scan`.
        image_format: Their common format.
        test_fraction: Of the images, for the test split, where the folder has no splits.
        split_seed: Of that choice, and of the order.
        on_progress: Called now and then while files are decoded.

    Raises:
        DataError: if fewer than two images can be decoded, all are equal, or the cache cannot be written.
    """
    settings = {"version": _VERSION, "format": asdict(image_format), "test": test_fraction, "seed": split_seed}
    make = partial(
        _make,
        folder=folder,
        image_format=image_format,
        test_fraction=test_fraction,
        split_seed=split_seed,
        on_progress=on_progress,
    )
    with _cache_errors(folder):
        place = cached_folder(_key("images", folder, settings), make)
        info = json.loads((place / _INFO_FILE).read_bytes())
        # Copy on write: torch can use the pages that all processes share as they are.
        images = np.load(place / _IMAGES_FILE, mmap_mode="c", allow_pickle=False).transpose(0, 2, 3, 1)
        labels = np.load(place / _LABELS_FILE, allow_pickle=False) if folder.class_names else None
        return PreparedImages(
            images[: info["count"]],
            labels,
            info["num_test"],
            folder.class_names,
            tuple(info["skipped"]),
            info["num_skipped"],
        )


@dataclass(frozen=True)
class HeaderSummary:
    """The headers of the images of a folder in short.

    Args:
        height: Pixels, the most frequent.
        width: Pixels, likewise.
        has_one_size: Whether all images have this height and width.
        is_gray: Whether no image has colors.
    """

    height: int
    width: int
    has_one_size: bool
    is_gray: bool


def summarize_headers(folder: ImageFolder) -> HeaderSummary:
    """Read the headers of all images of a folder, once for the same files.

    Raises:
        DataError: if none is an image, or the cache cannot be written.
    """

    def make(place: Path) -> None:
        with ThreadPoolExecutor(_num_threads()) as pool:
            read = partial(_header, folder)
            headers = [header for header in pool.map(read, folder.files, chunksize=_CHUNK_FILES) if header is not None]
        if not headers:
            raise DataError(f"{folder.folder}: none of {len(folder.files):,} files is an image", "check the files")
        sizes = Counter((header.height, header.width) for header in headers)
        (height, width), _ = sizes.most_common(1)[0]
        summary = HeaderSummary(height, width, len(sizes) == 1, all(header.is_gray for header in headers))
        write_json(place / _INFO_FILE, asdict(summary))

    with _cache_errors(folder):
        place = cached_folder(_key("headers", folder, {"version": _VERSION}), make)
        return HeaderSummary(**json.loads((place / _INFO_FILE).read_bytes()))


def random_order(files: Sequence[ImageFile], seed: int) -> tuple[NDArray[np.int64], int | None]:
    """Return the indices of files in random order, those of the test split first, and how many these are.

    The number is None where the folder has no splits of its own.
    """
    order = np.random.default_rng(seed).permutation(len(files))
    if not files[0].split:
        return order, None
    is_test = np.array([file.split == "test" for file in files])[order]
    return np.concatenate((order[is_test], order[~is_test])), int(is_test.sum())


def _make(
    place: Path,
    *,
    folder: ImageFolder,
    image_format: ImageFormat,
    test_fraction: float,
    split_seed: int,
    on_progress: Progress,
) -> None:
    """Decode the images of a folder into an array in the cache."""
    order, num_own_test = random_order(folder.files, split_seed)
    files = [folder.files[index] for index in order]
    label_of = {name: index for index, name in enumerate(folder.class_names)}
    shape = (len(files), image_format.channels, image_format.height, image_format.width)  # as batches are
    images = np.lib.format.open_memmap(place / _IMAGES_FILE, "w+", np.uint8, shape)
    labels: list[int] = []
    skipped: list[str] = []
    num_test, all_equal = 0, True
    for position, (file, pixels) in enumerate(_decode_files(folder, files, image_format)):
        on_progress(position + 1, len(files))
        if isinstance(pixels, str):
            skipped.append(f"{file.path}: {pixels}")
            continue
        count = len(labels)
        images[count] = pixels.transpose(2, 0, 1)
        all_equal = all_equal and np.array_equal(images[0], images[count])
        labels.append(label_of.get(file.class_name, 0))
        num_test += num_own_test is not None and position < num_own_test
    # Refuse what no model can be trained on.
    count = len(labels)
    num_test = num_test_examples(count, test_fraction) if num_own_test is None else num_test
    if count < 2 or not 0 < num_test < count:
        reason = f" ({'; '.join(skipped[:3])})" if skipped else ""
        if num_own_test is None:
            message = f"{folder.folder}: {count} {'image' if count == 1 else 'images'} can be decoded{reason}"
            raise DataError(message, "at least 2 are needed, one for training and one to test: add some")
        message = f"{folder.folder}: {count - num_test} training and {num_test} test images can be decoded{reason}"
        raise DataError(message, "at least one of each is needed: add images, or check the files")
    if all_equal:
        raise DataError(f"{folder.folder}: all images are identical", "a model needs different ones")
    images.flush()
    np.save(place / _LABELS_FILE, np.array(labels, dtype=np.uint8 if len(label_of) <= 256 else np.int32))
    info = {
        "count": count,
        "num_test": num_test,
        "skipped": skipped[:_MAX_LISTED_SKIPPED],
        "num_skipped": len(skipped),
    }
    write_json(place / _INFO_FILE, info)


def _decode_files(
    folder: ImageFolder, files: Sequence[ImageFile], image_format: ImageFormat
) -> Iterator[tuple[ImageFile, NDArray[np.uint8] | str]]:
    """Yield each file with its pixels, or with the reason why it cannot be decoded; several are decoded at once."""

    def decode_or_reason(file: ImageFile) -> NDArray[np.uint8] | str:
        try:
            return decode(folder.open(file), image_format)
        except DecodeError as error:
            return str(error)
        except OSError as error:
            return error.strerror or str(error)

    with ThreadPoolExecutor(_num_threads()) as pool:
        for start in range(0, len(files), _CHUNK_FILES):  # bounds the memory of what waits to be stored
            chunk = files[start : start + _CHUNK_FILES]
            yield from zip(chunk, pool.map(decode_or_reason, chunk), strict=True)


def _header(folder: ImageFolder, file: ImageFile) -> ImageHeader | None:
    try:
        return read_header(folder.open(file))
    except (DecodeError, OSError):
        return None


def _num_threads() -> int:
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@contextmanager
def _cache_errors(folder: ImageFolder) -> Iterator[None]:
    """Turn errors of the cache in the block into a `DataError`."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = f"free space in {data_cache_dir()} or delete it, or set {CACHE_VARIABLE} to another folder"
        raise DataError(f"{folder.folder}: prepared images cannot be stored or read ({error})", hint) from None


def _key(kind: str, folder: ImageFolder, settings: dict[str, Any]) -> str:
    """Return a key of the files' paths, sizes and times, and of everything else that a cached folder depends on."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for file in folder.files:
        digest.update(f"{file.path}\0{file.size_bytes}\0{file.modified_ns}\n".encode(errors="surrogateescape"))
    return f"{kind}-{digest.hexdigest()[:40]}"
