"""Recorded pictures, read within bounds and cut into tiles."""

import numpy as np

from genexplorer.dashboard.view import TiledImage
from genexplorer.errors import DamagedRunError
from genexplorer.runs.artifacts import images
from genexplorer.runs.record import PictureRef


def load_tiles(ref: PictureRef) -> TiledImage | None:
    """Read a picture; None where it cannot be read or is not what its record says."""
    try:
        picture = images.read(ref.path)
    except DamagedRunError:
        return None
    width, height = picture.size
    if not _fits(ref, width, height):
        return None
    pixels = np.asarray(picture.convert("RGB"), dtype=np.uint8)
    tile_height, tile_width = ref.tile_px
    down, across = height // tile_height, width // tile_width
    tiles = pixels[: down * tile_height, : across * tile_width]
    tiles = tiles.reshape(down, tile_height, across, tile_width, 3).transpose(0, 2, 1, 3, 4)
    return TiledImage(ref, np.ascontiguousarray(tiles))


def _fits(ref: PictureRef, width: int, height: int) -> bool:
    tile_height, tile_width = ref.tile_px
    return 0 < tile_height <= height and 0 < tile_width <= width
