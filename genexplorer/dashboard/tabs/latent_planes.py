"""The planes to walk in: the latent itself where it has two dimensions, else planes through more of them."""

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
AXES = 8  # the latent axes that matter most: four planes of two
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, eq=False)
class AffinePlane:
    """A plane of the latent space: its points are origin + a e1 + b e2."""

    title: str
    names: tuple[str, str]  # of the axes on the screen
    origin: Floats  # (d,)
    e1: Floats  # (d,)
    e2: Floats  # (d,)

    def latent(self, place: tuple[float, float]) -> Floats:
        """Return the latent at a place of the plane, (1, d)."""
        return np.asarray((self.origin + place[0] * self.e1 + place[1] * self.e2)[None], dtype=np.float32)

    def arrays(self) -> dict[str, Floats]:
        """Return what a question about this plane carries."""
        return {"origin": self.origin, "e1": self.e1, "e2": self.e2}


def planes_at_hand(card: "ModelCard") -> list[AffinePlane]:
    """Return what can be walked in without asking: the latent plane itself, or two axes where none are laid."""
    if card.latent_shape == (2,):
        return [_of_axes(2, 0, 1, "")]
    return [] if card.capability("plane").available else [first_axes(card.latent_shape[0])]


def principal_plane(arrays: Mapping[str, Array], meta: Mapping[str, object]) -> AffinePlane:
    """Return the plane that an explorer answered with."""
    origin, e1, e2 = (np.asarray(arrays[name], dtype=np.float32) for name in ("origin", "e1", "e2"))
    title = str(meta.get("title") or "")
    title = "principal plane" if title.startswith("principal plane") or not title else "strongest directions"
    shares = meta.get("explained")
    if isinstance(shares, Sequence) and len(shares) == 2 and all(isinstance(share, float) for share in shares):
        title += f", {shares[0]:.0%} + {shares[1]:.0%}"
    return AffinePlane(title, ("a", "b"), origin, e1, e2)


def axis_planes(size: int, arrays: Mapping[str, Array], meta: Mapping[str, object]) -> list[AffinePlane]:
    """Return planes of two axes each, those that matter most first."""
    indices = np.asarray(arrays["indices"], dtype=np.int64).tolist()
    scores = np.asarray(arrays["scores"], dtype=np.float64).tolist()
    measure, unit = str(meta.get("measure", "")), str(meta.get("unit", "")).removesuffix(" of z")
    planes = []
    for place in range(0, len(indices) - 1, 2):
        first, second = indices[place : place + 2]
        figures = ", ".join(formatting.number(score) for score in scores[place : place + 2])
        planes.append(_of_axes(size, first, second, f"{measure} {figures} {unit}".strip()))
    return planes


def first_axes(size: int) -> AffinePlane:
    """Return the plane of the first two axes, where no better one can be had."""
    return _of_axes(size, 0, 1, "the first two axes")


def axis_name(index: int) -> str:
    """Return an axis's name, counted from 1 as everywhere: 'z₁'."""
    return "z" + str(index + 1).translate(_LOWERED)


def unwalkable(card: "ModelCard") -> str:
    """Return why a model's latent space cannot be walked through; empty where it can."""
    if not card.capability("decode").available:
        return card.capability("decode").reason or "this model draws nothing from a latent"
    if len(card.latent_shape) == 1 and card.latent_shape[0] >= 2:
        return ""
    shape = " × ".join(str(length) for length in card.latent_shape)
    return f"walking needs two latent dimensions or more; this model has {shape}"


def _of_axes(size: int, first: int, second: int, title: str) -> AffinePlane:
    unit = np.zeros((2, size), np.float32)
    unit[0, first] = unit[1, second] = 1
    return AffinePlane(title, (axis_name(first), axis_name(second)), np.zeros(size, np.float32), unit[0], unit[1])
