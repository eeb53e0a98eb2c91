"""MNIST as the plain loops take it: image by image through a loader, or resident. Needs torch, numpy and Pillow."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

IMAGES = Path(__file__).resolve().parents[2] / "assets" / "mnist" / "train-images-idx3-ubyte.gz"
LABELS = IMAGES.with_name("train-labels-idx1-ubyte.gz")


def images() -> NDArray[np.uint8]:
    """Return the training images, (60000, 28, 28), uint8."""
    return np.frombuffer(gzip.decompress(IMAGES.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28).copy()


class ImageByImage(Dataset[tuple[Tensor, int]]):
    """What a tutorial's data set does for each image: a picture is made of it, and a tensor of the picture.

    Args:
        centered: Whether the values are moved to [−1, 1].
    """

    def __init__(self, *, centered: bool = False) -> None:
        self._images = torch.from_numpy(images())
        self._labels = torch.from_numpy(np.frombuffer(gzip.decompress(LABELS.read_bytes()), np.uint8, offset=8).copy())
        self._centered = centered

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self._images[index].numpy())
        pixels = torch.from_numpy(np.array(picture)).view(28, 28, 1).permute(2, 0, 1).contiguous()
        x = pixels.to(torch.float32).div(255)
        return (x.clone().sub_(0.5).div_(0.5) if self._centered else x), int(self._labels[index])


def loaded(batch: int, device: str, *, centered: bool = False) -> Iterator[Tensor]:
    """Yield shuffled batches, (B, 1, 28, 28), through a DataLoader, epoch after epoch."""
    loader = DataLoader(ImageByImage(centered=centered), batch_size=batch, shuffle=True)
    while True:
        for x, _ in loader:
            yield x.to(device)


def resident(batch: int, device: str) -> Iterator[Tensor]:
    """Yield shuffled batches, (B, 1, 28, 28), in [0, 1], gathered from bytes that lie on the device."""
    pixels = torch.from_numpy(images()).unsqueeze(1).to(device)
    while True:
        for indices in torch.randperm(len(pixels)).to(device).split(batch):  # type: ignore[no-untyped-call]
            if len(indices) == batch:
                yield pixels.index_select(0, indices).float().div_(255)
