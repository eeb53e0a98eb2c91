"""Latencies: median, p95 and p99, from windows in which the machine was otherwise idle."""

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.windows import MAX_FOREIGN_FRACTION, MIN_QUIET_WINDOWS, Ticks, foreign_fraction

HEAD = f"  {'':38} {'median':>9} {'p95':>9} {'p99':>9}   target"


@dataclass(frozen=True)
class Windowed:
    """Measured times, and the numbers of windows that were used and disturbed."""

    values: list[list[float]]  # ms, one list per quantity
    num_used: int  # 0 if too few were quiet, and all count
    num_disturbed: int

    def describe(self) -> str:
        """Return the number of windows as text."""
        all_counted = "" if self.num_used else ": all of them counted"
        return f"{self.num_used} windows, {self.num_disturbed} disturbed{all_counted}"


def windows(measure: Callable[[], Sequence[Sequence[float]]], cpu: Callable[[], float], wanted: int) -> Windowed:
    """Measure until `wanted` windows were quiet, or three times as many in all; if too few are quiet, all count.

    Args:
        measure: Measures for about a second; returns times in ms, one list per quantity.
        cpu: Returns the CPU seconds of the measured processes.
        wanted: Number of quiet windows.
    """
    quiet: list[Sequence[Sequence[float]]] = []
    every: list[Sequence[Sequence[float]]] = []
    while len(quiet) < wanted and len(every) < 3 * wanted:
        before, used = Ticks.now(), cpu()
        times_ms = measure()
        every.append(times_ms)
        if foreign_fraction(before, Ticks.now(), cpu() - used) <= MAX_FOREIGN_FRACTION:
            quiet.append(times_ms)
    is_quiet = len(quiet) >= min(MIN_QUIET_WINDOWS, wanted)
    joined = [list(itertools.chain(*parts)) for parts in zip(*(quiet if is_quiet else every), strict=True)]
    return Windowed(joined, len(quiet) if is_quiet else 0, len(every) - len(quiet))


def row(name: str, times: Sequence[float], target: str = "") -> str:
    """Return a line of a table: median, p95 and p99 in ms."""
    if not times:
        return f"  {name:38} nothing was shown"
    p95, p99 = np.percentile(times, (95, 99))
    return f"  {name:38} {statistics.median(times):6.1f} ms {p95:6.1f} ms {p99:6.1f} ms   {target}".rstrip()
