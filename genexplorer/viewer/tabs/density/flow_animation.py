"""Samples and a grid on their way from the base to the data, through the layers of a flow. No Qt."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FlowAnimation:
    """Points after every layer: stage 0 is the base, the last one the data.

    Args:
        stages: (K + 1, N, 2).
        labels: K + 1 names.
    """

    stages: Floats
    labels: tuple[str, ...]

    def points_at(self, position: float) -> Floats:
        """Return the points, (N, 2), at a position from 0 to 1; on the straight line between two stages."""
        last = len(self.stages) - 1
        stage = min(max(position, 0.0), 1.0) * last
        low = min(int(stage), last)
        high = min(low + 1, last)
        points: Floats = self.stages[low] + (self.stages[high] - self.stages[low]) * (stage - low)
        return points

    def caption(self, position: float) -> str:
        """Return what is visible at a position: "base: z from N(0, I)", "layer 3 of 18: coupling 2"."""
        last = len(self.stages) - 1
        layer = math.ceil(min(max(position, 0.0), 1.0) * last)
        return f"layer {layer} of {last}: {self.labels[layer]}" if layer else "base: z from N(0, I)"

    def letter(self, position: float) -> str:
        """Return the name of the axes: z at the base, x at the data, v in between."""
        return "z" if position <= 0 else "x" if position >= 1 else "v"


@dataclass(frozen=True)
class BaseGrid:
    """Lines of constant z₁ and z₂, each of many points so that it can bend.

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
