"""Decodes image files of any size and color to arrays of one shape, with Pillow."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Fit = Literal["crop", "pad", "stretch"]
FILTER_NAME = "Lanczos"  # anti-aliased: its support grows with the reduction
MAX_PIXELS = 100_000_000  # of a file; a larger one is not decoded
_GRAY_MODES = frozenset(("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"))
_ORIENTATION_TAG = 0x0112  # of EXIF
_ALPHA_MODES = frozenset(("LA", "La", "RGBA", "RGBa", "PA"))


class DecodeError(Exception):
    """A file that cannot be decoded; the message says why in a few words."""


@dataclass(frozen=True)
class ImageFormat:
    """The format that all images of a data set are brought to.

    Args:
        height: Pixels.
        width: Pixels.
        channels: 1 (gray) or 3 (RGB).
        fit: For another aspect ratio: "crop" cuts the longer side, "pad" adds background, "stretch" distorts.
        background: RGB color below transparent pixels and of "pad".
    """

    height: int
    width: int
    channels: int
    fit: Fit = "crop"
    background: tuple[int, int, int] = (255, 255, 255)


@dataclass(frozen=True)
class ImageHeader:
    """Size and color of an image file, as displayed: after its EXIF orientation."""

    height: int
    width: int
    is_gray: bool


def read_header(path: Path | BinaryIO) -> ImageHeader:
    """Return the size and color of a file, given by its path or open, without decoding it.

    Raises:
        DecodeError: if it is no image.
    """
    with _errors_of_pillow(), _open(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION_TAG, 1) >= 5:  # orientations that swap the sides
            width, height = height, width
        return ImageHeader(height, width, image.mode in _GRAY_MODES)


def decode(path: Path | BinaryIO, image_format: ImageFormat) -> NDArray[np.uint8]:
    """Return the first frame of an image file, (H, W, C) uint8.

    The EXIF orientation is applied, transparent pixels are laid over the background, 16 bits are reduced to 8.

    Raises:
        DecodeError: if it is no image, damaged or too large.
    """
    with _errors_of_pillow(), _open(path) as image:
        image.draft(None, (2 * image_format.width, 2 * image_format.height))  # JPEG only: a large one is decoded small
        pixels = np.asarray(_fit(_opaque(_to_eight_bits(ImageOps.exif_transpose(image)), image_format), image_format))
    return pixels if pixels.ndim == 3 else pixels[..., None]


@contextmanager
def _errors_of_pillow() -> Iterator[None]:
    """Turn every error in the block into a `DecodeError`: on damaged files Pillow raises errors of many types."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images and odd metadata
            yield
    except DecodeError:
        raise
    except UnidentifiedImageError:
        raise DecodeError("not an image, whatever its name says") from None
    except Exception as error:
        text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise DecodeError(str(text)[:120]) from None


def _open(path: Path | BinaryIO) -> Image.Image:
    image = Image.open(path)
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise DecodeError(f"{image.width}×{image.height} pixels, more than {MAX_PIXELS:,}")
    return image


def _opaque(image: Image.Image, image_format: ImageFormat) -> Image.Image:
    """Return an image in gray or RGB, with the background below transparent pixels."""
    mode = "RGB" if image_format.channels == 3 else "L"
    if image.mode not in _ALPHA_MODES and "transparency" not in image.info:
        return image.convert(mode)
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, (*image_format.background, 255)), layer).convert(mode)


def _fit(image: Image.Image, image_format: ImageFormat) -> Image.Image:
    """Return an image in the size of a format."""
    size = image_format.width, image_format.height
    if image.size == size:
        return image
    if image_format.fit == "crop":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if image_format.fit == "pad":
        color = image_format.background
        background = color if image.mode == "RGB" else Image.new("RGB", (1, 1), color).convert("L").tobytes()[0]
        return ImageOps.pad(image, size, Image.Resampling.LANCZOS, background)
    return image.resize(size, Image.Resampling.LANCZOS)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Return an image with 8 bits per channel."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        # By the range of the values: [0, 1], 8 bits, 16 bits, else the range itself.
        scale = 255 if image.mode == "F" and 0 <= low <= high <= 1 else 1 if high <= 255 else 1 / 257
        if low < 0 or high * scale > 255.5:
            values, scale = values - low, 255 / max(high - low, 1e-12)
        return Image.fromarray(np.rint(values * scale).clip(0, 255).astype(np.uint8))
    return image
