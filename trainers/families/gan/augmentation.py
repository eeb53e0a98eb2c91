"""Differentiable augmentation of all that a discriminator sees, real and generated, for small data sets.

Reference: Zhao et al. 2020, section 3.2, arXiv:2006.10738.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from trainers.numerics.images import gather_pixels

_SHIFT = 1 / 8  # of height and width, the largest translation
_CUTOUT = 1 / 2  # of height and width, the side of the square that is cut out


def augment(images: Tensor, policies: Sequence[str], generator: torch.Generator) -> Tensor:
    """Return randomly changed images, differentiable in them.

    Args:
        images: (B, C, H, W), in [-1, 1].
        policies: Of "color", "translation" and "cutout", in the order in which they are applied.
        generator: Random number generator on their device.

    Returns:
        (B, C, H, W), with values beyond [-1, 1] after "color".
    """
    for policy in policies:
        images = _POLICIES[policy](images, generator)
    return images


def _color(images: Tensor, generator: torch.Generator) -> Tensor:
    """Change brightness by up to 0.5, saturation by a factor of up to 2, contrast by one from 0.5 to 1.5."""
    brightness, saturation, contrast = _uniform(images, 3, generator)
    images = images + brightness - 0.5
    gray = images.mean(1, keepdim=True)
    images = gray + 2 * saturation * (images - gray)
    mean = images.mean((1, 2, 3), keepdim=True)
    changed: Tensor = mean + (contrast + 0.5) * (images - mean)
    return changed


def _translation(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift by up to an eighth of the size in each direction; the border is filled with 0."""
    height, width = images.shape[2:]
    reach = round(height * _SHIFT), round(width * _SHIFT)
    first_row, first_column = _integers(images, [2 * reach[0] + 1, 2 * reach[1] + 1], generator)
    padded = F.pad(images, (reach[1], reach[1], reach[0], reach[0]))
    rows = first_row.flatten(1) + torch.arange(height, device=images.device)
    columns = first_column.flatten(1) + torch.arange(width, device=images.device)
    return gather_pixels(padded, rows, columns)


def _cutout(images: Tensor, generator: torch.Generator) -> Tensor:
    """Set a square of half the size to 0, its center anywhere in the image."""
    height, width = images.shape[2:]
    sides = round(height * _CUTOUT), round(width * _CUTOUT)
    center_row, center_column = _integers(images, [height, width], generator)
    rows = torch.arange(height, device=images.device)[:, None] - center_row + sides[0] // 2
    columns = torch.arange(width, device=images.device) - center_column + sides[1] // 2
    is_cut = (rows >= 0) & (rows < sides[0]) & (columns >= 0) & (columns < sides[1])
    return images.masked_fill(is_cut, 0)


def _uniform(images: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return uniform numbers in [0, 1), (count, B, 1, 1, 1)."""
    return torch.rand((count, len(images), 1, 1, 1), generator=generator, device=images.device)


def _integers(images: Tensor, highs: Sequence[int], generator: torch.Generator) -> list[Tensor]:
    """Return random integers from 0 to below each number, (B, 1, 1, 1) each."""
    shape = (len(images), 1, 1, 1)
    return [torch.randint(high, shape, generator=generator, device=images.device) for high in highs]


_POLICIES = {"color": _color, "translation": _translation, "cutout": _cutout}
