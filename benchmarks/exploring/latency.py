"""Latencies: median, p95 and p99, from windows in which the machine was otherwise idle."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.windows import FEWEST, LIMIT, Ticks, elsewhere

HEAD = f"  {'':38} {'median':>9} {'p95':>9} {'p99':>9}   target"


@dataclass(frozen=True)
class Windowed:
    """Values of a measurement, by window, and how many windows were dropped as disturbed."""

    values: list[list[float]]  # ms, by what is measured
    kept: int
    dropped: int

    @property
    def quiet(self) -> bool:
        """Whether the numbers are of quiet windows."""
        return self.dropped == 0 or self.kept > 0

    def words(self) -> str:
        """Say it."""
        return f"{self.kept} windows, {self.dropped} disturbed" + ("" if self.kept else ": all of them counted")


def windows(measure: Callable[[], Sequence[Sequence[float]]], cpu: Callable[[], float], wanted: int) -> Windowed:
    """Measure until `wanted` windows were quiet, three times as many at most; if too few were, all count.

    Args:
        measure: Measures for about a second; returns times in ms, a list for each thing that is measured.
        cpu: The CPU seconds that the processes which are measured have used.
        wanted: Quiet windows.
    """
    quiet: list[Sequence[Sequence[float]]] = []
    every: list[Sequence[Sequence[float]]] = []
    while len(quiet) < wanted and len(every) < 3 * wanted:
        before, used = Ticks.now(), cpu()
        found = measure()
        every.append(found)
        if elsewhere(before, Ticks.now(), cpu() - used) <= LIMIT:
            quiet.append(found)
    kept = quiet if len(quiet) >= min(FEWEST, wanted) else every
    joined = [[time_ms for one in part for time_ms in one] for part in zip(*kept, strict=True)]
    return Windowed(joined, len(kept) if kept is quiet else 0, len(every) - len(quiet))


def row(name: str, times: Sequence[float], target: str = "") -> str:
    """Return a line of a table: median, p95 and p99 in ms."""
    if not times:
        return f"  {name:38} nothing was shown"
    p95, p99 = np.percentile(times, (95, 99))
    return f"  {name:38} {statistics.median(times):6.1f} ms {p95:6.1f} ms {p99:6.1f} ms   {target}".rstrip()


def timed(does: Callable[[], object]) -> float:
    """Return how long something takes, in ms."""
    began = time.perf_counter()
    does()
    return 1000 * (time.perf_counter() - began)
