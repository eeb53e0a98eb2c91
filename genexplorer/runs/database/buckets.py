"""The bucket pyramid of each curve: minimum, maximum and mean of 8, 64, 512 … steps, updated as rows are written.

A curve of 10 million points is drawn from a few thousand rows. Bucket b of level k covers the steps from b·8^k to
(b + 1)·8^k - 1. The steps of one commit are grouped into blocks with the same metrics, and aggregated with NumPy.
"""

import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.database.sqlite import insert_rows, split_value
from trainers.events import Metrics

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FACTOR = 8
LEVELS = 10  # 8^10 steps, the longest possible run

INSERT = "INSERT INTO buckets (metric, level, bucket, count, finite, total, low, high, steps, images, elapsed)"
MERGE = """
ON CONFLICT (metric, level, bucket) DO UPDATE SET
    count = count + excluded.count, finite = finite + excluded.finite, total = total + excluded.total,
    low = coalesce(min(low, excluded.low), low, excluded.low),
    high = coalesce(max(high, excluded.high), high, excluded.high),
    steps = steps + excluded.steps, images = images + excluded.images, elapsed = elapsed + excluded.elapsed
"""
_FROM_SCALARS = """
SELECT count(*), count(s.value), coalesce(sum(s.value), 0.0), min(s.value), max(s.value), sum(0.0 + s.step),
    sum(0.0 + t.images_seen), sum(t.elapsed_s)
FROM scalars s JOIN ticks t ON t.step = s.step WHERE s.metric = ? AND s.step >= ? AND s.step < ?
"""
_FROM_BUCKETS = """
SELECT sum(count), sum(finite), sum(total), min(low), max(high), sum(steps), sum(images), sum(elapsed)
FROM buckets WHERE metric = ? AND level = ? AND bucket >= ? AND bucket < ?
"""


class Tick(NamedTuple):
    """Metrics of one step with the Unix time at which they were recorded."""

    metrics: Metrics
    time: float


@dataclass(frozen=True)
class Block:
    """Consecutive steps that have the same metrics.

    Args:
        names: Of the M metrics.
        steps: (B,), in the order of recording.
        images: Images seen at each step, (B,).
        elapsed: Seconds of training at each step, (B,).
        values: (B, M).
    """

    names: tuple[str, ...]
    steps: Integers
    images: Floats
    elapsed: Floats
    values: Floats

    @property
    def ascending(self) -> bool:
        """Whether the steps are strictly ascending."""
        return bool((self.steps[1:] > self.steps[:-1]).all())


@dataclass(frozen=True)
class Buckets:
    """Aggregates of one block over the buckets of one level.

    Args:
        index: Of the buckets, ascending, (K,).
        sums: Count, sums of step, images and elapsed, then M counts of finite values and M sums of them, (K, 4 + 2M).
        low: Smallest finite value, NaN where there is none, (K, M).
        high: Largest finite value, (K, M).
    """

    index: Integers
    sums: Floats
    low: Floats
    high: Floats

    def coarser(self) -> "Buckets":
        """Return the aggregates of the next coarser level."""
        index = self.index // FACTOR
        if len(index) == 1:
            return Buckets(index, self.sums, self.low, self.high)
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        sums = np.add.reduceat(self.sums, starts)
        with np.errstate(invalid="ignore"):
            low, high = np.fmin.reduceat(self.low, starts), np.fmax.reduceat(self.high, starts)
        return Buckets(index[starts], sums, low, high)


def blocks(ticks: Sequence[Tick]) -> Iterator[Block]:
    """Yield blocks of the ticks that have the same metrics."""
    groups: dict[tuple[str, ...], list[Metrics]] = {}
    for metrics, _ in ticks:
        groups.setdefault(tuple(metrics.values), []).append(metrics)
    for names, group in groups.items():
        count = len(group)
        flat = itertools.chain.from_iterable(metrics.values.values() for metrics in group)
        yield Block(
            names,
            np.fromiter((metrics.step for metrics in group), np.int64, count),
            np.fromiter((metrics.images_seen for metrics in group), np.float64, count),
            np.fromiter((metrics.elapsed_s for metrics in group), np.float64, count),
            np.fromiter(flat, np.float64, count * len(names)).reshape(count, len(names)),
        )


