"""The networks of a GAN: generators from a latent to an image, discriminators from an image to one logit.

Reference: Radford et al. 2016, arXiv:1511.06434 (convolutions of stride 2, batch norm, LeakyReLU 0.2); Miyato et al.
2018, arXiv:1802.05957 (spectral norm).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm

from trainers.families.nn import halved
from trainers.families.upsampling import doubling

SLOPE = 0.2  # of every LeakyReLU
Shape = tuple[int, int, int]


class FlatGenerator(nn.Module):
    """A multilayer perceptron to an image: (B, d) to (B, C, H, W); batch norm from the second hidden layer on.

    Args:
        image_shape: (C, H, W), any.
        latent_dim: d.
        hidden: Of each hidden layer, from z to the image.
        batch_norm: Whether to normalize.
    """

    def __init__(self, image_shape: Shape, latent_dim: int, hidden: Sequence[int], batch_norm: bool) -> None:
        super().__init__()
        self._shape = image_shape
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise((latent_dim, *hidden))):
            layers.append(nn.Linear(inputs, outputs))
            if batch_norm and number:
                layers.append(nn.BatchNorm1d(outputs))
            layers.append(nn.LeakyReLU(SLOPE))
        self.layers = nn.Sequential(*layers, nn.Linear((latent_dim, *hidden)[-1], prod(image_shape)))

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs before the last non-linearity, (B, C, H, W)."""
        outputs: Tensor = self.layers(z)
        return outputs.view(-1, *self._shape)


class FlatDiscriminator(nn.Module):
    """A multilayer perceptron from an image, (B, C, H, W), to a logit, (B,).

    Args:
        image_shape: (C, H, W), any.
        hidden: Of each hidden layer.
    """

    def __init__(self, image_shape: Shape, hidden: Sequence[int]) -> None:
        super().__init__()
        sizes = (prod(image_shape), *hidden)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (B,)."""
        logits: Tensor = self.layers(x.flatten(1))
        return logits.squeeze(1)


class ConvGenerator(nn.Module):
    """A linear layer, then transposed convolutions that double each side: (B, d) to (B, C, H, W).

    What exceeds the size that `ConvDiscriminator` has at the same depth is cut off, so that any size is reached.

    Args:
        image_shape: (C, H, W), any.
        latent_dim: d.
        channels: Of the discriminator's convolutions, from the image inwards.
        batch_norm: Whether to normalize after every layer but the last.
    """

    def __init__(self, image_shape: Shape, latent_dim: int, channels: Sequence[int], batch_norm: bool) -> None:
        super().__init__()
        self._sizes = [halved(image_shape[1:], times) for times in reversed(range(len(channels) + 1))]
        self._channels = channels[-1]
        height, width = self._sizes[0]
        self.head = nn.Linear(latent_dim, channels[-1] * height * width)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) if batch_norm else nn.Identity() for c in reversed(channels))
        self.convolutions = nn.ModuleList(
            doubling(inputs, outputs) for inputs, outputs in pairwise((*reversed(channels), image_shape[0]))
        )
        self.activation = nn.LeakyReLU(SLOPE)

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs before the last non-linearity, (B, C, H, W)."""
        x: Tensor = self.head(z).view(-1, self._channels, *self._sizes[0])
        for norm, convolution, (height, width) in zip(self.norms, self.convolutions, self._sizes[1:], strict=True):
            x = convolution(self.activation(norm(x)))[..., :height, :width]
        return x


class ConvDiscriminator(nn.Module):
    """Convolutions of stride 2, then a linear layer: (B, C, H, W) to a logit, (B,).

    Args:
        image_shape: (C, H, W), any.
        channels: Of each convolution; each halves the image, rounded up.
    """

    def __init__(self, image_shape: Shape, channels: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((image_shape[0], *channels)):
            layers += [nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), nn.LeakyReLU(SLOPE)]
        self.convolutions = nn.Sequential(*layers)
        height, width = halved(image_shape[1:], len(channels))
        self.head = nn.Linear(channels[-1] * height * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (B,)."""
        logits: Tensor = self.head(self.convolutions(x).flatten(1))
        return logits.squeeze(1)


def normalize_spectrally(network: nn.Module) -> None:
    """Divide every weight of a network by its largest singular value, estimated by one power iteration a step.

    W / σ(W). Reference: Miyato et al. 2018, eq. 8, arXiv:1802.05957.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            spectral_norm(module)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Let gradients pass through a network inside the block without collecting any for its parameters."""
    were = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in were:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in were:
            parameter.requires_grad_(True)


@torch.no_grad()
def re_estimate_batch_norms(network: nn.Module, batches: Sequence[Tensor]) -> None:
    """Set every batch norm's statistics to their mean over some inputs; modes and momenta stay as they are found.

    An average of weights carries the statistics of other weights. Reference: Izmailov et al. 2018, section 3.2,
    arXiv:1803.05407.

    Args:
        network: With the weights.
        batches: Its inputs, each of at least two.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta, was = [norm.momentum for norm in norms], network.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches, not one that forgets
    try:
        network.train()
        for batch in batches if norms else ():
            network(batch)
    finally:
        network.train(was)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
