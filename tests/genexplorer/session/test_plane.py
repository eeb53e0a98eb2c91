"""Coordinates of the latent plane."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from genexplorer.session.plane import DEFAULT_BOUNDS, MAX_Z, Coords, Plane, phi, phi_inverse, tick_values

RNG = np.random.default_rng(0)
BOTH = pytest.mark.parametrize("coords", ["z", "u"])


def test_phi_is_the_normal_distribution_function() -> None:
    z = np.linspace(-7, 7, 301)
    expected = [0.5 * (1 + math.erf(value / math.sqrt(2))) for value in z]
    np.testing.assert_allclose(phi(z), expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(phi(z) + phi(-z), 1, atol=1e-15)


def test_phi_inverse_undoes_phi() -> None:
    z = RNG.normal(size=(50, 2)) * 1.5
    np.testing.assert_allclose(phi_inverse(phi(z)), z, atol=1e-9)
    u = RNG.random((40, 3))
    np.testing.assert_allclose(phi(phi_inverse(u)), u, atol=1e-14)


def test_u_is_mapped_to_z_by_the_inverse_distribution_function() -> None:
    u = (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(Plane("u").to_z(u), [NormalDist().inv_cdf(value) for value in u], atol=1e-12)


def test_the_edges_of_u_are_finite() -> None:
    np.testing.assert_array_equal(phi_inverse([0.0, 1.0, -1.0, 2.0]).round(1), [-MAX_Z, 7.9, -MAX_Z, 7.9])


@BOTH
def test_conversions_of_coordinates_are_invertible(coords: Coords) -> None:
    plane = Plane(coords, (0.1, 0.9, 0.2, 0.7))
    z = RNG.normal(size=(200, 2))
    points = plane.from_z(z)
    np.testing.assert_allclose(plane.to_z(plane.from_fraction(plane.to_fraction(points))), z, atol=1e-9)


@BOTH
def test_cells_and_points_agree(coords: Coords) -> None:
    plane = Plane(coords, DEFAULT_BOUNDS[coords])
    x0, x1, y0, y1 = plane.bounds
    for row, column in [(0, 0), (0, 19), (7, 3), (19, 19)]:  # row 0 on top: the largest y
        center = (x0 + (column + 0.5) / 20 * (x1 - x0), y1 - (row + 0.5) / 20 * (y1 - y0))
        assert plane.cell(center, 20, 20) == (row, column)
        np.testing.assert_allclose(plane.from_z(plane.to_z(center)), center, atol=1e-12)
    assert plane.cell([x0 - 1, 0.5], 20, 20) is None
    assert plane.cell([x1, y0], 20, 20) == (19, 19)


@BOTH
@pytest.mark.parametrize("axis", ["x", "y"])
def test_ticks_are_where_z_is_round(coords: Coords, axis: str) -> None:
    plane = Plane(coords, DEFAULT_BOUNDS[coords])
    ticks = plane.ticks("x" if axis == "x" else "y")
    assert 4 <= len(ticks) <= 10
    for tick in ticks:
        value = float(tick.label.replace("−", "-"))
        assert tick.position == pytest.approx(float(plane.from_z([value, value])[0]))
    assert [t.label for t in plane.ticks("x", 5)][:2] == (["−2", "0"] if coords == "z" else ["−4", "−2"])


def test_ticks_of_a_deep_zoom_have_the_digits_they_need() -> None:
    labels = [tick.label for tick in Plane("z", (0.1, 0.1004, 0.0, 1.0)).ticks("x", 4)]
    assert labels == ["0.1000", "0.1001", "0.1002", "0.1003", "0.1004"]


@pytest.mark.parametrize(
    ("low", "high", "count"), [(0, 0, 5), (1, 0, 5), (math.nan, 1, 5), (0, math.inf, 5), (0, 1, 0)]
)
def test_an_empty_range_has_no_round_values(low: float, high: float, count: int) -> None:
    assert tick_values(low, high, count) == []


def test_round_values_are_evenly_spaced() -> None:
    assert tick_values(-3, 3, 7) == [-3, -2, -1, 0, 1, 2, 3]
    np.testing.assert_allclose(np.diff(tick_values(-0.37, 12.2, 6)), 2.5)
