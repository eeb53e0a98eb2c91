"""The family `gan`, described without torch: options, presets, arithmetic, capabilities, theory."""

from itertools import pairwise
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from trainers.config import Section
from trainers.errors import ConfigError
from trainers.families.gan.presets import PRESETS
from trainers.families.gan.theory import THEORY, theory_of
from trainers.model_card import Capability
from trainers.registry import DataKind, Family, ImageShape
from trainers.theory import Theory

Width = Annotated[int, Field(ge=1, le=65_536)]
Loss = Literal["non-saturating", "hinge", "least-squares", "wasserstein-gp"]


class GanOptions(Section):
    """Options of a GAN: a generator G and a discriminator D."""

    latent_dim: int = Field(64, ge=1, le=4096)
    architecture: Literal["mlp", "conv"] = "mlp"
    hidden_g: tuple[Width, ...] = Field((256, 512), max_length=32)  # "mlp": from z to the image
    hidden_d: tuple[Width, ...] = Field((512, 256), max_length=32)  # "mlp": from the image to the logit
    channels: tuple[Width, ...] = Field((32, 64), min_length=1, max_length=12)  # "conv": of D, mirrored in G
    batch_norm: bool = True  # in G: "mlp" from the second hidden layer on, "conv" after every layer but the last
    spectral_norm: bool = False  # in D
    output: Literal["tanh", "linear"] = "tanh"  # of G: "tanh" for images, "linear" for points of the plane
    loss: Loss = "non-saturating"
    gp_weight: float = Field(10.0, ge=0, le=10_000)  # of the gradient penalty of "wasserstein-gp"
    r1: float = Field(0.0, ge=0, le=10_000)  # gamma of the R1 penalty
    r1_every: int = Field(1, ge=1, le=1000)  # steps between R1 penalties, each then that many times as heavy
    d_steps: int = Field(1, ge=1, le=20)  # updates of D for each of G, each on a batch of its own
    lr_d_scale: float = Field(1.0, gt=0, le=100)  # D's learning rate over G's


def parameter_count(options: GanOptions, shape: ImageShape) -> int:
    """Return the number of parameters of both networks by arithmetic, equal to that of the built model."""
    if options.architecture == "conv":
        return _conv_count(options, shape)
    pixels = prod(shape)
    generator = _linear_count((options.latent_dim, *options.hidden_g, pixels))
    norms = 2 * sum(options.hidden_g[1:]) if options.batch_norm else 0
    return generator + norms + _linear_count((pixels, *options.hidden_d, 1))


def _conv_count(options: GanOptions, shape: ImageShape) -> int:
    height, width = shape[1:]
    for _ in options.channels:
        height, width = -(-height // 2), -(-width // 2)
    flat = options.channels[-1] * height * width
    down = sum(25 * a * b + b for a, b in pairwise((shape[0], *options.channels)))
    up = sum(16 * a * b + b for a, b in pairwise((*reversed(options.channels), shape[0])))
    norms = 2 * sum(options.channels) if options.batch_norm else 0
    return down + _linear_count((flat, 1)) + _linear_count((options.latent_dim, flat)) + up + norms


def _linear_count(sizes: tuple[int, ...]) -> int:
    return sum(a * b + b for a, b in pairwise(sizes))


def check(options: GanOptions, data_options: Any, shape: ImageShape, kind: DataKind) -> None:
    """Refuse an output that cannot reach the data.

    Raises:
        ConfigError: naming both and what to change.
    """
    points = kind == "points"
    needed, what, preset = ("linear", "points of the plane", "gan-toy") if points else ("tanh", "images", "gan")
    if options.output != needed:
        raise ConfigError(
            f"model.output: '{options.output}' does not reach {what}",
            f"set model.output={needed}, or start from '{preset}'",
        )
    binarization = getattr(data_options, "binarization", "none")
    if binarization != "none":
        raise ConfigError(
            f"data.binarization: '{binarization}' leaves black and white; D would know G by its first gray pixel",
            "set data.binarization=none",
        )
    if kind == "points" and options.architecture == "conv":
        raise ConfigError("model.architecture: 'conv' is for images, the data are points", "set model.architecture=mlp")


def capabilities(options: GanOptions) -> dict[str, Capability]:
    """Return what a GAN can do."""
    plane = options.latent_dim == 2
    return {
        "sample": Capability(available=True, how="z from N(0, I), then the generator"),
        "decode": Capability(available=True, how="the generator's image"),
        "encode": Capability(available=False, reason="a GAN has no encoder; inversion searches for z"),
        "invert": Capability(available=True, how="searches for z by gradient descent"),
        "log_prob": Capability(available=False, reason="a GAN draws samples; it has no likelihood"),
        "critic": Capability(available=True, how="the discriminator's logit"),
        "manifold": Capability(
            available=plane,
            how="inverse normal CDF" if plane else "",
            reason="" if plane else f"a manifold needs 2 latent dimensions, this model has {options.latent_dim}",
        ),
        "trace": Capability(available=False, reason="a GAN has no chain of invertible transforms; a flow has"),
    }


def latent_shape(options: GanOptions, shape: ImageShape) -> tuple[int, ...]:
    """Return (latent_dim,)."""
    return (options.latent_dim,)


def theory_for(options: GanOptions, kind: DataKind) -> Theory:
    """Return the theory of the chosen loss and penalties."""
    return theory_of(options.loss, r1=options.r1 > 0, kind=kind)


GAN = Family(
    name="gan",
    title="generative adversarial network",
    options=GanOptions,
    build="trainers.families.gan.model:build",
    presets=PRESETS,
    theory=THEORY,
    latent_shape=latent_shape,
    parameter_count=parameter_count,
    capabilities=capabilities,
    check=check,
    theory_for=theory_for,
)
