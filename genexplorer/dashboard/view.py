"""What passes between the thread that reads runs and the screen: plain frozen values both ways.

Values that hold arrays are compared by identity: the reading thread keeps an object until what it holds has changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.record import AlertRow, Change, LogLine, PictureRef, RunStatus, Series, XAxis
from genexplorer.session.charts import Chart
from trainers.theory import Theory

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

NUM_SMALL = 4  # charts below the large one, in the widest terminal


@dataclass(frozen=True)
class ViewRequest:
    """What the screen wants to show now."""

    selected: Path | None = None
    compared: tuple[Path, ...] = ()  # in the order in which they were marked
    quantity: str = ""  # of the large chart; empty: the family's objective
    small: bool = False  # the other charts are on the screen too
    x: XAxis = "step"
    max_points: int = 160
    kind: str = ""  # of pictures; empty: the first there is
    at_step: int | None = None  # the time cursor; None: the newest


@dataclass(frozen=True, eq=False)
class TiledImage:
    """One recorded picture, cut into its tiles."""

    ref: PictureRef
    tiles: NDArray[np.uint8]  # (rows, columns, H, W, 3)


@dataclass(frozen=True, eq=False)
class RunCurves:
    """The curves of a run. Another object each time that something in them changed, so `is` tells."""

    charts: tuple[Chart, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)  # by metric
    x: XAxis = "step"
    steps: NDArray[np.float64] | None = None  # of the points of the large chart's first metric


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One run of a comparison: its curves of the wanted quantity."""

    status: RunStatus
    series: Mapping[str, Series]


@dataclass(frozen=True, eq=False)
class RunView:
    """Everything that is shown of the selected run."""

    folder: Path
    status: RunStatus
    config: "RunConfig | None" = None
    theory: Theory | None = None
    curves: RunCurves = RunCurves()
    values: Mapping[str, float] = field(default_factory=dict)  # at the time cursor
    log: tuple[LogLine, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    changes: tuple[Change, ...] = ()
    picture_kinds: tuple[str, ...] = ()
    picture_steps: tuple[int, ...] = ()
    picture: TiledImage | None = None
    snapshots: tuple[int, ...] = ()
    snapshot_age_s: float | None = None
    at_step: int | None = None  # the time cursor that `values` and `picture` belong to
    cursor_x: float | None = None  # where the time cursor stands on the curves' x axis
    card: "ModelCard | None" = None  # of a snapshot: what the model can do; None before the first
    last_words: str = ""  # of a run that is lost or failed
    problem: str = ""  # why the folder cannot be read
    watch_for: str = ""  # of a preset that fails on purpose: what to look at


@dataclass(frozen=True, eq=False)
class DashboardView:
    """What the screen shows."""

    runs: tuple[RunStatus, ...] = ()
    run: RunView | None = None
    compared: tuple[ComparedRun, ...] = ()
    listed: bool = False  # whether the folder of runs has been read at all
    problem: str = ""  # why it cannot be read
    now: float = 0.0  # Unix time
