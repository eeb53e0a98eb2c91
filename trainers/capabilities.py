"""The capabilities of a model on its data: those of its family, and those that follow from latent size and data."""

from typing import Any

from trainers.model_card import Capability
from trainers.registry import DataKind, Family, ImageShape

_POINTS = Capability(available=False, reason="the data are 2-D points; see Density")
_MAP = Capability(available=True, how="a map of the 2-D density")
_IMAGES = Capability(
    available=False, reason="images have too many dimensions for a density map; train on 2-D data for one"
)


def of(family: Family, options: Any, shape: ImageShape, kind: DataKind) -> dict[str, Capability]:
    """Return every capability of a model of a family, trained on data of that shape and kind.

    The family declares `sample`, `decode`, `encode`, `invert`, `log_prob`, `trace`, `critic` and `manifold`; `plane`
    and `density` follow from the latent's size and the data's kind.
    """
    own = family.capabilities(options)
    if kind == "points":
        return {**own, "manifold": _POINTS, "plane": _POINTS, "density": _MAP}
    (size,) = family.latent_shape(options, shape)
    if size > 2:
        plane = Capability(available=True, how=f"a plane through {size} dimensions")
    else:
        plane = Capability(available=False, reason="the latent is 2-D already")
    return {**own, "plane": plane, "density": _IMAGES}
