"""The values that an operation on a model yields: progress between chunks of work, then its result. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Progress:
    """The fraction of an operation's work that is done, and its current activity."""

    fraction: float  # in [0, 1]
    message: str = ""


@dataclass(frozen=True)
class Result:
    """The result of an operation: arrays by name, and JSON values."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    meta: Mapping[str, object] = field(default_factory=dict)


Chunk = Progress | Result
