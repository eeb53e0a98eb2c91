"""The test set's encodings as points of the plane: which are shown, which is under the mouse, how they glide. No Qt."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.plane import Plane

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

COUNTS = (500, 1_000, 2_000, 5_000, 10_000)
GLIDE_LIMIT = 5_000  # more points than these jump from snapshot to snapshot


@dataclass(frozen=True)
class Cloud:
    """Encodings of test images at one snapshot.

    Args:
        mu: Means of q(z|x), (N, 2): z itself, or where it is seen in a plane through more dimensions.
        sigma: Standard deviations of q(z|x), (N, 2); 0 in a plane through more dimensions.
        labels: Classes, (N,); -1 where unknown.
        indices: Which test images they are, (N,).
        step: The snapshot they come from.
    """

    mu: Floats
    sigma: Floats
    labels: Ints
    indices: Ints
    step: int
    hidden: frozenset[int] = frozenset()  # classes that are not shown

    @property
    def classes(self) -> tuple[int, ...]:
        """Return the classes that occur, -1 for points without one."""
        return tuple(int(label) for label in np.unique(self.labels))

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Return which points are shown, (N,)."""
        return ~np.isin(self.labels, list(self.hidden))

    def toggled(self, label: int) -> "Cloud":
        """Return the cloud with one class hidden or shown again."""
        return replace(self, hidden=self.hidden ^ {label})

    def only(self, label: int) -> "Cloud":
        """Return the cloud with one class shown alone; with all, if it is alone already."""
        others = frozenset(self.classes) - {label}
        return replace(self, hidden=frozenset() if self.hidden == others else others)

    def place_of(self, index: int) -> int | None:
        """Return the row of a test image, or None if it is not among the points."""
        rows = np.flatnonzero(self.indices == index)
        return int(rows[0]) if len(rows) else None

    def nearest(self, pixels: Floats, at: tuple[float, float], radius_px: float) -> int | None:
        """Return the row of the shown point nearest to a place, or None if none is within the radius.

        Args:
            pixels: Where the points are drawn, (N, 2).
            at: The place.
            radius_px: How far a point may be.
        """
        distances = np.where(self.shown, np.hypot(pixels[:, 0] - at[0], pixels[:, 1] - at[1]), np.inf)
        if not len(distances):
            return None
        row = int(distances.argmin())
        return row if distances[row] <= radius_px else None


@dataclass(frozen=True)
class Glide:
    """The way of each point from where it was drawn to where it belongs now.

    Points keep their order from snapshot to snapshot; a set of other images does not glide, it jumps.
    """

    start: Floats
    end: Floats

    @staticmethod
    def between(before: Cloud | None, after: Cloud, *, allowed: bool = True) -> "Glide | None":
        """Return the glide between two snapshots of the same images, or None where the points should jump."""
        if before is None or not allowed or len(after.mu) > GLIDE_LIMIT or before.step == after.step:
            return None
        return Glide(before.mu, after.mu) if np.array_equal(before.indices, after.indices) else None

    def at(self, share: float) -> Floats:
        """Return the points, (N, 2), at a share of the way; slow at both ends."""
        eased = share * share * (3 - 2 * share)
        return self.start + (self.end - self.start) * eased


def glyphs_and_dots(coordinates: Floats, shown: NDArray[np.bool_], spacing: tuple[float, float]) -> NDArray[np.bool_]:
    """Return which points are drawn as glyphs, (N,), so that glyphs can be read; the others become dots.

    One point of each cell of a lattice that is fixed in the plane gets its glyph: panning does not change which.

    Args:
        coordinates: The plane's coordinates of the points, (N, 2).
        shown: Which are drawn at all, (N,).
        spacing: Size of a lattice cell in units of the plane.
    """
    rows = np.flatnonzero(shown)
    chosen = np.zeros(len(shown), bool)
    if len(rows):
        cells = np.floor(np.clip(coordinates[rows] / np.asarray(spacing), -1e9, 1e9)).astype(np.int64)
        _, first = np.unique(cells[:, 0] * (1 << 31) + cells[:, 1], return_index=True)
        chosen[rows[first]] = True
    return chosen


def ellipse(mean: Floats, root: Floats, plane: Plane, scale: float, points: int = 64) -> Floats:
    """Return the closed outline of `scale` standard deviations of a Gaussian in the plane's coordinates, (points, 2).

    In "u" the ellipse is bent as the plane is.

    Args:
        mean: (2,).
        root: A square root of the covariance, (2, 2), or the standard deviations, (2,).
        plane: The coordinates.
        scale: Number of standard deviations.
        points: Corners of the outline.
    """
    turn = np.linspace(0, 2 * np.pi, points)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    return plane.from_z(mean + scale * (circle * root if root.ndim == 1 else circle @ root.T))


def aggregate(cloud: Cloud) -> tuple[Floats, Floats]:
    """Return mean, (2,), and a square root of the covariance, (2, 2), of q(z) = E_x[q(z|x)] over the shown points.

    The covariance of a mixture is the covariance of the means plus the mean of the variances.
    """
    mu, sigma = cloud.mu[cloud.shown], cloud.sigma[cloud.shown]
    if len(mu) < 2:
        return np.zeros(2), np.zeros((2, 2))
    covariance = np.cov(mu.T, bias=True) + np.diag(np.mean(sigma**2, axis=0))
    values, vectors = np.linalg.eigh(covariance)
    return mu.mean(axis=0), vectors @ np.diag(np.sqrt(np.clip(values, 0, None)))
