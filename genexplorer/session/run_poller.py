"""The state of one run for dashboard and viewer, where each poll reads only new records; and the polling interval.

Polling and painting take time from a training on the same machine: the longer a front end gets no input, the less
often it polls. Any input restores live updates at once.
"""

import sqlite3
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from genexplorer.errors import UserError
from genexplorer.runs import layout, settings
from genexplorer.runs.commands import control
from genexplorer.runs.database.read import empty_series
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import (
    AlertRow,
    CommandRow,
    ImageRef,
    LogLine,
    MetricValue,
    NewRecords,
    ReadPosition,
    RunStatus,
    Series,
    XAxis,
)
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import is_locked
from trainers import registry
from trainers.events import MetricSpec, SettingChange

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

T = TypeVar("T")
MAX_LOG_LINES = 2000  # older lines are dropped; the log file has them
WATCH_REPORT_INTERVAL_S = 1.0  # once a second, as `control.touch_watch` expects
_MAX_CACHED_SERIES = 128
_MAX_CACHED_STEPS = 64  # cards and metric values are cached for this many steps each
ALL_CHANGES = frozenset({"status", "metrics", "log", "alerts", "commands", "settings", "images", "snapshots"})
_READ_ERRORS = (UserError, OSError, sqlite3.Error)
_SeriesKey = tuple[str, XAxis, int, tuple[float, float] | None]
ACTIVE_POLL_S = 0.25
IDLE_AFTER_S, IDLE_POLL_S = 10.0, 2.0  # without input for so long, poll this often
AWAY_AFTER_S, AWAY_POLL_S = 60.0, 8.0  # likewise; animations stop as well


