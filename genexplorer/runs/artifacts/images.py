"""Recorded images: one PNG with a grid of tiles for each kind and step. Files of imported runs are not trusted."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genexplorer.errors import DamagedRunError
from genexplorer.runs.sanitize import slug
from genexplorer.runs.untrusted_files import open_file
from trainers.events import ImagesReady
from trainers.storage import atomic_files

MAX_BYTES = 64 << 20  # of a file
MAX_PIXELS = 16_000_000  # after decompression


def picture_path(parent: Path, kind: str, step: int) -> Path:
    """Return the path of a PNG: `samples/step-00000500.png`."""
    return parent / kind / f"step-{step:08d}.png"


def grid_of(pictures: ImagesReady) -> tuple[int, int]:
    """Return columns and rows of the grid."""
    count = max(len(pictures.images), 1)
    columns = min(max(pictures.columns, 1), count)
    return columns, -(-count // columns)


def tile(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Arrange images in a grid, row by row.

    Args:
        images: (N, H, W, C), uint8; C is 1 or 3.
        columns: Images in a row; the last row is filled up with black.
    Returns:
        (rows · H, columns · W, C), uint8.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    full = np.zeros((rows * columns, height, width, channels), np.uint8)
    full[:count] = images
    by_row = full.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return by_row.reshape(rows * height, columns * width, channels)


def save(parent: Path, pictures: ImagesReady) -> str:
    """Write the PNG durably and return its kind as a file name.

    Raises:
        OSError: if it cannot be written; no partial file is left.
    """
    kind = slug(pictures.kind) or "pictures"
    columns, _ = grid_of(pictures)
    picture = tile(pictures.images, columns)
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=4)
    path = picture_path(parent, kind, pictures.step)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_bytes(path, encoded.getvalue())
    return kind


def content(path: Path) -> bytes:
    """Return the bytes of a recorded image, from a regular file only: never from a link, pipe or device.

    Raises:
        DamagedRunError: if it is not a regular file, too large or cannot be read.
    """
    try:
        with open_file(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DamagedRunError(f"{path.name} cannot be read: {error.strerror}") from None
    if not data or len(data) > MAX_BYTES:
        raise DamagedRunError(f"{path.name} is not an image")
    return data


def read(path: Path) -> Image.Image:
    """Return a recorded image, gray or RGB. Only PNG is decoded.

    Raises:
        DamagedRunError: if it cannot be read or is too large.
    """
    data = content(path)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise DamagedRunError(f"{path.name} has {picture.width} × {picture.height} pixels")
            return picture.convert("L" if picture.mode in ("1", "L", "I", "I;16") else "RGB")
    except DamagedRunError:
        raise
    except Exception:  # decoders raise arbitrary exceptions for invalid bytes
        raise DamagedRunError(f"{path.name} is not an image") from None
