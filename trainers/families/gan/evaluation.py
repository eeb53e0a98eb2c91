"""How diverse a generator's samples are, and how well its discriminator tells them from test images."""

from typing import Protocol

import torch
from torch import Tensor

from trainers.families.gan.losses import AdversarialLoss
from trainers.families.gan.metrics import JUDGED, SPREAD_OF
from trainers.families.interface import Evaluator


class HasDiscriminator(Protocol):
    """A generator and a discriminator, judged by a loss's border between real and fake."""

    latent_shape: tuple[int, ...]
    loss: AdversarialLoss

    def decode(self, z: Tensor) -> Tensor:
        """Return images of latents."""
        ...

    def discriminator_logits(self, x: Tensor) -> Tensor:
        """Return logits of images."""
        ...


class AdversarialEvaluator(Evaluator):
    """Accumulates logits of the first test images and of as many samples, always of the same latents.

    Args:
        model: With the weights to judge.
        num_images: The test set's size.
        seed: Of the latents.
    """

    def __init__(self, model: HasDiscriminator, num_images: int, seed: int) -> None:
        self._model = model
        generator = torch.Generator().manual_seed(seed)
        self._latents = torch.randn((min(num_images, JUDGED), *model.latent_shape), generator=generator)
        self._logits: dict[str, list[Tensor]] = {"real": [], "fake": []}
        self._images: dict[str, list[Tensor]] = {"real": [], "fake": []}

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Take in test images `start` to `start + len(x)`, (B, C, H, W)."""
        z = self._latents[start : start + len(x)].to(x.device)
        if not len(z):
            return
        for which, images in (("real", x[: len(z)]), ("fake", self._model.decode(z))):
            self._logits[which].append(self._model.discriminator_logits(images).cpu())
            if start < SPREAD_OF:
                self._images[which].append(images[: SPREAD_OF - start].cpu())

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return diversity (where the test images differ), mean logits and accuracies of both kinds."""
        real, fake = torch.cat(self._logits["real"]), torch.cat(self._logits["fake"])
        border = self._model.loss.border(real, fake)
        figures = {
            "real_logits": float(real.mean()),
            "fake_logits": float(fake.mean()),
            "d_accuracy_real": float((real > border).float().mean()),
            "d_accuracy_fake": float((fake <= border).float().mean()),
        }
        whole = mean_distance(torch.cat(self._images["real"]))
        if whole > 0:
            figures["diversity"] = mean_distance(torch.cat(self._images["fake"])) / whole
        return figures


def mean_distance(images: Tensor) -> float:
    """Return the mean Euclidean distance between two different images of a batch (B, …); 0 for fewer than two."""
    if len(images) < 2:
        return 0.0
    return float(torch.pdist(images.flatten(1)).double().mean())
