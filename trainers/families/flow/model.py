"""The normalizing flow: a chain of invertible transforms from data to a standard normal, with the exact likelihood.

log p(x) = log N(f(x); 0, I) + log |det ∂f/∂x|

Reference: Dinh et al. 2017, eq. 2, arXiv:1605.08803; Papamakarios et al. 2021, arXiv:1912.02762.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn

from trainers.errors import ConfigError
from trainers.events import MetricSpec
from trainers.families.flow import build as flow_build
from trainers.families.flow import metrics as flow_metrics
from trainers.families.flow.dequantization import (
    Dequantization,
    NoDequantization,
    UniformDequantization,
    VariationalDequantization,
)
from trainers.families.flow.evaluation import ExactEvaluator
from trainers.families.flow.spec import FlowOptions
from trainers.families.flow.transforms import Transform, back, through
from trainers.families.gaussian import standard_normal
from trainers.families.interface import Evaluator, Model, ModelWarning, Objective, StepContext, Trace, WarningContext
from trainers.registry import ImageShape


class Flow(Model):
    """A normalizing flow with a standard normal base.

    Args:
        options: The family's options.
        image_shape: (C, H, W); (2, 1, 1) for points of the plane.
    """

    def __init__(self, options: FlowOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_shape = (prod(image_shape),)
        self.dequantization = options.dequantization
        points = options.dequantization == "none"
        self.supports_bf16 = not points  # seen over seeds, docs/performance.md; of points nobody has looked
        self.compile_speedup = 0.6 if points else 0.08 if options.coupling == "affine" else 0.0
        self.quantities = flow_metrics.quantities(options.dequantization)
        self.transforms = nn.ModuleList(flow_build.transforms(options, image_shape))
        self.preparation = _preparation(options, image_shape)

    @property
    def chain(self) -> Sequence[Transform]:
        """The transforms, from the data towards the base."""
        return list(self.transforms)  # type: ignore[arg-type]

    def to_base(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(v), (B, D), and the transforms' log-determinant, (B,), of prepared data v."""
        z, ladj = through(self.chain, v)
        return z.flatten(1), ladj

    def from_base(self, z: Tensor) -> Tensor:
        """Return prepared data v = f⁻¹(z), (B, C, H, W), of latents (B, D)."""
        return back(self.chain, z.view(-1, *self.image_shape))[0]

    def chance(self, x: Tensor, generator: torch.Generator) -> Tensor | None:
        """Return what the dequantization noise of images x is made of, on their device."""
        drawn = self.preparation.chance(x.shape, generator)
        return None if drawn is None else drawn.to(x)

    def costs(self, x: Tensor, chance: Tensor | None) -> dict[str, Tensor]:
        """Return the objective and its parts by quantity, (B,) each: bits a dimension of images, nats of points."""
        prepared = self.preparation(x, chance)
        z, ladj = self.to_base(prepared.v)
        names, per = self.quantities, self._per_unit
        prior, ladj_all, noise = -standard_normal(z) * per, (prepared.ladj + ladj) * per, prepared.noise * per
        found = {names.total: prior - ladj_all + noise, names.prior: prior, names.ladj: ladj_all}
        return found if names.noise is None else {**found, names.noise: noise}

    def mean_costs(self, x: Tensor, chance: Tensor | None = None) -> dict[str, Tensor]:
        """Return the means over a batch of `costs`, scalars."""
        return {name: value.mean() for name, value in self.costs(x, chance).items()}

    def decode(self, z: Tensor) -> Tensor:
        """Return the data x = f⁻¹(z) of latents (N, D): images (N, C, H, W) in [0, 1], or points (N, 2, 1, 1)."""
        return self.preparation.data_of(self.from_base(z))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(x) at the centers of the gray levels, (B, D), and its log-variance: −∞, for it is exact."""
        z, _ = self.to_base(self.preparation(x, None).v)
        return z, torch.full_like(z, -math.inf)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (B,), in nats, at the centers of the gray levels."""
        return -self.costs(x, None)[self.quantities.total] / self._per_unit

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        """Return z, its exact reconstruction, what x costs and the error of the round trip."""
        z, logvar = self.encode(x)
        return {
            "mu": z,
            "logvar": logvar,
            "recon": self.decode(z),
            self.quantities.total: self.costs(x, None)[self.quantities.total],
            "round_trip_error": self.round_trip(x),
        }

    def metric_labels(self) -> dict[str, tuple[str, str]]:
        """Return the names of an image's figures."""
        return {
            self.quantities.total: (
                "−log p(x)" if self.quantities.unit == "nats" else "cost at the centers of the levels",
                self.quantities.unit,
            ),
            "round_trip_error": ("round-trip error", ""),
        }

    def trace(self, x: Tensor) -> Trace:
        """Follow data to the base: images as logits of their dequantized levels, then every transform."""
        prepared = self.preparation(x, None)
        v = prepared.v
        labels, stages, ladj = ["x"], [v], []
        if self.dequantization != "none":
            labels, stages, ladj = ["x", "logit"], [v, v], [prepared.ladj]
        for transform in self.chain:
            v, own = transform(v)
            labels.append(transform.label)
            stages.append(v)
            ladj.append(own)
        return Trace(tuple(labels), tuple(stages), torch.stack(ladj))

    def inverse_trace(self, z: Tensor) -> Trace:
        """Follow latents to the data: the inverse of every transform, then, for images, the gray scale."""
        v = z.view(-1, *self.image_shape)
        labels, stages, ladj = ["z"], [v], []
        for transform in reversed(self.chain):
            v, own = transform.inverse(v)
            labels.append(transform.label)
            stages.append(v)
            ladj.append(own)
        if self.dequantization != "none":
            labels.append("gray")
            stages.append(v)
            ladj.append(self.preparation.ladj_back(v))
        return Trace(tuple(labels), tuple(stages), torch.stack(ladj))

    def trace_images(self, stages: Tensor) -> Tensor:
        """Return a stage as it can be shown: as gray, the way back from the logit; points as they are."""
        return self.preparation.data_of(stages)

    def pipeline(self, x: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return x, for images its dequantized logit v (as gray), z, and the way back; the parts of its cost."""
        chance = self.chance(x, generator)
        v = self.preparation(x, chance).v
        z, _ = self.to_base(v)
        stations = {"x": x, "v": self.trace_images(v), "z": z, "recon": self.decode(z)}
        if self.dequantization == "none":
            del stations["v"]
        return stations, {name: float(value.detach()) for name, value in self.costs(x, chance).items()}

    def round_trip(self, x: Tensor) -> Tensor:
        """Return max |y − f⁻¹(f(y))| over the values y of each image, (B,): in [0, 1], at the centers of the levels."""
        z, _ = self.encode(x)
        return (self.decode(z) - self.preparation.center(x)).abs().flatten(1).amax(1)

    def off_scale(self, z: Tensor, reach: float) -> Tensor:
        """Return whether f⁻¹(z) is not finite or far outside of the data's scale, (N,), bool.

        Args:
            z: Latents, (N, D).
            reach: The largest value of the data; what is far from points depends on it.
        """
        v = self.from_base(z).flatten(1).abs()
        return ~(v <= self.preparation.limit(reach)).all(1)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return one group."""
        return {"flow": list(self.parameters())}

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield the mean cost of the batch: bits a dimension of images, nats of points."""
        chance = self.chance(batch, context.generator)
        tensors = (batch,) if chance is None else (batch, chance)
        values = context.compute(self.mean_costs, *tensors)
        loss = values[self.quantities.total]
        yield Objective("flow", loss, {name: value.detach() for name, value in values.items()})

    def metrics(self) -> Sequence[MetricSpec]:
        """Return the declared metrics."""
        return flow_metrics.specs(self.dequantization)

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return an accumulator of the cost of test data with fixed dequantization noise."""
        return ExactEvaluator(self, seed)

    def warnings(self, figures: Mapping[str, float], context: WarningContext) -> Iterator[ModelWarning]:
        """Yield what tells that the flow explodes: an inverse that is none, samples that leave the scale."""
        error, off = figures.get("round_trip_error", 0.0), figures.get("samples_off_scale", 0.0)
        if not error <= flow_metrics.WORST_ROUND_TRIP:
            yield ModelWarning(
                "inverse_inexact",
                f"there and back again, a value is off by {error:.2g}: some scales are so large or small that "
                "float32 runs out of digits, and the inverse is no inverse any more",
            )
        if not off <= 0:
            yield ModelWarning(
                "samples_off_scale",
                f"{off:.1%} of the samples are not finite or far off the data's scale: on the way back from z, "
                "where no data have been, the scales multiply up",
            )

    @property
    def _per_unit(self) -> float:
        """What turns nats an image into the unit of the objective."""
        return 1.0 if self.quantities.unit == "nats" else 1 / (math.log(2) * self.latent_shape[0])


def build(options: FlowOptions, image_shape: ImageShape) -> Flow:
    """Return a flow with weights drawn from torch's global generator, which the caller seeds.

    Raises:
        ConfigError: if the memory does not suffice.
    """
    try:
        return Flow(options, image_shape)
    except RuntimeError as error:
        raise ConfigError(f"model: cannot be built ({str(error).splitlines()[0]})", "make it smaller") from None


def _preparation(options: FlowOptions, shape: ImageShape) -> Dequantization:
    if options.dequantization == "none":
        return NoDequantization()
    if options.dequantization == "variational":
        return VariationalDequantization(options.alpha, flow_build.noise_transforms(options, shape))
    return UniformDequantization(options.alpha)
