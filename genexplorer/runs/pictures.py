"""Recorded pictures: tiles laid out as one PNG a kind and step."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genexplorer.runs.text import slug
from trainers import durable
from trainers.events import Pictures


def picture_path(parent: Path, kind: str, step: int) -> Path:
    """Return where the PNG of a kind and step is: `samples/step-00000500.png`."""
    return parent / kind / f"step-{step:08d}.png"


def grid_of(pictures: Pictures) -> tuple[int, int]:
    """Return columns and rows of the layout."""
    count = max(len(pictures.images), 1)
    columns = min(max(pictures.columns, 1), count)
    return columns, -(-count // columns)


def tile(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lay images out row by row.

    Args:
        images: (N, H, W, C), uint8; C is 1 or 3.
        columns: How many stand side by side. What is left of the last row is black.
    Returns:
        (rows · H, columns · W, C), uint8.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    full = np.zeros((rows * columns, height, width, channels), np.uint8)
    full[:count] = images
    spread = full.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return spread.reshape(rows * height, columns * width, channels)


def save(parent: Path, pictures: Pictures) -> str:
    """Write the PNG durably and return its kind as a file name.

    Raises:
        OSError: if it could not be written; nothing half-written is left.
    """
    kind = slug(pictures.kind) or "pictures"
    columns, _ = grid_of(pictures)
    picture = tile(pictures.images, columns)
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=4)
    path = picture_path(parent, kind, pictures.step)
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_bytes(path, encoded.getvalue())
    return kind