def scalar_rows(ids: Sequence[int], block: Block) -> list[tuple[object, ...]]:
    """Return the rows of a block's values, sorted by metric as they are stored."""
    steps, no_special = block.steps.tolist(), [None] * len(block.steps)
    rows: list[tuple[object, ...]] = []
    for metric, values in zip(ids, block.values.T.tolist(), strict=True):
        rows.extend(zip(itertools.repeat(metric), steps, values, no_special, strict=False))
    for index in np.flatnonzero(~np.isfinite(block.values.T)).tolist():
        rows[index] = (*rows[index][:2], *split_value(cast("float", rows[index][2])))
    return rows


def bucket_rows(ids: Sequence[int], block: Block) -> Iterable[tuple[object, ...]]:
    """Yield the rows of all levels' buckets over a block with ascending steps, sorted by metric."""
    # Start with buckets of one step each, then aggregate level by level.
    finite_values = np.isfinite(block.values)
    finite_or_nan = np.where(finite_values, block.values, np.nan)
    shared = (np.ones(len(block.steps)), block.steps, block.images, block.elapsed)
    points = np.column_stack((*shared, finite_values, np.where(finite_values, block.values, 0.0)))
    level = Buckets(block.steps, points, finite_or_nan, finite_or_nan).coarser()
    pyramid = [level] + [level := level.coarser() for _ in range(LEVELS - 1)]
    numbered = [(number, bucket) for number, level in enumerate(pyramid, 1) for bucket in level.index.tolist()]
    sums = np.concatenate([level.sums for level in pyramid])
    low, high = (np.concatenate([getattr(level, name) for level in pyramid]) for name in ("low", "high"))
    count, steps, images, elapsed = sums[:, :4].T.tolist()
    finite, totals = np.split(sums[:, 4:].T, 2)
    for column, metric in enumerate(ids):
        values = (finite[column].tolist(), totals[column].tolist(), _or_none(low[:, column]), _or_none(high[:, column]))
        for (number, bucket), n, f, *aggregates in zip(numbered, count, *values, steps, images, elapsed, strict=True):
            yield (metric, number, bucket, int(n), int(f), *aggregates)


def _or_none(values: Floats) -> list[float | None]:
    items: list[float | None] = values.tolist()
    return [None if value != value else value for value in items] if np.isnan(values).any() else items


def rebuild(connection: sqlite3.Connection, metric: int, step: int) -> None:
    """Recompute the buckets over one step, after a point there was replaced or removed."""
    for level in range(1, LEVELS + 1):
        index = step // FACTOR**level
        first = index * FACTOR
        source, finer = (_FROM_SCALARS, ()) if level == 1 else (_FROM_BUCKETS, (level - 1,))
        row = connection.execute(source, (metric, *finer, first, first + FACTOR)).fetchone()
        connection.execute("DELETE FROM buckets WHERE metric = ? AND level = ? AND bucket = ?", (metric, level, index))
        if row[0]:
            insert_rows(connection, INSERT, [(metric, level, index, *row)], MERGE)


def cut(connection: sqlite3.Connection, metrics: Iterable[int], step: int) -> None:
    """Update the pyramid after all points after `step` were removed."""
    for metric in metrics:
        for level in range(1, LEVELS + 1):
            connection.execute(
                "DELETE FROM buckets WHERE metric = ? AND level = ? AND bucket > ?",
                (metric, level, step // FACTOR**level),
            )
        rebuild(connection, metric, step)


@dataclass(frozen=True)
class Columns:
    """Buckets as columns, ascending in step; `low`, `high` and `total / finite` are NaN where no value is finite."""

    first: Floats  # the first step that a bucket covers
    count: Floats
    finite: Floats
    total: Floats
    low: Floats
    high: Floats
    x: Floats  # the sum of the axis over the points


def fold(columns: Columns, max_points: int, level: int) -> Columns:
    """Merge neighbors until at most `max_points` buckets, of equal width in steps, remain."""
    if len(columns.first) <= max_points:
        return columns
    unit = float(FACTOR**level)
    origin = columns.first[0]
    span = columns.first[-1] - origin + unit
    width = max(np.ceil(span / unit / max_points), 1.0) * unit
    group = ((columns.first - origin) // width).astype(np.int64)
    starts = np.flatnonzero(np.r_[True, np.diff(group) > 0])
    with np.errstate(invalid="ignore"):
        low, high = np.fmin.reduceat(columns.low, starts), np.fmax.reduceat(columns.high, starts)
        sums = {name: np.add.reduceat(getattr(columns, name), starts) for name in ("count", "finite", "total", "x")}
        return Columns(first=columns.first[starts], low=low, high=high, **sums)
