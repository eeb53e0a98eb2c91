from pathlib import Path

import numpy as np
import pytest

from genexplorer.runs.database import buckets, sqlite
from genexplorer.runs.database.write import DatabaseWriter, Tick
from genexplorer.runs.reader import RunReader
from trainers.events import Metrics

NAME = "train/loss"
Points = dict[int, float]


class Recording:
    """A database that is written in batches, and the same points in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = sqlite.open_for_writing(folder)
        self.ledger = DatabaseWriter(self.connection, 1)
        self.points: Points = {}

    def write(self, points: list[tuple[int, float]]) -> None:
        self.ledger.write([], [Tick(Metrics(s, s * 128, {NAME: v}, s * 0.01, 0.0, None), 0.0) for s, v in points], [])
        self.points.update(points)

    def supersede(self, step: int) -> None:
        self.ledger.supersede(step)
        self.points = {s: v for s, v in self.points.items() if s <= step}

    def check_pyramid(self) -> None:
        for level in range(1, buckets.LEVELS + 1):
            rows = self.connection.execute(
                "SELECT bucket, count, finite, total, low, high, steps, images, elapsed FROM buckets WHERE level = ?",
                (level,),
            ).fetchall()
            expected = self._expected(level)
            assert {row[0] for row in rows} == set(expected)
            for row in rows:
                found = np.array([*row[1:], *expected[row[0]]], dtype=np.float64).reshape(2, -1)
                np.testing.assert_allclose(found[0], found[1], atol=1e-9)

    def _expected(self, level: int) -> dict[int, tuple[object, ...]]:
        groups: dict[int, list[int]] = {}
        for step in self.points:
            groups.setdefault(step // buckets.FACTOR**level, []).append(step)
        return {index: self._bucket(steps) for index, steps in groups.items()}

    def _bucket(self, steps: list[int]) -> tuple[object, ...]:
        finite = [self.points[s] for s in steps if np.isfinite(self.points[s])]
        low, high = (min(finite), max(finite)) if finite else (None, None)
        return (
            *(len(steps), len(finite), sum(finite), low, high),
            *(float(sum(steps)), float(sum(steps) * 128), sum(s * 0.01 for s in steps)),
        )


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


def random_points(seed: int, count: int, last: int) -> list[tuple[int, float]]:
    random = np.random.default_rng(seed)
    steps = np.sort(random.choice(last, count, replace=False))
    values = random.normal(size=count)
    values[random.random(count) < 0.05] = np.nan
    return [(int(step), float(value)) for step, value in zip(steps, values, strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_the_pyramid_equals_brute_force(recording: Recording, seed: int) -> None:
    points = random_points(seed, 700, 30_000)
    for start in range(0, len(points), 23):
        recording.write(points[start : start + 23])
    recording.check_pyramid()


def test_a_repeated_step_counts_once(recording: Recording) -> None:
    recording.write([(1, 5.0), (2, 6.0), (2, 7.0)])
    recording.write([(2, 8.0), (3, float("nan"))])
    recording.write([(1, -1.0), (3, 2.0)])
    recording.check_pyramid()


@pytest.mark.parametrize("step", [-1, 0, 63, 64, 511, 512, 20_000])
def test_superseding_cuts_every_level(recording: Recording, step: int) -> None:
    recording.write(random_points(5, 500, 5_000))
    recording.supersede(step)
    recording.check_pyramid()
    recording.write([(s, float(s)) for s in range(step + 1, step + 40)])
    recording.check_pyramid()


@pytest.mark.parametrize("max_points", [1, 7, 100, 1000])
def test_a_reduced_curve_keeps_extremes_mean_and_count(recording: Recording, max_points: int) -> None:
    points = random_points(1, 12_000, 200_000)
    recording.write(points)
    reader = RunReader(recording.folder)
    series = reader.series(NAME, max_points=max_points)
    values = np.array([value for _, value in points])
    assert 0 < len(series.x) <= max_points
    assert np.nanmin(series.low) == np.nanmin(values) and np.nanmax(series.high) == np.nanmax(values)
    assert np.all(np.diff(series.x) > 0) and np.all(series.low <= series.mean) and np.all(series.mean <= series.high)
    steps = np.array([step for step, _ in points])
    if max_points == 1000:  # each bucket is what brute force says of the steps around it
        edges = np.searchsorted(steps, _edges(series.x, steps))
        for bucket in range(len(series.x)):
            inside = values[edges[bucket] : edges[bucket + 1]]
            if np.isfinite(inside).any():
                assert series.low[bucket] == np.nanmin(inside) and series.mean[bucket] == pytest.approx(
                    np.nanmean(inside)
                )


def _edges(
    x: np.ndarray[tuple[int], np.dtype[np.float64]], steps: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> list[float]:
    """Recover the buckets' edges: equal widths that are a multiple of 8 · 8, from the first bucket on."""
    unit = 64
    origin = steps[0] // unit * unit
    width = -(-(steps[-1] // unit * unit - origin + unit) // unit // 1000) * unit
    used = sorted({int((value - origin) // width) for value in x})
    return [*(origin + index * width for index in used), float("inf")]


def test_bounds_narrow_the_curve_on_every_axis(recording: Recording) -> None:
    recording.write([(step, float(step)) for step in range(5_000)])
    reader = RunReader(recording.folder)
    by_step = reader.series(NAME, "step", 100, (1000, 1099))
    assert by_step.x.tolist() == list(range(1000, 1100))
    assert reader.series(NAME, "images", 100, (128_000, 128 * 1099)).mean.tolist() == by_step.mean.tolist()
    assert reader.series(NAME, "time", 100, (9.999, 10.9901)).mean.tolist() == by_step.mean.tolist()
    assert len(reader.series(NAME, "step", 100, (9_000, 9_999)).x) == 0
    assert len(reader.series(NAME, "time", 100, (-5, -1)).x) == 0


def test_a_sparse_metric_is_never_merged_needlessly(recording: Recording) -> None:
    recording.write([(step, 1.0) for step in (0, 1, 2, 5, 10, 20, 50, 1_000_000)])
    reader = RunReader(recording.folder)
    assert reader.series(NAME, max_points=100).x.tolist() == [0, 1, 2, 5, 10, 20, 50, 1_000_000]


def test_the_rows_that_a_curve_costs_do_not_grow_with_the_run(recording: Recording) -> None:
    recording.write([(step, float(step % 7)) for step in range(60_000)])
    with sqlite.open_for_reading(recording.folder) as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        from genexplorer.runs.database import read as database_read

        series = database_read.series(connection, NAME, "step", 100, None)
        read = [statement for statement in statements if "FROM buckets" in statement]
        rows = connection.execute(read[0]).fetchall()
        plans = [
            row[-1]
            for statement in statements
            if statement.startswith("SELECT")
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        ]
    assert any("USING COVERING INDEX specials" in plan or "USING INDEX specials" in plan for plan in plans)
    assert not any(plan.startswith(("SCAN scalars", "SCAN ticks")) for plan in plans)
    assert len(series.x) <= 100 and len(rows) <= 8 * 100 and not any("JOIN" in statement for statement in statements)
