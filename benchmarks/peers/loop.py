"""A contender: a training loop that runs for a given number of steps. Standard library alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Setting:
    """Settings of a contender.

    Args:
        threads: To compute with.
        device: "cpu" or "cuda".
        options: What makes this variant: {"compile": true}.
    """

    threads: int
    device: str = "cpu"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Loop:
    """A loop that is set up.

    Args:
        run: Takes so many steps and returns when the device has done them; returns how many they were.
        batch: Images a step.
        flops: Floating-point operations an image, forward and backward.
        chunk: The least number of steps that can be taken at once.
    """

    run: Callable[[int], int]
    batch: int
    flops: float
    chunk: int = 1


def dense(*sizes: int) -> int:
    """Return the multiplications of linear layers through `sizes`, an image."""
    return sum(a * b for a, b in pairwise(sizes))


def conv(size: int, kernel: int, inputs: int, outputs: int) -> int:
    """Return the multiplications of a convolution; `size` is its output's side, of a transposed one its input's."""
    return size * size * kernel * kernel * inputs * outputs


def learning(multiplications: int, first: int = 0) -> float:
    """Return the operations of forward and backward: three times forward, less the gradient of the network's input.

    Args:
        multiplications: Of the network, forward.
        first: Of the layers that read the data, whose gradient is not needed.
    """
    return 2.0 * (3 * multiplications - first)
