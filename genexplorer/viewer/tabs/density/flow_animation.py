"""The way of a whole cloud from the base to the data, through the layers of a flow. No Qt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Unmixing:
    """Points at every stage, in the order in which they went: stage 0 is the base, the last one the data.

    Args:
        stages: (K + 1, N, 2).
        labels: K + 1 names.
    """

    stages: Floats
    labels: tuple[str, ...]

    def at(self, share: float) -> Floats:
        """Return the points, (N, 2), at a share of the way; on the straight line between two stages."""
        last = len(self.stages) - 1
        place = min(max(share, 0.0), 1.0) * last
        low = min(int(place), last)
        high = min(low + 1, last)
        points: Floats = self.stages[low] + (self.stages[high] - self.stages[low]) * (place - low)
        return points

    def words(self, share: float) -> str:
        """Return what is seen at a share of the way: "base", "in coupling 3", "data"."""
        last = len(self.stages) - 1
        place = min(max(share, 0.0), 1.0) * last
        if place == 0:
            return "base: z from N(0, I)"
        if place >= last:
            return "data: all transforms done"
        low = int(place)
        return f"after {self.labels[low]}" if place == low else f"in {self.labels[low + 1]}"

    def letter(self, share: float) -> str:
        """Return what the axes are called: z at the base, x at the data, v in between."""
        return "z" if share <= 0 else "x" if share >= 1 else "v"


@dataclass(frozen=True)
class BaseGrid:
    """Lines of equal z₁ and z₂, each of many points so that it can bend.

    Args:
        points: (M, 2), line after line.
        connect: (M,), 1 where a point is joined to the next one.
    """

    points: Floats
    connect: NDArray[np.int32]


def base_grid(reach: float = 3.0, lines: int = 13, points: int = 141) -> BaseGrid:
    """Return the grid over [−reach, reach]²."""
    along, across = np.linspace(-reach, reach, points), np.linspace(-reach, reach, lines)
    upright = np.stack([np.repeat(across, points), np.tile(along, lines)], axis=1)
    connect = np.ones(2 * lines * points, np.int32)
    connect[points - 1 :: points] = 0
    return BaseGrid(np.concatenate([upright, upright[:, ::-1]]), connect)
