"""Smoothing does not depend on how many points of a curve are drawn."""

import numpy as np
import pytest
from numpy.typing import NDArray

from genexplorer.session.charts import smooth

Floats = NDArray[np.float64]


def curve(steps: int) -> tuple[Floats, Floats]:
    x = np.arange(1.0, steps + 1)
    noise = np.random.default_rng(0).normal(0, 0.5, steps)
    return x, -145 - 150 * np.exp(-5 * x / steps) + noise


def means(values: Floats, count: int) -> Floats:
    return np.array([part.mean() for part in np.array_split(values, count)])


@pytest.mark.parametrize("count", [94, 200, 500])
@pytest.mark.parametrize("weight", [0.8, 0.98])
@pytest.mark.parametrize("steps", [1000, 20_000])
def test_the_end_is_the_same_for_any_number_of_points(count: int, weight: float, steps: int) -> None:
    x, values = curve(steps)
    full = smooth(values, weight, x)
    reduced = smooth(means(values, count), weight, means(x, count))
    assert reduced[-1] == pytest.approx(full[-1], abs=1.0)
    at_the_middle = np.interp(steps / 2, means(x, count), reduced)
    assert at_the_middle == pytest.approx(full[steps // 2], abs=1.0)


def test_a_thousand_points_are_smoothed_by_the_usual_average() -> None:
    x, values = curve(1000)
    np.testing.assert_allclose(smooth(values, 0.9, x), smooth(values, 0.9), atol=0.2)


def test_positions_that_are_equal_or_unknown_do_no_harm() -> None:
    assert np.isfinite(smooth([1.0, 2.0, 3.0], 0.9, [5.0, 5.0, 5.0])).all()
    assert smooth([1.0], 0.9, [5.0]).tolist() == [1.0]
    smoothed = smooth([1.0, 2.0, 3.0], 0.9, [0.0, np.nan, 2.0])
    assert np.isfinite(smoothed).tolist() == [True, False, True]


def test_a_short_curve_is_smoothed_from_value_to_value() -> None:
    x, values = curve(60)
    smoothed = smooth(values, 0.8, x, num_recorded=60)
    np.testing.assert_allclose(smoothed, smooth(values, 0.8))  # the usual average
    assert np.std(np.diff(smoothed[-20:])) < 0.5 * np.std(np.diff(values[-20:]))
    # The same where fewer points are drawn, and in a part of the curve.
    drawn = smooth(means(values, 30), 0.8, means(x, 30), num_recorded=60)
    assert drawn[-1] == pytest.approx(smoothed[-1], abs=0.5)


def test_a_long_curve_is_smoothed_over_a_thousandth_of_its_width() -> None:
    x, values = curve(20_000)
    np.testing.assert_array_equal(smooth(values, 0.9, x, num_recorded=20_000), smooth(values, 0.9, x))
