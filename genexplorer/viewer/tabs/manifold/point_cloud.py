"""The encodings of test images as points of the plane, and their requests to the model. No Qt."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.observable import Observable
from genexplorer.session.plane import Plane
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup, failure_text
from genexplorer.viewer.tabs.manifold.latent_plane import LATENT_2D, LatentPlane

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

POINT_COUNTS = (500, 1_000, 2_000, 5_000, 10_000)
_TOPIC = "encodings"
MAX_ANIMATED_POINTS = 5_000  # more points than these are not animated between snapshots


@dataclass(frozen=True)
class PointCloud:
    """Encodings of test images at one snapshot.

    Args:
        mu: Means of q(z|x), (N, 2): z itself, or its projection to a plane of more dimensions.
        sigma: Standard deviations of q(z|x), (N, 2); 0 in a plane through more dimensions.
        labels: Classes, (N,); -1 where unknown.
        indices: Indices of the test images, (N,).
        step: Step of the snapshot.
        hidden: Classes that are not shown.
    """

    mu: Floats
    sigma: Floats
    labels: Ints
    indices: Ints
    step: int
    hidden: frozenset[int] = frozenset()

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that occur, -1 for points without one."""
        return tuple(int(label) for label in np.unique(self.labels))

    @property
    def visible(self) -> NDArray[np.bool_]:
        """The mask of the shown points, (N,)."""
        return ~np.isin(self.labels, list(self.hidden))

    def toggled(self, *labels: int) -> "PointCloud":
        """Return the cloud with classes hidden, or shown again if all of them were hidden."""
        classes = frozenset(labels)
        return replace(self, hidden=self.hidden - classes if classes <= self.hidden else self.hidden | classes)

    def only(self, *labels: int) -> "PointCloud":
        """Return the cloud with only these classes shown, or with all if only these were shown."""
        others = frozenset(self.classes) - frozenset(labels)
        return replace(self, hidden=frozenset() if self.hidden == others else others)

    def moves_from(self, former: "PointCloud | None") -> bool:
        """Whether the points are those of another snapshot at new positions, and few enough to be animated."""
        return (
            former is not None
            and len(self.mu) <= MAX_ANIMATED_POINTS
            and former.step != self.step
            and np.array_equal(former.indices, self.indices)
        )

    def nearest(self, pixels: Floats, at: tuple[float, float], radius_px: float) -> int | None:
        """Return the row of the shown point nearest to a position, or None if none is within the radius.

        Args:
            pixels: Positions of the points in device pixels, (N, 2).
            at: The position in device pixels.
            radius_px: The largest distance in device pixels.
        """
        distances = np.where(self.visible, np.hypot(pixels[:, 0] - at[0], pixels[:, 1] - at[1]), np.inf)
        if not len(distances):
            return None
        row = int(distances.argmin())
        return row if distances[row] <= radius_px else None


