"""The model card of a snapshot: capabilities, data and latest metrics of the model. No torch."""

from math import prod
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from trainers.errors import DataError

ClassName = Annotated[str, Field(max_length=255)]
AxisLength = Annotated[int, Field(ge=1, le=65_536)]  # size of one axis; bounded, since cards may come from elsewhere


class Capability(BaseModel):
    """Something that a model can or cannot do, as front ends display it."""

    model_config = ConfigDict(frozen=True)

    available: bool
    how: str = ""  # "exact", "mean and variance", "importance-weighted estimate"
    reason: str = ""  # why not: "a GAN has no encoder; inversion searches for z"


def available(how: str) -> Capability:
    """Return a capability that a model has."""
    return Capability(available=True, how=how)


def unavailable(reason: str) -> Capability:
    """Return a capability that a model lacks."""
    return Capability(available=False, reason=reason)


NEEDS_TWO_DIMENSIONS = "a manifold needs 2 latent dimensions"  # a reason that a plane in a larger space answers


def manifold(latent_dim: int) -> Capability:
    """Return the capability `manifold` of a model that decodes latents of that size to images."""
    if latent_dim == 2:
        return available("inverse normal CDF")
    return unavailable(f"{NEEDS_TWO_DIMENSIONS}, this model has {latent_dim}")


class DataCard(BaseModel):
    """The data set a model was trained on."""

    model_config = ConfigDict(frozen=True)

    name: str  # "mnist", or a folder's own name
    num_train: int
    num_test: int
    num_classes: int = 0  # 0 where there are no labels
    class_names: tuple[ClassName, ...] = Field(
        (), max_length=1000
    )  # of the labels 0, 1, …; empty where they are unknown
    setup: str = ""  # "dynamic binarization"
    kind: Literal["images", "points"] = "images"  # "points": 2-D, image_shape is (2, 1, 1)
    fingerprint: str = ""  # of examples of both splits; empty in cards of earlier versions

    def class_name(self, label: int) -> str:
        """Return the name of a class: "tulip", or its number where no name is known."""
        name = self.class_names[label] if 0 <= label < len(self.class_names) else ""
        return name or str(label)

    def check_same(self, num_train: int, num_test: int, fingerprint: str, where: str) -> None:
        """Refuse data that are not those of this card, which is of a run. Cards of earlier versions take all data.

        Args:
            num_train: Number of training examples that there are now.
            num_test: Number of test examples.
            fingerprint: From `trainers.data.fingerprint`.
            where: Path or name of the data.

        Raises:
            DataError: naming the data then and now.
        """
        if not self.fingerprint or fingerprint == self.fingerprint:
            return
        then, now = f"{self.num_train:,} + {self.num_test:,}", f"{num_train:,} + {num_test:,}"
        difference = (
            f"then {then} {self.kind}, now {now} {self.kind}"
            if then != now
            else f"as many {self.kind} as then, but others"
        )
        hint = "put the run's own data there; what needs no data still works"
        raise DataError(f"{where}: these are not the data of the run: {difference}", hint)


class ModelCard(BaseModel):
    """The description of a model that front ends read instead of testing for a family.

    Capabilities: `sample`, `decode`, `encode`, `invert`, `log_prob`, `trace`, `critic` (a discriminator),
    `manifold` (a latent plane of images), `plane` (planes and axes through more than two latent dimensions), `density`
    (2-D data, drawn as a map). A name that is missing counts as not available.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=(), populate_by_name=True)

    schema_version: int = 1
    family: str  # "vae"
    title: str  # "variational autoencoder"
    step: int = Field(ge=0)
    images_seen: int = Field(ge=0)
    weights: str = "ema"
    latent_shape: tuple[AxisLength, ...]  # (2,)
    image_shape: tuple[AxisLength, AxisLength, AxisLength]  # (C, H, W)
    capabilities: dict[str, Capability] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("abilities", "capabilities"),
        serialization_alias="abilities",
    )
    data: DataCard
    num_parameters: int
    metrics: dict[str, float] = Field(  # the latest test metrics at this step
        default_factory=dict, validation_alias=AliasChoices("figures", "metrics"), serialization_alias="figures"
    )

    def capability(self, name: str) -> Capability:
        """Return a capability, or the reason why it is absent.

        Early cards do not name `plane`, although their models have it.
        """
        size = prod(self.latent_shape)
        if name == "plane" and name not in self.capabilities and size > 2 and self.data.kind == "images":
            return self.capability("decode").model_copy(update={"how": f"a plane through {size} dimensions"})
        missing = unavailable(f"the family '{self.family}' does not declare '{name}'")
        return self.capabilities.get(name, missing)
