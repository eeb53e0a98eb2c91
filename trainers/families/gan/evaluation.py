"""Diversity of a generator's samples, and accuracy of its discriminator on test images and samples."""

from typing import Protocol

import torch
from torch import Tensor

from trainers.families.gan.losses import AdversarialLoss
from trainers.families.gan.metrics import NUM_DIVERSITY, NUM_EVALUATED
from trainers.families.interface import Evaluator


class HasDiscriminator(Protocol):
    """A generator, a discriminator, and the loss that defines its decision threshold."""

    latent_shape: tuple[int, ...]
    loss: AdversarialLoss

    def decode(self, z: Tensor) -> Tensor:
        """Return images for latents."""
        ...

    def discriminator_logits(self, x: Tensor) -> Tensor:
        """Return logits of images."""
        ...


class GanEvaluator(Evaluator):
    """Accumulates logits of the first test images and of as many samples of fixed latents.

    Args:
        model: With the weights to evaluate.
        num_images: Size of the test set.
        seed: Of the latents.
    """

    def __init__(self, model: HasDiscriminator, num_images: int, seed: int) -> None:
        self._model = model
        generator = torch.Generator().manual_seed(seed)
        self._latents = torch.randn((min(num_images, NUM_EVALUATED), *model.latent_shape), generator=generator)
        self._logits: dict[str, list[Tensor]] = {"real": [], "fake": []}
        self._images: dict[str, list[Tensor]] = {"real": [], "fake": []}

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Add test images `start` to `start + len(x)`, (B, C, H, W)."""
        z = self._latents[start : start + len(x)].to(x.device)
        if not len(z):
            return
        for source, images in (("real", x[: len(z)]), ("fake", self._model.decode(z))):
            self._logits[source].append(self._model.discriminator_logits(images).cpu())
            if start < NUM_DIVERSITY:
                self._images[source].append(images[: NUM_DIVERSITY - start].cpu())

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return mean logits and accuracies on both kinds, and diversity unless all test images are equal."""
        real, fake = torch.cat(self._logits["real"]), torch.cat(self._logits["fake"])
        threshold = self._model.loss.decision_threshold(real, fake)
        result = {
            "real_logits": float(real.mean()),
            "fake_logits": float(fake.mean()),
            "d_accuracy_real": float((real > threshold).float().mean()),
            "d_accuracy_fake": float((fake <= threshold).float().mean()),
        }
        data_distance = mean_distance(torch.cat(self._images["real"]))
        if data_distance > 0:
            result["diversity"] = mean_distance(torch.cat(self._images["fake"])) / data_distance
        return result


def mean_distance(images: Tensor) -> float:
    """Return the mean Euclidean distance between two different images of a batch (B, …); 0 for fewer than two."""
    if len(images) < 2:
        return 0.0
    return float(torch.pdist(images.flatten(1)).double().mean())
