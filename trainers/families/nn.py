"""Blocks shared by families: multilayer perceptrons, small convolutional networks for any image size, Gaussians."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.registry import ImageShape

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}
_KERNEL, _STRIDE, _PADDING = 4, 2, 1  # of `upsample_conv`; the stride divides the kernel, which avoids checkerboards


def mlp(sizes: Sequence[int], activation: str) -> nn.Sequential:
    """Return linear layers of these sizes with an activation between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def downsampled_sizes(image_shape: ImageShape, times: int) -> list[tuple[int, int]]:
    """Return height and width after 0, 1, …, `times` convolutions of stride 2, each rounded up."""
    sizes = [image_shape[1:]]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def upsample_conv(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Return a transposed convolution from (B, inputs, H, W) to (B, outputs, 2H, 2W)."""
    layer = _SingleChannelUpsampleConv if outputs == 1 else nn.ConvTranspose2d
    return layer(inputs, outputs, _KERNEL, stride=_STRIDE, padding=_PADDING)


class _SingleChannelUpsampleConv(nn.ConvTranspose2d):
    """The same function, 2 to 4 times as fast on a CPU: oneDNN has no good kernel for a single output channel.

    A 1×1 convolution multiplies each pixel by the kernel, and `fold` adds up the overlapping patches.
    """

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the outputs, (B, 1, 2H, 2W), float32 where the weights are."""
        if x.device.type != "cpu" or output_size is not None:
            return super().forward(x, output_size)
        height, width = x.shape[2:]
        taps = self.weight.flatten(1).t()[:, :, None, None]  # (16, inputs, 1, 1)
        patches = F.conv2d(x, taps).flatten(2).to(self.weight.dtype)
        outputs = F.fold(patches, (_STRIDE * height, _STRIDE * width), _KERNEL, padding=_PADDING, stride=_STRIDE)
        return outputs if self.bias is None else outputs + self.bias.view(1, -1, 1, 1)


class MlpEncoder(nn.Module):
    """A multilayer perceptron from an image: (B, C, H, W) to (B, num_outputs)."""

    def __init__(self, image_shape: ImageShape, hidden: Sequence[int], num_outputs: int, activation: str) -> None:
        super().__init__()
        self.layers = mlp((prod(image_shape), *hidden, num_outputs), activation)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, (B, num_outputs)."""
        outputs: Tensor = self.layers(x.flatten(1))
        return outputs


class MlpDecoder(nn.Module):
    """A multilayer perceptron to an image, `MlpEncoder` mirrored: (B, num_inputs) to (B, C, H, W)."""

    def __init__(self, image_shape: ImageShape, hidden: Sequence[int], num_inputs: int, activation: str) -> None:
        super().__init__()
        self._shape = image_shape
        self.layers = mlp((num_inputs, *reversed(hidden), prod(image_shape)), activation)

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs, (B, C, H, W)."""
        outputs: Tensor = self.layers(z)
        return outputs.view(-1, *self._shape)


class ConvEncoder(nn.Module):
    """Convolutions of stride 2, then linear layers: (B, C, H, W) to (B, num_outputs).

    Args:
        image_shape: (C, H, W), any.
        channels: Output channels of each convolution.
        hidden: Sizes of the hidden linear layers after them.
        num_outputs: Size of the last linear layer.
        activation: A key of `ACTIVATIONS`.
    """

    def __init__(
        self, image_shape: ImageShape, channels: Sequence[int], hidden: Sequence[int], num_outputs: int, activation: str
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((image_shape[0], *channels)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), ACTIVATIONS[activation]()]
        self.convolutions = nn.Sequential(*layers)
        height, width = downsampled_sizes(image_shape, len(channels))[-1]
        self.head = mlp((channels[-1] * height * width, *hidden, num_outputs), activation)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, (B, num_outputs)."""
        features: Tensor = self.convolutions(x)
        outputs: Tensor = self.head(features.flatten(1))
        return outputs


class ConvDecoder(nn.Module):
    """`ConvEncoder` mirrored: (B, num_inputs) to (B, C, H, W).

    Each transposed convolution doubles height and width; its output is cropped to the encoder's size at that depth.
    """

    def __init__(
        self, image_shape: ImageShape, channels: Sequence[int], hidden: Sequence[int], num_inputs: int, activation: str
    ) -> None:
        super().__init__()
        self._sizes = downsampled_sizes(image_shape, len(channels))[::-1]
        self._channels = channels[-1]
        height, width = self._sizes[0]
        self.head = nn.Sequential(
            mlp((num_inputs, *reversed(hidden), channels[-1] * height * width), activation), ACTIVATIONS[activation]()
        )
        mirrored = (*reversed(channels), image_shape[0])
        self.convolutions = nn.ModuleList(upsample_conv(inputs, outputs) for inputs, outputs in pairwise(mirrored))
        self.activation = ACTIVATIONS[activation]()

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs, (B, C, H, W)."""
        x: Tensor = self.head(z).view(-1, self._channels, *self._sizes[0])
        for index, (convolution, (height, width)) in enumerate(zip(self.convolutions, self._sizes[1:], strict=True)):
            if index:
                x = self.activation(x)
            x = convolution(x)[..., :height, :width]
        return x


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """Return log N(z; 0, I), (B,), in nats, for z (B, D)."""
    return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))


def reparameterize(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """Return z = μ + σ ε.

    Reference: Kingma & Welling 2014, section 2.4, arXiv:1312.6114.
    """
    return mu + torch.exp(0.5 * logvar) * noise


def kl_per_dim(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(μ, σ²) ‖ N(0, 1)) of each dimension, in nats, in the shape of the inputs.

    Reference: Kingma & Welling 2014, appendix B, arXiv:1312.6114.
    """
    return 0.5 * (mu.square() + logvar.exp() - logvar - 1)


def chunk_size(image_shape: ImageShape, num_mnist: int) -> int:
    """Return a chunk size: `num_mnist` images of 28×28, fewer of larger ones, at least one."""
    return max(1, num_mnist * 784 // max(784, prod(image_shape)))


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode inside the block."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)


def count(module: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def count_on_meta_device(build: Callable[[Any, Any], nn.Module], options: Any, shape: Any) -> int:
    """Return the number of parameters of the model that `build` returns, without allocating them."""
    with torch.device("meta"):
        return count(build(options, shape))
