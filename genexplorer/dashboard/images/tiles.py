"""How many tiles of a picture fit in a pane, at which size; shrunk by averaging, enlarged by whole factors."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
_SMALLEST_PX = 12  # below this a digit is no longer read
_MANY = 12  # tiles that make a picture worth its place


def montage(tiles: Pixels, kind: str, columns: int, rows: int, *, gap: int = 0, large: bool = False) -> Pixels:
    """Lay tiles out in a pane of half-block cells.

    Args:
        tiles: (down, across, H, W, 3).
        kind: "manifold" is sampled evenly over its plane, "reconstructions" keeps its two rows, "trace" its columns,
            as many as fit, evenly; all else flows.
        columns: Cells across; a cell is one pixel wide.
        rows: Cells down; a cell is two pixels high.
        gap: Pixels between tiles.
        large: Few tiles at full size instead of many small ones.
    Returns:
        Pixels, (at most 2·rows, at most columns, 3).
    """
    down, across, height, width = tiles.shape[:4]
    if columns < 2 or rows < 1 or not down * across:
        return np.zeros((0, 0, 3), np.uint8)
    wanted = across if kind == "trace" and not large else 0
    size = _size(min(height, width), columns, rows, down, across, gap=gap, large=large)
    size = max(min(size, (columns + gap) // wanted - gap), min(_SMALLEST_PX, size)) if wanted else size
    high, wide = size * height // min(height, width), size * width // min(height, width)
    fit_across = max((columns + gap) // (wide + gap), 1)
    fit_down = max((2 * rows + gap) // (high + gap), 1)
    chosen = _choose(tiles, kind, fit_down, fit_across)
    return _join(chosen, min(high, 2 * rows), min(wide, columns), gap)[: 2 * rows, :columns]


def _size(native: int, columns: int, rows: int, down: int, across: int, *, gap: int, large: bool) -> int:
    """Return the edge of a tile: native, or smaller where many are wanted, or larger where few fill the pane."""
    room = min(columns, 2 * rows)
    if large or down * across == 1:
        return max(min(room, native * max(room // native, 1)), 1)
    wanted = min(down * across, _MANY)

    def count(size: int) -> int:
        return min(((columns + gap) // (size + gap)) * ((2 * rows + gap) // (size + gap)), down * across)

    for size in (native * 2, native):
        if count(size) >= wanted:
            return size
    smallest = min(_SMALLEST_PX, native, room)
    sizes = range(smallest, max(min(native, room) * 5 // 8, smallest) + 1)
    return max(sizes, key=lambda size: (count(size) * size * size, size))


def _choose(tiles: Pixels, kind: str, fit_down: int, fit_across: int) -> Pixels:
    down, across = tiles.shape[:2]
    if kind == "manifold":
        return tiles[_spread(down, fit_down)][:, _spread(across, fit_across)]
    if kind == "trace":
        return tiles[: max(min(down, fit_down), 1), _spread(across, fit_across)]
    if kind == "reconstructions":
        return tiles[: max(min(down, fit_down), 1), :fit_across]
    flat = tiles.reshape(down * across, *tiles.shape[2:])
    fit_across = min(fit_across, len(flat))
    count = min(len(flat) // fit_across, fit_down) * fit_across
    return flat[:count].reshape(-1, fit_across, *tiles.shape[2:])


def _spread(count: int, fit: int) -> NDArray[np.int64]:
    """Return `fit` places spread over `count`, both ends among them."""
    return np.unique(np.linspace(0, count - 1, min(fit, count)).round().astype(np.int64))


def _join(tiles: Pixels, high: int, wide: int, gap: int) -> Pixels:
    down, across = tiles.shape[:2]
    flat = tiles.reshape(down * across, *tiles.shape[2:])
    small = resize(flat, high, wide).reshape(down, across, high, wide, 3)
    padded = np.zeros((down, across, high + gap, wide + gap, 3), np.uint8)
    padded[:, :, :high, :wide] = small
    joined: Pixels = padded.transpose(0, 2, 1, 3, 4).reshape(down * (high + gap), across * (wide + gap), 3)
    cut: Pixels = joined[: joined.shape[0] - gap, : joined.shape[1] - gap]
    return cut


def resize(images: Pixels, high: int, wide: int) -> Pixels:
    """Resize images, (N, H, W, 3), by averaging what falls into each new pixel, or by repeating pixels."""
    down, across = _weights(images.shape[1], high), _weights(images.shape[2], wide)
    shrunk = np.einsum("ih,nhwc->niwc", down, images.astype(np.float32), optimize=True)
    result = np.einsum("jw,niwc->nijc", across, shrunk, optimize=True)
    rounded: Pixels = np.rint(result).clip(0, 255).astype(np.uint8)
    return rounded


def _weights(old: int, new: int) -> NDArray[np.float32]:
    """Return the (new, old) matrix whose rows say how much of each old pixel falls into a new one."""
    edges = np.linspace(0, old, new + 1)
    left, right = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)[None, :]
    overlap = np.clip(np.minimum(right, pixel + 1) - np.maximum(left, pixel), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)
