"""What a model can do on its data: the family's own abilities, and those that follow from latent and data."""

from typing import Any

from trainers.model_card import Ability
from trainers.registry import DataKind, Family, ImageShape

_POINTS = Ability(available=False, reason="the data are points of a plane, which Density shows whole")
_MAP = Ability(available=True, how="a map of the plane")
_IMAGES = Ability(available=False, reason="images have too many dimensions for a map; train a toy density to see one")


def of(family: Family, options: Any, shape: ImageShape, kind: DataKind) -> dict[str, Ability]:
    """Return every ability of a model of a family, trained on data of that shape and kind.

    The family declares `sample`, `decode`, `encode`, `invert`, `log_prob`, `trace`, `critic` and `manifold`; `plane`
    and `density` follow from the latent's size and the data's kind.
    """
    own = family.abilities(options)
    if kind == "points":
        return {
            **own,
            "manifold": _POINTS,
            "plane": _POINTS,
            "density": _MAP,
        }
    (size,) = family.latent_shape(options, shape)
    if size > 2:
        plane = Ability(available=True, how=f"a plane through {size} dimensions")
    else:
        plane = Ability(available=False, reason="the latent is a plane already")
    return {**own, "plane": plane, "density": _IMAGES}
