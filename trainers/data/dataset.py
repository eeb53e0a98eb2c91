"""A loaded data set: images or 2-D points, its training and test splits in memory. No torch."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainers.errors import DataError

EVALUATION_SEED = 20190101  # of test noise, sample images and static binarization: the same in every run, for any seed
Images = NDArray[np.uint8]  # (N, H, W, C)
Points = NDArray[np.float32]  # (N, 2)
Labels = NDArray[np.integer[Any]]  # (N,)


@dataclass(frozen=True)
class ImageData:
    """Training and test images as stored: not scaled, not binarized.

    Args:
        name: "mnist", or the name of the folder.
        train: (N, H, W, C), uint8.
        test: (M, H, W, C), uint8.
        train_labels: (N,), or None without labels.
        test_labels: (M,), or None without labels.
        class_names: Names of the labels 0, 1, …; empty where they are unknown.

    Raises:
        DataError: if a shape or dtype differs.
    """

    name: str
    train: Images
    test: Images
    train_labels: Labels | None = None
    test_labels: Labels | None = None
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for split, images in (("training", self.train), ("test", self.test)):
            where = f"data set '{self.name}': {split} images"
            if images.dtype != np.uint8:
                hint = "convert floats in [0, 1] with (255 * images).round().astype('uint8')"
                raise DataError(f"{where} of dtype {images.dtype}; expected uint8, 0 to 255", hint)
            if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
                hint = "channels come last: (N, H, W, C) with C = 1 or 3"
                raise DataError(f"{where} of shape {images.shape}; expected (N, H, W, C)", hint)
        _check_splits(self)

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

    Raises:
        DataError: if a shape differs, or points are not finite numbers.
    """

    name: str
    train: Points
    test: Points
    bounds: tuple[float, float, float, float]
    train_labels: Labels | None = None
    test_labels: Labels | None = None
    truth: Density | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for split, points in (("training", self.train), ("test", self.test)):
            where = f"data set '{self.name}': {split} points"
            if points.ndim != 2 or points.shape[1] != 2 or not len(points):
                hint = "only points in two dimensions can be trained on and drawn"
                raise DataError(f"{where} of shape {points.shape}; expected (N, 2)", hint)
            if points.dtype.kind not in "iuf" or not np.isfinite(points).all():
                hint = "use float32, and remove NaN and infinite coordinates"
                raise DataError(f"{where} of dtype {points.dtype} that are not all finite numbers", hint)
        _check_splits(self)
        x0, x1, y0, y1 = self.bounds
        if not (x0 < x1 and y0 < y1):
            message = f"data set '{self.name}': bounds {self.bounds} are empty"
            raise DataError(message, "give (x0, x1, y0, y1) with x0 < x1 and y0 < y1")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of a point as a model input: (2, 1, 1)."""
        return 2, 1, 1

    @property
    def num_classes(self) -> int:
        """The number of distinct training labels; 0 without labels."""
        return 0 if self.train_labels is None else len(np.unique(self.train_labels))


def _check_splits(data: ImageData | PointData) -> None:
    """Refuse splits of different shapes, and labels that are not one integer per example."""
    if data.train.shape[1:] != data.test.shape[1:]:
        message = f"data set '{data.name}': training shape {data.train.shape[1:]}, but test shape {data.test.shape[1:]}"
        raise DataError(message, "use one shape")
    splits = (("training", data.train, data.train_labels), ("test", data.test, data.test_labels))
    for split, items, labels in splits:
        if labels is not None and (labels.shape != (len(items),) or labels.dtype.kind not in "iu"):
            message = f"data set '{data.name}': {split} labels of shape {labels.shape} and dtype {labels.dtype}"
            raise DataError(message, f"use integers of shape ({len(items)},), one for each example")


def plot_bounds(points: Points) -> tuple[float, float, float, float]:
    """Return plot limits (x0, x1, y0, y1) around all but 0.2 % of the points, with a margin."""
    low, high = np.quantile(points, (0.001, 0.999), axis=0)
    margin = np.maximum(0.15 * (high - low), 1e-3)
    (x0, y0), (x1, y1) = low - margin, high + margin
    return float(x0), float(x1), float(y0), float(y1)


def num_test_examples(count: int, test_fraction: float) -> int:
    """Return the number of test examples of data without a test split: at least one, and not all."""
    return min(max(1, round(test_fraction * count)), max(1, count - 1))


def split_indices(count: int, test_fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the training and of the test split of data without one, both in random order."""
    order, num_test = np.random.default_rng(seed).permutation(count), num_test_examples(count, test_fraction)
    return order[num_test:], order[:num_test]
