"""Tiled images: loading them, and arranging as many tiles as fit in a pane of the terminal."""

import numpy as np
from numpy.typing import NDArray

from genexplorer.dashboard.view import TiledImage
from genexplorer.errors import DamagedRunError
from genexplorer.runs.artifacts import images
from genexplorer.runs.record import ImageRef

Pixels = NDArray[np.uint8]
_MIN_TILE_PX = 12  # a digit is illegible below this
_ENOUGH = 12  # tiles that are worth a pane


def load_tiles(ref: ImageRef) -> TiledImage | None:
    """Read a recorded image; None if it cannot be read or is smaller than one of its tiles."""
    try:
        image = images.read(ref.path)
    except DamagedRunError:
        return None
    width, height = image.size
    tile_height, tile_width = ref.tile_px
    if not (0 < tile_height <= height and 0 < tile_width <= width):
        return None
    pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
    rows, columns = height // tile_height, width // tile_width
    tiles = pixels[: rows * tile_height, : columns * tile_width]
    tiles = tiles.reshape(rows, tile_height, columns, tile_width, 3).transpose(0, 2, 1, 3, 4)
    return TiledImage(ref, np.ascontiguousarray(tiles))


def montage(tiles: Pixels, kind: str, width: int, height: int, *, gap: int = 0, large: bool = False) -> Pixels:
    """Arrange tiles in a pane of half-block cells. Tiles shrink by averaging and grow by whole factors.

    Args:
        tiles: (rows, columns, H, W, 3).
        kind: "manifold" samples its grid evenly, "reconstructions" keeps its two rows, "trace" keeps its columns or an
            even selection of them; all other kinds are reflowed.
        width: Cells; a cell is one pixel wide.
        height: Cells; a cell is two pixels high.
        gap: Pixels between tiles.
        large: Few tiles at full size instead of many small ones.
    Returns:
        Pixels, (at most 2·height, at most width, 3).
    """
    rows, columns, tile_height, tile_width = tiles.shape[:4]
    if width < 2 or height < 1 or not rows * columns:
        return np.zeros((0, 0, 3), np.uint8)
    # Choose the size of a tile, by its shorter edge.
    native = min(tile_height, tile_width)
    size = _tile_size(native, width, height, rows * columns, gap=gap, large=large)
    if kind == "trace" and not large:  # every stage, if they are still legible
        size = max(min(size, (width + gap) // columns - gap), min(_MIN_TILE_PX, size))
    high, wide = size * tile_height // native, size * tile_width // native
    # Select the tiles that fit, and join them.
    fit_columns = max((width + gap) // (wide + gap), 1)
    fit_rows = max((2 * height + gap) // (high + gap), 1)
    selected = _select(tiles, kind, fit_rows, fit_columns)
    return _join(selected, min(high, 2 * height), min(wide, width), gap)[: 2 * height, :width]


def _tile_size(native: int, width: int, height: int, count: int, *, gap: int, large: bool) -> int:
    """Return the edge of a tile in pixels: native, less to fit enough tiles, or a multiple where few fill the pane."""
    room = min(width, 2 * height)
    if large or count == 1:
        return max(min(room, native * max(room // native, 1)), 1)

    def num_fitting(size: int) -> int:
        return min(((width + gap) // (size + gap)) * ((2 * height + gap) // (size + gap)), count)

    for size in (native * 2, native):
        if num_fitting(size) >= min(count, _ENOUGH):
            return size
    smallest = min(_MIN_TILE_PX, native, room)
    sizes = range(smallest, max(min(native, room) * 5 // 8, smallest) + 1)
    return max(sizes, key=lambda size: (num_fitting(size) * size * size, size))


def _select(tiles: Pixels, kind: str, fit_rows: int, fit_columns: int) -> Pixels:
    rows, columns = tiles.shape[:2]
    if kind == "manifold":
        return tiles[_evenly(rows, fit_rows)][:, _evenly(columns, fit_columns)]
    if kind == "trace":
        return tiles[: max(min(rows, fit_rows), 1), _evenly(columns, fit_columns)]
    if kind == "reconstructions":
        return tiles[: max(min(rows, fit_rows), 1), :fit_columns]
    flat = tiles.reshape(rows * columns, *tiles.shape[2:])
    fit_columns = min(fit_columns, len(flat))
    count = min(len(flat) // fit_columns, fit_rows) * fit_columns
    return flat[:count].reshape(-1, fit_columns, *tiles.shape[2:])


def _evenly(count: int, fit: int) -> NDArray[np.int64]:
    """Return `fit` indices spread evenly over `count`, including both ends."""
    return np.unique(np.linspace(0, count - 1, min(fit, count)).round().astype(np.int64))


def _join(tiles: Pixels, high: int, wide: int, gap: int) -> Pixels:
    rows, columns = tiles.shape[:2]
    flat = tiles.reshape(rows * columns, *tiles.shape[2:])
    padded = np.zeros((rows, columns, high + gap, wide + gap, 3), np.uint8)
    padded[:, :, :high, :wide] = resize(flat, high, wide).reshape(rows, columns, high, wide, 3)
    joined: Pixels = padded.transpose(0, 2, 1, 3, 4).reshape(rows * (high + gap), columns * (wide + gap), 3)
    cropped: Pixels = joined[: joined.shape[0] - gap, : joined.shape[1] - gap]
    return cropped


def resize(images: Pixels, high: int, wide: int) -> Pixels:
    """Resize images, (N, H, W, 3), by averaging the source pixels under each new one, or by repeating pixels."""
    vertical, horizontal = _area_weights(images.shape[1], high), _area_weights(images.shape[2], wide)
    resized = np.einsum("ih,nhwc->niwc", vertical, images.astype(np.float32), optimize=True)
    resized = np.einsum("jw,niwc->nijc", horizontal, resized, optimize=True)
    rounded: Pixels = np.rint(resized).clip(0, 255).astype(np.uint8)
    return rounded


def _area_weights(old: int, new: int) -> NDArray[np.float32]:
    """Return the (new, old) matrix of the shares of old pixels in each new pixel."""
    edges = np.linspace(0, old, new + 1)
    start, end = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)[None, :]
    overlap = np.clip(np.minimum(end, pixel + 1) - np.maximum(start, pixel), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)