class PointCloudLoader(Observable):
    """Keeps the points up to date: `show` requests them, `cloud` is the newest response.

    Attributes:
        cloud: The points, or None while there are none.
        former: The previous points, from which these are animated.
        failure: Why the newest request failed; empty if it did not.
    """

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self._pending: tuple[int, int, LatentPlane] | None = None  # step, count, plane
        self._count = 0
        self._plane: LatentPlane = LATENT_2D  # of the cloud
        self.cloud: PointCloud | None = None
        self.former: PointCloud | None = None
        self.failure = ""

    def show(self, step: int, count: int, plane: LatentPlane = LATENT_2D) -> None:
        """Request the encodings of the first `count` test images at a snapshot, projected to a plane."""
        cloud = self.cloud
        is_pending = self._pending == (step, count, plane) and self._requests.is_pending("job", _TOPIC)
        is_loaded = cloud is not None and cloud.step == step and self._count == count and self._plane is plane
        if is_pending or is_loaded:
            return
        self._pending = (step, count, plane)
        vectors = {name: getattr(plane, name).astype(np.float32) for name in ("origin", "e1", "e2")}
        request = ModelRequest(
            "encodings" if plane.is_full_space else "project",
            lambda response: self._on_result(response, count, plane),
            params={"count": count, "split": "test"} if plane.is_full_space else {"count": count},
            arrays={} if plane.is_full_space else vectors,
            step=step,
            on_failure=lambda message, hint: self._finish(failure_text(message, hint)),
        )
        self._requests.send("job", _TOPIC, request)

    def toggle(self, labels: frozenset[int]) -> None:
        """Hide classes or show them again."""
        if self.cloud is not None:
            self.cloud, self.former = self.cloud.toggled(*labels), None
            self.notify()

    def only(self, labels: frozenset[int]) -> None:
        """Show classes alone, or all again."""
        if self.cloud is not None:
            self.cloud, self.former = self.cloud.only(*labels), None
            self.notify()

    def pause(self) -> None:
        """Cancel the request; the loaded points stay."""
        self._requests.cancel_waiting("job", _TOPIC)
        self._pending = None

    def clear(self) -> None:
        """Discard the points, as when another run is opened."""
        self.cloud = self.former = self._pending = None
        self.failure = ""
        self.notify()

    def _on_result(self, response: ModelResponse, count: int, plane: LatentPlane) -> None:
        arrays = response.arrays
        hidden = self.cloud.hidden if self.cloud is not None else frozenset[int]()
        self.former = self.cloud
        mu = np.asarray(arrays["mu" if plane.is_full_space else "coords"], np.float64)
        sigma = np.exp(0.5 * np.asarray(arrays["logvar"], np.float64)) if plane.is_full_space else np.zeros_like(mu)
        self.cloud = PointCloud(
            mu=mu,
            sigma=sigma,
            labels=np.asarray(arrays["labels"], np.int64),
            indices=np.asarray(arrays["indices"], np.int64),
            step=response.step,
            hidden=hidden,
        )
        self._count, self._plane = count, plane
        self._finish("")

    def _finish(self, failure: str) -> None:
        self.failure = failure
        if not self._requests.is_pending("job", _TOPIC):
            self._pending = None
        self.notify()


def choose_glyph_points(
    coordinates: Floats, visible: NDArray[np.bool_], spacing: tuple[float, float]
) -> NDArray[np.bool_]:
    """Return the mask of the points drawn as glyphs, (N,), few enough to be readable; the others become dots.

    One point in each cell of a lattice that is fixed in the plane gets its glyph, so that panning changes none.

    Args:
        coordinates: The plane's coordinates of the points, (N, 2).
        visible: Mask of the points that are drawn, (N,).
        spacing: Size of a lattice cell in units of the plane.
    """
    rows = np.flatnonzero(visible)
    has_glyph = np.zeros(len(visible), bool)
    if len(rows):
        cells = np.floor(np.clip(coordinates[rows] / np.asarray(spacing), -1e9, 1e9)).astype(np.int64)
        _, first = np.unique(cells[:, 0] * (1 << 31) + cells[:, 1], return_index=True)
        has_glyph[rows[first]] = True
    return has_glyph


def ellipse(mean: Floats, covariance_root: Floats, plane: Plane, scale: float, points: int = 64) -> Floats:
    """Return the closed outline of `scale` standard deviations of a Gaussian in the plane's coordinates, (points, 2).

    In "u" the ellipse is bent as the plane is.

    Args:
        mean: Mean of the Gaussian, (2,).
        covariance_root: A square root of the covariance, (2, 2), or the standard deviations, (2,).
        plane: The coordinates.
        scale: Number of standard deviations.
        points: Number of points on the outline.
    """
    turn = np.linspace(0, 2 * np.pi, points)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    return plane.from_z(
        mean + scale * (circle * covariance_root if covariance_root.ndim == 1 else circle @ covariance_root.T)
    )


def aggregate_posterior(cloud: PointCloud) -> tuple[Floats, Floats]:
    """Return mean, (2,), and a square root of the covariance, (2, 2), of q(z) = E_x[q(z|x)] over the shown points.

    The covariance of a mixture is the covariance of the means plus the mean of the variances.
    """
    mu, sigma = cloud.mu[cloud.visible], cloud.sigma[cloud.visible]
    if len(mu) < 2:
        return np.zeros(2), np.zeros((2, 2))
    covariance = np.cov(mu.T, bias=True) + np.diag(np.mean(sigma**2, axis=0))
    values, vectors = np.linalg.eigh(covariance)
    return mu.mean(axis=0), vectors @ np.diag(np.sqrt(np.clip(values, 0, None)))
