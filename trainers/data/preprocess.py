"""Preprocessing of stored pixels: binarization or scaling to [0, 1].

Threshold, static and dynamic binarization yield three different data sets, so every metric names the one it used.
Test images are preprocessed like training images, but never augmented. Random binarization of the test set uses a
fixed seed, which makes metrics of different runs comparable.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers.data.dataset import EVALUATION_SEED as EVALUATION_SEED
from trainers.data.dataset import Images, Points
from trainers.numerics.images import gather_pixels

_DESCRIPTIONS = {
    "threshold": "threshold binarization (> 0.5)",
    "static": "static binarization (drawn once, fixed seed)",
    "dynamic": "dynamic binarization",
    "none": "256 gray levels",
}


def describe_setup(binarization: str, split: str = "train", *, num_channels: int = 1) -> str:
    """Return the binarization as it is quoted with every metric of a split, "train" or "test"."""
    if binarization == "none" and num_channels > 1:
        return "256 levels per color"
    once = " (test images drawn once, fixed seed)" if binarization == "dynamic" and split == "test" else ""
    return _DESCRIPTIONS[binarization] + once


def to_tensor(images: Images) -> Tensor:
    """Convert (N, H, W, C) uint8 to a contiguous (N, C, H, W) uint8 tensor.

    It shares the memory of images that are gray, or stored as (N, C, H, W) like the decoded images in the cache, unless
    they are read-only.
    """
    channels_first = images.transpose(0, 3, 1, 2)
    owned = np.ascontiguousarray(channels_first)
    return torch.from_numpy(owned if owned.flags.writeable else owned.copy())


def to_float(pixels: Tensor) -> Tensor:
    """Scale pixels from 0..255 to float32 in [0, 1]."""
    return pixels.float().mul_(1 / 255)


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Return (N, H, W, C) uint8 from (N, C, H, W) in [0, 1]; NaN is black."""
    scaled = images.nan_to_num(0.0).clamp(0, 1).mul(255).add_(0.5).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy())


def sample_bernoulli(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Sample each pixel from a Bernoulli with mean exactly pixel/255: u < pixel for u uniform on 0..254.

    Args:
        pixels: uint8.
        generator: Random number generator on the device of the pixels.

    Returns:
        uint8, 0 or 1, of the same shape.
    """
    uniform = torch.empty_like(pixels).random_(0, 255, generator=generator)
    return (uniform < pixels).view(torch.uint8)


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images, others for each image of each batch.

    Args:
        flip: Mirror left to right with probability ½.
        crop: Pixels, on each side, by which an image is padded with the colors of its edge before a crop to its size.
    """

    flip: bool = False
    crop: int = 0

    @classmethod
    def of(cls, options: Any) -> Self:
        """Return the augmentation that the options of a data set ask for."""
        return cls(getattr(options, "random_flip", False), getattr(options, "random_crop", 0))

    def __bool__(self) -> bool:
        return self.flip or self.crop > 0

    def apply(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Return changed images, (B, C, H, W), with random numbers of a generator on their device."""
        count, _, height, width = pixels.shape
        device = pixels.device
        rows, columns = (torch.arange(size, device=device).expand(count, size) for size in (height, width))
        if self.flip:
            is_mirrored = torch.rand((count, 1), generator=generator, device=device) < 0.5
            columns = torch.where(is_mirrored, columns.flip(1), columns)
        if self.crop:
            offsets = torch.randint(-self.crop, self.crop + 1, (count, 2), generator=generator, device=device)
            # Shifted beyond an edge, an image repeats the edge.
            rows = (rows + offsets[:, :1]).clamp(0, height - 1)
            columns = (columns + offsets[:, 1:]).clamp(0, width - 1)
        return gather_pixels(pixels, rows, columns)

    def describe(self) -> list[str]:
        """Return the parts of the setup of training metrics: "random flip", "random crop (padding 4)"."""
        return ["random flip"] * self.flip + [f"random crop (padding {self.crop})"] * bool(self.crop)


class TrainImages:
    """Training images on a device as uint8, augmented and binarized a batch at a time.

    Args:
        images: (N, H, W, C), uint8.
        binarization: "threshold", "static", "dynamic" or "none".
        device: Device that stores the images.
        augmentation: Random changes of each batch.
    """

    def __init__(
        self,
        images: Images,
        binarization: str,
        device: torch.device | str = "cpu",
        augmentation: Augmentation = Augmentation(),
    ) -> None:
        self._augmentation = augmentation
        self._dynamic = binarization == "dynamic"
        pixels = to_tensor(images)
        self._pixels = (pixels if self._dynamic else fixed_pixels(pixels, binarization, "train")).to(device)
        self._scale = binarization == "none"

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, indices: Tensor, generator: torch.Generator) -> Tensor:
        """Return a batch, (B, C, H, W), float32 in [0, 1].

        Only augmentation and dynamic binarization use `generator`.
        """
        pixels = self._pixels.index_select(0, indices)
        if self._augmentation:
            pixels = self._augmentation.apply(pixels, generator)
        if self._dynamic:
            return sample_bernoulli(pixels, generator).float()
        return to_float(pixels) if self._scale else pixels.float()


class TestImages:
    """Images for evaluation, preprocessed once and identical in every evaluation and run.

    Args:
        images: (N, H, W, C), uint8.
        binarization: "threshold", "static", "dynamic" or "none".
        device: Device that stores the images.
        split: "test", or "train" to evaluate training images.
    """

    __test__ = False  # not a pytest class

    def __init__(
        self, images: Images, binarization: str, device: torch.device | str = "cpu", *, split: str = "test"
    ) -> None:
        self._pixels = fixed_pixels(to_tensor(images), binarization, split).to(device)
        self._scale = binarization == "none"

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, indices: Tensor | slice) -> Tensor:
        """Return images, (B, C, H, W), float32 in [0, 1]."""
        pixels = self._pixels[indices]
        return to_float(pixels) if self._scale else pixels.float()


class DevicePoints:
    """The points of one split on a device, served in batches like `TrainImages`.

    Args:
        points: (N, 2), float32.
        device: Device that stores them.
    """

    def __init__(self, points: Points, device: torch.device | str = "cpu") -> None:
        self._points = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32)).view(-1, 2, 1, 1).to(device)

    def __len__(self) -> int:
        return len(self._points)

    def take(self, indices: Tensor | slice, generator: torch.Generator | None = None) -> Tensor:
        """Return points, (B, 2, 1, 1), float32; `generator` is ignored."""
        return self._points[indices]


def fixed_pixels(pixels: Tensor, binarization: str, split: str) -> Tensor:
    """Return uint8 pixels that are the same in every batch: 0/1, or the 256 gray levels for "none".

    Args:
        pixels: (N, C, H, W), uint8, on the CPU.
        binarization: "dynamic" is sampled once here, like "static".
        split: "train" or "test"; each has its own seed.
    """
    if binarization == "none":
        return pixels
    if binarization == "threshold":
        return (pixels > 127).view(torch.uint8)  # 127.5/255 = 0.5
    generator = torch.Generator().manual_seed(EVALUATION_SEED + (split == "test"))
    return sample_bernoulli(pixels, generator)
