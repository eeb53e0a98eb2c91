"""A trace: the values after each transform of a flow, and what each did to the volume. No Qt."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.sanitize import one_line

Direction = Literal["forward", "inverse"]
Floats = NDArray[np.float64]
_OUTLIER = 3.0  # times the second largest log-determinant
_LABEL_CHARS = 24


@dataclass(frozen=True)
class TraceStage:
    """The input, or the output of one transform.

    Args:
        label: "x", "coupling 3", "z".
        mean: Of the values, before they are shown as gray levels.
        std: Of the values.
        ladj: log |det| of the transform that led here, in nats; None for the input.
        cumulative: The sum of the log-determinants up to here.
    """

    label: str
    mean: float
    std: float
    ladj: float | None
    cumulative: float


@dataclass(frozen=True)
class Trace:
    """One image or point after every transform.

    Args:
        stages: K + 1 of them, in the order of the direction.
        values: uint8 (K + 1, H, W, C), or (K + 1, 2) for a point.
        z: The latent, (d,).
        direction: "forward" is from x to z.
        error: Of the round trip; None where it is not measured.
        label: Of the test image; -1 where there is none.
        step: Of the snapshot.
    """

    stages: tuple[TraceStage, ...]
    values: NDArray[Any]
    z: Floats
    direction: Direction
    error: float | None
    label: int
    step: int

    @property
    def is_points(self) -> bool:
        """Whether the data are 2-D points."""
        return self.values.ndim == 2

    def with_stats(self, mean: Floats, std: Floats) -> "Trace":
        """Return the same trace with mean and standard deviation of many points, (K + 1,) each."""
        stats = zip(self.stages, mean.tolist(), std.tolist(), strict=True)
        return replace(self, stages=tuple(replace(stage, mean=m, std=s) for stage, m, s in stats))

    @property
    def total(self) -> float:
        """The sum of all log-determinants, in nats."""
        return self.stages[-1].cumulative

    @property
    def bar_scale(self) -> float:
        """The log-determinant of a bar of full length: the largest, or, where one dwarfs all others, as that of the
        preprocessing does, the second largest; the bar of that one is truncated.
        """
        sizes = sorted(abs(s.ladj) for s in self.stages if s.ladj is not None and math.isfinite(s.ladj))
        if len(sizes) > 1 and sizes[-2] > 0 and sizes[-1] > _OUTLIER * sizes[-2]:
            return sizes[-2]
        return (sizes[-1] if sizes else 0.0) or 1.0

    @property
    def log_base(self) -> float:
        """log N(z; 0, I), in nats."""
        return float(-0.5 * (np.square(self.z).sum() + self.z.size * math.log(2 * math.pi)))

    @property
    def log_prob(self) -> float:
        """log p(x) in nats, by the change of variables; a trace from z to x has log |det dx/dz| and subtracts it."""
        return self.log_base + (self.total if self.direction == "forward" else -self.total)

    def axis_letter(self, stage: int) -> str:
        """Return the name of the values at a stage: x for data, z for the base, v in between."""
        first, last = ("x", "z") if self.direction == "forward" else ("z", "x")
        return first if stage == 0 else last if stage == len(self.stages) - 1 else "v"


def parse_trace(arrays: Mapping[str, Any], meta: Mapping[str, Any], step: int) -> Trace:
    """Return the trace in a reply to `trace`.

    Raises:
        ValueError: if shapes do not match.
    """
    values = np.asarray(arrays["stages"])
    if values.ndim == 3:  # points with a batch axis of one
        values = values[:, 0]
    count = len(values)
    ladj = np.asarray(arrays["ladj"], np.float64).reshape(count - 1, -1)[:, 0] if count > 1 else np.zeros(0)
    mean, std = (np.asarray(arrays[name], np.float64).reshape(count, -1)[:, 0] for name in ("mean", "std"))
    labels = meta.get("labels")
    names = labels if isinstance(labels, list) and len(labels) == count else [str(k) for k in range(count)]
    sums = np.concatenate([[0.0], np.cumsum(ladj)])
    stages = tuple(
        TraceStage(
            label=one_line(str(names[k]), _LABEL_CHARS),
            mean=float(mean[k]),
            std=float(std[k]),
            ladj=None if k == 0 else float(ladj[k - 1]),
            cumulative=float(sums[k]),
        )
        for k in range(count)
    )
    error, label = meta.get("error"), meta.get("label")
    return Trace(
        stages=stages,
        values=values,
        z=np.asarray(arrays["z"], np.float64).reshape(len(np.atleast_2d(arrays["z"])), -1)[0],
        direction="inverse" if meta.get("direction") == "inverse" else "forward",
        error=float(error) if isinstance(error, int | float) else None,
        label=label if isinstance(label, int) else -1,
        step=step,
    )
