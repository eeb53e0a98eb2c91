"""What the two players of a GAN descend, and the penalties that keep the discriminator smooth.

A logit above `border` says "real". Every loss is a mean over the batch; the discriminator's is the sum of a part on
real images, a part on fake ones, and a penalty.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Critic = Callable[[Tensor], Tensor]  # images (B, C, H, W) -> logits (B,)


class AdversarialLoss(Protocol):
    """The losses of both players, as functions of logits (B,)."""

    unit: str

    def real(self, logits: Tensor) -> Tensor:
        """Return the discriminator's loss on real images."""
        ...

    def fake(self, logits: Tensor) -> Tensor:
        """Return the discriminator's loss on fake images."""
        ...

    def generator(self, logits: Tensor) -> Tensor:
        """Return the generator's loss, of its images' logits."""
        ...

    def border(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the logit above which an image counts as taken for real."""
        ...


class _Centered:
    """Losses whose logits are symmetric about 0."""

    def border(self, real: Tensor, fake: Tensor) -> Tensor:
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

    The labels are a = −1, b = c = 1, so that the border between fake and real is 0, as with the other losses.

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


class Wasserstein:
    """L_D = E[D(G(z))] − E[D(x)] + λ E[(‖∇D(x̃)‖ − 1)²], L_G = −E[D(G(z))].

    The critic's values have no zero of their own: the border lies half-way between the two means.

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

    def border(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the middle between the two means."""
        return 0.5 * (real.mean() + fake.mean())


LOSSES: dict[str, AdversarialLoss] = {
    "non-saturating": NonSaturating(),
    "hinge": Hinge(),
    "least-squares": LeastSquares(),
    "wasserstein-gp": Wasserstein(),
}


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """Return E[(‖∇D(x̃)‖ − 1)²] at x̃ = share · x + (1 − share) · G(z).

    Reference: Gulrajani et al. 2017, eq. 3, arXiv:1704.00028.

    Args:
        critic: D.
        real: (B, C, H, W).
        fake: Likewise, without a graph.
        share: Uniform on [0, 1], (B, 1, 1, 1).
    """
    between = torch.lerp(fake, real, share)
    slopes: Tensor = torch.linalg.vector_norm(_gradients(critic, between), dim=1)
    return (slopes - 1).square().mean()


def squared_gradient(critic: Critic, real: Tensor) -> Tensor:
    """Return E[‖∇D(x)‖²] on real images; R1 is γ/2 times that.

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