class RunPoller:
    """State of a run as of the last `poll`, whether it is queued, active, ended, lost or read-only.

    Not thread-safe. Read errors are not raised: `poll` keeps the last state and sets `error`.

    Args:
        folder: The run folder.
        watching: Whether polls report to the worker that the run is watched, so that it writes snapshots more often.
    Raises:
        UserError: if the folder is not a run.
    """

    def __init__(self, folder: Path, *, watching: bool = False) -> None:
        self.folder = folder
        self.watching = watching
        self.watcher_idle = False  # no input for a while: snapshots may then be written less often
        self.error = ""  # error of the last poll, in one line
        self._reader = RunReader(folder)
        self.status: RunStatus = self._reader.status()
        self._config: RunConfig | None = None
        self.changes: tuple[SettingChange, ...] = ()  # of settings, with those that the next resume makes
        self._changes_version: tuple[int, int] | None = None  # modification time and size of their file
        self._cached_configs: list[tuple[tuple[SettingChange, ...], RunConfig]] = []
        self._reported_at, self._reported_idle = -WATCH_REPORT_INTERVAL_S, False
        self._reset()

    def _reset(self) -> None:
        """Discard everything but the status: before the first poll, and when a new attempt rewrites the history."""
        self._cursor = ReadPosition()
        self.metric_specs: dict[str, MetricSpec] = {}
        self.latest: dict[str, MetricValue] = {}
        self.log: deque[LogLine] = deque(maxlen=MAX_LOG_LINES)
        self.alerts: list[AlertRow] = []
        self.command_history: list[CommandRow] = []
        self.images: dict[str, list[ImageRef]] = {}  # recorded images by image kind, ascending in step
        self.snapshots: list[int] = []  # steps, ascending
        self._cached_series: OrderedDict[_SeriesKey, Series] = OrderedDict()
        self._cached_values: dict[int, dict[str, float]] = {}
        self._cached_cards: OrderedDict[int, ModelCard] = OrderedDict()

    @property
    def config(self) -> "RunConfig | None":
        """The configuration that the run was started with; None if it cannot be read."""
        if self._config is None:
            self._config = self._try(self._reader.config)
        return self._config

    def config_at(self, step: int | None = None) -> "RunConfig | None":
        """Return the configuration with the changes up to a step, or, for None, as it is now.

        The same object until the changes differ. None if it cannot be read.
        """
        config, changes = self.config, settings.applied(self.changes, step)
        if config is None or not changes:
            return config
        cached = next((each for key, each in self._cached_configs if key == changes), None)
        if cached is None:
            cached = self._try(lambda: settings.with_changes(config, changes))
            if cached is not None:
                self._cached_configs.append((changes, cached))
        return cached

    def poll(self) -> frozenset[str]:
        """Read new records.

        Returns:
            The names of what changed: some of `ALL_CHANGES`.
        """
        before = self.error
        self.error = ""
        if self.watching:
            is_due = (
                time.monotonic() - self._reported_at >= WATCH_REPORT_INTERVAL_S
                or self.watcher_idle != self._reported_idle
            )
            if is_due and self.status.state.active and is_locked(self.folder):  # a copied run may look active
                self.report_watcher()
        delta = self._try(lambda: self._reader.read_new(self._cursor))
        if delta is None:
            return frozenset({"status"}) if self.error != before else frozenset()
        new_attempt = delta.status.attempt > self.status.attempt > 0
        if new_attempt:
            self._reset()
            delta = self._try(lambda: self._reader.read_new(self._cursor)) or delta
        changed = self._apply(delta)
        if self._read_changes():
            changed |= {"settings"}
        return ALL_CHANGES if new_attempt else changed | ({"status"} if before or self.error else frozenset())

    @contextmanager
    def open_database(self) -> Iterator[None]:
        """Open the database once for all reads of a `with` block; opening takes as long as a query."""
        with ExitStack() as opened:
            self._try(lambda: opened.enter_context(self._reader.open_database()))
            yield

    def report_watcher(self) -> None:
        """Report to the worker that the run is watched."""
        self._reported_at, self._reported_idle = time.monotonic(), self.watcher_idle
        control.touch_watch(self.folder, idle=self.watcher_idle)

    def series(
        self, metric: str, x_axis: XAxis = "step", max_points: int = 1000, bounds: tuple[float, float] | None = None
    ) -> Series:
        """Return the curve of a metric, cached until a poll finds new values; an empty one if it cannot be read."""
        key = (metric, x_axis, max_points, bounds)
        series = self._cached_series.get(key)
        if series is None:
            series = self._try(lambda: self._reader.series(metric, x_axis, max_points, bounds))
            if series is None:
                return empty_series(metric, x_axis)
            self._cached_series[key] = series
            while len(self._cached_series) > _MAX_CACHED_SERIES:
                self._cached_series.popitem(last=False)
        return series

    def series_of(self, metrics: Iterable[str], x_axis: XAxis = "step", max_points: int = 1000) -> dict[str, Series]:
        """Return the curves of several metrics by name, as `series` does, opening the database once."""
        names = list(metrics)
        if not names:
            return {}
        with self.open_database():
            return {name: self.series(name, x_axis, max_points) for name in names}

    def values_at(self, step: int | None) -> dict[str, float]:
        """Return each metric's value at or before a step; its latest value for None."""
        if step is None:
            return {name: point.value for name, point in self.latest.items()}
        if step not in self._cached_values:
            points = self._try(lambda: self._reader.latest(step))
            if points is None:
                return {}
            if len(self._cached_values) >= _MAX_CACHED_STEPS:
                self._cached_values.clear()
            self._cached_values[step] = {name: point.value for name, point in points.items()}
        return dict(self._cached_values[step])

    def card(self, step: int | None = None) -> "ModelCard":
        """Return the model card of the snapshot at a step; None selects the newest snapshot.

        Raises:
            UserError: if there is no such snapshot, or none yet.
        """
        if step is None and self.snapshots:
            step = self.snapshots[-1]
        if step is None:
            return self._reader.card(None)
        if step not in self._cached_cards:
            self._cached_cards[step] = self._reader.card(step)
            while len(self._cached_cards) > _MAX_CACHED_STEPS:
                self._cached_cards.popitem(last=False)
        return self._cached_cards[step]

    def image_at(self, image_kind: str, step: int | None = None) -> ImageRef | None:
        """Return the newest recorded image of a kind at or before a step; the first one if all are later."""
        refs = self.images.get(image_kind, [])
        earlier = [ref for ref in refs if step is None or ref.step <= step]
        return earlier[-1] if earlier else refs[0] if refs else None

    def x_at(self, step: int, x_axis: XAxis = "step") -> float | None:
        """Convert a step to images seen or seconds of training; None before the first metric."""
        if x_axis == "step":
            return float(step)
        metric = next(iter(self.latest), None)
        if metric is None:
            return None
        steps, positions = self.series(metric, "step").x, self.series(metric, x_axis).x
        if len(steps) != len(positions) or not len(steps):
            return None
        return float(np.interp(step, steps, positions))

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the worker's output; empty without output."""
        return self._try(lambda: self._reader.log_tail(lines)) or ""

    def _read_changes(self) -> bool:
        """Read the changes of settings if their file has changed, and return whether it has."""
        try:
            file = (self.folder / layout.CHANGES).stat()
            version = (file.st_mtime_ns, file.st_size)
        except OSError:  # none so far
            version = (0, 0)
        if version == self._changes_version:
            return False
        before, changes = self.changes, self._try(lambda: settings.read_changes(self.folder))
        self._changes_version = None if changes is None else version  # damaged: an error of every poll
        self.changes = changes or ()
        self._cached_configs.clear()
        return changes is not None or bool(before)

    def _apply(self, delta: NewRecords) -> frozenset[str]:
        changed = {
            "status": delta.status != self.status,
            "metrics": delta.new_points or bool(delta.metric_specs),
            "log": bool(delta.log),
            "alerts": bool(delta.alerts),
            "commands": bool(delta.command_history),
            "images": bool(delta.images),
            "snapshots": list(delta.snapshots) != self.snapshots,
        }
        self._cursor, self.status = delta.cursor, delta.status
        self.metric_specs |= delta.metric_specs
        self.latest |= delta.latest
        self.log.extend(delta.log)
        self.alerts.extend(delta.alerts)
        self.command_history.extend(delta.command_history)
        self.snapshots = list(delta.snapshots)
        for image_kind in {ref.kind for ref in delta.images}:
            refs = (*self.images.get(image_kind, []), *(ref for ref in delta.images if ref.kind == image_kind))
            by_step = {ref.step: ref for ref in refs}
            self.images[image_kind] = [by_step[step] for step in sorted(by_step)]
        if changed["metrics"]:
            self._cached_series.clear()
            self._cached_values.clear()
        return frozenset(name for name, new in changed.items() if new)

    def _try(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except _READ_ERRORS as error:
            self.error = one_line(str(error) or type(error).__name__, 300)
            return None


def is_point_data(run: RunPoller | None) -> bool:
    """Return whether a run's data are 2-D points; known before its first snapshot."""
    if run is None or run.config is None:
        return False
    try:
        return registry.data_kind(run.config.data.name) == "points"
    except UserError:  # a data set of a package that is not installed
        return False


class IdleTracker:
    """The time since the last input, and how often to poll after it. Thread-safe.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_input = clock()

    def record_input(self) -> None:
        """Record an input."""
        self._last_input = self._clock()

    @property
    def is_idle(self) -> bool:
        """Whether there was no input for `IDLE_AFTER_S`: a training then writes snapshots less often."""
        return self._clock() - self._last_input >= IDLE_AFTER_S

    @property
    def is_away(self) -> bool:
        """Whether there was no input for `AWAY_AFTER_S`, so that animations may stop."""
        return self._clock() - self._last_input >= AWAY_AFTER_S

    @property
    def poll_interval_s(self) -> float:
        """The time between two polls, in seconds."""
        return AWAY_POLL_S if self.is_away else IDLE_POLL_S if self.is_idle else ACTIVE_POLL_S
