"""Indexing of batches of images."""

import torch
from torch import Tensor


def gather_pixels(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return images of the pixels at rows and columns that differ from image to image.

    Args:
        images: (B, C, H, W).
        rows: Row of each pixel, (B, h), integers.
        columns: Column of each pixel, (B, w), integers.

    Returns:
        (B, C, h, w).
    """
    image = torch.arange(len(images), device=images.device)[:, None, None, None]
    channel = torch.arange(images.shape[1], device=images.device)[:, None, None]
    return images[image, channel, rows[:, None, :, None], columns[:, None, None]]
