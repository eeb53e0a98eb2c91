"""Frozen values exchanged by the polling thread and the screen: a request one way, a view the other.

Values that hold arrays are compared by identity: the polling thread returns the same object until its content changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.record import AlertRow, Change, ImageRef, LogLine, RunStatus, Series, XAxis
from genexplorer.session.charts import Chart
from trainers.theory import Theory

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

NUM_SMALL = 4  # charts below the large one, in the widest terminal


@dataclass(frozen=True)
class ViewRequest:
    """What the screen needs at present."""

    selected: Path | None = None
    compared: tuple[Path, ...] = ()  # in the order in which they were marked
    quantity: str = ""  # of the large chart; empty: the family's objective
    small_charts: bool = False  # whether the other charts are visible
    x: XAxis = "step"
    max_points: int = 160
    kind: str = ""  # of images; empty: the first available
    at_step: int | None = None  # the time cursor; None: the newest


@dataclass(frozen=True, eq=False)
class TiledImage:
    """A recorded image, split into its tiles."""

    ref: ImageRef
    tiles: NDArray[np.uint8]  # (rows, columns, H, W, 3)


@dataclass(frozen=True, eq=False)
class RunCurves:
    """The curves of a run; a new object whenever one of them changed."""

    charts: tuple[Chart, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)  # by metric
    x: XAxis = "step"
    steps: NDArray[np.float64] | None = None  # of the points of the large chart's first metric


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """A run of a comparison, with its curves of the requested quantity."""

    status: RunStatus
    series: Mapping[str, Series]


@dataclass(frozen=True, eq=False)
class RunView:
    """Everything the screen shows of the selected run."""

    folder: Path
    status: RunStatus
    config: "RunConfig | None" = None
    theory: Theory | None = None
    curves: RunCurves = RunCurves()
    values: Mapping[str, float] = field(default_factory=dict)  # metrics at the time cursor
    log: tuple[LogLine, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    changes: tuple[Change, ...] = ()
    image_kinds: tuple[str, ...] = ()
    image_steps: tuple[int, ...] = ()
    image: TiledImage | None = None
    snapshots: tuple[int, ...] = ()
    snapshot_age_s: float | None = None
    at_step: int | None = None  # the time cursor of `values` and `image`
    cursor_x: float | None = None  # the time cursor on the curves' x axis
    card: "ModelCard | None" = None  # of a snapshot; None before the first
    log_tail: str = ""  # the last lines of worker.log, of a lost or failed run
    problem: str = ""  # why the folder cannot be read
    expected_failure: str = ""  # of a preset that fails on purpose: what to watch


@dataclass(frozen=True, eq=False)
class DashboardView:
    """Everything the screen shows."""

    runs: tuple[RunStatus, ...] = ()
    run: RunView | None = None
    compared: tuple[ComparedRun, ...] = ()
    loaded: bool = False  # whether the folder of runs has been read
    problem: str = ""  # why it cannot be read
    now: float = 0.0  # Unix time
