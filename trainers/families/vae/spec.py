"""The family `vae`, described without torch: options, presets, arithmetic, capabilities, theory."""

from itertools import pairwise
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from trainers.config import Section
from trainers.errors import ConfigError
from trainers.families.vae.metrics import IMPORTANCE_SAMPLES
from trainers.families.vae.presets import PRESETS
from trainers.families.vae.theory import THEORY, theory_for
from trainers.model_card import Capability
from trainers.registry import DataKind, Family, ImageShape

Width = Annotated[int, Field(ge=1, le=65_536)]


class VaeOptions(Section):
    """Options of a VAE."""

    latent_dim: int = Field(20, ge=1, le=4096)
    architecture: Literal["mlp", "conv"] = "mlp"
    hidden: tuple[Width, ...] = Field((512, 256), max_length=32)  # linear layers, from the image to z; mirrored back
    channels: tuple[Width, ...] = Field((32, 64), min_length=1, max_length=12)  # "conv": each halves the image
    activation: Literal["relu", "leaky_relu", "tanh", "silu", "gelu"] = "relu"
    likelihood: Literal["bernoulli", "gaussian", "discretized-logistic", "normal"] = "bernoulli"  # "normal": points
    beta: float = Field(1.0, ge=0, le=1000)  # weight of the KL; 1 is the ELBO
    kl_warmup: int = Field(0, ge=0, le=100_000_000)  # steps over which the weight grows from 0 to beta


def parameter_count(options: VaeOptions, shape: ImageShape) -> int:
    """Return the number of parameters by arithmetic, equal to that of the built model."""
    scale = 0 if options.likelihood == "bernoulli" else 1
    if options.architecture == "conv":
        return _conv_count(options, shape) + scale
    d, pixels = options.latent_dim, prod(shape)
    encoder = _linear_count((pixels, *options.hidden, 2 * d))
    return encoder + _linear_count((d, *reversed(options.hidden), pixels)) + scale


def _conv_count(options: VaeOptions, shape: ImageShape) -> int:
    height, width = shape[1:]
    for _ in options.channels:
        height, width = -(-height // 2), -(-width // 2)
    flat, d = options.channels[-1] * height * width, options.latent_dim
    down = sum(9 * a * b + b for a, b in pairwise((shape[0], *options.channels)))
    up = sum(16 * a * b + b for a, b in pairwise((*reversed(options.channels), shape[0])))
    heads = _linear_count((flat, *options.hidden, 2 * d)) + _linear_count((d, *reversed(options.hidden), flat))
    return down + up + heads


def _linear_count(sizes: tuple[int, ...]) -> int:
    return sum(a * b + b for a, b in pairwise(sizes))


def check(options: VaeOptions, data_options: Any, shape: ImageShape, kind: DataKind) -> None:
    """Refuse a likelihood or an architecture that does not fit the kind of data.

    Raises:
        ConfigError: naming both and what to change.
    """
    _check_kind(options, kind)
    binarization = getattr(data_options, "binarization", "none")
    binary = binarization != "none"
    if options.likelihood == "bernoulli" and not binary:
        raise ConfigError(
            "model.likelihood: 'bernoulli' is a likelihood of binary pixels, data.binarization is 'none'",
            "set data.binarization=dynamic, or model.likelihood=discretized-logistic",
        )
    if options.likelihood in ("gaussian", "discretized-logistic") and binary:
        raise ConfigError(
            f"model.likelihood: '{options.likelihood}' is of gray levels, data.binarization is '{binarization}'",
            "set data.binarization=none, or model.likelihood=bernoulli",
        )
    if options.latent_dim > prod(shape):
        raise ConfigError(
            f"model.latent_dim: {options.latent_dim} is more than the {prod(shape)} values of an image", "lower it"
        )


def _check_kind(options: VaeOptions, kind: DataKind) -> None:
    if kind == "points" and options.likelihood != "normal":
        raise ConfigError(
            f"model.likelihood: '{options.likelihood}' is of pixels, the data are points of a plane",
            "set model.likelihood=normal, or start from 'vae-toy'",
        )
    if kind == "points" and options.architecture == "conv":
        raise ConfigError("model.architecture: 'conv' is for images, the data are points", "set model.architecture=mlp")
    if kind == "images" and options.likelihood == "normal":
        raise ConfigError(
            "model.likelihood: 'normal' is of points of a plane, the data are images",
            "set model.likelihood=bernoulli, or start from 'vae-2d'",
        )


def capabilities(options: VaeOptions) -> dict[str, Capability]:
    """Return what a VAE can do."""
    plane = options.latent_dim == 2
    return {
        "sample": Capability(available=True, how="z from N(0, I), then the decoder"),
        "decode": Capability(available=True, how="expected image under p(x|z)"),
        "encode": Capability(available=True, how="mean and variance"),
        "log_prob": Capability(available=True, how=_how_log_prob(options)),
        "manifold": Capability(
            available=plane,
            how="inverse normal CDF" if plane else "",
            reason="" if plane else f"a manifold needs 2 latent dimensions, this model has {options.latent_dim}",
        ),
        "invert": Capability(available=False, reason="a VAE needs no search for z: its encoder finds it"),
        "critic": Capability(available=False, reason="a VAE has no discriminator; a GAN has"),
        "trace": Capability(available=False, reason="a VAE has no chain of invertible transforms; a flow has"),
    }


def _how_log_prob(options: VaeOptions) -> str:
    if options.likelihood == "normal":
        return f"importance-weighted estimate, {IMPORTANCE_SAMPLES} samples"
    return "lower bound"


def latent_shape(options: VaeOptions, shape: ImageShape) -> tuple[int, ...]:
    """Return (latent_dim,)."""
    return (options.latent_dim,)


VAE = Family(
    name="vae",
    title="variational autoencoder",
    options=VaeOptions,
    build="trainers.families.vae.model:build",
    presets=PRESETS,
    theory=THEORY,
    latent_shape=latent_shape,
    parameter_count=parameter_count,
    capabilities=capabilities,
    check=check,
    theory_for=theory_for,
)
