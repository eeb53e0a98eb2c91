"""Gaussians of diagonal covariance: densities, the reparameterized sample, the divergence from the standard normal."""

import math

import torch
from torch import Tensor


def reparameterize(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """Return z = μ + σ ε.

    Reference: Kingma & Welling 2014, section 2.4, arXiv:1312.6114.
    """
    return mu + torch.exp(0.5 * logvar) * noise


def kl_per_dim(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(μ, σ²) ‖ N(0, 1)) of each dimension, in nats, of the inputs' shape.

    Reference: Kingma & Welling 2014, appendix B, arXiv:1312.6114.
    """
    return 0.5 * (mu.square() + logvar.exp() - logvar - 1)


def standard_normal(z: Tensor) -> Tensor:
    """Return log N(z; 0, I), (B,), in nats, of z (B, D)."""
    return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))
