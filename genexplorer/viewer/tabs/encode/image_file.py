"""Any picture file as an image that the model can be asked about. No Qt.

Files come from anywhere: size, dimensions and the decoder's work are bounded before a pixel is decoded.
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
_ENOUGH = 8  # times the model's image on each side: what is larger is averaged down before it is copied about
_SCAN = b"\xff\xda"
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def read(file: Path, image_shape: tuple[int, int, int], *, inverted: bool = False) -> NDArray[np.uint8]:
    """Return a picture file as an image of the model's shape, (H, W, C).

    It is turned upright, made gray or colored as the model needs, fitted into the shape without distortion on a ground
    of its border's shade, and resized by area.

    Args:
        file: PNG, JPEG or another common format.
        image_shape: (C, H, W).
        inverted: Whether dark and light change places, as for ink on paper.
    Raises:
        DataError: in one line, if it cannot be read, is too large or is not a picture.
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
    except Exception:  # decoders raise whatever comes to them of bytes that are none of theirs
        raise DataError(f"{name}: not a picture that can be read", f"use one of {', '.join(FORMATS[:3])}") from None
    pixels = _fitted(flat, image_shape)
    return 255 - pixels if inverted else pixels


def looks_light(image: NDArray[np.uint8]) -> bool:
    """Whether an image's border is light, as of ink on paper; MNIST's is dark."""
    border = np.concatenate([image[0].ravel(), image[-1].ravel(), image[:, 0].ravel(), image[:, -1].ravel()])
    return float(np.median(border)) > 127


def _content(file: Path, name: str) -> bytes:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not be waited for
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise DataError(f"{name}: not a file", "name a picture file")
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{name}: cannot be read", str(error.strerror or error)) from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{name}: too large for a picture", f"at most {MAX_BYTES // 1_000_000} MB")
    return content


def _reduced(picture: "Image.Image", image_shape: tuple[int, int, int]) -> "Image.Image":
    """Average a very large picture down by a whole number, so that copies of it take little memory."""
    _, height, width = image_shape
    factor = min(picture.width // (_ENOUGH * width), picture.height // (_ENOUGH * height))
    if factor <= 1:
        return picture
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if _is_transparent(picture) else "RGB")
    return picture.reduce(factor)


def _is_transparent(picture: "Image.Image") -> bool:
    return "A" in picture.getbands() or "transparency" in picture.info


def _flattened(picture: "Image.Image") -> "Image.Image":
    """Lay a picture with transparency on white, as viewers show it."""
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
