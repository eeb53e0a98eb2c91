"""What a trace tells: where it passed, and what each transform did to the volume. No Qt."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.sanitize import one_line

Direction = Literal["forward", "inverse"]
Floats = NDArray[np.float64]
_FAR_LARGER = 3.0
_WORDS = 24  # letters of a label that are kept


@dataclass(frozen=True)
class Station:
    """One place on the way.

    Args:
        label: "x", "coupling 3", "z".
        mean: Of the values themselves, before they are made gray.
        std: Likewise.
        ladj: log |det| of the transform that led here, in nats; None at the start.
        so_far: The sum of the log-determinants up to here.
    """

    label: str
    mean: float
    std: float
    ladj: float | None
    so_far: float


@dataclass(frozen=True)
class Way:
    """The way of one image or point.

    Args:
        stations: K + 1 of them, in the order in which it went.
        stages: uint8 (K + 1, H, W, C), or (K + 1, 2) for a point of the plane.
        z: The latent, (d,).
        direction: "forward" is from x to z.
        error: Of the round trip; None where it is not told.
        label: Of the test image; -1 where there is none.
        step: Of the snapshot.
    """

    stations: tuple[Station, ...]
    stages: NDArray[Any]
    z: Floats
    direction: Direction
    error: float | None
    label: int
    step: int

    @property
    def is_points(self) -> bool:
        """Whether it is the way of a point of the plane."""
        return self.stages.ndim == 2

    def with_spread(self, mean: Floats, std: Floats) -> "Way":
        """Return the same way with the mean and spread of many that went it, (K + 1,) each."""
        spread = zip(self.stations, mean.tolist(), std.tolist(), strict=True)
        return replace(self, stations=tuple(replace(station, mean=m, std=s) for station, m, s in spread))

    @property
    def total(self) -> float:
        """Return the sum of all log-determinants, in nats."""
        return self.stations[-1].so_far

    @property
    def largest(self) -> float:
        """Return what a bar of full length stands for: the largest log-determinant, or, where one is far larger than
        all others, as that of the preprocessing is, the second largest; the bar of that one is broken.
        """
        sizes = sorted(abs(s.ladj) for s in self.stations if s.ladj is not None and math.isfinite(s.ladj))
        if len(sizes) > 1 and sizes[-2] > 0 and sizes[-1] > _FAR_LARGER * sizes[-2]:
            return sizes[-2]
        return (sizes[-1] if sizes else 0.0) or 1.0

    @property
    def log_base(self) -> float:
        """Return log N(z; 0, I), in nats."""
        return float(-0.5 * (np.square(self.z).sum() + self.z.size * math.log(2 * math.pi)))

    @property
    def log_prob(self) -> float:
        """Return log p(x) in nats, by the change of variables: dz/dx counts up, dx/dz counts down."""
        return self.log_base + (self.total if self.direction == "forward" else -self.total)


def read(arrays: Mapping[str, Any], meta: Mapping[str, Any], step: int) -> Way:
    """Return the way that an answer to `trace` tells.

    Raises:
        ValueError: if its parts do not belong together.
    """
    stages = np.asarray(arrays["stages"])
    if stages.ndim == 3:  # points: one of them, with its own axis
        stages = stages[:, 0]
    count = len(stages)
    ladj = np.asarray(arrays["ladj"], np.float64).reshape(count - 1, -1)[:, 0] if count > 1 else np.zeros(0)
    mean, std = (np.asarray(arrays[name], np.float64).reshape(count, -1)[:, 0] for name in ("mean", "std"))
    labels = meta.get("labels")
    names = labels if isinstance(labels, list) and len(labels) == count else [str(k) for k in range(count)]
    sums = np.concatenate([[0.0], np.cumsum(ladj)])
    stations = tuple(
        Station(
            one_line(str(names[k]), _WORDS),
            float(mean[k]),
            float(std[k]),
            None if k == 0 else float(ladj[k - 1]),
            float(sums[k]),
        )
        for k in range(count)
    )
    direction: Direction = "inverse" if meta.get("direction") == "inverse" else "forward"
    z = np.asarray(arrays["z"], np.float64).reshape(len(np.atleast_2d(arrays["z"])), -1)[0]
    error, label = meta.get("error"), meta.get("label")
    return Way(
        stations,
        stages,
        z,
        direction,
        float(error) if isinstance(error, int | float) else None,
        label if isinstance(label, int) else -1,
        step,
    )
