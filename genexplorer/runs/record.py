"""The values that readers of a run folder return: plain and frozen, the same for CLI, dashboard and viewer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from trainers.events import MetricSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

XAxis = Literal["step", "images", "time"]
FORK_COMMAND = "fork"  # of the row in a branch's history of commands that marks where it starts


class State(StrEnum):
    """State of a run. Queued and Lost are derived by readers and never stored."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"
    DAMAGED = "damaged"

    @property
    def active(self) -> bool:
        """Whether it has, or should have, a worker."""
        return self in (State.QUEUED, State.RUNNING, State.PAUSED, State.STOPPING)

    @property
    def resumable(self) -> bool:
        """Whether `resume` can start a new attempt."""
        return self in (State.STOPPED, State.FAILED, State.LOST)


@dataclass(frozen=True)
class Parent:
    """The run from which another one started, as it was then.

    Args:
        kind: "fork" for a branch, "init" for a new run that took weights that fit.
        id: The parent's id.
        name: The parent's name.
        step: The parent's step.
        exact: Whether the branch goes on exactly: optimizers, random numbers and position in the epoch included.
        weights: "ema" or "raw": the weights that were taken where it is not exact.
        changes: The settings that the branch changed at its first step, as text: "model.beta 50 → 1".
    """

    kind: Literal["fork", "init"]
    id: str
    name: str
    step: int
    exact: bool = False
    weights: Literal["ema", "raw"] = "ema"
    changes: str = ""


@dataclass(frozen=True)
class RunStatus:
    """Status of one run, from config.json, notes.json and live.bin alone, without opening the database.

    Texts are sanitized: one line, no control characters.
    """

    id: str
    folder: Path
    name: str
    state: State
    preset: str
    family: str
    dataset: str
    data_kind: str = "images"  # "images" or "points", which are 2-D
    tags: tuple[str, ...] = ()
    note: str = ""
    reason: str = ""  # one line: why the run is Lost, Failed or Damaged
    phase: str = ""  # "training", "evaluating", "decoding", "compiling"
    phase_detail: str = ""
    attempt: int = 0
    pid: int | None = None
    host: str = ""
    is_responding: bool = True  # False while the worker is alive without a heartbeat: suspended, or on a slow disk
    step: int = 0
    total_steps: int | None = None
    images_seen: int = 0
    progress: float = 0.0  # in [0, 1]
    images_per_s: float | None = None
    seconds_left: float | None = None
    elapsed_s: float = 0.0
    created: float = 0.0  # Unix time
    ended: float | None = None
    threads: int = 0
    device: str = ""
    num_alerts: int = 0
    snapshot_step: int | None = None
    primary_value: float | None = None  # the latest value of the family's objective, such as the ELBO
    primary_metric: str = ""  # the name of the metric that has this value
    parent: Parent | None = None  # the run from which it started

    @property
    def average_images_per_s(self) -> float | None:
        """Images per second of training over the whole run; None before the first second."""
        return self.images_seen / self.elapsed_s if self.elapsed_s >= 1 and self.images_seen else None


@dataclass(frozen=True)
class MetricValue:
    """One recorded value, which may be NaN or infinite."""

    step: int
    value: float


@dataclass(frozen=True)
class LogLine:
    """One line of the worker's log."""

    id: int
    time: float  # Unix time
    step: int
    severity: str  # "info", "warning", "error"
    message: str


@dataclass(frozen=True)
class AlertRow:
    """An alert with its time and step."""

    id: int
    time: float
    step: int
    severity: str
    code: str
    message: str


@dataclass(frozen=True)
class CommandRow:
    """A command that was applied or refused, marked on the curves: '▲ lr'."""

    id: int
    step: int
    elapsed_s: float
    command: str
    path: str
    value: object
    error: str = ""


@dataclass(frozen=True)
class ImageRef:
    """One recorded PNG."""

    kind: str
    step: int
    path: Path
    columns: int
    rows: int
    tile_px: tuple[int, int]  # height, width of one image


@dataclass(frozen=True)
class AttemptRow:
    """One attempt: the work of one worker process on the run."""

    number: int
    started: float
    first_step: int
    ended: float | None = None
    outcome: str = ""
    reason: str = ""


@dataclass(frozen=True)
class ReadPosition:
    """How far a reader has read; opaque to front ends. `Cursor()` reads from the beginning."""

    attempt: int = 0
    tick: int = 0
    log: int = 0
    alert: int = 0
    change: int = 0
    image: int = 0


@dataclass(frozen=True)
class NewRecords:
    """The records since a cursor; the cost depends on their number, not on the size of the run."""

    cursor: ReadPosition
    status: RunStatus
    new_points: bool = False  # series must be read again
    latest: dict[str, MetricValue] = field(default_factory=dict)  # the latest point of each metric that changed
    metric_specs: dict[str, MetricSpec] = field(
        default_factory=dict
    )  # declarations of metrics that are new to the reader
    log: tuple[LogLine, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    command_history: tuple[CommandRow, ...] = ()
    images: tuple[ImageRef, ...] = ()
    snapshots: tuple[int, ...] = ()  # all steps with a snapshot now, ascending (thinning removes some)


@dataclass(frozen=True, eq=False)
class MetricTable:
    """Every recorded value of some consecutive steps.

    Args:
        step: Number of updates done, (N,), int64, ascending.
        images_seen: Training images seen so far, (N,), int64.
        elapsed_s: Training time in seconds, without pauses, (N,).
        time: Unix time, (N,).
        values: Values by name of the metric, (N,) each.
        is_recorded: Where there is a value, by name of the metric, (N,) each.
    """

    step: "NDArray[np.int64]"
    images_seen: "NDArray[np.int64]"
    elapsed_s: "NDArray[np.float64]"
    time: "NDArray[np.float64]"
    values: "Mapping[str, NDArray[np.float64]]"
    is_recorded: "Mapping[str, NDArray[np.bool_]]"


@dataclass(frozen=True)
class Series:
    """A curve reduced to at most `max_points` buckets, each with its mean, minimum and maximum.

    Gaps (NaN, infinities) are NaN in `mean`; `special` lists their steps, `special_x` their x.
    """

    metric: str
    x_axis: XAxis
    x: "NDArray[np.float64]"
    mean: "NDArray[np.float64]"
    low: "NDArray[np.float64]"
    high: "NDArray[np.float64]"
    special: tuple[int, ...] = ()
    special_x: tuple[float, ...] = ()
    num_values: int = 0  # recorded values in all buckets
