"""Networks of a GAN: generators from a latent to an image, discriminators from an image to a logit.

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

from trainers.families.nn import downsampled_sizes, upsample_conv
from trainers.registry import ImageShape

LEAKY_RELU_SLOPE = 0.2  # negative slope of every LeakyReLU


class MlpGenerator(nn.Module):
    """A multilayer perceptron to an image: (B, d) to (B, C, H, W); batch norm from the second hidden layer on.

    Args:
        image_shape: (C, H, W), any.
        latent_dim: d.
        hidden: Size of each hidden layer.
        batch_norm: Whether to use batch norm.
    """

    def __init__(self, image_shape: ImageShape, latent_dim: int, hidden: Sequence[int], batch_norm: bool) -> None:
        super().__init__()
        self._shape = image_shape
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise((latent_dim, *hidden))):
            layers.append(nn.Linear(inputs, outputs))
            if batch_norm and number:
                layers.append(nn.BatchNorm1d(outputs))
            layers.append(nn.LeakyReLU(LEAKY_RELU_SLOPE))
        self.layers = nn.Sequential(*layers, nn.Linear((latent_dim, *hidden)[-1], prod(image_shape)))

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs before the final tanh, (B, C, H, W)."""
        outputs: Tensor = self.layers(z)
        return outputs.view(-1, *self._shape)


class MlpDiscriminator(nn.Module):
    """A multilayer perceptron from an image, (B, C, H, W), to a logit, (B,).

    Args:
        image_shape: (C, H, W), any.
        hidden: Size of each hidden layer.
    """

    def __init__(self, image_shape: ImageShape, hidden: Sequence[int]) -> None:
        super().__init__()
        sizes = (prod(image_shape), *hidden)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(LEAKY_RELU_SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (B,)."""
        logits: Tensor = self.layers(x.flatten(1))
        return logits.squeeze(1)


class ConvGenerator(nn.Module):
    """A linear layer, then transposed convolutions that double each side: (B, d) to (B, C, H, W).

    Outputs are cropped to the size that `ConvDiscriminator` has at the same depth, so that any image size works.

    Args:
        image_shape: (C, H, W), any.
        latent_dim: d.
        channels: Output channels of `ConvDiscriminator`'s convolutions; mirrored here.
        batch_norm: Whether to use batch norm after every layer but the last.
    """

    def __init__(self, image_shape: ImageShape, latent_dim: int, channels: Sequence[int], batch_norm: bool) -> None:
        super().__init__()
        self._sizes = downsampled_sizes(image_shape, len(channels))[::-1]
        self._channels = channels[-1]
        height, width = self._sizes[0]
        self.head = nn.Linear(latent_dim, channels[-1] * height * width)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) if batch_norm else nn.Identity() for c in reversed(channels))
        self.convolutions = nn.ModuleList(
            upsample_conv(inputs, outputs) for inputs, outputs in pairwise((*reversed(channels), image_shape[0]))
        )
        self.activation = nn.LeakyReLU(LEAKY_RELU_SLOPE)

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs before the final tanh, (B, C, H, W)."""
        x: Tensor = self.head(z).view(-1, self._channels, *self._sizes[0])
        for norm, convolution, (height, width) in zip(self.norms, self.convolutions, self._sizes[1:], strict=True):
            x = convolution(self.activation(norm(x)))[..., :height, :width]
        return x


class ConvDiscriminator(nn.Module):
    """Convolutions of stride 2, then a linear layer: (B, C, H, W) to a logit, (B,).

    Args:
        image_shape: (C, H, W), any.
        channels: Output channels of each convolution; each halves the image, rounded up.
    """

    def __init__(self, image_shape: ImageShape, channels: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((image_shape[0], *channels)):
            layers += [nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), nn.LeakyReLU(LEAKY_RELU_SLOPE)]
        self.convolutions = nn.Sequential(*layers)
        height, width = downsampled_sizes(image_shape, len(channels))[-1]
        self.head = nn.Linear(channels[-1] * height * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (B,)."""
        logits: Tensor = self.head(self.convolutions(x).flatten(1))
        return logits.squeeze(1)


def add_spectral_norm(network: nn.Module) -> None:
    """Apply spectral norm, W / σ(W), to every layer, with one power iteration per step.

    Reference: Miyato et al. 2018, eq. 8, arXiv:1802.05957.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            spectral_norm(module)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Disable gradients of a network's parameters inside the block; gradients still flow through it."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


@torch.no_grad()
def recompute_batch_norm_statistics(network: nn.Module, batches: Sequence[Tensor]) -> None:
    """Recompute the running statistics of every batch norm over some inputs; mode and momentum are restored.

    Averaged weights need statistics of their own. Reference: Izmailov et al. 2018, section 3.2,
    arXiv:1803.05407.

    Args:
        network: Network with the averaged weights.
        batches: Inputs, each of at least two examples.
    """
    # Reset the statistics.
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta, training = [norm.momentum for norm in norms], network.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative instead of an exponential average
    # Pass the inputs, then restore mode and momenta.
    try:
        network.train()
        for batch in batches if norms else ():
            network(batch)
    finally:
        network.train(training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
