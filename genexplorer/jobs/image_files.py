"""Image files: format by suffix, enlargement by whole factors, atomic writes."""

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from genexplorer.errors import ConfigError, UserError

STILL_FORMATS = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG"}
MOVING_FORMATS = {".gif": "GIF", ".webp": "WEBP", ".mp4": "MP4", ".png": "PNG"}
MAX_PIXELS = 200_000_000
TARGET_PX = 900  # longer side of an image that is enlarged automatically
MAX_SCALE = 32


def format_of(path: Path, formats: Mapping[str, str]) -> str:
    """Return the image format of a file's suffix; call it before rendering.

    Raises:
        ConfigError: if the format cannot be written, or the folder does not exist.
    """
    if path.suffix.lower() not in formats:
        raise ConfigError(f"{path}: cannot write '{path.suffix or 'no suffix'}'", f"choose from {', '.join(formats)}")
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder", "name a file in it")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: folder {path.parent} does not exist", "create it first")
    return formats[path.suffix.lower()]


def automatic_scale(width: int, height: int) -> int:
    """Return the whole factor that brings the longer side of an image closest to `TARGET_PX`."""
    return min(max(1, round(TARGET_PX / max(width, height))), MAX_SCALE)


def to_image(values: NDArray[np.uint8], scale: int = 1) -> Image.Image:
    """Return an array (H, W, C) as an image whose pixels are enlarged to squares of side `scale`, without smoothing.

    Raises:
        ConfigError: if it has more than 200 million pixels.
    """
    height, width, channels = values.shape
    if height * width * scale**2 > MAX_PIXELS:
        raise ConfigError(
            f"{width * scale}×{height * scale} pixels are too many", "use a smaller --scale or fewer images"
        )
    image = Image.fromarray(values[:, :, 0] if channels == 1 else values)
    return enlarge(image, scale)


def enlarge(image: Image.Image, scale: int) -> Image.Image:
    """Return an image enlarged by a whole factor, without smoothing."""
    if scale == 1:
        return image
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def write_image(path: Path, image: Image.Image, metadata: Mapping[str, str]) -> None:
    """Write one image; a PNG also gets the metadata as text chunks.

    Raises:
        ConfigError: if the suffix is unknown.
        UserError: if it cannot be written.
    """
    file_format = format_of(path, STILL_FORMATS)
    buffer = BytesIO()
    options: dict[str, Any] = {"lossless": True} if file_format == "WEBP" else {"quality": 95}
    if file_format == "PNG":
        options = {"pnginfo": PngInfo()}
        for key, value in metadata.items():
            options["pnginfo"].add_itxt(key, value)
    image.save(buffer, file_format, **options)
    replace_file(path, buffer.getvalue())


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically, with the permissions of a new file.

    Raises:
        UserError: if it cannot be written; the old file is then unchanged.
    """
    target = path.resolve()
    temporary = target.with_name(f".{target.name[:64]}.{os.getpid()}.tmp")
    try:
        if target.exists() and not target.is_file():  # a device such as /dev/null
            target.write_bytes(content)
            return
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
