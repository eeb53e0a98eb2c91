"""The family `vae`: options, presets, capabilities and checks. No torch."""

from collections.abc import Mapping
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from trainers.config import Section, Settable, Width
from trainers.errors import ConfigError
from trainers.families.data_defaults import batch_size_for_size, network_for_size
from trainers.families.vae.metrics import LIKELIHOOD_TITLES, NUM_ELBO_SAMPLES, NUM_IMPORTANCE_SAMPLES
from trainers.families.vae.presets import PRESETS
from trainers.families.vae.theory import theory_for
from trainers.model_card import Capability, available, manifold, unavailable
from trainers.registry import DataDefault, DataDefaults, DataKind, DataTraits, Family, ImageShape

GRAY_LIKELIHOODS = ("gaussian", "discretized-logistic", "logistic-mixture")


class VaeOptions(Section):
    """Options of a VAE."""

    latent_dim: int = Field(20, ge=1, le=4096)
    architecture: Literal["mlp", "conv"] = "mlp"
    hidden: tuple[Width, ...] = Field(
        (512, 256), max_length=32
    )  # linear layers of the encoder; mirrored in the decoder
    channels: tuple[Width, ...] = Field((32, 64), min_length=1, max_length=12)  # "conv": each layer halves the image
    activation: Literal["relu", "leaky_relu", "tanh", "silu", "gelu"] = "relu"
    likelihood: Literal["bernoulli", "gaussian", "discretized-logistic", "logistic-mixture", "normal"] = (
        "bernoulli"  # "normal" is for 2-D points, "bernoulli" for binary pixels, the others for gray levels
    )
    num_mixture_components: int = Field(10, ge=1, le=100)  # of each pixel, "logistic-mixture"
    beta: Annotated[float, Settable()] = Field(1.0, ge=0, le=1000)  # weight of the KL; 1 gives the ELBO
    kl_warmup: int = Field(0, ge=0, le=100_000_000)  # steps over which the weight grows from 0 to beta


def check(options: VaeOptions, data_options: Any, shape: ImageShape, kind: DataKind) -> None:
    """Refuse a likelihood, an architecture or a latent size that does not fit the data.

    Raises:
        ConfigError: naming both and the remedy.
    """
    likelihood, binarization = options.likelihood, getattr(data_options, "binarization", "none")
    # The kind of data decides on likelihood and architecture.
    if kind == "points" and likelihood != "normal":
        hint = "set model.likelihood=normal, or start from 'vae-toy'"
        raise ConfigError(f"model.likelihood: '{likelihood}' is for pixels, the data are 2-D points", hint)
    if kind == "points" and options.architecture == "conv":
        hint = "set model.architecture=mlp"
        raise ConfigError("model.architecture: 'conv' is for images, the data are 2-D points", hint)
    if kind == "images" and likelihood == "normal":
        hint = "set model.likelihood=bernoulli, or start from 'vae-2d'"
        raise ConfigError("model.likelihood: 'normal' is for 2-D points, the data are images", hint)
    # The gray levels must be those that the likelihood models.
    if likelihood == "bernoulli" and binarization == "none":
        hint = "set data.binarization=dynamic, or model.likelihood=discretized-logistic"
        raise ConfigError("model.likelihood: 'bernoulli' needs binary pixels, data.binarization is 'none'", hint)
    if likelihood in GRAY_LIKELIHOODS and binarization != "none":
        message = f"model.likelihood: '{likelihood}' needs gray levels, data.binarization is '{binarization}'"
        raise ConfigError(message, "set data.binarization=none, or model.likelihood=bernoulli")
    if options.latent_dim > prod(shape):
        hint = "lower it"
        raise ConfigError(f"model.latent_dim: {options.latent_dim} exceeds the {prod(shape)} values of an image", hint)


def data_defaults(settings: Mapping[str, Any], explicit: frozenset[str], traits: DataTraits | None) -> DataDefaults:
    """Choose a likelihood for the pixels, the binarization that it needs, and a network for the size of the images."""
    binarization, likelihood = settings.get("data.binarization"), settings["model.likelihood"]
    is_binary, needs_gray = binarization not in (None, "none"), likelihood in GRAY_LIKELIHOODS
    # Points have one likelihood.
    if traits is not None and traits.kind == "points":
        return {
            "model.likelihood": DataDefault("normal", "the data are 2-D points"),
            "model.architecture": DataDefault("mlp", "the data are 2-D points"),
            "model.latent_dim": DataDefault(2, "the data are 2-D points"),
        }
    # Of likelihood and binarization, the one that is set explicitly decides on the other.
    defaults: dict[str, DataDefault] = {}
    if "data.binarization" in explicit and "model.likelihood" not in explicit:
        if is_binary and likelihood != "bernoulli":
            defaults["model.likelihood"] = DataDefault("bernoulli", f"binary pixels, data.binarization={binarization}")
        elif not is_binary and not needs_gray:
            defaults["model.likelihood"] = DataDefault("discretized-logistic", "gray levels, data.binarization=none")
    elif "model.likelihood" in explicit and "data.binarization" not in explicit:
        if needs_gray and is_binary:
            defaults["data.binarization"] = DataDefault("none", f"model.likelihood={likelihood} models gray levels")
        elif likelihood == "bernoulli" and binarization == "none":
            defaults["data.binarization"] = DataDefault("dynamic", "model.likelihood=bernoulli models binary pixels")
    # Else the pixels decide.
    elif traits is not None and "data.binarization" not in explicit:
        if traits.shape[0] == 1 and traits.is_nearly_binary is not False and binarization is not None:
            binary = binarization if is_binary else "dynamic"
            defaults["data.binarization"] = DataDefault(binary, "nearly all pixels are black or white")
            defaults["model.likelihood"] = DataDefault("bernoulli", "nearly all pixels are black or white")
        else:
            reason = "the images have gray levels" if traits.shape[0] == 1 else "the images have colors"
            defaults["data.binarization"] = DataDefault("none", reason)
            if not needs_gray:
                defaults["model.likelihood"] = DataDefault("discretized-logistic", reason)
    if traits is not None:
        defaults |= network_for_size(traits.shape, settings, explicit)
        defaults |= batch_size_for_size(traits.shape, settings["optim.batch_size"])
    return defaults


def capabilities(options: VaeOptions) -> dict[str, Capability]:
    """Return the capabilities of a VAE."""
    points = options.likelihood == "normal"
    log_prob = (
        f"importance-weighted estimate, {NUM_IMPORTANCE_SAMPLES} samples"
        if points
        else f"ELBO, {NUM_ELBO_SAMPLES} samples, {LIKELIHOOD_TITLES[options.likelihood]}: a lower bound in expectation"
    )
    sample = "z from N(0, I), then x from p(x|z)" if points else "z from N(0, I), then the mean of p(x|z)"
    return {
        "sample": available(sample),
        "decode": available("expected image under p(x|z)"),
        "encode": available("mean and variance"),
        "log_prob": available(log_prob),
        "manifold": manifold(options.latent_dim),
        "invert": unavailable("a VAE needs no inversion: it has an encoder"),
        "critic": unavailable("a VAE has no discriminator; GANs do"),
        "trace": unavailable("a VAE has no invertible transforms; flows do"),
    }


VAE = Family(
    name="vae",
    title="variational autoencoder",
    options=VaeOptions,
    build="trainers.families.vae.model:Vae",
    presets=PRESETS,
    capabilities=capabilities,
    check=check,
    data_defaults=data_defaults,
    theory=theory_for,
)
