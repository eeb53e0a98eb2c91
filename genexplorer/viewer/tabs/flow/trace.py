"""A trace through a flow: the values after each transform, and the selection of input and direction. No Qt."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.sanitize import one_line
from genexplorer.session.latent_colors import latent_image
from genexplorer.session.observable import Observable
from genexplorer.viewer.preferences import MAX_IMAGE_INDEX, saved_int

Direction = Literal["forward", "inverse"]
Floats = NDArray[np.float64]
_OUTLIER_FACTOR = 3.0  # a log-determinant above so many times the second largest one has a truncated bar
_MAX_LABEL_CHARS = 24
_PLOT_MARGIN_FACTOR = 1.06  # a plot's axes go this much further than its points
MAX_SEED = 2**31 - 1
MAX_TEMPERATURE = 1.5


@dataclass(frozen=True)
class TraceStage:
    """The input, or the output of one transform."""

    label: str  # "x", "coupling 3", "z"
    mean: float  # the mean of the values, before they are shown as gray levels
    std: float  # the standard deviation of the values
    ladj: float | None  # log |det| of the transform that led here, in nats; None for the input
    cumulative: float  # the sum of the log-determinants up to here


@dataclass(frozen=True)
class Trace:
    """One image or point after every transform."""

    stages: tuple[TraceStage, ...]  # K + 1 of them, in the order of the direction
    values: NDArray[Any]  # images, (K + 1, H, W, C) uint8, or a point at each stage, (K + 1, 2)
    z: Floats  # the latent, (d,)
    direction: Direction  # "forward" is from x to z
    error: float | None  # the largest error of the round trip; None where it is not measured
    label: int  # the class of the test image; -1 where there is none
    step: int  # the step of the snapshot

    @property
    def is_point_data(self) -> bool:
        """Whether the data are 2-D points."""
        return self.values.ndim == 2

    def with_stats(self, mean: Floats, std: Floats) -> "Trace":
        """Return the same trace with mean and standard deviation of many points, (K + 1,) each."""
        stats = zip(self.stages, mean.tolist(), std.tolist(), strict=True)
        return replace(self, stages=tuple(replace(stage, mean=m, std=s) for stage, m, s in stats))

    def image(self, stage: int) -> NDArray[np.uint8]:
        """Return a stage as an image, (H, W, C): gray levels, and z, as everywhere, in the colors of latents."""
        if self.axis_letter(stage) != "z":
            return np.asarray(self.values[stage], np.uint8)
        height, width, channels = self.values.shape[1:]
        return latent_image(self.z, (channels, height, width))

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
        if len(sizes) > 1 and sizes[-2] > 0 and sizes[-1] > _OUTLIER_FACTOR * sizes[-2]:
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


@dataclass(frozen=True)
class PointBatch:
    """Many points at every stage of a trace."""

    points: Floats  # (K + 1, N, 2), in the order of the trace
    color_classes: NDArray[np.int64]  # decide the colors of the points, (N,): classes, or sectors of the base

    @staticmethod
    def of_trace(trace: Trace) -> "PointBatch":
        """Return a batch of the traced point alone, until that of many has come."""
        return PointBatch(trace.values[:, None].astype(np.float64), np.zeros(1, np.int64))

    @cached_property
    def axis_limit(self) -> float:
        """The largest value of all axes; one scale for all stages, so that volumes compare."""
        return float(np.quantile(np.abs(self.points), 0.998)) * _PLOT_MARGIN_FACTOR or 1.0


def interpolate_stages(stages: Floats, position: float) -> Floats:
    """Return the points at a position from 0 to K, on the straight line between two of the K + 1 stages."""
    low = min(int(position), len(stages) - 1)
    high = min(low + 1, len(stages) - 1)
    points: Floats = stages[low] + (stages[high] - stages[low]) * (position - low)
    return points


def stage_labels(meta: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Return the names of the stages in a response, or their numbers where it has none."""
    labels = meta.get("labels")
    names = labels if isinstance(labels, list) and len(labels) == count else range(count)
    return tuple(one_line(str(name), _MAX_LABEL_CHARS) for name in names)


