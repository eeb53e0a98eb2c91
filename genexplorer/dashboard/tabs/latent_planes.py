"""Planes through a latent space: the latent itself if it is 2-D, else planes through its most important directions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array
from genexplorer.session import formatting

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

Floats = NDArray[np.float32]
NUM_AXES = 8  # the most important latent axes, which make four planes
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, eq=False)
class AffinePlane:
    """A plane of the latent space: the points origin + a e1 + b e2."""

    title: str
    axis_names: tuple[str, str]
    origin: Floats  # (d,)
    e1: Floats  # (d,)
    e2: Floats  # (d,)

    def latent(self, position: tuple[float, float]) -> Floats:
        """Return the latent at a position (a, b), (1, d)."""
        return np.asarray((self.origin + position[0] * self.e1 + position[1] * self.e2)[None], dtype=np.float32)

    def arrays(self) -> dict[str, Floats]:
        """Return the plane as arrays of a request."""
        return {"origin": self.origin, "e1": self.e1, "e2": self.e2}


def initial_planes(card: "ModelCard") -> list[AffinePlane]:
    """Return the planes that are known without a request; none if better ones can be requested."""
    if card.latent_shape == (2,):
        return [_axis_plane(2, 0, 1, "")]
    return [] if card.capability("plane").available else [first_axes(card.latent_shape[0])]


def principal_plane(arrays: Mapping[str, Array], meta: Mapping[str, object]) -> AffinePlane:
    """Return the plane of a "plane" reply."""
    origin, e1, e2 = (np.asarray(arrays[name], dtype=np.float32) for name in ("origin", "e1", "e2"))
    title = str(meta.get("title") or "")
    title = "principal plane" if title.startswith("principal plane") or not title else "strongest directions"
    explained = meta.get("explained")
    if isinstance(explained, Sequence) and len(explained) == 2 and all(isinstance(v, float) for v in explained):
        title += f", {explained[0]:.0%} + {explained[1]:.0%}"
    return AffinePlane(title, ("a", "b"), origin, e1, e2)


def axis_planes(size: int, arrays: Mapping[str, Array], meta: Mapping[str, object]) -> list[AffinePlane]:
    """Return the planes of an "axes" reply: two axes each, the most important first."""
    indices = np.asarray(arrays["indices"], dtype=np.int64).tolist()
    scores = np.asarray(arrays["scores"], dtype=np.float64).tolist()
    measure, unit = str(meta.get("measure", "")), str(meta.get("unit", "")).removesuffix(" of z")
    planes = []
    for i in range(0, len(indices) - 1, 2):
        numbers = ", ".join(formatting.number(score) for score in scores[i : i + 2])
        planes.append(_axis_plane(size, indices[i], indices[i + 1], f"{measure} {numbers} {unit}".strip()))
    return planes


def first_axes(size: int) -> AffinePlane:
    """Return the plane of the first two axes, for models without a better one."""
    return _axis_plane(size, 0, 1, "the first two axes")


def no_plane_reason(card: "ModelCard") -> str:
    """Return why a model's latent space has no plane to explore; empty if it has."""
    if not card.capability("decode").available:
        return card.capability("decode").reason or "this model has no decoder"
    if len(card.latent_shape) == 1 and card.latent_shape[0] >= 2:
        return ""
    shape = " × ".join(str(length) for length in card.latent_shape)
    return f"a plane needs at least two latent dimensions; this model has {shape}"


def _axis_plane(size: int, first: int, second: int, title: str) -> AffinePlane:
    basis = np.zeros((2, size), np.float32)
    basis[0, first] = basis[1, second] = 1
    names = tuple("z" + str(axis + 1).translate(_SUBSCRIPTS) for axis in (first, second))
    return AffinePlane(title, (names[0], names[1]), np.zeros(size, np.float32), basis[0], basis[1])
