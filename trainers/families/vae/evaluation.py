"""The test ELBO, its terms, KL by latent dimension, and active units, a chunk of images at a time."""

from typing import Protocol

import torch
from torch import Tensor

from trainers.families.gaussian import kl_per_dim, reparameterize
from trainers.families.interface import Evaluator
from trainers.families.vae.metrics import ACTIVE_VARIANCE, MAX_DIMS


class HasElbo(Protocol):
    """A model with an encoder and a decoder: what an ELBO is made of."""

    latent_shape: tuple[int, ...]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x)."""
        ...

    def recon(self, x: Tensor, z: Tensor) -> Tensor:
        """Return −log p(x|z)."""
        ...


class ElboEvaluator(Evaluator):
    """Accumulates E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) with one sample of z an image.

    Reference: Kingma & Welling 2014, eq. 3, arXiv:1312.6114; active units: Burda et al. 2016, section 5.2,
    A_u = Cov_x(E_q(u|x)[u]) > 0.01, arXiv:1509.00519.

    Args:
        model: With the weights to judge.
        num_images: The test set's size; the noise of all of it is drawn at once, whatever the chunks.
        seed: Of that noise.
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
        """Take in test images `start` to `start + len(x)`, (B, C, H, W) in [0, 1]."""
        mu, logvar = self._model.encode(x)
        noise = self._noise[start : start + len(x)].to(x.device)
        recon, kl_dims = terms(self._model, x, mu, logvar, reparameterize(mu, logvar, noise))
        self._recon += float(recon.cpu().double().sum())
        self._kl_dims += kl_dims.cpu().double().sum(0)
        self._mus.append(mu.cpu())

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return elbo, recon, kl (nats an image), active_units, and kl_dim_i of the first dimensions."""
        mus = torch.cat(self._mus)
        count = len(mus)  # the images taken in, not the chunks: the last chunk may be smaller
        kl_dims = (self._kl_dims / count).tolist()
        recon, kl = self._recon / count, sum(kl_dims)
        active = int((mus.double().var(0, correction=0) > ACTIVE_VARIANCE).sum())
        figures = {"elbo": -recon - kl, "recon": recon, "kl": kl, "active_units": float(active)}
        return figures | {f"kl_dim_{dim}": nats for dim, nats in enumerate(kl_dims[:MAX_DIMS])}


@torch.inference_mode()
def terms(model: HasElbo, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two terms of the ELBO of each image, in nats.

    Args:
        model: With its weights.
        x: Images, (B, C, H, W), in [0, 1].
        mu: Mean of q(z|x), (B, d).
        logvar: Log-variance of q(z|x), (B, d).
        z: A sample of q(z|x), or its mean, (B, d).

    Returns:
        −log p(x|z), (B,), and KL(q(z|x) ‖ p(z)) by dimension, (B, d).
    """
    return model.recon(x, z), kl_per_dim(mu, logvar)
