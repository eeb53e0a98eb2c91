"""Likelihoods p(x|z) whose parameters are the decoder's outputs.

Bernoulli, Gaussian or discretized logistic for pixels, normal for 2-D points.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_GRAY_LEVELS = 256
_HALF_BIN_WIDTH = 0.5 / (NUM_GRAY_LEVELS - 1)
_MIN_LOG_SCALE = -7.0  # keeps the density finite where all pixels are fitted exactly


class Likelihood(nn.Module):
    """The density or mass of data given the decoder's outputs."""

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z), summed over the pixels.

        Args:
            outputs: Outputs of the decoder, (B, C, H, W).
            x: Images, (B, C, H, W), in [0, 1].

        Returns:
            Nats, (B,).
        """
        raise NotImplementedError

    def mean(self, outputs: Tensor) -> Tensor:
        """Return the expected pixels, (B, C, H, W), in [0, 1]."""
        raise NotImplementedError

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return samples of p(x|z), (B, C, H, W), with random numbers of a generator on the CPU."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    """Pixels 0 or 1; the outputs are logits."""

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z), a mass, (B,), in nats."""
        return -F.binary_cross_entropy_with_logits(outputs, x, reduction="none").flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        """Return the probability of a 1."""
        return torch.sigmoid(outputs)


class Normal(Likelihood):
    """Any real numbers with one learned standard deviation; the outputs are the mean."""

    initial_log_scale = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(self.initial_log_scale))

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z), a density, (B,), in nats."""
        log_scale = self.log_scale.clamp_min(_MIN_LOG_SCALE)
        standard = (x - self.mean(outputs)) * torch.exp(-log_scale)
        return (-0.5 * standard.square() - log_scale - 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        """Return the mean."""
        return outputs

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean plus normal noise."""
        noise = torch.randn(outputs.shape, generator=generator).to(outputs)
        return self.mean(outputs) + torch.exp(self.log_scale.clamp_min(_MIN_LOG_SCALE)) * noise


class Gaussian(Normal):
    """Pixels in [0, 1] with one learned standard deviation; the sigmoid of the outputs is the mean.

    A density on gray levels without dequantization: its nats compare only with other Gaussian models.
    """

    initial_log_scale = -1.0

    def mean(self, outputs: Tensor) -> Tensor:
        """Return the mean."""
        return torch.sigmoid(outputs)


class DiscretizedLogistic(Likelihood):
    """256 gray levels: the logistic distribution's mass in each level's bin, the outermost bins open.

    The outputs, shifted by one half, are the location; one scale is learned.

    Reference: Kingma et al. 2016, section 5.2 and eq. 14, arXiv:1606.04934.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-2.0))

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z), a mass over 256 levels, (B,), in nats."""
        rate = torch.exp(-self.log_scale.clamp_min(_MIN_LOG_SCALE))
        centered = x - (outputs + 0.5)
        upper, lower = (centered + _HALF_BIN_WIDTH) * rate, (centered - _HALF_BIN_WIDTH) * rate
        # σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b−a)), which does not cancel in the tails.
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-2 * _HALF_BIN_WIDTH * rate))
        lowest, highest = x < _HALF_BIN_WIDTH, x > 1 - _HALF_BIN_WIDTH
        log_mass = torch.where(lowest, F.logsigmoid(upper), torch.where(highest, F.logsigmoid(-lower), inside))
        return log_mass.flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        """Return E[x] = Σ_k P(x ≥ k)/255, by the closed form of the corresponding integral."""
        location = outputs + 0.5
        scale = torch.exp(self.log_scale.clamp_min(_MIN_LOG_SCALE))
        return (scale * (F.softplus(location / scale) - F.softplus((location - 1) / scale))).clamp(0, 1)


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "discretized-logistic": DiscretizedLogistic,
    "normal": Normal,
}
