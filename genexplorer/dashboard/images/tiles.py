"""Tiled images: loading them, and arranging as many tiles as fit in a pane of the terminal."""

import numpy as np
from numpy.typing import NDArray

from genexplorer.dashboard.details import TiledImage
from genexplorer.errors import DamagedRunError
from genexplorer.runs.artifacts import images
from genexplorer.runs.record import ImageRef

ImageArray = NDArray[np.uint8]
_MIN_TILE_PX = 12  # shorter edge; a smaller digit is illegible
_MIN_NUM_TILES = 12  # tiles shrink until so many fit in a pane


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
    return TiledImage(ref.kind, ref.step, np.ascontiguousarray(tiles))


def build_montage(
    tiles: ImageArray, image_kind: str, width: int, height: int, *, gap: int = 0, large_tiles: bool = False
) -> ImageArray:
    """Arrange tiles in a pane of half-block cells. Tiles shrink by averaging and grow by whole factors.

    Args:
        tiles: (rows, columns, H, W, 3).
        image_kind: "manifold" samples its grid evenly, "reconstructions" keeps its two rows, "trace" keeps its columns
            or an even selection of them; all other kinds are reflowed.
        width: Width of the pane in cells; a cell is one pixel wide.
        height: Height of the pane in cells; a cell is two pixels high.
        gap: Pixels between tiles.
        large_tiles: Few tiles at full size instead of many small ones.
    Returns:
        One image, (at most 2·height, at most width, 3).
    """
    rows, columns, tile_height, tile_width = tiles.shape[:4]
    if width < 2 or height < 1 or not rows * columns:
        return np.zeros((0, 0, 3), np.uint8)
    # Choose the size of a tile, by its shorter edge.
    native_px = min(tile_height, tile_width)
    size = _tile_size(native_px, width, height, rows * columns, gap=gap, large_tiles=large_tiles)
    if image_kind == "trace" and not large_tiles:  # a column for every transform, if the tiles are still legible
        size = max(min(size, (width + gap) // columns - gap), min(_MIN_TILE_PX, size))
    new_height, new_width = size * tile_height // native_px, size * tile_width // native_px
    # Select the tiles that fit, and join them.
    fit_columns = max((width + gap) // (new_width + gap), 1)
    fit_rows = max((2 * height + gap) // (new_height + gap), 1)
    selected = _select_tiles(tiles, image_kind, fit_rows, fit_columns)
    return _join_tiles(selected, min(new_height, 2 * height), min(new_width, width), gap)[: 2 * height, :width]


def _tile_size(native_px: int, width: int, height: int, count: int, *, gap: int, large_tiles: bool) -> int:
    """Return the shorter edge of a tile in pixels: native, less to fit enough tiles, or a multiple of it for few."""
    pane_px = min(width, 2 * height)
    if large_tiles or count == 1:
        return max(min(pane_px, native_px * max(pane_px // native_px, 1)), 1)

    def num_fitting(size: int) -> int:
        return min(((width + gap) // (size + gap)) * ((2 * height + gap) // (size + gap)), count)

    for size in (native_px * 2, native_px):
        if num_fitting(size) >= min(count, _MIN_NUM_TILES):
            return size
    # Shrink to the size at which the tiles cover most of the pane. Between 5/8 and 1 of the native size, averaging
    # blurs tiles and makes little space.
    smallest = min(_MIN_TILE_PX, native_px, pane_px)
    sizes = range(smallest, max(min(native_px, pane_px) * 5 // 8, smallest) + 1)
    return max(sizes, key=lambda size: (num_fitting(size) * size * size, size))


def _select_tiles(tiles: ImageArray, image_kind: str, fit_rows: int, fit_columns: int) -> ImageArray:
    rows, columns = tiles.shape[:2]
    if image_kind == "manifold":
        return tiles[_even_indices(rows, fit_rows)][:, _even_indices(columns, fit_columns)]
    if image_kind == "trace":
        return tiles[: max(min(rows, fit_rows), 1), _even_indices(columns, fit_columns)]
    if image_kind == "reconstructions":
        return tiles[: max(min(rows, fit_rows), 1), :fit_columns]
    flat = tiles.reshape(rows * columns, *tiles.shape[2:])
    fit_columns = min(fit_columns, len(flat))
    count = min(len(flat) // fit_columns, fit_rows) * fit_columns
    return flat[:count].reshape(-1, fit_columns, *tiles.shape[2:])


def _even_indices(count: int, fit: int) -> NDArray[np.int64]:
    """Return `fit` indices spread evenly over 0 … `count` − 1, including both ends."""
    return np.unique(np.linspace(0, count - 1, min(fit, count)).round().astype(np.int64))


def _join_tiles(tiles: ImageArray, new_height: int, new_width: int, gap: int) -> ImageArray:
    rows, columns = tiles.shape[:2]
    flat = tiles.reshape(rows * columns, *tiles.shape[2:])
    padded = np.zeros((rows, columns, new_height + gap, new_width + gap, 3), np.uint8)
    padded[:, :, :new_height, :new_width] = resize(flat, new_height, new_width).reshape(
        rows, columns, new_height, new_width, 3
    )
    joined: ImageArray = padded.transpose(0, 2, 1, 3, 4).reshape(
        rows * (new_height + gap), columns * (new_width + gap), 3
    )
    cropped: ImageArray = joined[: joined.shape[0] - gap, : joined.shape[1] - gap]
    return cropped


def resize(images: ImageArray, new_height: int, new_width: int) -> ImageArray:
    """Resize images, (N, H, W, 3), by averaging the source pixels under each new one, or by repeating pixels."""
    vertical, horizontal = _area_weights(images.shape[1], new_height), _area_weights(images.shape[2], new_width)
    resized = np.einsum("ih,nhwc->niwc", vertical, images.astype(np.float32), optimize=True)
    resized = np.einsum("jw,niwc->nijc", horizontal, resized, optimize=True)
    rounded: ImageArray = np.rint(resized).clip(0, 255).astype(np.uint8)
    return rounded


def _area_weights(old: int, new: int) -> NDArray[np.float32]:
    """Return the weights of old pixels in each new pixel, (new, old), by their overlap; each row sums to 1."""
    edges = np.linspace(0, old, new + 1)
    start, end = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)[None, :]
    overlap = np.clip(np.minimum(end, pixel + 1) - np.maximum(start, pixel), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)
