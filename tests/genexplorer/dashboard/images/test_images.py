"""Arrangement of tiles in a pane, and half blocks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genexplorer.dashboard.images.half_blocks import half_block_strips
from genexplorer.dashboard.images.tiles import build_montage, load_tiles, resize
from genexplorer.runs.record import ImageRef


def tiles(down: int, across: int, size: int = 28) -> np.ndarray:
    """Tiles whose brightness counts them."""
    values = np.arange(down * across, dtype=np.uint8).reshape(down, across)
    return np.broadcast_to(values[:, :, None, None, None], (down, across, size, size, 3)).copy()


@pytest.mark.parametrize("kind", ["samples", "reconstructions", "manifold", "trace"])
@pytest.mark.parametrize(("columns", "rows"), [(2, 1), (10, 4), (30, 12), (76, 13), (190, 40)])
def test_montage_fits_its_pane(kind: str, columns: int, rows: int) -> None:
    for large in (False, True):
        image = build_montage(tiles(8, 8), kind, columns, rows, gap=1, large_tiles=large)
        assert 0 < image.shape[0] <= 2 * rows and 0 < image.shape[1] <= columns


def test_manifold_keeps_both_ends() -> None:
    image = build_montage(tiles(20, 12), "manifold", 76, 13)
    assert image[0, 0, 0] == 0 and image[-1, -1, 0] == 239


def test_reconstructions_keep_their_rows() -> None:
    image = build_montage(tiles(2, 10), "reconstructions", 76, 13)
    assert image[0, 0, 0] == 0 and image[-1, 0, 0] == 10


def test_trace_keeps_its_first_and_last_stage() -> None:
    image = build_montage(tiles(6, 9), "trace", 76, 13, gap=1)
    assert image[0, 0, 0] == 0 and image[0, -1, 0] == 8
    few = build_montage(tiles(6, 9), "trace", 30, 13, gap=1)
    assert few[0, 0, 0] == 0 and few[0, -1, 0] == 8 and len(np.unique(few[0])) < 10


def test_single_tile_fills_its_pane_and_keeps_its_colors() -> None:
    scatter = np.zeros((1, 1, 256, 256, 3), np.uint8)
    scatter[..., :128, :, 2] = 200
    image = build_montage(scatter, "samples", 76, 20)
    assert image.shape == (40, 40, 3) and image[5, 5].tolist() == [0, 0, 200] and image[-5, 5].tolist() == [0, 0, 0]


def test_large_shows_fewer_tiles() -> None:
    few = build_montage(tiles(8, 8), "samples", 76, 14, large_tiles=True)
    many = build_montage(tiles(8, 8), "samples", 76, 14)
    assert len(np.unique(few)) < len(np.unique(many))


def test_shrinking_averages() -> None:
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[:, :2] = 200
    assert resize(image, 2, 2)[0, :, 0, 0].tolist() == [200, 0]
    assert resize(image, 1, 1)[0, 0, 0, 0] == 100
    assert resize(image, 8, 8).shape == (1, 8, 8, 3)


def test_half_blocks_have_two_colors_per_cell() -> None:
    image = np.zeros((3, 5, 3), np.uint8)
    image[0] = 200
    rows = half_block_strips(image)
    assert [strip.cell_length for strip in rows] == [5, 5]
    assert len(list(rows[0])) == 1, "equal neighbors share a segment"
    style = next(iter(rows[0])).style
    assert style is not None and style.color is not None and style.bgcolor is not None
    assert style.color.triplet == (200, 200, 200) and style.bgcolor.triplet == (0, 0, 0)


def test_images_that_differ_from_their_record_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(np.zeros((56, 84), np.uint8)).save(path)
    good = ImageRef("samples", 5, path, 3, 2, (28, 28))
    loaded = load_tiles(good)
    assert loaded is not None and loaded.tiles.shape == (2, 3, 28, 28, 3)
    assert load_tiles(ImageRef("samples", 5, path, 1, 1, (100, 100))) is None
    assert load_tiles(ImageRef("samples", 5, path, 1, 1, (0, 0))) is None
    path.write_bytes(b"not a png")
    assert load_tiles(good) is None
    assert load_tiles(ImageRef("samples", 5, tmp_path / "gone.png", 1, 1, (28, 28))) is None
