"""The family `flow`, described without torch: options, presets, arithmetic, abilities, theory."""

from itertools import pairwise
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from trainers.card import Ability
from trainers.config import Section
from trainers.errors import ConfigError
from trainers.flow_presets import PRESETS
from trainers.flow_theory import THEORY
from trainers.registry import DataKind, Family, ImageShape

Width = Annotated[int, Field(ge=1, le=65_536)]


class FlowOptions(Section):
    """Options of a normalizing flow."""

    couplings: int = Field(8, ge=1, le=256)
    hidden: tuple[Width, ...] = Field((1024, 1024), max_length=32)  # of each coupling's network
    activation: Literal["relu", "leaky_relu", "tanh", "silu", "gelu"] = "relu"
    alpha: float = Field(1e-5, gt=0, lt=0.5)  # of the logit: keeps black and white finite


def parameter_count(options: FlowOptions, shape: ImageShape) -> int:
    """Return the number of parameters by arithmetic, equal to that of the built model."""
    values = prod(shape)
    even = -(-values // 2)
    count = 0
    for number in range(options.couplings):
        kept = even if number % 2 == 0 else values - even
        sizes = (kept, *options.hidden, 2 * (values - kept))
        count += sum(a * b + b for a, b in pairwise(sizes))
    return count


def check(options: FlowOptions, data_options: Any, shape: ImageShape, kind: DataKind) -> None:
    """Refuse data that have no density to learn.

    Raises:
        ConfigError: naming what to change.
    """
    binarisation = getattr(data_options, "binarisation", "none")
    if binarisation != "none":
        raise ConfigError(
            f"data.binarisation: '{binarisation}' leaves two values a pixel; a flow learns a density of 256 levels",
            "set data.binarisation=none",
        )
    if prod(shape) < 2:
        raise ConfigError("model: a coupling needs at least two values an image", "choose other data")


def abilities(options: FlowOptions) -> dict[str, Ability]:
    """Return what a flow can do."""
    return {
        "sample": Ability(available=True, how="z from N(0, I), then the inverse of every transform"),
        "decode": Ability(available=True, how="exact inverse"),
        "encode": Ability(available=True, how="exact"),
        "log_prob": Ability(available=True, how="exact"),
        "manifold": Ability(available=False, reason="a flow's latent has as many dimensions as the image"),
        "trace": Ability(available=True, how="the image after each transform, with its log-determinant"),
    }


def latent_shape(options: FlowOptions, shape: ImageShape) -> tuple[int, ...]:
    """Return (D,): as many dimensions as the image has values."""
    return (prod(shape),)


FLOW = Family(
    name="flow",
    title="normalizing flow",
    options=FlowOptions,
    build="trainers.flow:build",
    presets=PRESETS,
    theory=THEORY,
    latent_shape=latent_shape,
    parameter_count=parameter_count,
    abilities=abilities,
    check=check,
)
