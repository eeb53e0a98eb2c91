"""The family `flow`, described without torch: options, presets, capabilities, what goes with what."""

from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from trainers.config import Section
from trainers.errors import ConfigError
from trainers.families.flow import architecture as flow_architecture
from trainers.families.flow.parameter_count import parameter_count
from trainers.families.flow.presets import PRESETS
from trainers.families.flow.theory import THEORY, theory_for
from trainers.model_card import Capability
from trainers.registry import DataKind, Family, ImageShape

Width = Annotated[int, Field(ge=1, le=65_536)]


class FlowOptions(Section):
    """Options of a normalizing flow."""

    couplings: int = Field(8, ge=1, le=256)  # "conv": at each scale
    hidden: tuple[Width, ...] = Field((1024, 1024), max_length=32)  # "mlp": of each coupling's network
    activation: Literal["relu", "leaky_relu", "tanh", "silu", "gelu"] = "relu"
    alpha: float = Field(1e-5, gt=0, lt=0.5)  # of the logit: keeps black and white finite
    coupling: Literal["affine", "spline"] = "affine"
    log_scale: Literal["tanh", "scaled-tanh", "free"] = "tanh"  # "affine": what bounds it
    bins: int = Field(8, ge=2, le=128)  # "spline": between its knots
    bound: float = Field(3.0, gt=0, le=1000)  # "spline": it bends [−bound, bound]
    architecture: Literal["mlp", "conv"] = "mlp"  # of each coupling's network
    channels: tuple[Width, ...] = Field((32, 64, 64), min_length=1, max_length=8)  # "conv": one width a scale
    blocks: int = Field(2, ge=0, le=64)  # "conv": residual blocks
    mixing: Literal["none", "stretch", "lu"] = "none"  # between couplings, of all values
    dequantization: Literal["uniform", "variational", "none"] = "uniform"  # "none": points, which have no levels
    noise_couplings: int = Field(4, ge=1, le=64)  # "variational"
    noise_width: Width = 64  # "variational": of its couplings' networks


def check(options: FlowOptions, data_options: Any, shape: ImageShape, kind: DataKind) -> None:
    """Refuse data that have no density to learn, and options that do not fit the data.

    Raises:
        ConfigError: naming what to change.
    """
    if kind == "points":
        _check_points(options)
    else:
        _check_images(options, getattr(data_options, "binarization", "none"))
    if prod(shape) < 2:
        raise ConfigError("model: a coupling needs at least two values an image", "choose other data")
    if options.architecture == "conv" and shape[0] > flow_architecture.MAX_CHANNELS:
        limit = flow_architecture.MAX_CHANNELS
        raise ConfigError(
            f"model.architecture: 'conv' takes {limit:,} channels at most, images have {shape[0]:,}",
            "set model.architecture=mlp",
        )


def _check_points(options: FlowOptions) -> None:
    if options.dequantization != "none":
        raise ConfigError(
            f"model.dequantization: '{options.dequantization}' fills the bins of gray levels, points have none",
            "set model.dequantization=none, or start from 'flow-toy'",
        )
    if options.architecture == "conv":
        raise ConfigError(
            "model.architecture: 'conv' is for images, the data are points of the plane", "set model.architecture=mlp"
        )


def _check_images(options: FlowOptions, binarization: str) -> None:
    if options.dequantization == "none":
        raise ConfigError(
            "model.dequantization: 'none' is for points of the plane; a density of 256 gray levels has peaks without "
            "end",
            "set model.dequantization=uniform, or start from 'realnvp'",
        )
    if binarization != "none":
        raise ConfigError(
            f"data.binarization: '{binarization}' leaves two values a pixel; a flow learns a density of 256 levels",
            "set data.binarization=none",
        )


def capabilities(options: FlowOptions) -> dict[str, Capability]:
    """Return what a flow can do."""
    return {
        "sample": Capability(available=True, how="z from N(0, I), then the inverse of every transform"),
        "decode": Capability(available=True, how="exact inverse"),
        "encode": Capability(available=True, how="exact"),
        "invert": Capability(available=False, reason="a flow needs no search for z: its encoding is exact"),
        "log_prob": Capability(available=True, how="exact"),
        "critic": Capability(available=False, reason="a flow has no discriminator; a GAN has"),
        "manifold": Capability(available=False, reason="a flow's latent has as many dimensions as the image"),
        "trace": Capability(available=True, how="the image after each transform, with its log-determinant"),
    }


def latent_shape(options: FlowOptions, shape: ImageShape) -> tuple[int, ...]:
    """Return (D,): as many dimensions as the image has values."""
    return (prod(shape),)


FLOW = Family(
    name="flow",
    title="normalizing flow",
    options=FlowOptions,
    build="trainers.families.flow.model:build",
    presets=PRESETS,
    theory=THEORY,
    latent_shape=latent_shape,
    parameter_count=parameter_count,
    capabilities=capabilities,
    check=check,
    theory_for=theory_for,
)
