"""Figures as columns: the ticks of one commit sorted by metric, and the buckets over them, computed with NumPy."""

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
    """Figures of one step with the time they came."""

    metrics: Metrics
    time: float


@dataclass(frozen=True)
class Block:
    """Steps that have the same metrics, as they came.

    Args:
        names: Of the metrics, M of them.
        steps: (B,).
        images: Seen at each step, (B,).
        elapsed: Seconds at each step, (B,).
        values: (B, M).
    """

    names: tuple[str, ...]
    steps: Integers
    images: Floats
    elapsed: Floats
    values: Floats

    @property
    def ascending(self) -> bool:
        """Whether each step comes once and after the one before."""
        return bool((self.steps[1:] > self.steps[:-1]).all())


@dataclass(frozen=True)
class Buckets:
    """The points of one block over each bucket of one level.

    Args:
        index: Of the buckets, ascending, (K,).
        sums: Count, sums of step, images and elapsed, then M counts of finite values and M sums of them, (K, 4 + 2M).
        low: Least finite value, NaN where there is none, (K, M).
        high: Greatest finite value, (K, M).
    """

    index: Integers
    sums: Floats
    low: Floats
    high: Floats

    def coarser(self, factor: int) -> "Buckets":
        """Return the next level."""
        index = self.index // factor
        if len(index) == 1:
            return Buckets(index, self.sums, self.low, self.high)
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        sums = np.add.reduceat(self.sums, starts)
        with np.errstate(invalid="ignore"):
            low, high = np.fmin.reduceat(self.low, starts), np.fmax.reduceat(self.high, starts)
        return Buckets(index[starts], sums, low, high)


def blocks(ticks: Sequence[Tick]) -> Iterator[Block]:
    """Yield the ticks, those with the same metrics together."""
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
    """Return the rows of a block's values, those of a metric together, as that is how they are stored."""
    steps, no_special = block.steps.tolist(), [None] * len(block.steps)
    rows: list[tuple[object, ...]] = []
    for metric, values in zip(ids, block.values.T.tolist(), strict=True):
        rows.extend(zip(itertools.repeat(metric), steps, values, no_special, strict=False))
    for place in np.flatnonzero(~np.isfinite(block.values.T)).tolist():
        rows[place] = (*rows[place][:2], *split_value(cast("float", rows[place][2])))
    return rows


def bucket_rows(ids: Sequence[int], block: Block, factor: int, levels: int) -> Iterable[tuple[object, ...]]:
    """Return the rows of every level's buckets over a block whose steps ascend: those of a metric together."""
    level = _points(block).coarser(factor)
    pyramid = [level] + [level := level.coarser(factor) for _ in range(levels - 1)]
    numbered = [(number, bucket) for number, level in enumerate(pyramid, 1) for bucket in level.index.tolist()]
    sums = np.concatenate([level.sums for level in pyramid])
    low, high = (np.concatenate([getattr(level, name) for level in pyramid]) for name in ("low", "high"))
    count, steps, images, elapsed = sums[:, :4].T.tolist()
    finite, totals = np.split(sums[:, 4:].T, 2)
    for place, metric in enumerate(ids):
        columns = (finite[place].tolist(), totals[place].tolist(), _or_none(low[:, place]), _or_none(high[:, place]))
        for (number, bucket), n, f, *rest in zip(numbered, count, *columns, steps, images, elapsed, strict=True):
            yield (metric, number, bucket, int(n), int(f), *rest)


def _points(block: Block) -> Buckets:
    """Return a block as buckets of one step each."""
    finite = np.isfinite(block.values)
    known = np.where(finite, block.values, np.nan)
    shared = (np.ones(len(block.steps)), block.steps, block.images, block.elapsed)
    sums = np.column_stack((*shared, finite, np.where(finite, block.values, 0.0)))
    return Buckets(block.steps, sums, known, known)


def _or_none(values: Floats) -> list[float | None]:
    listed: list[float | None] = values.tolist()
    return [None if value != value else value for value in listed] if np.isnan(values).any() else listed
