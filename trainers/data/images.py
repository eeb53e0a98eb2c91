"""An image data set in memory, as uint8."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # (N, H, W, C)
Labels = NDArray[np.uint8]  # (N,)


@dataclass(frozen=True)
class ImageData:
    """Training and test images as stored: not scaled, not binarized.

    Args:
        name: "mnist", or the name of the folder.
        train: (N, H, W, C), uint8.
        test: (M, H, W, C), uint8.
        train_labels: (N,), or None without labels.
        test_labels: (M,), or None without labels.
    """

    name: str
    train: Images
    test: Images
    train_labels: Labels | None = None
    test_labels: Labels | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The image shape as (C, H, W)."""
        _, height, width, channels = self.train.shape
        return channels, height, width

    @property
    def num_classes(self) -> int:
        """The number of distinct training labels; 0 without labels."""
        if self.train_labels is None:
            return 0
        return len(np.unique(self.train_labels))
