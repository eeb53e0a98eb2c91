"""The interface between the training loop and a model, whatever its family.

A small core that every model implements, and one protocol per capability. The loop never looks inside a model: a
training step is a generator of objectives, so that a GAN can update its discriminator, and then its generator against
the updated discriminator, in the same loop that trains a VAE with its single objective.
"""

import difflib
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from trainers import registry, settable
from trainers.errors import ConfigError, is_out_of_memory
from trainers.events import MetricSpec, Severity
from trainers.numerics.precision import AutocastContext
from trainers.registry import Family, ImageShape


@dataclass(frozen=True)
class StepContext:
    """Everything that a training step may depend on besides its batch.

    Args:
        step: Number of optimizer updates done before this one.
        generator: The training's random number generator, on the batch's device.
        options: The family's options; a `Set` command may change them between steps.
        compute: Calls a pure function of tensors, under autocast where that is enabled.
        progress: Fraction of the training that was done before this step.
        scalars: The values of `Model.step_scalars` as tensors, while a step is traced for compilation; empty otherwise.
    """

    step: int
    generator: torch.Generator
    options: Any
    compute: AutocastContext = field(default_factory=AutocastContext)
    progress: float = 0.0
    scalars: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Objective:
    """One loss to minimize with one optimizer.

    Args:
        optimizer: A key of `Model.optimizer_groups`.
        loss: A scalar with a graph.
        values: Detached scalars to record, by quantity: {"recon": …, "kl": …}; plain numbers are constants of a
            compiled step.
    """

    optimizer: str
    loss: Tensor
    values: Mapping[str, Tensor | float] = field(default_factory=dict)

    def tensors(self) -> list[Tensor]:
        """Return the values as scalar tensors."""
        loss = self.loss.detach()
        return [value if isinstance(value, Tensor) else loss.new_full((), value) for value in self.values.values()]


class ModelWarning(NamedTuple):
    """A problem that is visible in test metrics.

    Args:
        code: Stable: "mode_collapse".
        message: One line for people.
        severity: Severity of the alert.
        subject: Part of the model, such as dimensions, where several warnings have the same code.
    """

    code: str
    message: str
    severity: Severity = "warning"
    subject: str = ""


@dataclass(frozen=True)
class WarningContext:
    """The inputs of warnings besides the metrics.

    Args:
        progress: Fraction of the training that is done.
        memory: Lists of numbers that the model stores from one evaluation to the next; checkpoints hold them.
    """

    progress: float = 1.0
    memory: dict[str, list[int]] = field(default_factory=dict)


class Evaluator(Protocol):
    """Accumulates test metrics over chunks of the test set."""

    def add(self, x: Tensor, start: int) -> None:
        """Add test images `start` to `start + len(x)`, (B, C, H, W) in [0, 1]."""

    def result(self) -> dict[str, float]:
        """Return the metrics by quantity: {"elbo": …, "kl_dim_0": …}."""


class MeanEvaluator:
    """An `Evaluator` that averages values over the test set.

    Args:
        values: Returns values by quantity, (B,) or their mean, for test images (B, C, H, W).
    """

    def __init__(self, values: Callable[[Tensor], Mapping[str, Tensor]]) -> None:
        self._values = values
        self._sums: dict[str, float] = {}
        self._count = 0

    @torch.no_grad()
    def add(self, x: Tensor, start: int) -> None:
        """Add test images."""
        for name, value in self._values(x).items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.double().mean()) * len(x)
        self._count += len(x)

    def result(self) -> dict[str, float]:
        """Return the mean of each value."""
        return {name: total / self._count for name, total in self._sums.items()}


