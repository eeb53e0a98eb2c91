"""Frozen values exchanged by two threads: the screen sends a request, the polling thread returns the details.

Values that hold arrays are compared by identity: the polling thread returns the same object until it changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.record import AlertRow, LogLine, RunStatus, Series, XAxis
from genexplorer.session.charts import Chart
from trainers.events import MetricSpec, SettingChange
from trainers.theory import Theory

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

NUM_SMALL_CHARTS = 4  # in a row below the large chart, in the widest terminal


@dataclass(frozen=True)
class DetailsRequest:
    """The data that the screen needs at present."""

    selected: Path | None = None  # folder of the selected run; None: the newest run
    compared: tuple[Path, ...] = ()  # folders of the compared runs, in the order in which they were marked
    quantity: str = ""  # of the large chart; empty: the objective of the model's family
    has_small_charts: bool = False  # whether the small charts are visible
    x_axis: XAxis = "step"
    max_values: int = 160  # of each curve in the large chart
    image_kind: str = ""  # "samples", "manifold", …; empty: the first available
    selected_step: int | None = None  # step of the displayed image and metrics; None: the newest


@dataclass(frozen=True, eq=False)
class TiledImage:
    """A recorded grid of images, or a single decoded one, split into its tiles."""

    kind: str  # "samples", "manifold", …; "decoded"
    step: int
    tiles: NDArray[np.uint8]  # (rows, columns, H, W, 3)


@dataclass(frozen=True, eq=False)
class RunCurves:
    """The curves of a run; a new object whenever one of them changed."""

    charts: tuple[Chart, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)  # by name of the metric
    x_axis: XAxis = "step"
    steps: NDArray[np.float64] | None = None  # of the values of the large chart's first metric, (N,)


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """A run of a comparison, with its curves of the requested quantity."""

    status: RunStatus
    series: Mapping[str, Series]
    specs: Mapping[str, MetricSpec] = field(default_factory=dict)  # of the same metrics
    marks: tuple[tuple[float, str], ...] = ()  # changed settings: x and text


@dataclass(frozen=True, eq=False)
class RunDetails:
    """Everything the screen shows of the selected run."""

    folder: Path
    status: RunStatus
    config: "RunConfig | None" = None  # as the run was started
    present_config: "RunConfig | None" = None  # as it is now
    changes: tuple[SettingChange, ...] = ()  # of settings, with those that the next resume makes
    theory: Theory | None = None
    curves: RunCurves = RunCurves()
    values: Mapping[str, float] = field(default_factory=dict)  # metrics at the selected step, by name
    log: tuple[LogLine, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    marks: tuple[tuple[float, str], ...] = ()  # changed settings: x in the curves and text
    inherited_until: float | None = None  # x in the curves where a branch starts
    image_kinds: tuple[str, ...] = ()
    image_steps: tuple[int, ...] = ()  # steps with an image of the displayed kind, ascending
    image: TiledImage | None = None
    snapshots: tuple[int, ...] = ()  # their steps, ascending
    snapshot_age_s: float | None = None
    selected_step: int | None = None  # step of `values` and `image`; None: the newest
    selected_x: float | None = None  # the selected step on the x axis of the curves
    card: "ModelCard | None" = None  # read from a snapshot; None before the first
    log_tail: str = ""  # last lines of worker.log of a lost or failed run
    error: str = ""  # why the run folder cannot be read
    expected_failure: str = ""  # expected failure of a preset that fails on purpose; empty for all others


@dataclass(frozen=True, eq=False)
class DashboardDetails:
    """Everything the screen shows."""

    runs: tuple[RunStatus, ...] = ()
    run: RunDetails | None = None
    compared: tuple[ComparedRun, ...] = ()
    loaded: bool = False  # whether the folder of runs has been read
    error: str = ""  # why the folder of runs cannot be read
    now: float = 0.0  # Unix time
