"""Metrics as columns: the steps of one commit grouped by metric, and the buckets over them, computed with NumPy."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.database.sqlite import split_value
from trainers.events import Metrics

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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

    def coarser(self, factor: int) -> "Buckets":
        """Return the aggregates of the next coarser level."""
        index = self.index // factor
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


def bucket_rows(ids: Sequence[int], block: Block, factor: int, levels: int) -> Iterable[tuple[object, ...]]:
    """Yield the rows of all levels' buckets over a block with ascending steps, sorted by metric."""
    # A block as buckets of one step each, then level by level.
    finite_values = np.isfinite(block.values)
    finite_or_nan = np.where(finite_values, block.values, np.nan)
    shared = (np.ones(len(block.steps)), block.steps, block.images, block.elapsed)
    points = np.column_stack((*shared, finite_values, np.where(finite_values, block.values, 0.0)))
    level = Buckets(block.steps, points, finite_or_nan, finite_or_nan).coarser(factor)
    pyramid = [level] + [level := level.coarser(factor) for _ in range(levels - 1)]
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
