"""Reads an image file in the shape of the model's data. No Qt.

Files are untrusted: size, dimensions and the decoder's work are bounded before a pixel is decoded.
"""

import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genexplorer.errors import DataError
from genexplorer.runs.sanitize import one_line

if TYPE_CHECKING:
    from PIL import Image

MAX_BYTES = 20_000_000
MAX_PIXELS = 40_000_000
MAX_SCANS = 100  # of a progressive JPEG, which has about ten: each goes over all pixels, for a few bytes
_MAX_FACTOR = 8  # times the model's image on each side; larger images are downsampled first
_SCAN = b"\xff\xda"
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def read(file: Path, image_shape: tuple[int, int, int], *, inverted: bool = False) -> NDArray[np.uint8]:
    """Return an image file in the model's shape, (H, W, C).

    It is rotated by its EXIF orientation, converted to gray or RGB, resized by area without distortion, and padded with
    the color of its border.

    Args:
        file: PNG, JPEG or another common format.
        image_shape: (C, H, W).
        inverted: Whether to invert it, as for a drawing on paper.
    Raises:
        DataError: if it cannot be read, is too large or is not an image.
    """
    name = one_line(file.name, 80)
    content = _content(file, name)
    from PIL import Image, ImageOps  # deferred: only opening needs it

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            if not 0 < width * height <= MAX_PIXELS:
                raise DataError(f"{name}: {width} × {height} pixels", f"at most {MAX_PIXELS // 1_000_000} megapixels")
            if picture.format in ("JPEG", "MPO") and content.count(_SCAN) > MAX_SCANS:
                raise DataError(f"{name}: a JPEG of more than {MAX_SCANS} scans", "save it as PNG")
            ImageOps.exif_transpose(picture, in_place=True)
            flat = _flattened(_reduced(picture, image_shape)).convert("L" if image_shape[0] == 1 else "RGB")
    except DataError:
        raise
    except Exception:  # decoders raise anything on malformed bytes
        raise DataError(f"{name}: not a readable image", f"use one of {', '.join(FORMATS[:3])}") from None
    pixels = _fitted(flat, image_shape)
    return 255 - pixels if inverted else pixels


def is_light(image: NDArray[np.uint8]) -> bool:
    """Return whether the border is light, as of a drawing on paper; MNIST's is dark."""
    border = np.concatenate([image[0].ravel(), image[-1].ravel(), image[:, 0].ravel(), image[:, -1].ravel()])
    return float(np.median(border)) > 127


def _content(file: Path, name: str) -> bytes:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # do not block on a pipe
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise DataError(f"{name}: not a file", "choose an image file")
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{name}: cannot be read", str(error.strerror or error)) from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{name}: too large for an image", f"at most {MAX_BYTES // 1_000_000} MB")
    return content


def _reduced(picture: "Image.Image", image_shape: tuple[int, int, int]) -> "Image.Image":
    """Downsample a very large image by a whole factor, so that copies of it take little memory."""
    _, height, width = image_shape
    factor = min(picture.width // (_MAX_FACTOR * width), picture.height // (_MAX_FACTOR * height))
    if factor <= 1:
        return picture
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if _is_transparent(picture) else "RGB")
    return picture.reduce(factor)


def _is_transparent(picture: "Image.Image") -> bool:
    return "A" in picture.getbands() or "transparency" in picture.info


def _flattened(picture: "Image.Image") -> "Image.Image":
    """Compose an image with transparency on white, as image viewers do."""
    from PIL import Image

    if not _is_transparent(picture):
        return picture
    layered = picture.convert("RGBA")
    ground = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, layered).convert("RGB")


def _fitted(picture: "Image.Image", image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    channels, height, width = image_shape
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = np.asarray(picture.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST), np.uint8)
    small = small.reshape(size[1], size[0], channels)
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    fitted = np.empty((height, width, channels), np.uint8)
    fitted[:] = np.median(border, axis=0).astype(np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    fitted[top : top + size[1], left : left + size[0]] = small
    return fitted
