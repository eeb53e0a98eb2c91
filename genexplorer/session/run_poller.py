"""One run as a face sees it: polled a few times a second, each poll costing what is new."""

import sqlite3
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from genexplorer.errors import UserError
from genexplorer.runs.commands import control
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import (
    AlertRow,
    Change,
    Cursor,
    Delta,
    LogLine,
    PictureRef,
    Point,
    RunStatus,
    Series,
    XAxis,
)
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import is_claimed
from trainers.events import MetricSpec

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

T = TypeVar("T")
LOG_LINES = 2000
WATCH_EVERY_S = 1.0
_SERIES_KEPT = 128
_CARDS_KEPT = 64
EVERYTHING = frozenset({"status", "metrics", "log", "alerts", "changes", "pictures", "snapshots"})
_READ_ERRORS = (UserError, OSError, sqlite3.Error)
_SeriesKey = tuple[str, XAxis, int, tuple[float, float] | None]


class RunPoller:
    """A run's state as of the last `poll`, on whatever it stands: queued, live, finished, lost, read-only.

    Belongs to one thread. What cannot be read is told in `problem`, never raised by `poll`, which keeps what it had.

    Args:
        folder: The run folder.
        watching: Whether each poll tells the worker that somebody looks, so that it takes snapshots more often.
    Raises:
        UserError: if the folder is not a run.
    """

    def __init__(self, folder: Path, *, watching: bool = False) -> None:
        self.folder = folder
        self.watching = watching
        self.calm = False  # whether nobody has touched the face for a while: snapshots may then come less often
        self.problem = ""  # why the last poll could not read, in one line
        self._reader = RunReader(folder)
        self.status: RunStatus = self._reader.status()
        self._config: RunConfig | None = None
        self._watched_at, self._watched_calm = -WATCH_EVERY_S, False
        self._begin()

    def _begin(self) -> None:
        """Forget everything but the status: before the first poll, and when a new attempt rewrites what was."""
        self._cursor = Cursor()
        self.specs: dict[str, MetricSpec] = {}
        self.latest: dict[str, Point] = {}
        self.log: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.alerts: list[AlertRow] = []
        self.changes: list[Change] = []
        self.pictures: dict[str, list[PictureRef]] = {}  # by kind, ascending in step
        self.snapshots: list[int] = []  # steps, ascending
        self._series: OrderedDict[_SeriesKey, Series] = OrderedDict()
        self._values: dict[int, dict[str, float]] = {}
        self._cards: OrderedDict[int, ModelCard] = OrderedDict()

    @property
    def config(self) -> "RunConfig | None":
        """What was asked for; None as long as it cannot be read."""
        if self._config is None:
            self._config = self._tried(self._reader.config)
        return self._config

    def poll(self) -> frozenset[str]:
        """Read what is new. Call it about four times a second.

        Returns:
            What changed: "status", "metrics", "log", "alerts", "changes", "pictures", "snapshots".
        """
        before = self.problem
        self.problem = ""
        if self.watching:
            self._watch()
        delta = self._tried(lambda: self._reader.changes(self._cursor))
        if delta is None:
            return frozenset({"status"}) if self.problem != before else frozenset()
        again = delta.status.attempt > self.status.attempt > 0
        if again:
            self._begin()
            delta = self._tried(lambda: self._reader.changes(self._cursor)) or delta
        changed = self._take(delta)
        return EVERYTHING if again else changed | ({"status"} if before else frozenset())

    @contextmanager
    def together(self) -> Iterator[None]:
        """Read all that a block asks for from one opening of the run's database, which takes as long as an answer."""
        with ExitStack() as opened:
            self._tried(lambda: opened.enter_context(self._reader.together()))
            yield

    def watch(self) -> None:
        """Tell the worker that somebody looks."""
        self._watched_at, self._watched_calm = time.monotonic(), self.calm
        control.touch_watch(self.folder, idle=self.calm)

    def series(
        self, metric: str, x: XAxis = "step", max_points: int = 1000, bounds: tuple[float, float] | None = None
    ) -> Series:
        """Return a curve, read again only after a poll found new points; an empty one where it cannot be read."""
        key = (metric, x, max_points, bounds)
        found = self._series.get(key)
        if found is None:
            found = self._tried(lambda: self._reader.series(metric, x, max_points, bounds))
            if found is None:
                return _empty(metric, x)
            self._series[key] = found
            while len(self._series) > _SERIES_KEPT:
                self._series.popitem(last=False)
        return found

    def several_series(self, metrics: Iterable[str], x: XAxis = "step", max_points: int = 1000) -> dict[str, Series]:
        """Return several curves, as `series` does, from one opening of the run's database."""
        names = list(metrics)
        if not names:
            return {}
        with self.together():
            return {name: self.series(name, x, max_points) for name in names}

    def values_at(self, step: int | None) -> dict[str, float]:
        """Return each metric's value at or before a step; None asks for the latest of each."""
        if step is None:
            return {name: point.value for name, point in self.latest.items()}
        if step not in self._values:
            points = self._tried(lambda: self._reader.latest(step))
            if points is None:
                return {}
            if len(self._values) >= _CARDS_KEPT:
                self._values.clear()
            self._values[step] = {name: point.value for name, point in points.items()}
        return dict(self._values[step])

    def card(self, step: int | None = None) -> "ModelCard":
        """Return a snapshot's card; None is the newest.

        Raises:
            UserError: if there is no such snapshot, or none yet.
        """
        if step is None and self.snapshots:
            step = self.snapshots[-1]
        if step is None:
            return self._reader.card(None)
        if step not in self._cards:
            self._cards[step] = self._reader.card(step)
            while len(self._cards) > _CARDS_KEPT:
                self._cards.popitem(last=False)
        return self._cards[step]

    def picture(self, kind: str, step: int | None = None) -> PictureRef | None:
        """Return the newest picture of a kind at or before a step; the first one where all are later."""
        known = self.pictures.get(kind, [])
        past = [ref for ref in known if step is None or ref.step <= step]
        return past[-1] if past else known[0] if known else None

    def x_at(self, step: int, x: XAxis = "step") -> float | None:
        """Return where a step lies on an axis of the curves: images seen, or seconds of training.

        Returns:
            None where the axis is not known yet.
        """
        if x == "step":
            return float(step)
        metric = next(iter(self.latest), None)
        if metric is None:
            return None
        steps, places = self.series(metric, "step").x, self.series(metric, x).x
        if len(steps) != len(places) or not len(steps):
            return None
        return float(np.interp(step, steps, places))

    def last_words(self, lines: int = 20) -> str:
        """Return the last lines of the worker's own log, to be shown when it is lost; empty where there are none."""
        return self._tried(lambda: self._reader.last_words(lines)) or ""

    def close(self) -> None:
        """Let go of the run's files."""
        self._reader.close()

    def _watch(self) -> None:
        due = time.monotonic() - self._watched_at >= WATCH_EVERY_S or self.calm != self._watched_calm
        if due and self.status.state.live and is_claimed(self.folder):  # a run that was sent may only claim to be live
            self.watch()

    def _take(self, delta: Delta) -> frozenset[str]:
        changed = {
            "status": delta.status != self.status,
            "metrics": delta.new_points or bool(delta.specs),
            "log": bool(delta.log),
            "alerts": bool(delta.alerts),
            "changes": bool(delta.changes),
            "pictures": bool(delta.pictures),
            "snapshots": list(delta.snapshots) != self.snapshots,
        }
        self._cursor, self.status = delta.cursor, delta.status
        self.specs |= delta.specs
        self.latest |= delta.latest
        self.log.extend(delta.log)
        self.alerts.extend(delta.alerts)
        self.changes.extend(delta.changes)
        self.snapshots = list(delta.snapshots)
        for kind in {ref.kind for ref in delta.pictures}:
            self._take_pictures(kind, [ref for ref in delta.pictures if ref.kind == kind])
        if changed["metrics"]:
            self._series.clear()
            self._values.clear()
        return frozenset(name for name, new in changed.items() if new)

    def _take_pictures(self, kind: str, new: list[PictureRef]) -> None:
        by_step = {ref.step: ref for ref in (*self.pictures.get(kind, []), *new)}
        self.pictures[kind] = [by_step[step] for step in sorted(by_step)]

    def _tried(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except _READ_ERRORS as error:
            self.problem = one_line(str(error) or type(error).__name__, 300)
            return None


def _empty(metric: str, x: XAxis) -> Series:
    nothing = np.empty(0)
    return Series(metric, x, nothing, nothing, nothing, nothing)
