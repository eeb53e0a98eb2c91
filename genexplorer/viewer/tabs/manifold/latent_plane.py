"""A plane through latent space, with the maps between its coordinates and z. No Qt."""

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainers.model_card import ModelCard

Floats = NDArray[np.float64]
MAX_POINT_COORDINATE = 2.4  # the three points that span a plane have no larger coordinates in it
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, eq=False)
class LatentPlane:
    """The points origin + a·e1 + b·e2 of a latent space of d dimensions.

    Args:
        origin: The point with a = b = 0, (d,).
        e1: Direction of a, (d,).
        e2: Direction of b, (d,), not parallel to e1.
        names: The names of the two axes.
        title: A short description of the plane.
    """

    origin: Floats
    e1: Floats
    e2: Floats
    names: tuple[str, str]
    title: str = ""

    @property
    def size(self) -> int:
        """The number of latent dimensions."""
        return len(self.origin)

    @property
    def is_full_space(self) -> bool:
        """Whether the plane is all of latent space: its coordinates are z."""
        return self.size == 2

    def unproject(self, coords: ArrayLike) -> Floats:
        """Return z, (N, d), of points of the plane, (N, 2)."""
        points = np.asarray(coords, np.float64).reshape(-1, 2)
        if self.is_full_space:
            return points
        lifted: Floats = self.origin + points @ np.stack([self.e1, self.e2])
        return lifted

    def project(self, z: ArrayLike) -> Floats:
        """Return the coordinates, (N, 2), of the points of the plane that are nearest to latents, (N, d)."""
        latents = np.asarray(z, np.float64).reshape(-1, self.size)
        return latents if self.is_full_space else self.project_direction(latents - self.origin)

    def project_direction(self, directions: ArrayLike) -> Floats:
        """Return the components, (N, 2), of directions, (N, d), within the plane."""
        across = np.stack([self.e1, self.e2])
        vectors = np.asarray(directions, np.float64).reshape(-1, self.size)
        return np.asarray(np.linalg.solve(across @ across.T, across @ vectors.T).T, np.float64)

    def shifted(self, offset: Floats) -> "LatentPlane":
        """Return the plane moved by (d,)."""
        return replace(self, origin=self.origin + offset) if np.any(offset) else self

    def aligned_with(self, former: "LatentPlane | None") -> "LatentPlane":
        """Return the plane with each axis in the direction of the former one's, so that no axis flips."""
        if former is None or former.size != self.size:
            return self
        signs = [-1.0 if np.dot(new, old) < 0 else 1.0 for new, old in ((self.e1, former.e1), (self.e2, former.e2))]
        return replace(self, e1=self.e1 * signs[0], e2=self.e2 * signs[1])


LATENT_2D = LatentPlane(np.zeros(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]), ("z₁", "z₂"))


def axis_name(index: int) -> str:
    """Return "z₁" for axis 0."""
    return "z" + str(index + 1).translate(_SUBSCRIPTS)


def axis_plane(size: int, first: int, second: int) -> LatentPlane:
    """Return the plane of two latent axes through the middle of the prior."""
    unit = np.zeros((2, size))
    unit[0, first] = unit[1, second] = 1.0
    names = axis_name(first), axis_name(second)
    return LatentPlane(np.zeros(size), unit[0], unit[1], names, f"{names[0]} and {names[1]}, all others 0")


def plane_through(a: Floats, b: Floats, c: Floats) -> LatentPlane | None:
    """Return the plane through three latents, (d,) each; None where they lie on a line.

    The origin is their mean, e1 points from A to B (Gram-Schmidt). Both directions have one length, with which all
    three points are in the default view: far apart in many dimensions, they would not be with a length of 1.
    """
    along, across = b - a, c - a
    length = float(np.linalg.norm(along))
    if length < 1e-9:
        return None
    e1 = along / length
    across = across - np.dot(across, e1) * e1
    height = float(np.linalg.norm(across))
    if height < 1e-6 * max(1.0, length):
        return None
    e2, origin = across / height, (a + b + c) / 3
    places = np.stack([[np.dot(z - origin, e1), np.dot(z - origin, e2)] for z in (a, b, c)])
    unit = max(1.0, float(np.abs(places).max()) / MAX_POINT_COORDINATE)
    scale = "" if unit == 1 else f" (1 = {unit:.1f} in z)"
    return LatentPlane(origin, e1 * unit, e2 * unit, (f"A → B{scale}", f"towards C{scale}"), "through A, B and C")


def has_planes(card: ModelCard) -> bool:
    """Whether a plane is selected among more than two latent dimensions."""
    return latent_size(card) > 2 and card.capability("plane").available


def latent_size(card: ModelCard) -> int:
    """Return the number of latent dimensions."""
    return prod(card.latent_shape)
