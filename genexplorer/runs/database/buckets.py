"""The bucket pyramid of each curve: minimum, maximum and mean of 8, 64, 512 … steps, updated as rows are written.

A curve of 10 million points is drawn from a few thousand rows. Bucket b of level k covers the steps from b·8^k to
(b + 1)·8^k - 1.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.database.sqlite import insert_rows

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


def rebuild(connection: sqlite3.Connection, metric: int, step: int) -> None:
    """Recompute the buckets over one step, after a point there was replaced or removed."""
    for level in range(1, LEVELS + 1):
        index = step // FACTOR**level
        first = index * FACTOR
        if level == 1:
            row = connection.execute(_FROM_SCALARS, (metric, first, first + FACTOR)).fetchone()
        else:
            row = connection.execute(_FROM_BUCKETS, (metric, level - 1, first, first + FACTOR)).fetchone()
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

    first: NDArray[np.float64]  # the first step that a bucket covers
    count: NDArray[np.float64]
    finite: NDArray[np.float64]
    total: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    x: NDArray[np.float64]  # the sum of the axis over the points


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
        return Columns(
            first=columns.first[starts],
            count=np.add.reduceat(columns.count, starts),
            finite=np.add.reduceat(columns.finite, starts),
            total=np.add.reduceat(columns.total, starts),
            low=np.fmin.reduceat(columns.low, starts),
            high=np.fmax.reduceat(columns.high, starts),
            x=np.add.reduceat(columns.x, starts),
        )
