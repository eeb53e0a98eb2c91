"""Small IDX folders: bright blobs on dark ground, learnable in a few steps, of any size and number of channels."""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NUM_TRAIN, NUM_TEST = 256, 60
Array = NDArray[np.uint8]


def idx_bytes(array: Array) -> bytes:
    """The canonical bytes of an array."""
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def blobs(count: int, height: int, width: int, channels: int, seed: int) -> tuple[Array, Array]:
    """Images (N, H, W, C) of one blob each, and labels that say in which third it lies."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    y, x = random.uniform(0, height - 1, count), random.uniform(0, width - 1, count)
    distance = (rows - y[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2
    gray = 255 * np.exp(-distance / 4)
    images = np.repeat(gray[..., None], channels, axis=-1).astype(np.uint8)
    return images, (x * 3 / width).astype(np.uint8)


def write_folder(
    folder: Path, *, size: tuple[int, int, int] = (1, 9, 7), prefix: str = "", packed: bool = False, labels: bool = True
) -> Path:
    """Write the four files of a data set of images (C, H, W)."""
    folder.mkdir(parents=True, exist_ok=True)
    channels, height, width = size
    for split, count in (("train", NUM_TRAIN), ("t10k", NUM_TEST)):
        images, classes = blobs(count, height, width, channels, len(split))
        stored = images[..., 0] if channels == 1 else images
        _write(folder, f"{prefix}{split}-images-idx{stored.ndim}-ubyte", idx_bytes(stored), packed)
        if labels:
            _write(folder, f"{prefix}{split}-labels-idx1-ubyte", idx_bytes(classes), packed)
    return folder


def _write(folder: Path, name: str, data: bytes, packed: bool) -> None:
    if packed:
        (folder / f"{name}.gz").write_bytes(gzip.compress(data))
    else:
        (folder / name).write_bytes(data)
