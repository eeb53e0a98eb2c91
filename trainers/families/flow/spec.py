"""The family `flow`: options, presets, capabilities and checks. No torch."""

from collections.abc import Mapping
from math import prod
from typing import Any, Literal

from pydantic import Field

from trainers.config import Section, Width
from trainers.errors import ConfigError
from trainers.families.data_defaults import MAX_MLP_VALUES, batch_size_for_size
from trainers.families.flow.presets import PRESETS
from trainers.families.flow.theory import theory_for
from trainers.model_card import NEEDS_TWO_DIMENSIONS, Capability, available, unavailable
from trainers.registry import DataDefault, DataDefaults, DataKind, DataTraits, Family, ImageShape

MAX_LEVEL_CHANNELS = 4096  # a level with more channels is not split further


class FlowOptions(Section):
    """Options of a normalizing flow."""

    couplings: int = Field(8, ge=1, le=256)  # "conv": per level
    hidden: tuple[Width, ...] = Field((1024, 1024), max_length=32)  # "mlp": of each conditioner
    activation: Literal["relu", "leaky_relu", "tanh", "silu", "gelu"] = "relu"
    alpha: float = Field(1e-5, gt=0, lt=0.5)  # keeps the logit finite at black and white
    coupling: Literal["affine", "spline"] = "affine"
    log_scale: Literal["tanh", "scaled-tanh", "free"] = "tanh"  # "affine": its bound
    bins: int = Field(8, ge=2, le=128)  # "spline": number of bins
    bound: float = Field(3.0, gt=0, le=1000)  # "spline": the identity outside [−bound, bound]
    architecture: Literal["mlp", "conv"] = "mlp"  # of each conditioner
    channels: tuple[Width, ...] = Field((32, 64, 64), min_length=1, max_length=8)  # "conv": hidden width per level
    blocks: int = Field(2, ge=0, le=64)  # "conv": residual blocks
    mixing: Literal["none", "stretch", "lu"] = "none"  # between couplings: elementwise or LU-factorized linear
    dequantization: Literal["uniform", "variational", "none"] = "uniform"  # "none" for 2-D points
    noise_couplings: int = Field(4, ge=1, le=64)  # "variational"
    noise_width: Width = 64  # "variational": hidden width of its conditioners


def check(options: FlowOptions, data_options: Any, shape: ImageShape, kind: DataKind) -> None:
    """Refuse options that do not fit the data, and data without a density.

    Raises:
        ConfigError: naming the option and the remedy.
    """
    binarization = getattr(data_options, "binarization", "none")
    # The kind of data decides on dequantization and architecture.
    if kind == "points" and options.dequantization != "none":
        message = f"model.dequantization: '{options.dequantization}' is for gray levels, the data are 2-D points"
        raise ConfigError(message, "set model.dequantization=none, or start from 'flow-toy'")
    if kind == "points" and options.architecture == "conv":
        hint = "set model.architecture=mlp"
        raise ConfigError("model.architecture: 'conv' is for images, the data are 2-D points", hint)
    if kind == "images" and options.dequantization == "none":
        message = "model.dequantization: 'none' is for 2-D points; the likelihood of discrete gray levels is unbounded"
        raise ConfigError(message, "set model.dequantization=uniform, or start from 'realnvp'")
    # The data need a density and enough values.
    if kind == "images" and binarization != "none":
        message = f"data.binarization: '{binarization}' leaves two values per pixel; a flow needs 256 gray levels"
        raise ConfigError(message, "set data.binarization=none")
    if prod(shape) < 2:
        raise ConfigError("model: a coupling needs images of at least two values", "choose other data")
    if options.architecture == "conv" and shape[0] > MAX_LEVEL_CHANNELS:
        message = (
            f"model.architecture: 'conv' supports {MAX_LEVEL_CHANNELS:,} channels at most, images have {shape[0]:,}"
        )
        raise ConfigError(message, "set model.architecture=mlp")


def data_defaults(settings: Mapping[str, Any], explicit: frozenset[str], traits: DataTraits | None) -> DataDefaults:
    """Choose gray levels and dequantization for images, neither for 2-D points, and a batch that fits the images."""
    if traits is None:
        return {}
    if traits.kind == "points":
        return {
            "model.dequantization": DataDefault("none", "the data are 2-D points"),
            "model.architecture": DataDefault("mlp", "the data are 2-D points"),
        }
    defaults = {"data.binarization": DataDefault("none", "a flow has a density of gray levels")}
    if settings["model.dequantization"] == "none":
        defaults["model.dequantization"] = DataDefault("uniform", "the data are images")
    if prod(traits.shape) > MAX_MLP_VALUES:
        reason = f"{prod(traits.shape):,} values in each image"
        defaults["model.architecture"] = DataDefault("conv", f"{reason} are many for a multilayer network")
        if settings["model.mixing"] == "lu":
            defaults["model.mixing"] = DataDefault("stretch", f"{reason} are many for a matrix")
    return {**defaults, **batch_size_for_size(traits.shape, settings["optim.batch_size"])}


def capabilities(options: FlowOptions) -> dict[str, Capability]:
    """Return the capabilities of a flow."""
    return {
        "sample": available("z from N(0, I), then the inverse of every transform"),
        "decode": available("exact inverse"),
        "encode": available("exact"),
        "invert": unavailable("a flow needs no inversion: its encoder is exact"),
        "log_prob": available(
            "exact" if options.dequantization == "none" else "exact density at the centers of the gray levels"
        ),
        "critic": unavailable("a flow has no discriminator; GANs do"),
        "manifold": unavailable(f"{NEEDS_TWO_DIMENSIONS}, a flow has as many as the image has values"),
        "trace": available("the image and log-determinant after each transform"),
    }


FLOW = Family(
    name="flow",
    title="normalizing flow",
    options=FlowOptions,
    build="trainers.families.flow.model:Flow",
    presets=PRESETS,
    latent_shape=lambda options, shape: (prod(shape),),
    capabilities=capabilities,
    check=check,
    data_defaults=data_defaults,
    theory=theory_for,
)
