"""Likelihoods p(x|z) whose parameters are the decoder's outputs.

Bernoulli, Gaussian, discretized logistic or a mixture of these for pixels, normal for 2-D points.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.families.vae.spec import VaeOptions

NUM_GRAY_LEVELS = 256
_HALF_BIN_WIDTH = 0.5 / (NUM_GRAY_LEVELS - 1)
_MIN_LOG_SCALE = -7.0  # keeps the density finite where all pixels are fitted exactly


class Likelihood(nn.Module):
    """The density or mass of data given the decoder's outputs, (B, P, H, W).

    Args:
        channels: Number of channels, C.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.channels = channels

    @property
    def num_outputs(self) -> int:
        """P, the number of the decoder's outputs for each pixel."""
        return self.channels

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z), summed over the pixels.

        Args:
            outputs: Outputs of the decoder, (B, P, H, W).
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

    def __init__(self, channels: int = 1) -> None:
        super().__init__(channels)
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

    def __init__(self, channels: int = 1) -> None:
        super().__init__(channels)
        self.log_scale = nn.Parameter(torch.tensor(-2.0))

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z), a mass over 256 levels, (B,), in nats."""
        return _log_mass(x, outputs + 0.5, self.log_scale).flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        """Return E[x]."""
        return _mean_gray_level(outputs + 0.5, self.log_scale)


class LogisticMixture(Likelihood):
    """256 gray levels: a mixture of discretized logistic distributions with parameters of its own for each pixel.

    The channels of a pixel share their component. In a component, the location of each channel is shifted by multiples
    of the channels before it, as green by red, and blue by both.

    Reference: Salimans et al. 2017, sections 2.1 and 2.2, arXiv:1701.05517.

    Args:
        channels: Number of channels, C.
        num_components: Number of components, K.
    """

    initial_log_scale = -2.0  # of a decoder whose outputs are 0

    def __init__(self, channels: int, num_components: int) -> None:
        super().__init__(channels)
        self.num_components = num_components

    @property
    def num_outputs(self) -> int:
        """K (1 + 2 C + C (C − 1)/2): logits, locations and log-scales, and the multiples."""
        return self.num_components * (1 + 2 * self.channels + self.channels * (self.channels - 1) // 2)

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z), a mass over 256 levels, (B,), in nats."""
        logits, locations, log_scales, multiples = self._distribution(outputs)
        levels = x[:, None]  # (B, 1, C, H, W)
        log_mass = _log_mass(levels, self._shift(locations, multiples, levels - 0.5), log_scales).sum(2)
        return torch.logsumexp(F.log_softmax(logits, 1) + log_mass, 1).flatten(1).sum(1)

    def mean(self, outputs: Tensor) -> Tensor:
        """Return E[x], exactly for gray images; the channels of a color follow the expected ones before them."""
        logits, locations, log_scales, multiples = self._distribution(outputs)
        means = torch.zeros_like(locations)
        for channel in range(self.channels):
            shifted = self._shift(locations, multiples, means - 0.5)
            expected = _mean_gray_level(shifted[:, :, channel], log_scales[:, :, channel])
            means = torch.cat((means[:, :, :channel], expected[:, :, None], means[:, :, channel + 1 :]), 2)
        return (torch.softmax(logits, 1)[:, :, None] * means).sum(1)

    def _distribution(self, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return logits, (B, K, H, W); locations in [0, 1] and log-scales, (B, K, C, H, W); multiples, (B, K, …)."""
        count, channels = self.num_components, self.channels
        logits = outputs[:, :count]
        others = outputs[:, count:].reshape(len(outputs), count, -1, *outputs.shape[2:])
        locations, log_scales = others[:, :, :channels], others[:, :, channels : 2 * channels]
        multiples = others[:, :, 2 * channels :]
        return logits, locations + 0.5, log_scales + self.initial_log_scale, torch.tanh(multiples)

    @staticmethod
    def _shift(locations: Tensor, multiples: Tensor, centered: Tensor) -> Tensor:
        """Return the locations, each shifted by multiples of the channels before it, (B, K, C, H, W).

        Args:
            locations: (B, K, C, H, W).
            multiples: One for each pair of a channel and one before it, (B, K, C (C − 1)/2, H, W).
            centered: Channels in [−½, ½], (B, 1 or K, C, H, W).
        """
        shifted, first = [locations[:, :, 0]], 0
        for channel in range(1, locations.shape[2]):
            of_channel = multiples[:, :, first : first + channel]
            shifted.append(locations[:, :, channel] + (of_channel * centered[:, :, :channel]).sum(2))
            first += channel
        return torch.stack(shifted, 2)


def _log_mass(x: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log-mass of each gray level under a discretized logistic distribution, whose outer bins are open.

    Args:
        x: Gray levels in [0, 1].
        location: Locations in [0, 1].
        log_scale: Logarithms of the scales.
    """
    rate = torch.exp(-log_scale.clamp_min(_MIN_LOG_SCALE))
    centered = x - location
    upper, lower = (centered + _HALF_BIN_WIDTH) * rate, (centered - _HALF_BIN_WIDTH) * rate
    below, above = F.logsigmoid(upper), F.logsigmoid(-lower)  # log-mass of this level and all below it, or above it
    # σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b−a)), which does not cancel in the tails.
    inside = below + above + torch.log(-torch.expm1(-2 * _HALF_BIN_WIDTH * rate))
    lowest, highest = x < _HALF_BIN_WIDTH, x > 1 - _HALF_BIN_WIDTH
    return torch.where(lowest, below, torch.where(highest, above, inside))


def _mean_gray_level(location: Tensor, log_scale: Tensor) -> Tensor:
    """Return E[x] = Σ_k P(x ≥ k)/255 in [0, 1], by the closed form of the corresponding integral."""
    scale = torch.exp(log_scale.clamp_min(_MIN_LOG_SCALE))
    return (scale * (F.softplus(location / scale) - F.softplus((location - 1) / scale))).clamp(0, 1)


LIKELIHOODS: dict[str, Callable[[VaeOptions, int], Likelihood]] = {
    "bernoulli": lambda options, channels: Bernoulli(channels),
    "gaussian": lambda options, channels: Gaussian(channels),
    "discretized-logistic": lambda options, channels: DiscretizedLogistic(channels),
    "logistic-mixture": lambda options, channels: LogisticMixture(channels, options.num_mixture_components),
    "normal": lambda options, channels: Normal(channels),
}
