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

MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = 16_000_000  # of a decompressed image, which can be a thousand times larger than its file


def image_path(parent: Path, image_kind: str, step: int) -> Path:
    """Return the path of a PNG: `samples/step-00000500.png`."""
    return parent / image_kind / f"step-{step:08d}.png"


def grid_shape(event: ImagesReady) -> tuple[int, int]:
    """Return the number of columns and of rows of the grid in which images are stored."""
    count = max(len(event.images), 1)
    columns = min(max(event.columns, 1), count)
    return columns, -(-count // columns)


def make_grid(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Arrange images in a grid, row by row.

    Args:
        images: Array (N, H, W, C) of uint8; C is 1 or 3.
        columns: Number of images in a row; the last row is filled up with black.
    Returns:
        Array (rows · H, columns · W, C) of uint8.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    filled = np.zeros((rows * columns, height, width, channels), np.uint8)
    filled[:count] = images
    by_row = filled.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return by_row.reshape(rows * height, columns * width, channels)


def save(parent: Path, event: ImagesReady) -> str:
    """Write a grid of recorded images as a PNG, durably, and return the name of the folder of its kind.

    Raises:
        OSError: if it cannot be written; no partial file is left.
    """
    image_kind = slug(event.kind) or "pictures"
    columns, _ = grid_shape(event)
    grid = make_grid(event.images, columns)
    image = Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid)
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=4)
    path = image_path(parent, image_kind, event.step)
    for folder in (parent, path.parent):  # one by one: a run folder that was deleted is never made anew
        folder.mkdir(exist_ok=True)
    atomic_files.write_bytes(path, encoded.getvalue())
    return image_kind


def read_file_bytes(path: Path) -> bytes:
    """Return the bytes of a recorded image, from a regular file only: never from a link, pipe or device.

    Raises:
        DamagedRunError: if it is not a regular file, too large or cannot be read.
    """
    try:
        with open_file(path) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DamagedRunError(f"{path.name} cannot be read: {error.strerror}") from None
    if not data or len(data) > MAX_FILE_BYTES:
        raise DamagedRunError(f"{path.name} is not an image")
    return data


def read(path: Path) -> Image.Image:
    """Return a recorded image, gray or RGB. Only PNG is decoded.

    Raises:
        DamagedRunError: if it cannot be read or is too large.
    """
    data = read_file_bytes(path)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DamagedRunError(f"{path.name} has {image.width} × {image.height} pixels")
            return image.convert("L" if image.mode in ("1", "L", "I", "I;16") else "RGB")
    except DamagedRunError:
        raise
    except Exception:  # decoders raise arbitrary exceptions for invalid bytes
        raise DamagedRunError(f"{path.name} is not an image") from None
