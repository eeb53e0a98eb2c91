"""Test ELBO, its terms and latent metrics; the importance-weighted estimate of log p(x)."""

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from trainers.families.interface import Evaluator
from trainers.families.nn import kl_per_dim, reparameterize
from trainers.families.vae.metrics import ACTIVE_VARIANCE, MAX_DIMS


class HasElbo(Protocol):
    """A model with an encoder and a likelihood: what an ELBO needs."""

    latent_shape: tuple[int, ...]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x)."""
        ...

    def recon(self, x: Tensor, z: Tensor) -> Tensor:
        """Return −log p(x|z)."""
        ...


class ElboEvaluator(Evaluator):
    """Accumulates E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) with one sample of z per image.

    Reference: Kingma & Welling 2014, eq. 3, arXiv:1312.6114; active units: Burda et al. 2016, section 5.2,
    A_u = Cov_x(E_q(u|x)[u]) > 0.01, arXiv:1509.00519.

    Args:
        model: With the weights to evaluate.
        num_images: Size of the test set; its noise is drawn at once, so that results do not depend on chunks.
        seed: Of the noise.
    """

    def __init__(self, model: HasElbo, num_images: int, seed: int) -> None:
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
        active = int((mus.double().var(0, correction=0) > ACTIVE_VARIANCE).sum())
        result = {"elbo": -recon - kl, "recon": recon, "kl": kl, "active_units": float(active)}
        return result | {f"kl_dim_{dim}": nats for dim, nats in enumerate(kl_dims[:MAX_DIMS])}


def sobol_normal(samples: int, dimensions: int, seed: int) -> Tensor:
    """Return quasi-random standard normal noise, (K, d), float32, from a scrambled Sobol sequence."""
    with torch.device("cpu"):  # also where a model is built on the meta device
        engine = SobolEngine(dimensions, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
        uniform: Tensor = engine.draw(samples, dtype=torch.float64)
    eps = 1e-6  # Φ⁻¹ is infinite at 0 and 1
    normal: Tensor = torch.special.ndtri(uniform.clamp(eps, 1 - eps))
    return normal.float()


def importance_weighted_log_prob(model: HasElbo, x: Tensor, noise: Tensor) -> Tensor:
    """Return log (1/K) Σ_k p(x|z_k) p(z_k)/q(z_k|x), (B,), in nats: in expectation a lower bound on log p(x).

    Reference: Burda et al. 2016, eq. 8, arXiv:1509.00519.

    Args:
        model: With its weights.
        x: Data, (B, C, H, W).
        noise: ε of z = μ + σ ε, (K, d), the same for every x, so that the estimate is a smooth function of x.
    """
    mu, logvar = model.encode(x)
    z = mu[:, None] + torch.exp(0.5 * logvar)[:, None] * noise  # (B, K, d)
    repeated = x.repeat_interleave(len(noise), dim=0)
    log_likelihood = -model.recon(repeated, z.flatten(0, 1)).view(len(x), len(noise))
    log_ratio = 0.5 * (noise.square() - z.square()).sum(2) + 0.5 * logvar.sum(1, keepdim=True)
    return torch.logsumexp(log_likelihood + log_ratio, dim=1) - math.log(len(noise))
