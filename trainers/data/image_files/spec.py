"""The data set "images": a folder of image files."""

from collections import Counter
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from trainers.data.catalog import ImageOptions, is_nearly_binary
from trainers.data.dataset import EVALUATION_SEED, ImageData
from trainers.data.image_files import prepare as preparing
from trainers.data.image_files.decode import DecodeError, Fit, ImageFormat, decode
from trainers.data.image_files.scan import ImageFolder, scan
from trainers.errors import DataError
from trainers.registry import DataSet, DataTraits, ImageShape

MAX_NATIVE_SIDE_PX = 128  # images of one size up to this are not resized by default
DEFAULT_SIDE_PX = 64
_NUM_TRAIT_FILES = 64
MAX_SIDE_PX = 4096


class ImageFolderOptions(ImageOptions):
    """Options of a folder of image files."""

    path: str
    size: int | None = Field(None, ge=1, le=MAX_SIDE_PX)  # height and width; None: as they are, or 64 if they differ
    fit: Fit = "crop"  # of images with another aspect ratio
    channels: int | None = Field(None)  # 1 (gray) or 3 (color); None: color if any file has colors
    background: str = "white"  # below transparent pixels, and around padded images
    test_fraction: float = Field(0.1, gt=0, lt=1)  # of the images, where the folder has no train and test folders
    split_seed: int = Field(EVALUATION_SEED, ge=0)

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value or "\0" in value:
            raise ValueError("choose a folder with images")
        return str(Path(value).expanduser().resolve())

    @field_validator("channels")
    @classmethod
    def _gray_or_color(cls, value: int | None) -> int | None:
        if value not in (None, 1, 3):
            raise ValueError("must be 1 (gray) or 3 (color)")
        return value

    @field_validator("background")
    @classmethod
    def _color(cls, value: str) -> str:
        from PIL import ImageColor

        try:
            ImageColor.getrgb(value)
        except ValueError:
            raise ValueError("must be a color such as white, black or '#80ff00'") from None
        return value


def load(options: ImageFolderOptions) -> ImageData:
    """Return the images of a folder.

    Raises:
        DataError: if there are too few, or the cache cannot be written.
    """
    return _load(options, lambda done, total: None)


def prepare(options: ImageFolderOptions, on_progress: preparing.Progress) -> str:
    """Decode the images of a folder into the cache, if they are not there.

    Returns:
        A line about files that were skipped; empty if there are none.

    Raises:
        DataError: as `load`.
    """
    folder, image_format = _scan(options)
    prepared = _prepared(folder, image_format, options, on_progress)
    if not prepared.num_skipped:
        return ""
    return f"{prepared.num_skipped:,} of {len(folder.files):,} files are skipped: {'; '.join(prepared.skipped[:3])}"


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
    total, (_, num_own_test) = len(folder.files), preparing.random_order(folder.files, options.split_seed)
    num_test = preparing.num_test_images(total, options.test_fraction) if num_own_test is None else num_own_test
    available = total - num_test
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
            images.append(decode(folder.folder / file.path, image_format))
        except DecodeError:
            continue
    return DataTraits(shape, "images", is_nearly_binary(np.stack(images)) if images else None)


def _load(options: ImageFolderOptions, on_progress: preparing.Progress) -> ImageData:
    folder, image_format = _scan(options)
    prepared = _prepared(folder, image_format, options, on_progress)
    images, labels, num_test = prepared.images, prepared.labels, prepared.num_test
    test = slice(0, min(num_test, options.limit_test or num_test))
    train = slice(num_test, num_test + (options.limit or len(images)))
    return ImageData(
        folder.folder.name or "images",
        images[train],
        images[test],
        None if labels is None else labels[train],
        None if labels is None else labels[test],
        prepared.class_names,
    )


def _prepared(
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
    from PIL import ImageColor

    folder = scan(Path(options.path))
    red, green, blue = ImageColor.getcolor(options.background, "RGB")[:3]  # type: ignore[index]
    background = (int(red), int(green), int(blue))
    if options.size is not None and options.channels is not None:
        return folder, ImageFormat(options.size, options.size, options.channels, options.fit, background)
    # Decide by the headers.
    headers = [header for header in preparing.headers(folder) if header is not None]
    if not headers:
        raise DataError(f"{folder.folder}: none of {len(folder.files):,} files can be read as an image", "check them")
    channels = options.channels or (1 if all(header.is_gray for header in headers) else 3)
    (height, width), num_equal = Counter((header.height, header.width) for header in headers).most_common(1)[0]
    if options.size is not None:
        height = width = options.size
    elif num_equal < len(headers) or max(height, width) > MAX_NATIVE_SIDE_PX:
        height = width = DEFAULT_SIDE_PX
    return folder, ImageFormat(height, width, channels, options.fit, background)


IMAGES = DataSet(
    name="images",
    title="a folder of image files (PNG, JPEG, WebP, GIF, BMP, TIFF), subfolders are classes",
    options=ImageFolderOptions,
    load=load,
    peek=peek,
    count=count,
    traits=traits,
    prepare=prepare,
    location=("path",),
)
