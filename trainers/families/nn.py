"""Blocks that families share: multilayer perceptrons and small convolutional networks for any size of image."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from trainers.families.upsampling import doubling

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


def mlp(sizes: Sequence[int], activation: str) -> nn.Sequential:
    """Return linear layers through `sizes`, an activation between each two, none at the end."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def halved(size: tuple[int, int], times: int) -> tuple[int, int]:
    """Return a height and width after `times` convolutions of stride 2, rounded up each time."""
    for _ in range(times):
        size = (-(-size[0] // 2), -(-size[1] // 2))
    return size


class ConvEncoder(nn.Module):
    """Convolutions of stride 2, then linear layers: (B, C, H, W) to (B, num_outputs).

    Args:
        image_shape: (C, H, W), any.
        channels: Of each convolution.
        hidden: Of each linear layer after them.
        num_outputs: Of the last linear layer.
        activation: A key of `ACTIVATIONS`.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: Sequence[int],
        hidden: Sequence[int],
        num_outputs: int,
        activation: str,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((image_shape[0], *channels)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), ACTIVATIONS[activation]()]
        self.convolutions = nn.Sequential(*layers)
        height, width = halved(image_shape[1:], len(channels))
        self.head = mlp((channels[-1] * height * width, *hidden, num_outputs), activation)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, (B, num_outputs)."""
        features: Tensor = self.convolutions(x)
        outputs: Tensor = self.head(features.flatten(1))
        return outputs


class ConvDecoder(nn.Module):
    """The mirror of `ConvEncoder`: (B, num_inputs) to (B, C, H, W).

    Each transposed convolution doubles the sides, and what exceeds the mirrored size is cut off.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: Sequence[int],
        hidden: Sequence[int],
        num_inputs: int,
        activation: str,
    ) -> None:
        super().__init__()
        self._sizes = [halved(image_shape[1:], times) for times in reversed(range(len(channels) + 1))]
        self._channels = channels[-1]
        height, width = self._sizes[0]
        self.head = nn.Sequential(
            mlp((num_inputs, *reversed(hidden), channels[-1] * height * width), activation),
            ACTIVATIONS[activation](),
        )
        mirrored = (*reversed(channels), image_shape[0])
        self.convolutions = nn.ModuleList(doubling(inputs, outputs) for inputs, outputs in pairwise(mirrored))
        self.activation = ACTIVATIONS[activation]()

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs, (B, C, H, W)."""
        x: Tensor = self.head(z).view(-1, self._channels, *self._sizes[0])
        for index, (convolution, (height, width)) in enumerate(zip(self.convolutions, self._sizes[1:], strict=True)):
            if index:
                x = self.activation(x)
            x = convolution(x)[..., :height, :width]
        return x


class FlatDecoder(nn.Module):
    """A multilayer perceptron to an image: (B, num_inputs) to (B, C, H, W)."""

    def __init__(
        self, image_shape: tuple[int, int, int], hidden: Sequence[int], num_inputs: int, activation: str
    ) -> None:
        super().__init__()
        self._shape = image_shape
        channels, height, width = image_shape
        self.layers = mlp((num_inputs, *reversed(hidden), channels * height * width), activation)

    def forward(self, z: Tensor) -> Tensor:
        """Return the outputs, (B, C, H, W)."""
        outputs: Tensor = self.layers(z)
        return outputs.view(-1, *self._shape)


class FlatEncoder(nn.Module):
    """A multilayer perceptron from an image: (B, C, H, W) to (B, num_outputs)."""

    def __init__(
        self, image_shape: tuple[int, int, int], hidden: Sequence[int], num_outputs: int, activation: str
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.layers = mlp((channels * height * width, *hidden, num_outputs), activation)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, (B, num_outputs)."""
        outputs: Tensor = self.layers(x.flatten(1))
        return outputs


def images_at_once(image_shape: tuple[int, int, int], of_mnist: int) -> int:
    """Return how many images to take at once: `of_mnist` of 28×28, fewer of larger ones, at least one."""
    return max(1, of_mnist * 784 // max(784, prod(image_shape)))


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Judge and draw inside the block: batch norms and dropouts as at the end, and as they were afterwards."""
    was = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was)


def count(module: nn.Module) -> int:
    """Return the number of parameters that are trained."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def count_on_meta_device(build: Callable[[Any, Any], nn.Module], options: Any, shape: Any) -> int:
    """Return the number of parameters of the model that `build` makes, without allocating them."""
    with torch.device("meta"):
        return count(build(options, shape))
