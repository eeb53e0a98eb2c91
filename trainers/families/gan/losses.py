"""GAN losses and gradient penalties.

The discriminator's loss is the sum of a part on real images, a part on fakes, and a penalty; it classifies images as
real whose logit exceeds `decision_threshold`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Discriminator = Callable[[Tensor], Tensor]  # images (B, C, H, W) -> logits (B,)
LogitLoss = Callable[[Tensor], Tensor]  # logits (B,) -> their mean loss, a scalar


@dataclass(frozen=True)
class AdversarialLoss:
    """The losses of discriminator and generator, as functions of logits, (B,).

    Args:
        real: The discriminator's loss on real images.
        fake: The discriminator's loss on fake images.
        generator: The generator's loss, given the logits of its images.
        unit: Unit of all three; empty for pure numbers.
        centered: Whether the logits are symmetric about 0. Those of a Wasserstein critic have no absolute zero.
    """

    real: LogitLoss
    fake: LogitLoss
    generator: LogitLoss
    unit: str = ""
    centered: bool = True

    def decision_threshold(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the logit above which an image is classified as real: 0, or the midpoint of the two means."""
        return real.new_zeros(()) if self.centered else 0.5 * (real.mean() + fake.mean())

    def logit_metrics(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Return the mean logits of real and fake images, and the fractions that are classified correctly, scalars."""
        threshold = self.decision_threshold(real, fake)
        return {
            "real_logits": real.mean(),
            "fake_logits": fake.mean(),
            "d_accuracy_real": (real > threshold).float().mean(),
            "d_accuracy_fake": (fake <= threshold).float().mean(),
        }


LOSSES = {
    # L_D = E[−log σ(D(x))] + E[−log(1 − σ(D(G(z))))], L_G = E[−log σ(D(G(z)))].
    # Goodfellow et al. 2014, eq. 1 and section 3, arXiv:1406.2661.
    "non-saturating": AdversarialLoss(
        real=lambda logits: softplus(-logits).mean(),
        fake=lambda logits: softplus(logits).mean(),
        generator=lambda logits: softplus(-logits).mean(),
        unit="nats",
    ),
    # L_D = E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))], L_G = −E[D(G(z))].
    # Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eq. 16 and 17, arXiv:1802.05957.
    "hinge": AdversarialLoss(
        real=lambda logits: relu(1 - logits).mean(),
        fake=lambda logits: relu(1 + logits).mean(),
        generator=lambda logits: -logits.mean(),
    ),
    # L_D = ½E[(D(x) − 1)²] + ½E[(D(G(z)) + 1)²], L_G = ½E[(D(G(z)) − 1)²].
    # Mao et al. 2017, eq. 2, arXiv:1611.04076, with the labels a = −1, b = c = 1, so that the threshold is 0.
    "least-squares": AdversarialLoss(
        real=lambda logits: 0.5 * (logits - 1).square().mean(),
        fake=lambda logits: 0.5 * (logits + 1).square().mean(),
        generator=lambda logits: 0.5 * (logits - 1).square().mean(),
    ),
    # L_D = E[D(G(z))] − E[D(x)] + λ E[(‖∇D(x̃)‖ − 1)²], L_G = −E[D(G(z))].
    # Arjovsky et al. 2017, arXiv:1701.07875; Gulrajani et al. 2017, eq. 3, arXiv:1704.00028.
    "wasserstein-gp": AdversarialLoss(
        real=lambda logits: -logits.mean(),
        fake=lambda logits: logits.mean(),
        generator=lambda logits: -logits.mean(),
        centered=False,
    ),
}


def gradient_penalty(discriminator: Discriminator, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return E[(‖∇D(x̃)‖ − 1)²] at x̃ = mix · x + (1 − mix) · G(z).

    Reference: Gulrajani et al. 2017, eq. 3, arXiv:1704.00028.

    Args:
        discriminator: The discriminator D.
        real: Real images, (B, C, H, W).
        fake: Fake images, (B, C, H, W), detached.
        mix: Uniform on [0, 1], (B, 1, 1, 1).
    """
    interpolated = torch.lerp(fake, real, mix)
    norms: Tensor = torch.linalg.vector_norm(_gradients(discriminator, interpolated), dim=1)
    return (norms - 1).square().mean()


def squared_gradient(discriminator: Discriminator, real: Tensor) -> Tensor:
    """Return E[‖∇D(x)‖²] on real images; R1 is γ/2 times it.

    Reference: Mescheder et al. 2018, eq. 9, arXiv:1801.04406.

    Args:
        discriminator: The discriminator D.
        real: Real images, (B, C, H, W).
    """
    return _gradients(discriminator, real).square().sum(1).mean()


def _gradients(discriminator: Discriminator, x: Tensor) -> Tensor:
    """Return ∇D at each image, (B, values), with a graph."""
    x = x.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return gradients.flatten(1)
