"""The card beside a snapshot: what a model can do and what its arrays mean, readable without torch."""

from math import prod
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Length = Annotated[int, Field(ge=1, le=65_536)]  # of an axis, whatever a card from elsewhere says


class Ability(BaseModel):
    """One thing that a model can or cannot do, with the words a face shows."""

    model_config = ConfigDict(frozen=True)

    available: bool
    how: str = ""  # "exact", "mean and variance", "importance-weighted estimate"
    reason: str = ""  # why not: "a GAN has no encoder; inversion searches for z"


class DataCard(BaseModel):
    """The data set a model was trained on."""

    model_config = ConfigDict(frozen=True)

    name: str  # "mnist", or a folder's own name
    num_train: int
    num_test: int
    num_classes: int = 0  # 0 where there are no labels
    setup: str = ""  # "dynamic binarization"
    kind: Literal["images", "points"] = "images"  # "points": of the plane, image_shape is (2, 1, 1)


class Card(BaseModel):
    """What the faces ask instead of testing for a family.

    Abilities by name: `sample`, `decode`, `encode`, `invert`, `log_prob`, `trace`, `critic` (a discriminator),
    `manifold` (a latent plane of images), `plane` (planes and axes through more than two latent dimensions), `density`
    (2-D data, drawn as a map). A name that is missing counts as not available.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    schema_version: int = 1
    family: str  # "vae"
    title: str  # "variational autoencoder"
    step: int = Field(ge=0)
    images_seen: int = Field(ge=0)
    weights: str = "ema"
    latent_shape: tuple[Length, ...]  # (2,)
    image_shape: tuple[Length, Length, Length]  # (C, H, W)
    abilities: dict[str, Ability] = Field(default_factory=dict)
    data: DataCard
    num_parameters: int
    figures: dict[str, float] = Field(default_factory=dict)  # the latest test metrics at this step

    def ability(self, name: str) -> Ability:
        """Return an ability, or why it is absent.

        Cards that are older than `plane` do not name it, and their models have it all the same.
        """
        size = prod(self.latent_shape)
        if name == "plane" and name not in self.abilities and size > 2 and self.data.kind == "images":
            return self.ability("decode").model_copy(update={"how": f"a plane through {size} dimensions"})
        missing = Ability(available=False, reason=f"this {self.family} declares no ability '{name}'")
        return self.abilities.get(name, missing)
