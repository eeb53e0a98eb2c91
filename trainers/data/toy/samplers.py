"""Samplers of the 2-D toy data sets on about [−4, 4]². The seed is fixed, so every run gets the same points.

After Grathwohl et al. 2019, arXiv:1810.01367, but with Gaussian noise throughout, so that the true density is known.
"""

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainers.data.catalog import NoisyOptions, PointOptions
from trainers.data.dataset import Density, Labels, PointData
from trainers.data.preprocess import EVALUATION_SEED
from trainers.data.toy import densities
from trainers.data.toy.densities import Checkerboard, Doubles, GaussianMixture, NoisyCircles, mix_equally, noisy_curve

CIRCLE_RADII, RING_RADII = (1.5, 3.0), (0.8, 1.6, 2.4, 3.2)
NUM_MODES, MODE_RADIUS = 8, 3.0
_SPIRAL_RADIUS = 3.6  # outer radius of the spirals and the roll
_MOON_EXTENT, _BOARD_EXTENT = 3.0, 4.5  # extent of the moons, and of the board with a margin
_MARGIN_STDS = 4.0  # plot margin, in standard deviations of the noise
_SPIRAL_TURNS = 1.5  # turns of each spiral around the center
_ROLL_ANGLES = (1.5 * np.pi, 4.5 * np.pi)  # first and last angle of the roll; the radius is proportional to the angle

# Distribution of t in [0, 1] along a curve: its density and its quantile function.
CurveDistribution = tuple[Callable[[Doubles], Doubles], Callable[[Doubles], Doubles]]
UNIFORM: CurveDistribution = (np.ones_like, np.asarray)
INCREASING: CurveDistribution = (lambda t: 2 * t, np.sqrt)

LabeledPoints = tuple[Doubles, NDArray[np.int64]]  # points (N, 2) and labels (N,)
Sampler = Callable[[np.random.Generator, int], LabeledPoints]


def moons(options: NoisyOptions) -> PointData:
    """Return two interleaved half circles; the label is the moon."""
    return _noisy_curves("moons", options, [_upper_moon, lambda t: -_upper_moon(t)], _MOON_EXTENT)


def circles(options: NoisyOptions) -> PointData:
    """Return two concentric circles; the label is the circle."""
    return _noisy_circles("circles", options, CIRCLE_RADII)


def rings(options: NoisyOptions) -> PointData:
    """Return four concentric circles; the label is the circle."""
    return _noisy_circles("rings", options, RING_RADII)


def spirals(options: NoisyOptions) -> PointData:
    """Return two spirals around one center; the label is the arm. The density of t grows linearly outward."""
    return _noisy_curves("spirals", options, [_spiral, lambda t: -_spiral(t)], _SPIRAL_RADIUS, INCREASING)


def swiss_roll(options: NoisyOptions) -> PointData:
    """Return one spiral, rolled up 1.5 turns; the label is the quarter of its length."""
    truth = noisy_curve(_roll, np.ones_like, options.noise)

    def sample(rng: np.random.Generator, count: int) -> LabeledPoints:
        t = rng.random(count)
        return _roll(t) + options.noise * rng.standard_normal((count, 2)), (4 * t).astype(np.int64)

    return _make_splits("swiss-roll", options, sample, truth, _SPIRAL_RADIUS)


def eight_gaussians(options: NoisyOptions) -> PointData:
    """Return eight isotropic Gaussians on a circle; the label is the mode."""
    angles = 2 * np.pi * np.arange(NUM_MODES) / NUM_MODES
    centers = MODE_RADIUS * _unit_vectors(angles)
    truth = GaussianMixture(centers, np.full(NUM_MODES, 1 / NUM_MODES), options.noise)

    def sample(rng: np.random.Generator, count: int) -> LabeledPoints:
        mode = rng.integers(NUM_MODES, size=count)
        return centers[mode] + options.noise * rng.standard_normal((count, 2)), mode

    return _make_splits("eight-gaussians", options, sample, truth, MODE_RADIUS)