def parse_trace(arrays: Mapping[str, Any], meta: Mapping[str, Any], step: int) -> Trace:
    """Return the trace in a response to `trace`.

    Raises:
        ValueError: if shapes do not match.
    """
    # Read the arrays of the one image or point.
    values = np.asarray(arrays["stages"])
    if values.ndim == 3:  # points with a batch axis of one
        values = values[:, 0]
    count = len(values)
    ladj = np.asarray(arrays["ladj"], np.float64).reshape(count - 1, -1)[:, 0] if count > 1 else np.zeros(0)
    mean, std = (np.asarray(arrays[name], np.float64).reshape(count, -1)[:, 0] for name in ("mean", "std"))
    # The first stage has no transform before it.
    changes: list[float | None] = [None, *ladj.tolist()]
    sums: list[float] = [0.0, *np.cumsum(ladj).tolist()]
    stages = tuple(map(TraceStage, stage_labels(meta, count), mean.tolist(), std.tolist(), changes, sums))
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


class TraceSelection(Observable):
    """A test image that is traced from x to z, or a sample of the base that is traced from z to x."""

    def __init__(self) -> None:
        super().__init__()
        self.direction: Direction = "forward"
        self.index = 0
        self.seed = 0
        self.temperature = 1.0
        self.num_test = 0
        self.count = 0  # the number of stages of the displayed trace
        self._stage: int | None = None  # the selected stage; None selects the last one

    @property
    def stage(self) -> int:
        """The selected stage, from 0."""
        last = max(0, self.count - 1)
        return last if self._stage is None else min(self._stage, last)

    @property
    def params(self) -> dict[str, object]:
        """The parameters of a `trace` request."""
        if self.direction == "forward":
            return {"index": self.index}
        return {"seed": self.seed, "temperature": self.temperature}

    def set_direction(self, direction: Direction) -> None:
        """Change the direction and select the last stage."""
        if direction != self.direction:
            self._update(direction)

    def reverse(self) -> None:
        """Change the direction."""
        self.set_direction("inverse" if self.direction == "forward" else "forward")

    def set_index(self, index: int) -> None:
        """Trace a test image from x to z."""
        index = min(max(index, 0), max(0, self.num_test - 1))
        if (index, self.direction) != (self.index, "forward"):
            self.index = index
            self._update("forward")

    def set_sample(self, seed: int | None = None, temperature: float | None = None) -> None:
        """Trace a sample from z to x."""
        self.seed = self.seed if seed is None else min(max(seed, 0), MAX_SEED)
        self.temperature = self.temperature if temperature is None else min(max(temperature, 0.0), MAX_TEMPERATURE)
        self._update("inverse")

    def move(self, by: int) -> None:
        """Step to another test image, or seed."""
        if self.direction == "forward":
            self.set_index(self.index + by)
        else:
            self.set_sample(seed=self.seed + by)

    def resample(self) -> None:
        """Choose a random test image or seed."""
        if self.direction == "inverse":
            self.set_sample(seed=random.randrange(10_000))
        elif self.num_test > 1:
            self.set_index((self.index + random.randrange(1, self.num_test)) % self.num_test)

    def select_stage(self, stage: int) -> None:
        """Select a stage."""
        stage = min(max(stage, 0), max(0, self.count - 1))
        if stage != self.stage or self._stage is None:
            self._stage = stage
            self.notify()

    def to_json(self) -> dict[str, Any]:
        """Return the values that are saved until the next start."""
        return {name: getattr(self, name) for name in ("direction", "index", "seed", "temperature")}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the values of `to_json`; invalid ones are ignored."""
        temperature = state.get("temperature")
        self.direction = "inverse" if state.get("direction") == "inverse" else "forward"
        self.index = saved_int(state, "index", 0, MAX_IMAGE_INDEX, 0)
        self.seed = saved_int(state, "seed", 0, MAX_SEED, 0)
        valid = isinstance(temperature, int | float) and 0 <= temperature <= MAX_TEMPERATURE
        self.temperature = float(temperature) if valid and temperature is not None else 1.0
        self.notify()

    def _update(self, direction: Direction) -> None:
        if direction != self.direction:
            self.direction, self._stage = direction, None
        self.notify()
