"""The geometry of latent planes and of a selection outside of the plane."""

import numpy as np
import pytest

from genexplorer.viewer.tabs.manifold.latent_plane import (
    LATENT_2D,
    MAX_POINT_COORDINATE,
    LatentPlane,
    axis_name,
    axis_plane,
    plane_through,
)
from genexplorer.viewer.tabs.manifold.selection import Selection

RANDOM = np.random.default_rng(0)


def test_a_plane_is_lifted_and_dropped_back() -> None:
    origin, e1, e2 = RANDOM.normal(size=(3, 30))
    plane = LatentPlane(origin, e1, e2, ("a", "b"))
    coords = RANDOM.normal(size=(9, 2))
    np.testing.assert_allclose(plane.project(plane.unproject(coords)), coords, atol=1e-9)
    shift = RANDOM.normal(size=30)
    away = plane.unproject(coords) + shift
    np.testing.assert_allclose(plane.shifted(shift).project(away), coords, atol=1e-9)
    np.testing.assert_allclose(plane.project(away) - plane.project_direction(shift), coords, atol=1e-9)
    np.testing.assert_array_equal(LATENT_2D.unproject(coords), coords)


def test_a_plane_through_three_points_holds_them_within_sight() -> None:
    a, b, c = RANDOM.normal(size=(3, 784)) * 3
    plane = plane_through(a, b, c)
    assert plane is not None and "A → B" in plane.names[0] and " in z)" in plane.names[0]
    places = plane.project(np.stack([a, b, c]))
    np.testing.assert_allclose(plane.unproject(places), np.stack([a, b, c]), atol=1e-9)
    assert np.abs(places).max() == pytest.approx(MAX_POINT_COORDINATE) and places[0, 1] == pytest.approx(places[1, 1])
    assert plane_through(a, b, a + 2 * (b - a)) is None and plane_through(a, a, c) is None


def test_an_axis_does_not_flip_between_snapshots() -> None:
    plane = axis_plane(5, 3, 0)
    flipped = LatentPlane(plane.origin, -plane.e1, plane.e2, plane.names)
    np.testing.assert_array_equal(flipped.aligned_with(plane).e1, plane.e1)
    assert plane.names == ("z₄", "z₁") and axis_name(99) == "z₁₀₀"


def test_a_selection_keeps_its_place_while_sliders_move_it_out_of_the_plane() -> None:
    selection = Selection()
    selection.set_plane(axis_plane(6, 1, 4))
    selection.move_in_plane((0.5, -1))
    selection.set_offset(2, 1.5)
    np.testing.assert_allclose(selection.cursor, [0, 0.5, 1.5, 0, -1, 0])
    np.testing.assert_allclose(selection.place, (0.5, -1))
    selection.move_in_plane((0, 2))
    np.testing.assert_allclose(selection.cursor, [0, 0, 1.5, 0, 2, 0])
    selection.reset_offset()
    np.testing.assert_allclose(selection.cursor, [0, 0, 0, 0, 2, 0])
