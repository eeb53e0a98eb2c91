"""GAN losses and gradient penalties.

Every loss is a mean over the batch. The discriminator's is the sum of a part on real images, a part on fakes, and a
penalty; it classifies images as real whose logit exceeds `decision_threshold`.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Critic = Callable[[Tensor], Tensor]  # images (B, C, H, W) -> logits (B,)


class AdversarialLoss(Protocol):
    """The losses of discriminator and generator, as functions of logits (B,)."""

    unit: str

    def real(self, logits: Tensor) -> Tensor:
        """Return the discriminator's loss on real images."""
        ...

    def fake(self, logits: Tensor) -> Tensor:
        """Return the discriminator's loss on fake images."""
        ...

    def generator(self, logits: Tensor) -> Tensor:
        """Return the generator's loss, given the logits of its images."""
        ...

    def decision_threshold(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the logit above which an image is classified as real."""
        ...


class _Centered:
    """Losses whose logits are symmetric about 0."""

    def decision_threshold(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return 0."""
        return real.new_zeros(())


class NonSaturating(_Centered):
    """L_D = E[−log σ(D(x))] + E[−log(1 − σ(D(G(z))))], L_G = E[−log σ(D(G(z)))].

    Reference: Goodfellow et al. 2014, eq. 1 and section 3, arXiv:1406.2661.
    """

    unit = "nats"

    def real(self, logits: Tensor) -> Tensor:
        """Return E[softplus(−D(x))]."""
        return softplus(-logits).mean()

    def fake(self, logits: Tensor) -> Tensor:
        """Return E[softplus(D(G(z)))]."""
        return softplus(logits).mean()

    def generator(self, logits: Tensor) -> Tensor:
        """Return E[softplus(−D(G(z)))]."""
        return softplus(-logits).mean()


class Hinge(_Centered):
    """L_D = E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))], L_G = −E[D(G(z))].

    Reference: Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eq. 16 and 17, arXiv:1802.05957.
    """

    unit = ""

    def real(self, logits: Tensor) -> Tensor:
        """Return E[max(0, 1 − D(x))]."""
        return relu(1 - logits).mean()

    def fake(self, logits: Tensor) -> Tensor:
        """Return E[max(0, 1 + D(G(z)))]."""
        return relu(1 + logits).mean()

    def generator(self, logits: Tensor) -> Tensor:
        """Return −E[D(G(z))]."""
        return -logits.mean()


class LeastSquares(_Centered):
    """L_D = ½E[(D(x) − 1)²] + ½E[(D(G(z)) + 1)²], L_G = ½E[(D(G(z)) − 1)²].

    The labels are a = −1, b = c = 1, so that the decision threshold is 0, as with the other losses.

    Reference: Mao et al. 2017, eq. 2, arXiv:1611.04076.
    """

    unit = ""

    def real(self, logits: Tensor) -> Tensor:
        """Return ½E[(D(x) − 1)²]."""
        return 0.5 * (logits - 1).square().mean()

    def fake(self, logits: Tensor) -> Tensor:
        """Return ½E[(D(G(z)) + 1)²]."""
        return 0.5 * (logits + 1).square().mean()

    def generator(self, logits: Tensor) -> Tensor:
        """Return ½E[(D(G(z)) − 1)²]."""
        return 0.5 * (logits - 1).square().mean()


class WassersteinGp:
    """L_D = E[D(G(z))] − E[D(x)] + λ E[(‖∇D(x̃)‖ − 1)²], L_G = −E[D(G(z))].

    The critic's values have no absolute zero: the decision threshold is halfway between the two means.

    Reference: Arjovsky et al. 2017, arXiv:1701.07875; Gulrajani et al. 2017, eq. 3, arXiv:1704.00028.
    """

    unit = ""

    def real(self, logits: Tensor) -> Tensor:
        """Return −E[D(x)]."""
        return -logits.mean()

    def fake(self, logits: Tensor) -> Tensor:
        """Return E[D(G(z))]."""
        return logits.mean()

    def generator(self, logits: Tensor) -> Tensor:
        """Return −E[D(G(z))]."""
        return -logits.mean()

    def decision_threshold(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the midpoint of the two means."""
        return 0.5 * (real.mean() + fake.mean())


LOSSES: dict[str, AdversarialLoss] = {
    "non-saturating": NonSaturating(),
    "hinge": Hinge(),
    "least-squares": LeastSquares(),
    "wasserstein-gp": WassersteinGp(),
}


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return E[(‖∇D(x̃)‖ − 1)²] at x̃ = mix · x + (1 − mix) · G(z).

    Reference: Gulrajani et al. 2017, eq. 3, arXiv:1704.00028.

    Args:
        critic: D.
        real: (B, C, H, W).
        fake: (B, C, H, W), detached.
        mix: Uniform on [0, 1], (B, 1, 1, 1).
    """
    interpolated = torch.lerp(fake, real, mix)
    norms: Tensor = torch.linalg.vector_norm(_gradients(critic, interpolated), dim=1)
    return (norms - 1).square().mean()


def squared_gradient(critic: Critic, real: Tensor) -> Tensor:
    """Return E[‖∇D(x)‖²] on real images; R1 is γ/2 times it.

    Reference: Mescheder et al. 2018, eq. 9, arXiv:1801.04406.

    Args:
        critic: D.
        real: (B, C, H, W).
    """
    return _gradients(critic, real).square().sum(1).mean()


def _gradients(critic: Critic, x: Tensor) -> Tensor:
    """Return ∇D at each image, (B, values), with a graph."""
    x = x.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradients.flatten(1)
