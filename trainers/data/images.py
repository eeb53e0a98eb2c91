"""Images in memory: one uint8 copy for a whole run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # (N, H, W, C)
Labels = NDArray[np.uint8]  # (N,)


@dataclass(frozen=True)
class ImageData:
    """A data set of images, training and test, as it was stored: nothing scaled, nothing binarized.

    Args:
        name: "mnist", or a folder's own name.
        train: (N, H, W, C), uint8.
        test: (M, H, W, C), uint8.
        train_labels: (N,), or None where there are none.
        test_labels: (M,), or None where there are none.
    """

    name: str
    train: Images
    test: Images
    train_labels: Labels | None = None
    test_labels: Labels | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of an image as (C, H, W)."""
        _, height, width, channels = self.train.shape
        return channels, height, width

    @property
    def num_classes(self) -> int:
        """How many different labels there are; 0 without labels."""
        if self.train_labels is None:
            return 0
        return len(np.unique(self.train_labels))
