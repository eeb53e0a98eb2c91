"""The variational autoencoder: encoder q(z|x), decoder p(x|z), the evidence lower bound.

Reference: Kingma & Welling 2014, arXiv:1312.6114; beta: Higgins et al. 2017.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.quasirandom import SobolEngine

from trainers.data.preprocess import EVALUATION_SEED
from trainers.events import MetricSpec, Severity
from trainers.families.interface import Evaluator, Model, ModelWarning, Objective, StepContext, WarningContext
from trainers.families.nn import (
    ConvDecoder,
    ConvEncoder,
    MlpDecoder,
    MlpEncoder,
    chunk_size,
    kl_per_dim,
    reparameterize,
)
from trainers.families.vae import metrics
from trainers.families.vae.likelihoods import LIKELIHOODS
from trainers.families.vae.spec import VaeOptions
from trainers.registry import ImageShape

T = TypeVar("T", float, Tensor)
MAX_WARMUP_FRACTION = 0.5  # of the training that the KL warm-up may take
_MAX_ROWS = 4096  # of 28×28, decoded at once to estimate the ELBO of single images, or log p(x); fewer of larger ones
_MIN_ACTIVE_FRACTION = 0.25  # of the latent dimensions; fewer active ones are a posterior collapse
_MAX_LISTED_DIMS = 4  # in a warning; more are counted
_WARMUP_PROGRESS = 0.1  # fraction of the training in which a latent dimension may still become active


class Vae(Model):
    """A VAE with a diagonal Gaussian posterior and a standard normal prior.

    Args:
        options: The family's options.
        image_shape: (C, H, W).
    """

    log_prob_estimator = f"importance-weighted estimate, {metrics.NUM_IMPORTANCE_SAMPLES} samples for each point"

    def __init__(self, options: VaeOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self._likelihood_name = options.likelihood
        self.latent_shape = (options.latent_dim,)
        self.supports_bf16 = options.likelihood != "normal"  # not measured for points, docs/performance.md
        self.compile_speedup = 0.0 if options.architecture == "conv" else 0.35
        self.encoder: nn.Module
        self.decoder: nn.Module
        # Build encoder, decoder and likelihood.
        likelihood = LIKELIHOODS[options.likelihood](options, image_shape[0])
        output_shape = (likelihood.num_outputs, *image_shape[1:])
        self._max_rows = chunk_size(output_shape, _MAX_ROWS)
        d, hidden, activation = options.latent_dim, options.hidden, options.activation
        if options.architecture == "conv":
            self.encoder = ConvEncoder(image_shape, options.channels, hidden, 2 * d, activation)
            self.decoder = ConvDecoder(output_shape, options.channels, hidden, d, activation)
        else:
            self.encoder = MlpEncoder(image_shape, hidden, 2 * d, activation)
            self.decoder = MlpDecoder(output_shape, hidden, d, activation)
        self.likelihood = likelihood
        # Draw the noise of the importance-weighted estimate, for points.
        self._importance: Tensor | None
        noise = (
            sobol_normal(metrics.NUM_IMPORTANCE_SAMPLES, d, EVALUATION_SEED) if options.likelihood == "normal" else None
        )
        self.register_buffer("_importance", noise, persistent=False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), (B, d) each, for images (B, C, H, W)."""
        mu, logvar = self.encoder(x).to(x.dtype).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Return the expected images under p(x|z), (N, C, H, W) in [0, 1], for latents (N, d)."""
        return self.likelihood.mean(self._outputs(z))

    def sample_points(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """Return samples of p(x|z), points (N, 2, 1, 1), for latents (N, d)."""
        return self.likelihood.sample(self._outputs(z), generator)

    def recon(self, x: Tensor, z: Tensor) -> Tensor:
        """Return the reconstruction error −log p(x|z), (B,), in nats."""
        return -self.likelihood.log_prob(self._outputs(z), x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return an estimate of log p(x), (B,), in nats.

        For points the importance-weighted estimate; for images the ELBO, with the same noise at every call. The points
        share their noise, so that the estimate is a smooth function of x; see `estimate_log_prob`.
        """
        if self._importance is not None:
            return importance_weighted_log_prob(self, x, self._importance)
        mu, logvar = self.encode(x)
        return -self._mean_recon(x, mu, logvar) - kl_per_dim(mu, logvar).sum(1)

    def estimate_log_prob(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return the importance-weighted estimate of log p(x), (B,), in nats, with noise of its own for each x.

        The noise of one x is a Sobol sequence, shifted at random: more exact than as many independent samples.

        Reference: Cranley & Patterson 1976, "Randomization of number theoretic methods for multiple integration".
        """
        uniform, estimates = sobol_uniform(metrics.NUM_IMPORTANCE_SAMPLES, self.latent_shape[0], EVALUATION_SEED), []
        for part in torch.split(x, max(1, self._max_rows // len(uniform))):
            shift = torch.rand((len(part), 1, *self.latent_shape), generator=generator, dtype=uniform.dtype)
            noise = to_normal((uniform + shift).frac()).to(x.device)
            estimates.append(importance_weighted_log_prob(self, part, noise))
        return torch.cat(estimates)

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        """Return posterior, reconstruction at z = μ, ELBO, −E_q[log p(x|z)], and KL in total and per dimension."""
        mu, logvar = self.encode(x)
        recon_nats, kl_dims = self._mean_recon(x, mu, logvar), kl_per_dim(mu, logvar)
        return {
            "mu": mu,
            "logvar": logvar,
            "recon": self.decode(mu),
            "elbo": -recon_nats - kl_dims.sum(1),
            "recon_nats": recon_nats,
            "kl_nats": kl_dims.sum(1),
            "kl_dims": kl_dims,
        }

    def metric_labels(self) -> dict[str, tuple[str, str]]:
        """Return name and unit of the ELBO and its terms."""
        elbo = f"ELBO ({metrics.NUM_ELBO_SAMPLES} samples)"
        return {"elbo": (elbo, "nats"), "recon_nats": ("reconstruction", "nats"), "kl_nats": ("KL", "nats")}

    def pipeline(self, x: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return x, mu, sigma, one sample z of q(z|x) and its reconstruction; and the ELBO with its terms."""
        mu, logvar = self.encode(x)
        sigma = torch.exp(0.5 * logvar)
        z = mu + sigma * torch.randn(mu.shape, generator=generator)
        recon, kl = float(self.recon(x, z).detach()), float(kl_per_dim(mu, logvar).sum().detach())
        tensors = {"x": x, "mu": mu, "sigma": sigma, "z": z, "recon": self.decode(z)}
        return tensors, {"recon": recon, "kl": kl, "elbo": -recon - kl}

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return one group: encoder, decoder and the likelihood's scale."""
        return {"vae": list(self.parameters())}

    def scalars(self, options: VaeOptions, step: int) -> dict[str, float]:
        """Return the weight of the KL term."""
        return {"kl_weight": kl_weight(options, step)}

    def step_scalars(self, context: StepContext) -> Mapping[str, float | Tensor]:
        """Return the weight of the KL term, whose warm-up is no longer than half of the training."""
        weight = kl_weight(context.options, context.step, context.progress)
        return context.scalars or {"kl_weight": weight}

    def setup_warnings(self, options: VaeOptions, total_steps: int | None) -> Iterator[ModelWarning]:
        """Yield a KL warm-up that is too long for the training."""
        longest = None if total_steps is None else total_steps * MAX_WARMUP_FRACTION
        if longest is not None and options.kl_warmup > longest:
            message = (
                f"model.kl_warmup: {options.kl_warmup:,} steps are more than half of the run's {total_steps:,}; "
                f"the KL weight reaches beta after {math.ceil(longest):,}"
            )
            yield ModelWarning("kl_warmup_shortened", message)

    def graph_key(self, options: VaeOptions, step: int) -> None:
        """Return None: every step runs the same graph."""

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield the negative ELBO with one sample of z per image, its KL weighted by beta and the warm-up."""
        noise = torch.randn((len(batch), *self.latent_shape), generator=context.generator, device=batch.device)
        recon, kl = context.compute(self.mean_terms, batch, noise)
        weight = self.step_scalars(context)["kl_weight"]
        values = {"elbo": -(recon + kl).detach(), "recon": recon.detach(), "kl": kl.detach(), "kl_weight": weight}
        if self.is_discrete:
            values["bits_per_dim"] = self.bits_per_dim((recon + kl).detach())
        yield Objective("vae", recon + weight * kl, values)

    def mean_terms(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch means of −log p(x|z) at z = μ + σ ε and of the KL, scalars, in nats.

        Args:
            x: Images, (B, C, H, W).
            noise: ε, (B, d).
        """
        mu, logvar = self.encode(x)
        recon = self.recon(x, reparameterize(mu, logvar, noise))
        return recon.mean(), kl_per_dim(mu, logvar).sum(1).mean()

    def metrics(self) -> Sequence[MetricSpec]:
        """Return the declarations of the ELBO, its terms, active units and the KL of each dimension."""
        return metrics.specs(self.latent_shape[0], self._likelihood_name)

    def warnings(self, values: Mapping[str, float], context: WarningContext) -> Iterator[ModelWarning]:
        """Yield posterior collapse: latent dimensions whose KL fell to nothing, or never rose in the first tenth."""
        # Find the dimensions that collapsed since the last evaluation.
        prefix = "kl_dim_"
        kl = {int(name.removeprefix(prefix)): nats for name, nats in values.items() if name.startswith(prefix)}
        memory = context.memory
        inactive = {dim for dim, nats in kl.items() if nats < metrics.COLLAPSED_KL_NATS}
        collapsed = inactive if context.progress >= _WARMUP_PROGRESS else inactive & set(memory.get("alive", ()))
        newly_collapsed = sorted(collapsed - set(memory.get("collapsed", ())))
        # Remember them, and those that were ever active.
        memory["alive"] = sorted(set(memory.get("alive", ())) | (set(kl) - inactive))
        memory["collapsed"] = sorted(collapsed)
        # Report them in one warning.
        if newly_collapsed:
            dims = ("dimension " if len(newly_collapsed) == 1 else "dimensions ") + ", ".join(
                str(dim + 1) for dim in newly_collapsed
            )
            # A line of the screen has room for a few numbers.
            is_long = len(newly_collapsed) > _MAX_LISTED_DIMS
            subject = f"{len(newly_collapsed)} of {len(kl)} latent dimensions" if is_long else f"latent {dims}"
            pronoun = "it" if len(newly_collapsed) == 1 else "them"
            message = f"KL of {subject} is below {metrics.COLLAPSED_KL_NATS} nats: the decoder ignores {pronoun}"
            # A VAE of many dimensions prunes those that it does not need; hardly any left is a posterior collapse.
            num_active = len(kl) - len(collapsed)
            is_collapse = num_active < 2 or num_active < _MIN_ACTIVE_FRACTION * len(kl)
            severity: Severity = "warning" if is_collapse else "info"
            yield ModelWarning("kl_dim_collapsed", message, severity, dims)

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return a new evaluator of the test ELBO, with one fixed sample of z per image."""
        return ElboEvaluator(self, num_images, seed)

    def bits_per_dim(self, negative_elbo: T) -> T:
        """Return an upper bound on −log₂ p(x) per value of an image, of a discrete likelihood."""
        return negative_elbo / (math.prod(self.image_shape) * math.log(2))

    @property
    def is_discrete(self) -> bool:
        """Whether p(x|z) is a mass, so that bits per dimension are defined."""
        return self._likelihood_name in metrics.DISCRETE_LIKELIHOODS

    def _mean_recon(self, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """Return −E_q(z|x)[log p(x|z)], (B,), estimated with the same noise at every call."""
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        total, remaining = torch.zeros(len(x), device=x.device), metrics.NUM_ELBO_SAMPLES
        while remaining:
            count = min(remaining, max(1, self._max_rows // len(x)))
            noise = torch.randn((count, *mu.shape), generator=generator).to(x.device)
            z = (mu + torch.exp(0.5 * logvar) * noise).flatten(0, 1)
            repeated = x.expand(count, *x.shape).flatten(0, 1)
            total += self.recon(repeated, z).view(count, len(x)).sum(0)
            remaining -= count
        return total / metrics.NUM_ELBO_SAMPLES

    def _outputs(self, z: Tensor) -> Tensor:
        outputs: Tensor = self.decoder(z).to(z.dtype)
        return outputs


def kl_weight(options: VaeOptions, step: int, progress: float = 0.0) -> float:
    """Return the KL weight: beta, after a linear warm-up over `kl_warmup` steps, or half of a shorter training.

    Reference: Sønderby et al. 2016, section 2.2, arXiv:1602.02282.

    Args:
        options: The options.
        step: Number of updates done.
        progress: Fraction of the training that is done.
    """
    if step >= options.kl_warmup:
        return options.beta
    weight = options.beta * (step + 1) / (options.kl_warmup + 1)
    return min(options.beta, max(weight, options.beta * progress / MAX_WARMUP_FRACTION))


class ElboEvaluator(Evaluator):
    """Accumulates E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) with one sample of z per image.

    Reference: Kingma & Welling 2014, eq. 3, arXiv:1312.6114; active units: Burda et al. 2016, section 5.2,
    A_u = Cov_x(E_q(u|x)[u]) > 0.01, arXiv:1509.00519.

    Args:
        model: The VAE with the weights to evaluate.
        num_images: Size of the test set; its noise is drawn at once, so that results do not depend on chunks.
        seed: Seed of the noise.
    """

    def __init__(self, model: Vae, num_images: int, seed: int) -> None:
        self._model = model
        generator = torch.Generator().manual_seed(seed)
        self._noise = torch.randn((num_images, *model.latent_shape), generator=generator)
        self._recon = 0.0
        self._mus: list[Tensor] = []
        self._kl_dims = torch.zeros(model.latent_shape, dtype=torch.float64)

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Add test images `start` to `start + len(x)`, (B, C, H, W) in [0, 1]."""
        mu, logvar = self._model.encode(x)
        noise = self._noise[start : start + len(x)].to(x.device)
        recon = self._model.recon(x, reparameterize(mu, logvar, noise))
        self._recon += float(recon.cpu().double().sum())
        self._kl_dims += kl_per_dim(mu, logvar).cpu().double().sum(0)
        self._mus.append(mu.cpu())

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return elbo, recon, kl (nats per image), active_units, and kl_dim_i of the first dimensions."""
        mus = torch.cat(self._mus)
        count = len(mus)  # of images, not of chunks: the last chunk may be smaller
        kl_dims = (self._kl_dims / count).tolist()
        recon, kl = self._recon / count, sum(kl_dims)
        active = int((mus.double().var(0, correction=0) > metrics.MIN_ACTIVE_VARIANCE).sum())
        result = {"elbo": -recon - kl, "recon": recon, "kl": kl, "active_units": float(active)}
        if self._model.is_discrete:
            result["bits_per_dim"] = self._model.bits_per_dim(recon + kl)
        return result | {f"kl_dim_{dim}": nats for dim, nats in enumerate(kl_dims[: metrics.MAX_KL_CURVES])}


def sobol_normal(samples: int, dimensions: int, seed: int) -> Tensor:
    """Return quasi-random standard normal noise, (K, d), float32, from a scrambled Sobol sequence."""
    return to_normal(sobol_uniform(samples, dimensions, seed))


def sobol_uniform(samples: int, dimensions: int, seed: int) -> Tensor:
    """Return a scrambled Sobol sequence in [0, 1), (K, d), float64."""
    with torch.device("cpu"):  # also where a model is built on the meta device
        engine = SobolEngine(dimensions, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
        uniform: Tensor = engine.draw(samples, dtype=torch.float64)
    return uniform


def to_normal(uniform: Tensor) -> Tensor:
    """Return standard normal noise, float32, of uniform noise in [0, 1)."""
    eps = 1e-6  # Φ⁻¹ is infinite at 0 and 1
    normal: Tensor = torch.special.ndtri(uniform.clamp(eps, 1 - eps))
    return normal.float()


def importance_weighted_log_prob(model: Vae, x: Tensor, noise: Tensor) -> Tensor:
    """Return log (1/K) Σ_k p(x|z_k) p(z_k)/q(z_k|x), (B,), in nats: in expectation a lower bound on log p(x).

    Reference: Burda et al. 2016, eq. 8, arXiv:1509.00519.

    Args:
        model: The VAE.
        x: Data, (B, C, H, W).
        noise: ε of z = μ + σ ε: (K, d), the same for every x, or (B, K, d).
    """
    mu, logvar = model.encode(x)
    z = mu[:, None] + torch.exp(0.5 * logvar)[:, None] * noise  # (B, K, d)
    count = z.shape[1]
    repeated = x.repeat_interleave(count, dim=0)
    log_likelihood = -model.recon(repeated, z.flatten(0, 1)).view(len(x), count)
    log_ratio = 0.5 * (noise.square() - z.square()).sum(2) + 0.5 * logvar.sum(1, keepdim=True)
    return torch.logsumexp(log_likelihood + log_ratio, dim=1) - math.log(count)
