"""The importance-weighted estimate of log p(x), for models that have a lower bound alone."""

import math

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from trainers.families.vae.evaluation import HasElbo


def noise(samples: int, dimensions: int, seed: int) -> Tensor:
    """Return standard normal numbers, (K, d), float32, of a scrambled Sobol sequence: more even than chance.

    The same for every x, so that the estimate is a smooth function of x.
    """
    engine = SobolEngine(dimensions, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    uniform: Tensor = engine.draw(samples, dtype=torch.float64)
    edge = 1e-6  # Φ⁻¹ of 0 and 1 is infinite
    normal: Tensor = torch.special.ndtri(uniform.clamp(edge, 1 - edge))
    return normal.float()


def log_prob(model: HasElbo, x: Tensor, noise: Tensor) -> Tensor:
    """Return log (1/K) Σ_k p(x|z_k) p(z_k)/q(z_k|x), (B,), in nats; on average it is below log p(x).

    Reference: Burda et al. 2016, eq. 8, arXiv:1509.00519.

    Args:
        model: With its weights.
        x: Data, (B, C, H, W).
        noise: ε of z = μ + σ ε, (K, d).
    """
    mu, logvar = model.encode(x)
    z = mu[:, None] + torch.exp(0.5 * logvar)[:, None] * noise  # (B, K, d)
    repeated = x.repeat_interleave(len(noise), dim=0)
    log_likelihood = -model.recon(repeated, z.flatten(0, 1)).view(len(x), len(noise))
    log_ratio = 0.5 * (noise.square() - z.square()).sum(2) + 0.5 * logvar.sum(1, keepdim=True)
    return torch.logsumexp(log_likelihood + log_ratio, dim=1) - math.log(len(noise))
