"""The Manifold tab's state, without Qt: view, tiles, path, points, selection, questions."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genexplorer.errors import DataError
from genexplorer.session.latent_path import LatentPath, read_json, write_json
from genexplorer.session.palette import DARK, contrast
from genexplorer.session.plane import Coords
from genexplorer.viewer.tabs.manifold import visible_range as views
from genexplorer.viewer.tabs.manifold.glyphs import class_color
from genexplorer.viewer.tabs.manifold.point_cloud import PointCloud, choose_glyph_points, ellipse
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.tabs.manifold.tiles import Mosaic, TileGrid, choose_factor, layout

MNIST = (28, 28)


@pytest.mark.parametrize("coords", ["z", "u"])
def test_pixels_and_latent_points_are_inverse(coords: Coords) -> None:
    view = views.home(coords, 801, 533, MNIST).zoomed(1.7, (100, 400)).panned(31, -12)
    pixels = np.random.default_rng(0).uniform([0, 0], [801, 533], (50, 2))
    pixels = pixels[np.all(np.abs(view.px_to_z(pixels)) < 5, axis=1)]
    assert len(pixels) > 10
    np.testing.assert_allclose(view.z_to_px(view.px_to_z(pixels)), pixels, atol=1e-5)


def test_up_is_larger_z2_and_right_is_larger_z1() -> None:
    view = views.home("z", 600, 600)
    left_top, right_bottom = view.px_to_z(np.array([[0, 0], [600, 600]]))
    assert left_top[0] < 0 < left_top[1] and right_bottom[1] < 0 < right_bottom[0]


def test_zoom_keeps_the_place_under_the_mouse() -> None:
    view = views.home("z", 640, 480)
    at = (123.0, 321.0)
    before = view.to_plane(np.array([at]))
    np.testing.assert_allclose(view.zoomed(2.5, at).to_plane(np.array([at])), before, atol=1e-12)


def test_zoom_and_pan_stay_within_reach() -> None:
    view = views.home("u", 600, 600)
    for _ in range(200):
        view = view.zoomed(1.5)
    assert view.bounds[1] - view.bounds[0] >= 0.99e-5
    for _ in range(200):
        view = view.zoomed(0.5).panned(1e6, 1e6)
    assert 0 <= view.center[0] <= 1 and view.bounds[1] - view.bounds[0] < 2


def test_home_in_u_is_the_whole_square_in_whole_tiles() -> None:
    view = views.home("u", 845, 618, MNIST)
    grid = layout(view, MNIST)
    assert grid is not None
    assert grid.factor == 1
    np.testing.assert_allclose(grid.bounds, (0, 1, 0, 1), atol=1e-9)
    assert (grid.columns, grid.rows) == (845 // 28, 618 // 28)


def test_a_560_pixel_panel_is_the_classical_20_by_20_manifold() -> None:
    grid = layout(views.home("u", 560, 560, MNIST), MNIST)
    assert grid is not None and (grid.rows, grid.columns) == (20, 20) and grid.factor == 1
    centers = grid.centers(grid.cells())
    np.testing.assert_allclose(centers[0], (0.025, 0.975))
    np.testing.assert_allclose(centers[-1], (0.975, 0.025))


@pytest.mark.parametrize(
    ("plot", "image", "factor"),
    [
        ((560, 560), MNIST, Fraction(1)),
        ((1120, 1120), MNIST, Fraction(2)),
        ((560, 560), (64, 64), Fraction(1, 2)),
        ((600, 600), (8, 8), Fraction(4)),
    ],
)
def test_tiles_are_enlarged_by_whole_factors(plot: tuple[int, int], image: tuple[int, int], factor: Fraction) -> None:
    assert choose_factor(plot, image) == factor


def test_a_huge_panel_has_a_bounded_number_of_tiles() -> None:
    grid = layout(views.home("z", 7680, 400), MNIST, target=60)
    assert grid is not None and grid.rows * grid.columns < 3_000


def test_panning_keeps_the_lattice_and_zooming_changes_it() -> None:
    view = views.home("z", 600, 500)
    grid, moved, zoomed = (layout(v, MNIST) for v in (view, view.panned(40, 3), view.zoomed(1.3)))
    assert grid is not None and moved is not None and zoomed is not None
    assert grid.same_lattice(moved) and not grid.same_lattice(zoomed)


def test_in_u_no_cell_lies_outside_and_far_away_there_is_none() -> None:
    view = views.home("u", 560, 560, MNIST).zoomed(1.37, (10, 10)).panned(500, -800)
    grid = layout(view, MNIST, margin=2)
    assert grid is not None
    centers = grid.centers(grid.cells())
    assert centers.min() > 0 and centers.max() < 1


def _numbered(cells: np.ndarray[Any, Any], channels: int) -> np.ndarray[Any, Any]:
    values = (cells[:, 0] * 7 + cells[:, 1] * 3) % 251
    return np.broadcast_to(values[:, None, None, None], (len(cells), 4, 5, channels)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_moved_mosaic_keeps_what_it_knows_and_asks_for_the_rest(channels: int) -> None:
    grid = TileGrid("z", (0.5, 0.5), -3, 2, -2, 4, Fraction(1))
    mosaic = Mosaic(grid, (channels, 4, 5), step=7)
    assert len(mosaic.missing()) == grid.rows * grid.columns
    mosaic.fill(grid.cells(), _numbered(grid.cells(), channels))
    assert not len(mosaic.missing())
    other = TileGrid("z", (0.5, 0.5), -1, 5, -4, 3, Fraction(1))
    moved = mosaic.on_grid(other)
    missing = moved.missing()
    assert 0 < len(missing) < other.rows * other.columns
    moved.fill(missing, _numbered(missing, channels))
    fresh = Mosaic(other, (channels, 4, 5), step=7)
    fresh.fill(other.cells(), _numbered(other.cells(), channels))
    np.testing.assert_array_equal(moved.pixels, fresh.pixels)
    assert moved.decoded.all()


def test_tiles_stand_where_their_latent_point_is() -> None:
    grid = TileGrid("z", (1.0, 1.0), 0, 1, 0, 1, Fraction(1))
    mosaic = Mosaic(grid, (1, 4, 5), step=0)
    mosaic.fill(np.array([[1, 1]]), np.full((1, 4, 5, 1), 200, np.uint8))  # right, top
    assert (mosaic.pixels[:4, 5:] == 200).all() and mosaic.pixels.sum() == 20 * 200


def test_a_late_tile_outside_the_mosaic_is_left_out() -> None:
    mosaic = Mosaic(TileGrid("z", (1.0, 1.0), 0, 1, 0, 1, Fraction(1)), (1, 4, 5), step=0)
    mosaic.fill(np.array([[9, 9]]), np.full((1, 4, 5, 1), 200, np.uint8))
    assert not mosaic.decoded.any() and not mosaic.pixels.any()


def test_a_path_is_walked_at_even_speed() -> None:
    path = LatentPath.of([[0, 0], [0, 0], [1, 0], [1, 3]])
    frames = path.frames(9)
    steps = np.hypot(*np.diff(frames, axis=0).T)
    np.testing.assert_allclose(steps, 0.5)
    np.testing.assert_allclose(frames[[0, -1]], [[0, 0], [1, 3]])
    np.testing.assert_allclose(path.at(0.25), (1, 0))
    assert np.linalg.norm(np.diff(path.z, axis=0), axis=1).sum() == 4


def test_a_path_comes_back_from_json(tmp_path: Path) -> None:
    path = LatentPath.of([[0.25, -1], [2, 0.5]])
    write_json(path, tmp_path / "path.json", run="r", step=3)
    np.testing.assert_allclose(read_json(tmp_path / "path.json").z, path.z)
    assert json.loads((tmp_path / "path.json").read_text())["step"] == 3
    (tmp_path / "bare.json").write_text("[[0, 1], [1, 0], [2, 2]]")
    assert len(read_json(tmp_path / "bare.json").z) == 3


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "[[1, 2]]", "[[1, 2], [3]]", "[[1, 2], [NaN, 1]]", "[[1, 2], [1e9, 0]]", '{"z": 3}', "[" * 9999],
)
def test_a_bad_path_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(DataError) as caught:
        read_json(tmp_path / "bad.json")
    assert "bad.json" in caught.value.message and caught.value.hint


def _cloud(step: int = 1, count: int = 40) -> PointCloud:
    rng = np.random.default_rng(step)
    labels = np.arange(count) % 10
    return PointCloud(rng.normal(size=(count, 2)), np.full((count, 2), 0.1), labels, np.arange(count) + 100, step)


def test_hidden_classes_are_neither_shown_nor_hit() -> None:
    cloud = _cloud()
    pixels = cloud.mu * 100
    place = (float(pixels[3, 0]) + 1, float(pixels[3, 1]))
    assert cloud.nearest(pixels, place, 5) == 3
    hidden = cloud.toggled(3)
    assert hidden.nearest(pixels, place, 1.5) is None
    assert hidden.visible.sum() == 36 and hidden.toggled(3).visible.all()
    alone = cloud.only(4)
    assert alone.visible.sum() == 4 and alone.only(4).visible.all()


def test_only_points_of_the_same_images_are_animated() -> None:
    before, after = _cloud(1), _cloud(2)
    assert after.moves_from(before)
    assert not after.moves_from(None) and not after.moves_from(after) and not after.moves_from(_cloud(1, 30))


def test_glyphs_keep_apart_and_panning_does_not_change_which() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3_000, 2))
    shown = rng.random(3_000) < 0.8
    chosen = choose_glyph_points(points, shown, (0.1, 0.1))
    assert not (chosen & ~shown).any()
    cells = np.floor(points[chosen] / 0.1)
    assert len(np.unique(cells, axis=0)) == len(cells)
    inside = shown & (points[:, 0] > 0)  # what remains in sight after a pan along the lattice
    np.testing.assert_array_equal(choose_glyph_points(points, inside, (0.1, 0.1)), chosen & inside)


def test_an_ellipse_is_drawn_at_whole_standard_deviations() -> None:
    outline = ellipse(np.array([1.0, 2.0]), np.array([0.5, 0.25]), views.home("z", 9, 9).plane, 2)
    np.testing.assert_allclose(outline.max(axis=0), (2.0, 2.5), atol=1e-2)
    bent = ellipse(np.zeros(2), np.ones(2), views.home("u", 9, 9).plane, 1)
    np.testing.assert_allclose(bent.max(axis=0), 0.8413, atol=1e-3)


def test_two_pins_make_a_straight_path() -> None:
    selection = Selection()
    notified: list[int] = []
    selection.subscribe(lambda: notified.append(1))
    selection.move_to((-1, 0))
    selection.pin("A")
    assert selection.path.is_empty
    selection.move_to((1, 2))
    selection.pin("B")
    np.testing.assert_allclose(selection.path.z, [[-1, 0], [1, 2]])
    selection.move_along_path(0.5)
    np.testing.assert_allclose(selection.cursor, (0, 1))
    assert len(notified) == 5
    selection.move_to((99, float("nan")))
    assert np.abs(selection.cursor).max() <= 8


def test_every_class_can_be_read_on_black() -> None:
    for label in range(-1, 10):
        assert contrast(class_color(label, DARK), "#000000") >= 5
    assert len({class_color(label, DARK) for label in range(10)}) == 10