class Model(nn.Module):
    """A generative model of images, (B, C, H, W) in [0, 1], or of 2-D points, (B, 2, 1, 1).

    A subclass defines the abstract methods, sets `image_shape` and `latent_shape` in its constructor, and implements
    the protocols below for the capabilities that its family declares. Latents are flat: (B, d).

    Raises:
        TypeError: when a subclass is defined that lacks one of the abstract methods.
    """

    image_shape: tuple[int, int, int]
    latent_shape: tuple[int, ...]
    supports_bf16: bool = False  # whether training with bfloat16 matrix products was shown to give the same metrics
    compile_speedup: float = 0.0  # fraction of a step's time that compilation was measured to save
    batches_per_step: int = 1  # a step's batch is this many batches concatenated: (batches · B, C, H, W)

    def __init_subclass__(cls, *, abstract: bool = False, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        missing = [name for name in vars(Model) if getattr(getattr(cls, name), "__isabstractmethod__", False)]
        if missing and not abstract:
            raise TypeError(f"{cls.__qualname__} must define {', '.join(missing)}: every Model has these methods")

    @abstractmethod
    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield the objectives of one step; weights are updated on each before the next one is computed."""

    @abstractmethod
    def metrics(self) -> Sequence[MetricSpec]:
        """Return the declarations of all metrics that `training_step` and the evaluator record."""

    @abstractmethod
    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return a new evaluator for a test set of that size, with noise that depends on `seed` alone."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Return images, (N, C, H, W) in [0, 1], or points, (N, 2, 1, 1), for latents (N, d).

        For a VAE these are the expected images under p(x|z).
        """

    def sample_points(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """Return samples of p(x|z), points (N, 2, 1, 1), for latents (N, d); by default `decode(z)`.

        Images are not sampled: those of a latent are `decode(z)`, for a VAE the mean of p(x|z).

        Args:
            z: Latents, (N, d).
            generator: Random number generator on the CPU.
        """
        return self.decode(z)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters of each optimizer, by its name; by default one optimizer "model" for all."""
        return {"model": [parameter for parameter in self.parameters() if parameter.requires_grad]}

    def lr_scale(self, optimizer: str, options: Any) -> float:
        """Return the factor on `optim.lr` for one of the optimizers, under the current options."""
        return 1.0

    def scalars(self, options: Any, step: int) -> dict[str, float]:
        """Return the scalars, such as the KL weight, that change between steps and are inputs of the compiled graph."""
        return {}

    def step_scalars(self, context: StepContext) -> Mapping[str, float | Tensor]:
        """Return the scalars of a step: tensors while it is traced, numbers otherwise."""
        return context.scalars or self.scalars(context.options, context.step)

    def graph_key(self, options: Any, step: int) -> Hashable:
        """Return the cache key of the compiled step: steps with equal keys run the same graph on different inputs.

        Inputs are the weights, the batch, the noise and the `scalars`. By default the key is every
        option that is marked `Settable`.
        """
        return tuple(getattr(options, name) for name in settable.fields(type(options)))

    def recalibrate(self) -> None:
        """Recompute statistics that averaging weights does not average, such as BatchNorm's, on the EMA model."""

    def setup_warnings(self, options: Any, total_steps: int | None) -> Iterator[ModelWarning]:
        """Yield each problem of the options with the length of the training, which is None if given in minutes."""
        yield from ()

    def metric_labels(self) -> dict[str, tuple[str, str]]:
        """Return name and unit of metrics of single images: {"recon_nats": ("reconstruction", "nats")}."""
        return {}

    def warnings(self, metrics: Mapping[str, float], context: WarningContext) -> Iterator[ModelWarning]:
        """Yield each problem visible in an evaluation's metrics, by quantity.

        A warning is reported when it appears, and again only after it has disappeared.
        """
        yield from ()


@runtime_checkable
class Encodes(Protocol):
    """Capability `encode`: a posterior over latents."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), (B, d) each, for data (B, C, H, W)."""

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        """Return `mu`, `logvar` (B, d), `recon` (B, C, H, W), and metrics of each image, (B, …)."""


@runtime_checkable
class HasLogProb(Protocol):
    """Capability `log_prob`: a density, or an estimate of it."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), or the estimate that the family declares, (B,), in nats, for data (B, C, H, W)."""


@runtime_checkable
class EstimatesLogProb(Protocol):
    """An estimate of log p(x) for metrics, whose errors are independent between data.

    `log_prob` of such a model may use the same noise for all data, so that a map of it is smooth.
    """

    log_prob_estimator: str  # as setups name it: "importance-weighted estimate, 64 samples for each point"

    def estimate_log_prob(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return the estimate of log p(x), (B,), in nats, for data (B, C, H, W), with noise of its own for each x.

        Args:
            x: Data, (B, C, H, W).
            generator: Random number generator on the CPU.
        """


@dataclass(frozen=True)
class TransformTrace:
    """A batch after each of K transforms, in the order in which they were applied.

    Args:
        labels: K + 1 names: the start ("x" or "z"), then each transform.
        stages: K + 1 tensors of shape (B, C, H, W): the start, then the output of each transform.
        ladj: (K, B): log|det J| of each transform in the direction in which it was applied, in nats.
    """

    labels: tuple[str, ...]
    stages: tuple[Tensor, ...]
    ladj: Tensor


@runtime_checkable
class Traces(Protocol):
    """Capability `trace`: a chain of invertible transforms."""

    def trace(self, x: Tensor) -> TransformTrace:
        """Return every stage from data (B, C, H, W) to the base distribution."""

    def inverse_trace(self, z: Tensor) -> TransformTrace:
        """Return every stage from latents (B, d) to data."""

    def trace_images(self, stages: Tensor) -> Tensor:
        """Return a stage, (B, C, H, W), as displayable images in [0, 1]; points are returned unchanged."""


@runtime_checkable
class Discriminates(Protocol):
    """Capability `critic`: a discriminator."""

    def discriminator_logits(self, x: Tensor) -> Tensor:
        """Return the discriminator's logits, (B,), for data (B, C, H, W)."""


@runtime_checkable
class HasPipeline(Protocol):
    """The steps from data to loss for one image, as the Theory tabs show them."""

    def pipeline(self, x: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return the intermediate tensors and the terms of the objective for one image.

        Args:
            x: One image, (1, C, H, W).
            generator: Random number generator on the CPU.

        Returns:
            Tensors by the `tensor_name` of the theory's stages, each with a first axis of 1; values by quantity.
        """


PROTOCOLS: dict[str, type] = {  # every capability that a family can declare, and what its model must then implement
    "sample": Model,
    "decode": Model,
    "encode": Encodes,
    "invert": Model,
    "log_prob": HasLogProb,
    "trace": Traces,
    "critic": Discriminates,
    "manifold": Model,
    "plane": Model,  # derived by `trainers.plan.capabilities` where the family does not declare it
}


def build(family: Family, options: Any, image_shape: ImageShape) -> Model:
    """Return a model with weights from torch's global generator, which the caller seeds.

    Raises:
        ConfigError: if memory does not suffice, or the model differs from the declarations of its family.
    """
    # Construct the model.
    try:
        model: Model = registry.import_object(family.build)(options, image_shape)
    except (RuntimeError, MemoryError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if is_out_of_memory(error):
            raise ConfigError(f"model: not enough memory to build it ({reason})", "make it smaller") from None
        message = f"model: family '{family.name}' cannot build it ({type(error).__name__}: {reason})"
        raise ConfigError(message, "change the model's options, or correct the family") from None
    if not isinstance(model, Model):
        hint = "return a subclass of Model"
        raise ConfigError(f"model.name: family '{family.name}' builds a {type(model).__name__}", hint)
    # Compare it with the declared capabilities.
    for name, capability in family.capabilities(options).items():
        if name not in PROTOCOLS:
            close = difflib.get_close_matches(name, PROTOCOLS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(PROTOCOLS)}"
            raise ConfigError(f"model.name: family '{family.name}' declares an unknown capability '{name}'", hint)
        protocol = PROTOCOLS[name]
        if capability.available and not isinstance(model, protocol):
            message = f"model.name: family '{family.name}' declares the capability '{name}', but its model lacks it"
            raise ConfigError(message, f"implement the protocol {protocol.__name__} in {type(model).__name__}")
    # Compare its shapes and optimizer groups.
    _check_shapes(model, family, options, image_shape)
    _check_optimizer_groups(model)
    return model


def _check_shapes(model: Model, family: Family, options: Any, image_shape: ImageShape) -> None:
    title = type(model).__name__
    latent_shape = family.latent_shape(options, image_shape)
    for name, expected in (("image_shape", image_shape), ("latent_shape", latent_shape)):
        actual = getattr(model, name, None)
        if actual is None:
            raise ConfigError(f"{title} does not set {name}", f"set self.{name} = {tuple(expected)} in its constructor")
        if tuple(actual) != tuple(expected):
            owner = "the data have" if name == "image_shape" else f"family '{family.name}' declares"
            raise ConfigError(f"{title}.{name} is {tuple(actual)}, but {owner} {tuple(expected)}", "make them equal")


def _check_optimizer_groups(model: Model) -> None:
    where = f"{type(model).__name__}.optimizer_groups"
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    trainable = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    # Every parameter is in one group at most.
    owners: dict[int, str] = {}
    for group, parameters in model.optimizer_groups().items():
        if not parameters:
            raise ConfigError(f"{where}: group '{group}' is empty", "leave it out")
        for parameter in parameters:
            name = names.get(id(parameter), "a tensor that is not a parameter of the model")
            if id(parameter) in owners:
                raise ConfigError(f"{where}: {name} is in '{owners[id(parameter)]}' and '{group}'", "list it once")
            owners[id(parameter)] = group
    # Every trainable parameter is in one.
    missing = [names[key] for key in names if key in trainable - owners.keys()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConfigError(f"{where}: {missing[0]}{more} in no group", "add it, or call requires_grad_(False) on it")


def decode(model: Model, z: Tensor) -> Tensor:
    """Return `model.decode(z)`.

    Raises:
        ConfigError: if the images do not have the shape that the model declares.
    """
    return _checked_shape(model, "decode", model.decode(z), len(z))


def sample_points(model: Model, z: Tensor, generator: torch.Generator) -> Tensor:
    """Return `model.sample_points(z, generator)`.

    Raises:
        ConfigError: if the points do not have the shape that the model declares.
    """
    return _checked_shape(model, "sample_points", model.sample_points(z, generator), len(z))


def _checked_shape(model: Model, method: str, images: Tensor, count: int) -> Tensor:
    expected = (count, *model.image_shape)
    if tuple(images.shape) != expected:
        where = f"{type(model).__name__}.{method}"
        raise ConfigError(f"{where} returned shape {tuple(images.shape)} for {count} latents", f"return {expected}")
    return images
