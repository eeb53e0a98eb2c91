"""Toy densities of the plane, drawn with a fixed seed: the same points for every run, on about [−4, 4]².

After Grathwohl et al. 2019, arXiv:1810.01367, with Gaussian noise throughout, so that the true densities are known.
"""

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainers.data.points import Density, Labels, PointData
from trainers.data.preprocess import FIXED_SEED
from trainers.data.toy import pinwheel as arms
from trainers.data.toy.catalog import NoisyOptions, PointOptions
from trainers.data.toy.densities import Checkerboard, Circles, Doubles, Mixture, along, joined

CIRCLES, RINGS = (1.5, 3.0), (0.8, 1.6, 2.4, 3.2)
NUM_MODES, MODE_RADIUS = 8, 3.0
_REACH = 3.6  # how far out the spirals and the roll go
_MOON_REACH, _BOARD = 3.0, 4.5  # of the moons; of the board, with a margin
_MARGIN_STDS = 4.0  # of the noise, at the edge of the pictures
_TURNS = 1.5  # of each spiral
_ROLL = (1.5 * np.pi, 4.5 * np.pi)  # from where to where the angle of the roll goes, its radius in proportion

Along = tuple[Callable[[Doubles], Doubles], Callable[[Doubles], Doubles]]  # density of t in [0, 1], and its quantile
EVENLY: Along = (np.ones_like, np.asarray)
OUTWARD: Along = (lambda t: 2 * t, np.sqrt)

Drawn = tuple[Doubles, NDArray[np.int64]]  # points (N, 2) and labels (N,)
Draw = Callable[[np.random.Generator, int], Drawn]


def moons(options: NoisyOptions) -> PointData:
    """Return two half circles that reach into each other; the label is the moon."""
    return _on_curves("moons", options, [_upper_moon, _lower_moon], _MOON_REACH)


def circles(options: NoisyOptions) -> PointData:
    """Return two concentric circles."""
    return _concentric("circles", options, CIRCLES)


def rings(options: NoisyOptions) -> PointData:
    """Return four concentric circles."""
    return _concentric("rings", options, RINGS)


def spirals(options: NoisyOptions) -> PointData:
    """Return two spirals about one center; the label is the arm. More points lie further out, in proportion."""
    return _on_curves("spirals", options, [_spiral, lambda t: -_spiral(t)], _REACH, OUTWARD)


def swiss_roll(options: NoisyOptions) -> PointData:
    """Return one spiral of two turns; the label is the quarter of the way along it."""
    truth = along(_roll, np.ones_like, options.noise)

    def draw(rng: np.random.Generator, count: int) -> Drawn:
        t = rng.random(count)
        return _roll(t) + options.noise * rng.standard_normal((count, 2)), (4 * t).astype(np.int64)

    return _drawn("swiss-roll", options, draw, truth, _REACH)


def eight_gaussians(options: NoisyOptions) -> PointData:
    """Return eight round Gaussians on a circle; the label is the mode."""
    angles = 2 * np.pi * np.arange(NUM_MODES) / NUM_MODES
    centers = MODE_RADIUS * _towards(angles)
    truth = Mixture(centers, np.full(NUM_MODES, 1 / NUM_MODES), options.noise)

    def draw(rng: np.random.Generator, count: int) -> Drawn:
        mode = rng.integers(NUM_MODES, size=count)
        return centers[mode] + options.noise * rng.standard_normal((count, 2)), mode

    return _drawn("eight-gaussians", options, draw, truth, MODE_RADIUS)


def checkerboard(options: PointOptions) -> PointData:
    """Return the dark squares of a board of 4 × 4; the label is the square."""
    truth = Checkerboard()

    def draw(rng: np.random.Generator, count: int) -> Drawn:
        square = rng.integers(truth.squares**2 // 2, size=count)
        row, place = np.divmod(square, truth.squares // 2)
        corner = np.stack((2 * place + row % 2, row), axis=1) - truth.squares // 2
        return truth.side * (corner + rng.random((count, 2))), square

    return _drawn("checkerboard", options, draw, truth, _BOARD)


def pinwheel(options: NoisyOptions) -> PointData:
    """Return five bent arms; the label is the arm."""

    def draw(rng: np.random.Generator, count: int) -> Drawn:
        arm = rng.integers(arms.ARMS, size=count)
        a = arms.MEAN + arms.ALONG * rng.standard_normal(count)
        return arms.bent(a, options.noise * rng.standard_normal(count), arm), arm

    return _drawn("pinwheel", options, draw, arms.Pinwheel(options.noise), arms.REACH)


def _concentric(name: str, options: NoisyOptions, radii: tuple[float, ...]) -> PointData:
    def draw(rng: np.random.Generator, count: int) -> Drawn:
        which, angle = rng.integers(len(radii), size=count), 2 * np.pi * rng.random(count)
        on_circle = np.array(radii)[which, None] * _towards(angle)
        return on_circle + options.noise * rng.standard_normal((count, 2)), which

    return _drawn(name, options, draw, Circles(radii, options.noise), max(radii))


def _on_curves(
    name: str,
    options: NoisyOptions,
    curves: list[Callable[[Doubles], Doubles]],
    reach: float,
    spread: Along = EVENLY,
) -> PointData:
    """Return curves in equal shares with noise; the label is the curve."""
    density, quantile = spread
    truth = joined([along(curve, density, options.noise) for curve in curves])

    def draw(rng: np.random.Generator, count: int) -> Drawn:
        which, t = rng.integers(len(curves), size=count), quantile(rng.random(count))
        points = np.choose(which[:, None], [curve(t) for curve in curves])
        return points + options.noise * rng.standard_normal((count, 2)), which

    return _drawn(name, options, draw, truth, reach)


def _drawn(name: str, options: PointOptions, draw: Draw, truth: Density, reach: float) -> PointData:
    """Draw both splits, each from a stream of its own, so that more of one does not change the other.

    `reach` is how far out the points lie without their noise.
    """
    parts: list[tuple[NDArray[np.float32], Labels]] = []
    for split, count in enumerate((options.num_train, options.num_test)):
        points, labels = draw(np.random.default_rng([FIXED_SEED, zlib.crc32(name.encode()), split]), count)
        parts.append((points.astype(np.float32), labels.astype(np.uint8)))
    (train, train_labels), (test, test_labels) = parts
    edge = reach + _MARGIN_STDS * getattr(options, "noise", 0.0)
    return PointData(name, train, test, (-edge, edge, -edge, edge), train_labels, test_labels, truth)


def _upper_moon(t: Doubles) -> Doubles:
    return 2 * np.stack((np.cos(np.pi * t) - 0.5, np.sin(np.pi * t) - 0.25), axis=1)


def _lower_moon(t: Doubles) -> Doubles:
    return -_upper_moon(t)


def _spiral(t: Doubles) -> Doubles:
    angle = 2 * np.pi * _TURNS * t
    return (_REACH * t)[:, None] * _towards(angle)


def _roll(t: Doubles) -> Doubles:
    angle = _ROLL[0] + (_ROLL[1] - _ROLL[0]) * t
    return (_REACH / _ROLL[1] * angle)[:, None] * _towards(angle)


def _towards(angle: Doubles) -> Doubles:
    """Return unit vectors, (N, 2), of angles (N,)."""
    return np.stack((np.cos(angle), np.sin(angle)), axis=1)
