"""Scale: ten thousand run folders, one run with ten million points. The guarantees are time limits."""

import asyncio
import json
import os
import random
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from textual import events
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher

from genexplorer.dashboard.app import DashboardApp
from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.runs import layout
from genexplorer.runs.database import buckets, sqlite, write
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import XAxis
from genexplorer.runs.store import RunStore
from genexplorer.session.run_poller import RunPoller
from tests.fault_injection.case import FaultCase, Tally
from tests.fixtures.fake_run import config, write_run
from trainers.events import Metrics, MetricSpec

FOLDERS, POINTS = 10_000, 10_000_000
USABLE_S, RESPONSE_S = 2.0, 0.1
TOLERANCE = 3.0  # times the guaranteed limit, for a busy machine; the table has the measured times
MOST_MEMORY_BYTES = 400 << 20
_KEYS = ("down", "down", "up", "pagedown", "end", "home", "2", "1")


@dataclass
class _ResponseTimes:
    """Measured response times."""

    seconds: list[float] = field(default_factory=list)

    def add(self, began: float, limit_s: float) -> None:
        """Record the time since `began`.

        Raises:
            AssertionError: if it is several times the limit.
        """
        self.seconds.append(time.monotonic() - began)
        assert self.seconds[-1] < TOLERANCE * limit_s, f"{self.seconds[-1]:.2f} s instead of {limit_s:g} s"

    def __str__(self) -> str:
        return f"median {1000 * float(np.median(self.seconds)):.0f} ms, longest {1000 * max(self.seconds):.0f} ms"


def many_folders(count: int, folder: Path) -> Tally:
    """List ten thousand runs, show them in the real dashboard, and press keys."""
    tally, before = Tally(), _memory()
    runs = _make_runs(folder / "runs")
    store, lists, keys = RunStore(runs), _ResponseTimes(), _ResponseTimes()
    for _ in range(3):
        with tally.attempt("list"):
            began = time.monotonic()
            assert len(store.list()) == FOLDERS
            lists.add(began, USABLE_S)
    first = asyncio.run(_use_dashboard(tally, runs, count, keys))
    with tally.attempt("memory"):
        assert _memory() - before < MOST_MEMORY_BYTES, f"{(_memory() - before) >> 20} MB"
    tally.notes += [
        f"{FOLDERS:,} runs listed in {lists.seconds[0]:.1f} s, then {lists.seconds[-1]:.1f} s",
        f"on the screen after {first:.1f} s; keys {keys}; {(_memory() - before) >> 20} MB",
    ]
    return tally


def _make_runs(runs: Path) -> Path:
    """Record one run, and make the others from its small files."""
    template = write_run(runs, steps=100, pictures=False)
    notes = json.loads((template / layout.NOTES).read_text())
    for number in range(FOLDERS - 1):
        copy = runs / f"vae-2d-copy-{number:05}"
        copy.mkdir()
        for name in (layout.CONFIG, layout.LIVE):
            shutil.copyfile(template / name, copy / name)
        values = {**notes, "name": f"run {number}", "created": notes["created"] - 60 * (number + 1)}
        (copy / layout.NOTES).write_text(json.dumps(values))
    return runs


async def _use_dashboard(tally: Tally, runs: Path, count: int, keys: _ResponseTimes) -> float:
    """Open the dashboard and press keys; return the seconds until the runs were on the screen, NaN if never."""
    app, began, usable = DashboardApp(runs), time.monotonic(), _ResponseTimes()
    async with app.run_test(size=(160, 45)) as pilot:
        listed, tabs = app.screen.query_one(RunList), app.screen.query_one("#tabs", ContentSwitcher)
        assert app._driver is not None
        with tally.attempt("first screen"):
            await _wait_until_painted(pilot, lambda: len(listed.folders) == FOLDERS and listed.selected is not None)
            usable.add(began, USABLE_S)
        for number in range(count):
            key, before = _KEYS[number % len(_KEYS)], (listed.selected, tabs.current)
            with tally.attempt(f"key {key}"):
                began = time.monotonic()
                app._driver.process_message(events.Key(key, None))  # without the delays of Pilot
                await _wait_until_painted(pilot, lambda before=before: (listed.selected, tabs.current) != before)  # type: ignore[misc]
                keys.add(began, RESPONSE_S)
    return usable.seconds[0] if usable.seconds else float("nan")


