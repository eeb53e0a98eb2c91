"""Reads folders of image files: the functions of the data set "images"."""

from pathlib import Path

import numpy as np
from PIL import ImageColor

from trainers.data.catalog import is_nearly_binary
from trainers.data.dataset import ImageData, num_test_examples
from trainers.data.image_files import packed
from trainers.data.image_files import prepare as preparing
from trainers.data.image_files.decode import FILTER_NAME, DecodeError, ImageFormat, decode
from trainers.data.image_files.scan import ImageFolder
from trainers.data.image_files.spec import ImageFolderOptions
from trainers.registry import DataDescription, DataTraits, ImageShape

MAX_NATIVE_SIDE_PX = 128  # images of one size up to this are not resized by default
DEFAULT_SIDE_PX = 64
_NUM_TRAIT_FILES = 64


def load(options: ImageFolderOptions) -> ImageData:
    """Return the images of a folder.

    Raises:
        DataError: if there are too few, or the cache cannot be written.
    """
    folder, image_format = _scan(options)
    prepared = _prepare_images(folder, image_format, options, lambda done, total: None)
    images, labels, num_test = prepared.images, prepared.labels, prepared.num_test
    test = slice(0, min(num_test, options.limit_test or num_test))
    train = slice(num_test, num_test + (options.limit or len(images)))
    return ImageData(
        (folder.folder.name if folder.folder.is_dir() else folder.folder.stem) or "images",
        images[train],
        images[test],
        None if labels is None else labels[train],
        None if labels is None else labels[test],
        prepared.class_names,
    )


def prepare(options: ImageFolderOptions, on_progress: preparing.Progress) -> str:
    """Decode the images of a folder into the cache, if they are not there.

    Returns:
        A line about files that were skipped; empty if there are none.

    Raises:
        DataError: as `load`.
    """
    folder, image_format = _scan(options)
    prepared = _prepare_images(folder, image_format, options, on_progress)
    if not prepared.num_skipped:
        return ""
    return f"{prepared.num_skipped:,} of {len(folder.files):,} files are skipped: {'; '.join(prepared.skipped[:3])}"


def describe(options: ImageFolderOptions) -> DataDescription:
    """Return which files of a folder are left out, and how the others are read.

    Raises:
        DataError: as `load`.
    """
    folder, image_format = _scan(options)
    prepared = _prepare_images(folder, image_format, options, lambda done, total: None)
    size, color = f"{image_format.height}×{image_format.width}", "gray" if image_format.channels == 1 else "color"
    summary = preparing.summarize_headers(folder)
    notes = [f"{len(folder.files):,} files, read as {color} images of {size}"]
    if not summary.has_one_size or (summary.height, summary.width) != (image_format.height, image_format.width):
        notes.append(f"resized with {FILTER_NAME}, fit: {image_format.fit}")
    if not folder.files[0].split:
        notes.append(f"test split: {options.test_fraction:g} of the files, chosen with seed {options.split_seed}")
    return DataDescription(tuple(notes), prepared.num_skipped, prepared.skipped, folder.other_files)


def peek(options: ImageFolderOptions) -> ImageShape:
    """Return the image shape (C, H, W), reading only headers.

    Raises:
        DataError: if the folder has no images.
    """
    image_format = _scan(options)[1]
    return image_format.channels, image_format.height, image_format.width


def count(options: ImageFolderOptions) -> int:
    """Return the number of training images, as long as all files can be decoded."""
    folder, _ = _scan(options)
    total, num_own_test = len(folder.files), sum(file.split == "test" for file in folder.files)
    available = total - (num_own_test or num_test_examples(total, options.test_fraction))
    return min(available, options.limit or available)


def traits(options: ImageFolderOptions) -> DataTraits:
    """Return the properties on which settings of a model depend, from headers and a few images.

    Raises:
        DataError: if the folder has no images.
    """
    folder, image_format = _scan(options)
    shape = image_format.channels, image_format.height, image_format.width
    if image_format.channels == 3:
        return DataTraits(shape, "images", is_nearly_binary=False)
    # Decode some files from all of the folder.
    images = []
    for file in folder.files[:: max(1, len(folder.files) // _NUM_TRAIT_FILES)]:
        try:
            images.append(decode(folder.open(file), image_format))
        except (DecodeError, OSError):
            continue
    return DataTraits(shape, "images", is_nearly_binary(np.stack(images)) if images else None)


def _prepare_images(
    folder: ImageFolder, image_format: ImageFormat, options: ImageFolderOptions, on_progress: preparing.Progress
) -> preparing.PreparedImages:
    return preparing.prepare(
        folder,
        image_format,
        test_fraction=options.test_fraction,
        split_seed=options.split_seed,
        on_progress=on_progress,
    )


def _scan(options: ImageFolderOptions) -> tuple[ImageFolder, ImageFormat]:
    """Return the files of the folder and the format of their images."""
    folder = packed.scan_any(Path(options.path))
    red, green, blue = ImageColor.getcolor(options.background, "RGB")[:3]  # type: ignore[index]
    background = (int(red), int(green), int(blue))
    if options.size is not None and options.channels is not None:
        return folder, ImageFormat(options.size, options.size, options.channels, options.fit, background)
    summary = preparing.summarize_headers(folder)
    channels = options.channels or (1 if summary.is_gray else 3)
    if options.size is not None:
        height = width = options.size
    elif summary.has_one_size and max(summary.height, summary.width) <= MAX_NATIVE_SIDE_PX:
        height, width = summary.height, summary.width
    else:
        height = width = DEFAULT_SIDE_PX
    return folder, ImageFormat(height, width, channels, options.fit, background)
