"""From stored pixels to what a model sees. Threshold, static and dynamic binarization make three different data sets.

All figures name which one they are of. Test images go through the same function as training images; where chance is
involved the test images are drawn once, with a fixed seed, so that figures of different runs are of the same images.
"""

import torch
from torch import Tensor

from trainers.data.images import Images

FIXED_SEED = 20190101  # of static binarization and of the test images: the same for every run
MEANINGS = {
    "threshold": "threshold binarization (> 0.5)",
    "static": "static binarization (drawn once, fixed seed)",
    "dynamic": "dynamic binarization",
    "none": "256 gray levels",
}


def setup(binarization: str, split: str = "train") -> str:
    """Return the words a figure of a split, "train" or "test", must be quoted with."""
    once = " (test images drawn once, fixed seed)" if binarization == "dynamic" and split == "test" else ""
    return MEANINGS[binarization] + once


def to_tensor(images: Images, device: torch.device | str = "cpu") -> Tensor:
    """Return (N, C, H, W) uint8 from (N, H, W, C) uint8; gray images share their memory."""
    owned = images if images.flags.writeable and images.flags.c_contiguous else images.copy()
    return torch.from_numpy(owned).permute(0, 3, 1, 2).contiguous().to(device)


def to_unit(pixels: Tensor) -> Tensor:
    """Return pixels 0..255 as float32 in [0, 1]."""
    return pixels.float().mul_(1 / 255)


def draw(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw each pixel from a Bernoulli with mean pixel/255, exactly: u < pixel for u uniform on 0..254.

    Args:
        pixels: uint8.
        generator: On the pixels' device.

    Returns:
        uint8, 0 or 1, of the same shape.
    """
    uniform = torch.empty_like(pixels).random_(0, 255, generator=generator)
    return (uniform < pixels).view(torch.uint8)


class TrainImages:
    """Training images, resident once as uint8, gathered and binarized a batch at a time.

    Args:
        images: (N, H, W, C), uint8.
        binarization: "threshold", "static", "dynamic" or "none".
        device: Where the images live.
    """

    def __init__(self, images: Images, binarization: str, device: torch.device | str = "cpu") -> None:
        self._dynamic = binarization == "dynamic"
        pixels = to_tensor(images)
        self._pixels = (pixels if self._dynamic else fixed(pixels, binarization, "train")).to(device)
        self._scale = binarization == "none"

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, indices: Tensor, generator: torch.Generator) -> Tensor:
        """Return a batch, (B, C, H, W), float32 in [0, 1]; `generator` draws where the binarization is dynamic."""
        pixels = self._pixels.index_select(0, indices)
        if self._dynamic:
            return draw(pixels, generator).float()
        return to_unit(pixels) if self._scale else pixels.float()


class TestImages:
    """Images as a model is judged on: the same for every evaluation, run and explorer.

    Args:
        images: (N, H, W, C), uint8.
        binarization: "threshold", "static", "dynamic" or "none".
        device: Where the images live.
        split: "test", or "train" to judge training images.
    """

    __test__ = False  # not a test, whatever pytest thinks of the name

    def __init__(
        self, images: Images, binarization: str, device: torch.device | str = "cpu", *, split: str = "test"
    ) -> None:
        self._pixels = fixed(to_tensor(images), binarization, split).to(device)
        self._scale = binarization == "none"

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, indices: Tensor | slice) -> Tensor:
        """Return images, (B, C, H, W), float32 in [0, 1]."""
        pixels = self._pixels[indices]
        return to_unit(pixels) if self._scale else pixels.float()


def fixed(pixels: Tensor, binarization: str, split: str) -> Tensor:
    """Return what does not change from batch to batch: 0/1 pixels, or the 256 levels for "none".

    Args:
        pixels: (N, C, H, W), uint8, on the CPU.
        binarization: "dynamic" is drawn once here, as "static" is.
        split: "train" or "test"; each has a seed of its own.
    """
    if binarization == "none":
        return pixels
    if binarization == "threshold":
        return (pixels > 127).view(torch.uint8)  # 127.5/255 = 0.5
    generator = torch.Generator().manual_seed(FIXED_SEED + (split == "test"))
    return draw(pixels, generator)
