"""The variational autoencoder: encoder q(z|x), decoder p(x|z), the evidence lower bound.

Reference: Kingma & Welling 2014, arXiv:1312.6114; beta: Higgins et al. 2017.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from trainers.data.preprocess import EVALUATION_SEED
from trainers.events import MetricSpec, Severity
from trainers.families.interface import Evaluator, Model, ModelWarning, Objective, StepContext, WarningContext
from trainers.families.nn import ConvDecoder, ConvEncoder, MlpDecoder, MlpEncoder, kl_per_dim, reparameterize
from trainers.families.vae import metrics
from trainers.families.vae.evaluation import ElboEvaluator, importance_weighted_log_prob, sobol_normal
from trainers.families.vae.likelihoods import LIKELIHOODS
from trainers.families.vae.spec import VaeOptions
from trainers.registry import ImageShape

_WARMUP_PROGRESS = 0.1  # fraction of the training in which a latent dimension may still become active


class Vae(Model):
    """A VAE with a diagonal Gaussian posterior and a standard normal prior.

    Args:
        options: The family's options.
        image_shape: (C, H, W).
    """

    settable = frozenset({"beta"})

    def __init__(self, options: VaeOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_shape = (options.latent_dim,)
        self.supports_bf16 = options.likelihood != "normal"  # not measured for points, docs/performance.md
        self.compile_speedup = 0.0 if options.architecture == "conv" else 0.35
        self.encoder: nn.Module
        self.decoder: nn.Module
        d, hidden, activation = options.latent_dim, options.hidden, options.activation
        if options.architecture == "conv":
            self.encoder = ConvEncoder(image_shape, options.channels, hidden, 2 * d, activation)
            self.decoder = ConvDecoder(image_shape, options.channels, hidden, d, activation)
        else:
            self.encoder = MlpEncoder(image_shape, hidden, 2 * d, activation)
            self.decoder = MlpDecoder(image_shape, hidden, d, activation)
        self.likelihood = LIKELIHOODS[options.likelihood]()
        self._importance: Tensor | None  # noise of the importance-weighted estimate, for points
        noise = sobol_normal(metrics.IMPORTANCE_SAMPLES, d, EVALUATION_SEED) if options.likelihood == "normal" else None
        self.register_buffer("_importance", noise, persistent=False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), (B, d) each, for images (B, C, H, W)."""
        mu, logvar = self.encoder(x).to(x.dtype).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Return the expected images under p(x|z), (N, C, H, W) in [0, 1], for latents (N, d)."""
        return self.likelihood.mean(self._outputs(z))

    def recon(self, x: Tensor, z: Tensor) -> Tensor:
        """Return the reconstruction error −log p(x|z), (B,), in nats."""
        return -self.likelihood.log_prob(self._outputs(z), x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return an estimate of log p(x), (B,), in nats.

        For points the importance-weighted estimate; for images log p(x|z) at z = μ minus the KL, close to the ELBO and
        free of noise.
        """
        if self._importance is not None:
            return importance_weighted_log_prob(self, x, self._importance)
        mu, logvar = self.encode(x)
        return -self.recon(x, mu) - kl_per_dim(mu, logvar).sum(1)

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        """Return posterior, reconstruction at z = μ, ELBO, −log p(x | z = μ), and KL in total and per dimension."""
        mu, logvar = self.encode(x)
        recon_nats, kl_dims = self.recon(x, mu), kl_per_dim(mu, logvar)
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
        return {"elbo": ("ELBO", "nats"), "recon_nats": ("reconstruction", "nats"), "kl_nats": ("KL", "nats")}

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

    def graph_key(self, options: VaeOptions, step: int) -> None:
        """Return None: every step runs the same graph."""

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield the negative ELBO with one sample of z per image, its KL weighted by beta and the warm-up."""
        noise = torch.randn((len(batch), *self.latent_shape), generator=context.generator, device=batch.device)
        recon, kl = context.compute(self.mean_terms, batch, noise)
        weight = self.step_scalars(context)["kl_weight"]
        values = {"elbo": -(recon + kl).detach(), "recon": recon.detach(), "kl": kl.detach()}
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
        """Return the declared metrics."""
        return metrics.specs(self.latent_shape[0])

    def warnings(self, values: Mapping[str, float], context: WarningContext) -> Iterator[ModelWarning]:
        """Yield posterior collapse: latent dimensions whose KL fell to nothing, or never rose in the first tenth."""
        prefix = "kl_dim_"
        kl = {int(name.removeprefix(prefix)): nats for name, nats in values.items() if name.startswith(prefix)}
        memory = context.memory
        low = {dim for dim, nats in kl.items() if nats < metrics.COLLAPSED_NATS}
        collapsed = low if context.progress >= _WARMUP_PROGRESS else low & set(memory.get("alive", ()))
        fresh = sorted(collapsed - set(memory.get("collapsed", ())))
        memory["alive"] = sorted(set(memory.get("alive", ())) | (set(kl) - low))
        memory["collapsed"] = sorted(collapsed)
        if fresh:
            dims = ("dimension " if len(fresh) == 1 else "dimensions ") + ", ".join(str(dim + 1) for dim in fresh)
            verb, pronoun = ("is", "it") if len(fresh) == 1 else ("are", "them")
            message = f"KL of latent {dims} {verb} below {metrics.COLLAPSED_NATS} nats: the decoder ignores {pronoun}"
            severity: Severity = "warning" if 2 * len(collapsed) >= len(kl) else "info"  # pruning a few is normal
            yield ModelWarning("kl_dim_collapsed", message, severity, dims)

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return a new evaluator of the test ELBO, with one fixed sample of z per image."""
        return ElboEvaluator(self, num_images, seed)

    def _outputs(self, z: Tensor) -> Tensor:
        outputs: Tensor = self.decoder(z).to(z.dtype)
        return outputs


def kl_weight(options: VaeOptions, step: int) -> float:
    """Return the KL weight: beta, after a linear warm-up over `kl_warmup` steps.

    Reference: Sønderby et al. 2016, section 2.2, arXiv:1602.02282.
    """
    if step >= options.kl_warmup:
        return options.beta
    return options.beta * (step + 1) / (options.kl_warmup + 1)