def checkerboard(options: PointOptions) -> PointData:
    """Return the dark squares of a 4 × 4 board; the label is the square."""
    truth = Checkerboard()

    def sample(rng: np.random.Generator, count: int) -> LabeledPoints:
        square = rng.integers(truth.squares**2 // 2, size=count)
        row, column = np.divmod(square, truth.squares // 2)
        corner = np.stack((2 * column + row % 2, row), axis=1) - truth.squares // 2
        return truth.side * (corner + rng.random((count, 2))), square

    return _make_splits("checkerboard", options, sample, truth, _BOARD_EXTENT)


def pinwheel(options: NoisyOptions) -> PointData:
    """Return five twisted arms; the label is the arm."""

    def sample(rng: np.random.Generator, count: int) -> LabeledPoints:
        arm = rng.integers(densities.NUM_ARMS, size=count)
        a = densities.ARM_MEAN + densities.ARM_STD * rng.standard_normal(count)
        return densities.arm_points(a, options.noise * rng.standard_normal(count), arm), arm

    return _make_splits("pinwheel", options, sample, densities.Pinwheel(options.noise), densities.PINWHEEL_RADIUS)


def _noisy_circles(name: str, options: NoisyOptions, radii: tuple[float, ...]) -> PointData:
    def sample(rng: np.random.Generator, count: int) -> LabeledPoints:
        circle, angle = rng.integers(len(radii), size=count), 2 * np.pi * rng.random(count)
        on_circle = np.array(radii)[circle, None] * _unit_vectors(angle)
        return on_circle + options.noise * rng.standard_normal((count, 2)), circle

    return _make_splits(name, options, sample, NoisyCircles(radii, options.noise), max(radii))


def _noisy_curves(
    name: str,
    options: NoisyOptions,
    curves: list[Callable[[Doubles], Doubles]],
    extent: float,
    distribution: CurveDistribution = UNIFORM,
) -> PointData:
    """Return equally weighted curves with noise; the label is the curve."""
    density, quantile = distribution
    truth = mix_equally([noisy_curve(curve, density, options.noise) for curve in curves])

    def sample(rng: np.random.Generator, count: int) -> LabeledPoints:
        index, t = rng.integers(len(curves), size=count), quantile(rng.random(count))
        points = np.choose(index[:, None], [curve(t) for curve in curves])
        return points + options.noise * rng.standard_normal((count, 2)), index

    return _make_splits(name, options, sample, truth, extent)


def _make_splits(name: str, options: PointOptions, sample: Sampler, truth: Density, extent: float) -> PointData:
    """Sample both splits, each from its own random stream, so that the size of one does not change the other.

    `reach` is the extent of the points without noise.
    """
    splits: list[tuple[NDArray[np.float32], Labels]] = []
    for split, count in enumerate((options.num_train, options.num_test)):
        points, labels = sample(np.random.default_rng([EVALUATION_SEED, zlib.crc32(name.encode()), split]), count)
        splits.append((points.astype(np.float32), labels.astype(np.uint8)))
    (train, train_labels), (test, test_labels) = splits
    edge = extent + _MARGIN_STDS * getattr(options, "noise", 0.0)
    return PointData(name, train, test, (-edge, edge, -edge, edge), train_labels, test_labels, truth)


def _upper_moon(t: Doubles) -> Doubles:
    return 2 * np.stack((np.cos(np.pi * t) - 0.5, np.sin(np.pi * t) - 0.25), axis=1)


def _spiral(t: Doubles) -> Doubles:
    angle = 2 * np.pi * _SPIRAL_TURNS * t
    return (_SPIRAL_RADIUS * t)[:, None] * _unit_vectors(angle)


def _roll(t: Doubles) -> Doubles:
    angle = _ROLL_ANGLES[0] + (_ROLL_ANGLES[1] - _ROLL_ANGLES[0]) * t
    return (_SPIRAL_RADIUS / _ROLL_ANGLES[1] * angle)[:, None] * _unit_vectors(angle)


def _unit_vectors(angle: Doubles) -> Doubles:
    """Return the unit vectors (N, 2) at angles (N,)."""
    return np.stack((np.cos(angle), np.sin(angle)), axis=1)
