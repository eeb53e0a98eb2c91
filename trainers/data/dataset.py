"""A loaded data set: images or 2-D points, its training and test splits in memory. No torch."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # (N, H, W, C)
Points = NDArray[np.float32]  # (N, 2)
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
        return 0 if self.train_labels is None else len(np.unique(self.train_labels))


class Density(Protocol):
    """A known 2-D density; by default one without separate modes."""

    @property
    def modes(self) -> NDArray[np.float64] | None:
        """Centers of the modes, (K, 2); None without separate modes."""
        return None

    @property
    def mode_std(self) -> float:
        """Standard deviation of each mode; 0 without separate modes."""
        return 0.0

    def log_prob(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return log p(x) in nats, (N,), for points (N, 2); −∞ where the density is 0."""


@dataclass(frozen=True)
class PointData:
    """Training and test points of a 2-D data set.

    Args:
        name: "moons".
        train: (N, 2), float32.
        test: (M, 2), float32.
        bounds: Plot limits (x0, x1, y0, y1) that contain nearly all points; the same for every run.
        train_labels: (N,), the arm, ring or mode of each point; None without labels.
        test_labels: (M,), or None without labels.
        truth: The true density, where it is known.
    """

    name: str
    train: Points
    test: Points
    bounds: tuple[float, float, float, float]
    train_labels: Labels | None = None
    test_labels: Labels | None = None
    truth: Density | None = field(default=None, compare=False)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of a point as a model input: (2, 1, 1)."""
        return 2, 1, 1

    @property
    def num_classes(self) -> int:
        """The number of distinct training labels; 0 without labels."""
        return 0 if self.train_labels is None else len(np.unique(self.train_labels))
