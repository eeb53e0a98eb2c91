"""Points of the plane in memory: toy densities on which everything can be seen."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Points = NDArray[np.float32]  # (N, 2)
Labels = NDArray[np.uint8]  # (N,)


class Density(Protocol):
    """A density of the plane that is known."""

    @property
    def modes(self) -> NDArray[np.float64] | None:
        """The centers of its modes, (K, 2), where it has separate ones."""
        ...

    @property
    def mode_std(self) -> float:
        """The standard deviation of each mode; 0 where there are none."""
        ...

    def log_prob(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return log p of points (N, 2), (N,), in nats; −∞ where it is 0."""
        ...


@dataclass(frozen=True)
class PointData:
    """A data set of points of the plane, training and test.

    Args:
        name: "moons".
        train: (N, 2), float32.
        test: (M, 2), float32.
        bounds: (x0, x1, y0, y1) that hold nearly all of it, for drawing: the same for every run.
        train_labels: (N,), which arm, ring or mode a point belongs to; None where there are none.
        test_labels: (M,), likewise.
        truth: The density itself, where it is known.
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
        """The shape of a point as a model sees it: (2, 1, 1)."""
        return 2, 1, 1

    @property
    def num_classes(self) -> int:
        """How many different labels there are; 0 without labels."""
        return 0 if self.train_labels is None else len(np.unique(self.train_labels))


class ResidentPoints:
    """Points of one split, resident once, gathered a batch at a time; takes the place of images in a training.

    Args:
        points: (N, 2), float32.
        device: Where they live.
    """

    def __init__(self, points: Points, device: torch.device | str = "cpu") -> None:
        self._points = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32)).view(-1, 2, 1, 1).to(device)

    def __len__(self) -> int:
        return len(self._points)

    def take(self, indices: Tensor | slice, generator: torch.Generator | None = None) -> Tensor:
        """Return points, (B, 2, 1, 1), float32; nothing is drawn."""
        return self._points[indices]
