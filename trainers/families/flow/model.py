"""The normalizing flow: a chain of invertible transforms from data to a standard normal, with exact likelihood.

log p(x) = log N(f(x); 0, I) + log |det ∂f/∂x|

Reference: Dinh et al. 2017, eq. 2, arXiv:1605.08803; Papamakarios et al. 2021, arXiv:1912.02762.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn

from trainers.events import MetricSpec
from trainers.families.flow import build, metrics
from trainers.families.flow.dequantization import Dequantization, UniformDequantization, VariationalDequantization
from trainers.families.flow.spec import FlowOptions
from trainers.families.flow.transforms import Transform, compose, compose_inverse
from trainers.families.interface import (
    Evaluator,
    Model,
    ModelWarning,
    Objective,
    StepContext,
    TransformTrace,
    WarningContext,
)
from trainers.families.nn import standard_normal_log_prob
from trainers.registry import ImageShape

_SAMPLES_PER_CHUNK = 64  # samples that are tested at once for being out of range


class Flow(Model):
    """A normalizing flow with a standard normal base.

    Args:
        options: The family's options.
        image_shape: (C, H, W); (2, 1, 1) for 2-D points.
    """

    def __init__(self, options: FlowOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_shape = (prod(image_shape),)
        self.dequantization = options.dequantization
        points = self.dequantization == "none"
        self.supports_bf16 = not points  # measured over seeds for images only, docs/performance.md
        self.compile_speedup = 0.6 if points else 0.08 if options.coupling == "affine" else 0.0
        self.names = metrics.objective_names(self.dequantization)
        # Build the transforms and the dequantization; 2-D points need none.
        self.transforms = nn.ModuleList(build.transforms(options, image_shape))
        self.preparation: Dequantization  # the name is part of checkpoints
        if self.dequantization == "none":
            self.preparation = Dequantization()
        elif self.dequantization == "uniform":
            self.preparation = UniformDequantization(options.alpha)
        else:
            noise_chain = build.noise_transforms(options, image_shape)
            self.preparation = VariationalDequantization(options.alpha, noise_chain)

    @property
    def chain(self) -> Sequence[Transform]:
        """The transforms, from the data to the base."""
        return list(self.transforms)  # type: ignore[arg-type]

    def to_base(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(v), (B, D), and log |det ∂f/∂v|, (B,), for dequantized data v."""
        z, ladj = compose(self.chain, v)
        return z.flatten(1), ladj

    def from_base(self, z: Tensor) -> Tensor:
        """Return v = f⁻¹(z), (B, C, H, W), for latents (B, D)."""
        return compose_inverse(self.chain, z.view(-1, *self.image_shape))

    def sample_noise(self, x: Tensor, generator: torch.Generator) -> Tensor | None:
        """Return dequantization noise for images x, on their device; None where none is needed."""
        noise = self.preparation.sample_noise(x.shape, generator)
        return None if noise is None else noise.to(x)

    def nll_terms(self, x: Tensor, noise: Tensor | None) -> dict[str, Tensor]:
        """Return the objective and its terms, (B,) each: in bits per dimension for images, nats for points."""
        batch = self.preparation(x, noise)
        z, ladj = self.to_base(batch.v)
        names, scale = self.names, self._units_per_nat
        prior, ladj, log_q = -standard_normal_log_prob(z) * scale, (batch.ladj + ladj) * scale, batch.log_q * scale
        terms = {names.total: prior - ladj + log_q, names.prior: prior, names.ladj: ladj}
        return terms if names.noise is None else {**terms, names.noise: log_q}

    def mean_nll_terms(self, x: Tensor, noise: Tensor | None = None) -> dict[str, Tensor]:
        """Return the batch means of `nll_terms`, scalars."""
        return {name: values.mean() for name, values in self.nll_terms(x, noise).items()}

    def decode(self, z: Tensor) -> Tensor:
        """Return x = f⁻¹(z) for latents (N, D): images (N, C, H, W) in [0, 1], or points (N, 2, 1, 1)."""
        return self.preparation.to_data(self.from_base(z))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(x), (B, D), at the centers of the gray levels, and a log-variance of −∞: it is exact."""
        z, _ = self.to_base(self.preparation(x, None).v)
        return z, torch.full_like(z, -math.inf)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (B,), in nats, at the centers of the gray levels."""
        return -self.nll_terms(x, None)[self.names.total] / self._units_per_nat

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        """Return z, its reconstruction, the negative log-likelihood of x and the round-trip error."""
        z, logvar = self.encode(x)
        return {
            "mu": z,
            "logvar": logvar,
            "recon": self.decode(z),
            self.names.total: self.nll_terms(x, None)[self.names.total],
            "round_trip_error": self.round_trip(x),
        }

    def metric_labels(self) -> dict[str, tuple[str, str]]:
        """Return name and unit of each metric of an image."""
        title = "−log p(x)" if self.names.unit == "nats" else "bits/dim at bin centers"
        return {self.names.total: (title, self.names.unit), "round_trip_error": ("round-trip error", "")}

    def trace(self, x: Tensor) -> TransformTrace:
        """Return every stage from data to the base; for images the first is their logit."""
        batch = self.preparation(x, None)
        v = batch.v
        stages = [("x", v, batch.ladj)]
        if self.dequantization != "none":
            stages.append(("logit", v, batch.ladj))
        for transform in self.chain:
            v, ladj = transform(v)
            stages.append((transform.label, v, ladj))
        return _as_trace(stages)

    def inverse_trace(self, z: Tensor) -> TransformTrace:
        """Return every stage from latents to the data; for images the last is their gray levels."""
        v = z.view(-1, *self.image_shape)
        stages = [("z", v, v.new_zeros(v.shape[0]))]
        for transform in reversed(self.chain):
            v, ladj = transform.inverse(v)
            stages.append((transform.label, v, ladj))
        if self.dequantization != "none":
            stages.append(("gray", v, self.preparation.inverse_ladj(v)))
        return _as_trace(stages)

    def trace_images(self, stages: Tensor) -> Tensor:
        """Return a stage as gray levels in [0, 1]; points are returned unchanged."""
        return self.preparation.to_data(stages)

    def pipeline(self, x: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return x, its dequantized logit v (for images), z and the reconstruction; and the terms of the objective."""
        noise = self.sample_noise(x, generator)
        v = self.preparation(x, noise).v
        z, _ = self.to_base(v)
        tensors = {"x": x, "v": self.trace_images(v), "z": z, "recon": self.decode(z)}
        if self.dequantization == "none":
            del tensors["v"]
        return tensors, {name: float(value.detach()) for name, value in self.nll_terms(x, noise).items()}

    def round_trip(self, x: Tensor) -> Tensor:
        """Return max |x − f⁻¹(f(x))| over the values of each image, (B,), in [0, 1], at the centers of the bins."""
        z, _ = self.encode(x)
        return (self.decode(z) - self.preparation.bin_centers(x)).abs().flatten(1).amax(1)

    def out_of_range(self, z: Tensor, data_max: float) -> Tensor:
        """Return whether f⁻¹(z) is not finite or far outside the data's range, (N,), bool.

        Args:
            z: Latents, (N, D).
            data_max: The largest absolute value of the data.
        """
        v = self.from_base(z).flatten(1).abs()
        return ~(v <= self.preparation.max_abs(data_max)).all(1)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return one group, of all parameters."""
        return {"flow": list(self.parameters())}

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield the mean negative log-likelihood of the batch: bits per dimension for images, nats for points."""
        noise = self.sample_noise(batch, context.generator)
        values = context.compute(self.mean_nll_terms, *((batch,) if noise is None else (batch, noise)))
        yield Objective("flow", values[self.names.total], {name: value.detach() for name, value in values.items()})

    def metrics(self) -> Sequence[MetricSpec]:
        """Return the declarations of the objective, its terms, and the quality of the inverse."""
        return metrics.specs(self.dequantization)

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return a new evaluator with fixed dequantization noise."""
        return FlowEvaluator(self, seed)

    def warnings(self, values: Mapping[str, float], context: WarningContext) -> Iterator[ModelWarning]:
        """Yield the signs of an exploding flow: a numerically inexact inverse, and samples out of range."""
        error, fraction = values.get("round_trip_error", 0.0), values.get("samples_off_scale", 0.0)
        if not error <= metrics.MAX_ROUND_TRIP_ERROR:
            yield ModelWarning(
                "inverse_inexact",
                f"round-trip error {error:.2g}: some scale factors are too extreme for float32, the flow is no longer "
                "numerically invertible (lower optim.lr, or set model.log_scale=tanh)",
            )
        if not fraction <= 0:
            yield ModelWarning(
                "samples_off_scale",
                f"{fraction:.1%} of the samples are not finite or far outside the data's range: the inverse's scale "
                "factors blow up away from the training data",
            )

    @property
    def _units_per_nat(self) -> float:
        """The objective's units per nat of an image."""
        return 1.0 if self.names.unit == "nats" else 1 / (math.log(2) * self.latent_shape[0])


def _as_trace(stages: Sequence[tuple[str, Tensor, Tensor]]) -> TransformTrace:
    """Return the trace of label, values and log-determinant of each stage; that of the start is left out."""
    labels, values, ladjs = zip(*stages, strict=True)
    return TransformTrace(labels, values, torch.stack(ladjs[1:]))


class FlowEvaluator(Evaluator):
    """Accumulates −log₂ p(x) / D of images, or −log p(x) of points, with one fixed noise sample per image.

    Reference: Theis et al. 2016, section 3.1, arXiv:1511.01844.

    Args:
        model: The flow with the weights to evaluate.
        seed: Seed of the dequantization noise and the samples.
    """

    def __init__(self, model: Flow, seed: int) -> None:
        self._model = model
        self._generator = torch.Generator().manual_seed(seed)
        self._sums: dict[str, float] = {}
        self._count = 0
        self._round_trip_error = 0.0
        self._data_max = 0.0
        self._device = torch.device("cpu")

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Add test images level/255, (B, C, H, W), or points, (B, 2, 1, 1)."""
        noise = self._model.sample_noise(x, self._generator)
        for name, values in self._model.nll_terms(x, noise).items():
            self._sums[name] = self._sums.get(name, 0.0) + float(values.cpu().double().sum())
        self._count += len(x)
        self._device = x.device
        self._data_max = max(self._data_max, float(x.abs().max()))
        if start < metrics.NUM_ROUND_TRIPS:
            error = self._model.round_trip(x[: metrics.NUM_ROUND_TRIPS - start]).max()
            self._round_trip_error = max(self._round_trip_error, float(error)) if error.isfinite() else math.inf

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return the mean of the objective and its terms, round_trip_error and samples_off_scale."""
        means = {name: total / self._count for name, total in self._sums.items()}
        # Count the samples that are not finite or far outside the data's range.
        z = torch.randn((metrics.NUM_SAMPLES, *self._model.latent_shape), generator=self._generator).to(self._device)
        flags = [self._model.out_of_range(part, self._data_max) for part in torch.split(z, _SAMPLES_PER_CHUNK)]
        fraction = float(torch.cat(flags).float().mean())
        return {**means, "round_trip_error": self._round_trip_error, "samples_off_scale": fraction}