async def _wait_until_painted(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait for a condition and for the repaint after it."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "not within 60 s"
        await asyncio.sleep(0.001)  # `wait_until` would block the event loop
    painted = asyncio.Event()
    pilot.app.call_after_refresh(painted.set)
    await asyncio.wait_for(painted.wait(), 60)


def many_points(count: int, folder: Path) -> Tally:
    """Query the curves of a run of ten million points, whole and in parts, by each axis; then let it grow."""
    tally, rng, queries, polls = Tally(), random.Random(43), _ResponseTimes(), _ResponseTimes()
    run = RunStore(folder / "runs").create(config(steps=2 * POINTS), name="long")
    connection = sqlite.open_for_writing(run)
    _fill_tables(connection)
    before = _memory()
    axes: tuple[tuple[XAxis, float], ...] = (("step", POINTS), ("images", 128.0 * POINTS), ("time", 0.01 * POINTS))
    with closing(connection):
        reader = RunReader(run)
        writer = write.DatabaseWriter(connection, 1)
        for number in range(count):
            x, end = axes[number % 3]
            low = rng.uniform(0, end)
            high = min(end, low + end * 10 ** rng.uniform(-6, 0))
            bounds = None if number < 3 else (low, high)
            with tally.attempt(f"by {x}, {'all' if bounds is None else f'{low:.0f} to {high:.0f}'}"):
                began = time.monotonic()
                series = reader.series("train/loss", x, 1000, bounds)
                queries.add(began, RESPONSE_S)
                assert len(series.x) <= 1000 and (bounds is not None or len(series.x) > 500)
                assert np.all(np.diff(series.x) > 0)
                assert np.all((series.low <= series.mean + 1e-9) & (series.mean <= series.high + 1e-9))
            with tally.attempt("a poll while it grows"):
                writer.write([], [write.Tick(_metrics(POINTS + 1 + number), time.time())], [])
                began = time.monotonic()
                reader.latest()
                polls.add(began, RESPONSE_S)
    with tally.attempt("a front end on it"):
        began = time.monotonic()
        RunPoller(run).poll()
        polls.add(began, 10 * RESPONSE_S)
    with tally.attempt("memory"):
        assert _memory() - before < MOST_MEMORY_BYTES, f"{(_memory() - before) >> 20} MB"
    size = (run / layout.DATABASE).stat().st_size >> 20
    tally.notes += [
        f"queries {queries}; polls {polls}",
        f"{size:,} MB on the disk, {(_memory() - before) >> 20} MB read",
    ]
    return tally


def _metrics(step: int) -> Metrics:
    return Metrics(step, 128 * step, {"train/loss": 100.0 + step * 7919 % 1009}, 0.01 * step, 0.5, None)


def _fill_tables(connection: sqlite3.Connection) -> None:
    """Fill the tables with SQL, which takes a minute; then compare some buckets with those of the writer's code."""
    writer = write.DatabaseWriter(connection, 1)
    writer.write([MetricSpec("train/loss", "loss", "loss", "nats", "lower", "optimization")], [], [])
    metric = connection.execute("SELECT id FROM metrics").fetchone()[0]
    connection.execute("PRAGMA synchronous=OFF")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    value = "100.0 + i * 7919 % 1009"
    connection.execute("BEGIN")
    connection.execute(f"{numbers} INSERT INTO ticks SELECT i, 1, 128 * i, 0.01 * i, 1e9 + i FROM n", (POINTS,))
    connection.execute(f"{numbers} INSERT INTO scalars SELECT {metric}, i, {value}, NULL FROM n", (POINTS,))
    connection.execute(
        "INSERT INTO buckets SELECT metric, 1, step / 8, count(*), count(*), sum(value), min(value), max(value),"
        " sum(0.0 + step), sum(128.0 * step), sum(0.01 * step) FROM scalars GROUP BY metric, step / 8"
    )
    for level in range(2, buckets.LEVELS + 1):
        connection.execute(
            "INSERT INTO buckets SELECT metric, ?, bucket / 8, sum(count), sum(finite), sum(total), min(low), "
            "max(high), sum(steps), sum(images), sum(elapsed) FROM buckets WHERE level = ? GROUP BY metric, bucket / 8",
            (level, level - 1),
        )
    connection.execute("UPDATE metrics SET last_step = ?, last_value = 100.0, revision = 2", (POINTS,))
    connection.execute("COMMIT")
    _check_buckets(connection, metric, POINTS // 3)


def _check_buckets(connection: sqlite3.Connection, metric: int, step: int) -> None:
    """Recompute the buckets of a step with the writer's code: they must stay equal."""
    query = "SELECT * FROM buckets WHERE metric = ? AND bucket = ? / (1 << 3 * level) ORDER BY level"
    filled = connection.execute(query, (metric, step)).fetchall()
    buckets.rebuild(connection, metric, step)
    rebuilt = connection.execute(query, (metric, step)).fetchall()
    assert len(filled) == buckets.LEVELS and np.allclose(np.array(filled, float), np.array(rebuilt, float))


def _memory() -> int:
    """Return the peak memory of this process in bytes."""
    try:
        with Path("/proc/self/status").open() as file:
            return 1024 * int(next(line for line in file if line.startswith("VmHWM")).split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)


CASES = (
    FaultCase(
        name="many-runs",
        fault=f"{FOLDERS:,} run folders",
        guarantee="the dashboard is usable within 2 s and responds to a key within 0.1 s, in bounded memory",
        full=100,
        short=0,
        run=many_folders,
    ),
    FaultCase(
        name="many-points",
        fault=f"a run of {POINTS:,} points, queried by step, images and time while it grows",
        guarantee="a whole or partial curve within 0.1 s, in bounded memory",
        full=150,
        short=0,
        run=many_points,
    ),
)
