"""The family `gan`: options, presets, capabilities and checks. No torch."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from trainers.config import Section, Settable, Width
from trainers.errors import ConfigError
from trainers.families.data_defaults import batch_size_for_size, network_for_size
from trainers.families.gan.presets import PRESETS
from trainers.families.gan.theory import theory_for
from trainers.model_card import Capability, available, manifold, unavailable
from trainers.registry import DataDefault, DataDefaults, DataKind, DataTraits, Family, ImageShape

Loss = Literal["non-saturating", "hinge", "least-squares", "wasserstein-gp"]


class GanOptions(Section):
    """Options of a GAN: a generator G and a discriminator D."""

    latent_dim: int = Field(64, ge=1, le=4096)
    architecture: Literal["mlp", "conv"] = "mlp"
    hidden_g: tuple[Width, ...] = Field((256, 512), max_length=32)  # "mlp": hidden layers of G
    hidden_d: tuple[Width, ...] = Field((512, 256), max_length=32)  # "mlp": hidden layers of D
    channels: tuple[Width, ...] = Field((32, 64), min_length=1, max_length=12)  # "conv": of D; mirrored in G
    batch_norm: bool = True  # in G, but not in its first hidden ("mlp") or last ("conv") layer
    spectral_norm: bool = False  # in D
    output: Literal["tanh", "linear"] = "tanh"  # of G: "tanh" for images, "linear" for 2-D points
    loss: Loss = "non-saturating"
    gp_weight: Annotated[float, Settable()] = Field(
        10.0, ge=0, le=10_000
    )  # weight of the gradient penalty of "wasserstein-gp"
    r1: Annotated[float, Settable()] = Field(0.0, ge=0, le=10_000)  # gamma of the R1 penalty
    r1_every: Annotated[int, Settable("steps")] = Field(
        1, ge=1, le=1000
    )  # steps between R1 penalties, each weighted by as many (lazy regularization)
    d_steps: int = Field(1, ge=1, le=20)  # updates of D per update of G, each on its own batch
    diff_augment: tuple[Literal["color", "translation", "cutout"], ...] = ()  # of all that D sees, for small data sets
    lr_d_scale: Annotated[float, Settable()] = Field(1.0, gt=0, le=100)  # learning rate of D relative to G


def check(options: GanOptions, data_options: Any, shape: ImageShape, kind: DataKind) -> None:
    """Refuse an output, an architecture or a binarization that does not fit the data.

    Raises:
        ConfigError: naming both and the remedy.
    """
    output, data, preset = ("linear", "2-D points", "gan-toy") if kind == "points" else ("tanh", "images", "gan")
    if options.output != output:
        hint = f"set model.output={output}, or start from '{preset}'"
        raise ConfigError(f"model.output: '{options.output}' does not cover the range of {data}", hint)
    binarization = getattr(data_options, "binarization", "none")
    if binarization != "none":
        message = f"data.binarization: '{binarization}' cannot be used with a GAN, whose samples have gray levels"
        raise ConfigError(message, "set data.binarization=none")
    if kind == "points" and options.diff_augment:
        hint = "leave model.diff_augment empty"
        raise ConfigError("model.diff_augment: it changes images, the data are 2-D points", hint)
    if kind == "points" and options.architecture == "conv":
        hint = "set model.architecture=mlp"
        raise ConfigError("model.architecture: 'conv' is for images, the data are 2-D points", hint)


def data_defaults(settings: Mapping[str, Any], explicit: frozenset[str], traits: DataTraits | None) -> DataDefaults:
    """Choose the range of the generator's output, gray levels, and a network for the size of the images."""
    if traits is None:
        return {}
    if traits.kind == "points":
        return {
            "model.output": DataDefault("linear", "the data are 2-D points"),
            "model.architecture": DataDefault("mlp", "the data are 2-D points"),
            "model.batch_norm": DataDefault(False, "the data are 2-D points"),
        }
    return {
        "model.output": DataDefault("tanh", "the data are images"),
        "data.binarization": DataDefault("none", "samples of a GAN have gray levels"),
        **network_for_size(traits.shape, settings, explicit),
        **batch_size_for_size(traits.shape, settings["optim.batch_size"]),
    }


def capabilities(options: GanOptions) -> dict[str, Capability]:
    """Return the capabilities of a GAN."""
    return {
        "sample": available("z from N(0, I), then the generator"),
        "decode": available("the generator's image"),
        "encode": unavailable("a GAN has no encoder; inversion searches for z"),
        "invert": available("gradient descent on z"),
        "log_prob": unavailable("a GAN has no likelihood"),
        "critic": available("the discriminator's logit"),
        "manifold": manifold(options.latent_dim),
        "trace": unavailable("a GAN has no invertible transforms; flows do"),
    }


GAN = Family(
    name="gan",
    title="generative adversarial network",
    options=GanOptions,
    build="trainers.families.gan.model:Gan",
    presets=PRESETS,
    capabilities=capabilities,
    check=check,
    data_defaults=data_defaults,
    theory=theory_for,
)
