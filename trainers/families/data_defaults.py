"""Settings that families choose for the size of images. No torch."""

from collections.abc import Mapping
from math import prod
from typing import Any

from trainers.registry import DataDefault, DataDefaults, ImageShape

MAX_MLP_VALUES = 4096  # of an image: a multilayer network on more has most of its weights in two layers
_SMALLEST_MAP_PX = 7  # about the height and width behind the last convolution
_MAX_CHANNELS = 256
_MAX_BATCH_VALUES = 1 << 20  # of all images of a batch
_MIN_BATCH_SIZE = 8


def network_for_size(shape: ImageShape, settings: Mapping[str, Any], explicit: frozenset[str]) -> DataDefaults:
    """Return the architecture for an image shape (C, H, W) and, if it is convolutional, its channels.

    `settings` and `explicit` are those of `Family.data_defaults`.
    """
    _, height, width = shape
    size = f"{height}×{width}"
    side = min(height, width)
    is_small = prod(shape) <= MAX_MLP_VALUES or side < 2 * _SMALLEST_MAP_PX
    if settings["model.architecture"] == "mlp" and (is_small or "model.architecture" in explicit):
        return {}
    defaults = {"model.architecture": DataDefault("conv", f"images of {size} are large for a multilayer network")}
    # Halve the image until it is small.
    channels, width_of_layer = [], 32
    while side >= 2 * _SMALLEST_MAP_PX:
        channels.append(min(width_of_layer, _MAX_CHANNELS))
        side, width_of_layer = side // 2, 2 * width_of_layer
    if channels:
        defaults["model.channels"] = DataDefault(channels, f"one layer for each halving of {size}")
    return defaults


def batch_size_for_size(shape: ImageShape, batch_size: int) -> DataDefaults:
    """Return a smaller batch size where a batch of large images would need much memory."""
    limit = max(_MIN_BATCH_SIZE, _MAX_BATCH_VALUES // prod(shape))
    if batch_size <= limit:
        return {}
    lower = 1 << (limit.bit_length() - 1)
    return {"optim.batch_size": DataDefault(lower, f"images of {'×'.join(map(str, shape))} values")}
