"""The normalizing flow: a chain of invertible transforms from images to a standard normal, with the exact likelihood.

log p(x) = log N(f(x); 0, I) + log |det ∂f/∂x|

Reference: Dinh et al. 2017, eq. 2, arXiv:1605.08803; Papamakarios et al. 2021, arXiv:1912.02762.
"""

import math
from collections.abc import Iterator, Sequence
from math import prod

import torch
from torch import Tensor, nn

from trainers import dequantisation, flow_metrics
from trainers.errors import ConfigError
from trainers.evaluation.bits_per_dim import BitsPerDimEvaluator
from trainers.events import MetricSpec
from trainers.flow_descriptor import FlowOptions
from trainers.model import Evaluator, Model, Objective, StepContext, Trace
from trainers.registry import ImageShape
from trainers.transforms import FlatAffineCoupling, Transform

_CENTRE = 0.5  # of a grey level's bin: where an image is encoded from, so that its latent is one point


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
        self.alpha = options.alpha
        self.transforms = nn.ModuleList(_transforms(options, image_shape))

    def to_base(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(v), (B, D), and the transforms' log-determinant, (B,), of preprocessed images v."""
        ladj = v.new_zeros(len(v))
        for transform in self.chain:
            v, own = transform(v)
            ladj = ladj + own
        return v.flatten(1), ladj

    def from_base(self, z: Tensor) -> Tensor:
        """Return preprocessed images v = f⁻¹(z), (B, C, H, W), of latents (B, D)."""
        v = z.view(-1, *self.image_shape)
        for transform in reversed(self.chain):
            v, _ = transform.inverse(v)
        return v

    @property
    def chain(self) -> Sequence[Transform]:
        """The transforms, from the data towards the base."""
        return list(self.transforms)  # type: ignore[arg-type]

    def terms(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return z (B, D), log p(z) (B,) and the log-determinant of everything from the grey level to z (B,), in nats.

        Args:
            x: Images, (B, C, H, W), level/255.
            noise: u in [0, 1) of the dequantisation; None takes the centres of the bins.
        """
        levels = dequantisation.to_levels(x)
        noise = torch.full_like(levels, _CENTRE) if noise is None else noise
        v, before = dequantisation.logit_of_levels(levels, noise, self.alpha)
        z, ladj = self.to_base(v)
        return z, standard_normal(z), before + ladj

    def decode(self, z: Tensor) -> Tensor:
        """Return the images x = f⁻¹(z), (N, C, H, W) in [0, 1], of latents (N, D)."""
        return dequantisation.unit_of_logit(self.from_base(z), self.alpha)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(x) at the centres of the grey levels, (B, D), and its log-variance: −∞, for it is exact."""
        z, _, _ = self.terms(x)
        return z, torch.full_like(z, -math.inf)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (B,), in nats, at the centres of the grey levels."""
        _, prior, ladj = self.terms(x)
        return prior + ladj

    def judged(self, x: Tensor) -> dict[str, Tensor]:
        """Return z, its exact reconstruction, bits a dimension and the error of the round trip."""
        z, logvar = self.encode(x)
        return {
            "mu": z,
            "logvar": logvar,
            "recon": self.decode(z),
            "bits_per_dim": -self.log_prob(x) / (math.log(2) * self.latent_shape[0]),
            "round_trip_error": self.round_trip(x),
        }

    def figure_names(self) -> dict[str, tuple[str, str]]:
        """Return the names of an image's figures."""
        return {
            "bits_per_dim": ("likelihood", "bits/dim"),
            "round_trip_error": ("round-trip error", ""),
        }

    def trace(self, x: Tensor) -> Trace:
        """Follow data to the base: the dequantised image as a logit, then every transform."""
        levels = dequantisation.to_levels(x)
        v, before = dequantisation.logit_of_levels(levels, torch.full_like(levels, _CENTRE), self.alpha)
        labels, stages, ladj = ["x", "logit"], [v, v], [before]
        for transform in self.chain:
            v, own = transform(v)
            labels.append(transform.label)
            stages.append(v)
            ladj.append(own)
        return Trace(tuple(labels), tuple(stages), torch.stack(ladj))

    def trace_back(self, z: Tensor) -> Trace:
        """Follow latents to the data: the inverse of every transform, then the grey scale."""
        v = z.view(-1, *self.image_shape)
        labels, stages, ladj = ["z"], [v], []
        for transform in reversed(self.chain):
            v, own = transform.inverse(v)
            labels.append(transform.label)
            stages.append(v)
            ladj.append(own)
        return Trace(tuple(labels), tuple(stages), torch.stack(ladj))

    def trace_images(self, stages: Tensor) -> Tensor:
        """Return a stage as grey: the way back from the logit, so that the data's end looks like the data."""
        return dequantisation.unit_of_logit(stages, self.alpha)

    def pipeline(self, x: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return x, its dequantised logit v (as grey), z, and the way back; the two parts of its bits a dimension."""
        noise = torch.rand(x.shape, generator=generator)
        levels = dequantisation.to_levels(x)
        v, _ = dequantisation.logit_of_levels(levels, noise, self.alpha)
        z, prior, ladj = self.terms(x, noise)
        per_dim = 1 / (math.log(2) * self.latent_shape[0])
        prior_bits, ladj_bits = -float(prior) * per_dim, float(ladj) * per_dim
        figures = {"prior_bits": prior_bits, "ladj_bits": ladj_bits, "bits_per_dim": prior_bits - ladj_bits}
        return {"x": x, "v": self.trace_images(v), "z": z, "recon": self.decode(z)}, figures

    def round_trip(self, x: Tensor) -> Tensor:
        """Return max |y − f⁻¹(f(y))| over the pixels y in [0, 1] of each image, (B,), at the centres of the levels."""
        levels = dequantisation.to_levels(x)
        z, _ = self.encode(x)
        return (self.decode(z) - (levels + _CENTRE) / dequantisation.LEVELS).abs().flatten(1).amax(1)

    def off_scale(self, z: Tensor) -> Tensor:
        """Return whether f⁻¹(z) is not finite or reaches twice as far out as black and white, (N,), bool."""
        v = self.from_base(z).flatten(1).abs()
        limit = 2 * abs(math.log(self.alpha / 2))
        return ~(v <= limit).all(1)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return one group."""
        return {"flow": list(self.parameters())}

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield the negative log-likelihood of the batch in bits a dimension."""
        noise = torch.rand(batch.shape, generator=context.generator, device=batch.device)
        _, prior, ladj = self.terms(batch, noise)
        per_dim = 1 / (math.log(2) * self.latent_shape[0])
        prior_bits, ladj_bits = -prior.mean() * per_dim, ladj.mean() * per_dim
        bits = prior_bits - ladj_bits
        values = {"bits_per_dim": bits, "prior_bits": prior_bits, "ladj_bits": ladj_bits}
        yield Objective("flow", bits, {name: value.detach() for name, value in values.items()})

    def metrics(self) -> Sequence[MetricSpec]:
        """Return the declared metrics."""
        return flow_metrics.specs()

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return an accumulator of test bits a dimension with fixed dequantisation noise."""
        return BitsPerDimEvaluator(self, seed)


def standard_normal(z: Tensor) -> Tensor:
    """Return log N(z; 0, I), (B,), in nats, of z (B, D)."""
    return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))


def build(options: FlowOptions, image_shape: ImageShape) -> Flow:
    """Return a flow with weights drawn from torch's global generator, which the caller seeds.

    Raises:
        ConfigError: if the memory does not suffice.
    """
    try:
        return Flow(options, image_shape)
    except RuntimeError as error:
        raise ConfigError(f"model: cannot be built ({str(error).splitlines()[0]})", "make it smaller") from None


def _transforms(options: FlowOptions, shape: ImageShape) -> list[Transform]:
    return [
        FlatAffineCoupling(shape, number % 2, options.hidden, options.activation, f"coupling {number + 1}")
        for number in range(options.couplings)
    ]
