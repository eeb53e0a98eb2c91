"""Contenders in turn, A B A B, in short windows; windows in which the machine did something else are dropped.

Other work is measured by /proc/stat: the CPU time of all processes and the time stolen from a virtual machine, less the
contender's own. Where /proc/stat is missing nothing is dropped.
"""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MAX_FOREIGN_FRACTION = 0.05  # a window is quiet if other processes use at most this fraction of the machine's CPU
MIN_QUIET_WINDOWS = 3  # a result needs so many
_BUSY_COLUMNS = (
    0,
    1,
    2,
    5,
    6,
    7,
)  # columns of /proc/stat: user, nice, system, irq, softirq, steal; guests are within user
STAT_FILE = Path("/proc/stat")


@dataclass(frozen=True)
class WindowResult:
    """A contender's report of a window: wall seconds, CPU seconds of all its threads, and images."""

    wall_s: float
    cpu_s: float
    images: int


@dataclass(frozen=True)
class Window:
    """A window and the fraction of the machine's CPU that other processes used."""

    result: WindowResult
    foreign_fraction: float

    @property
    def quiet(self) -> bool:
        """True if other processes used little."""
        return self.foreign_fraction <= MAX_FOREIGN_FRACTION


@dataclass(frozen=True)
class Throughput:
    """Medians of a contender's windows.

    Args:
        rate: Images per second; per second of its CPU time if `by_cpu`.
        low: Lower quartile.
        high: Upper quartile.
        kept: Number of windows used.
        dropped: Number of disturbed windows.
        by_cpu: True if the machine was too busy for wall time.
    """

    rate: float
    low: float
    high: float
    kept: int
    dropped: int
    by_cpu: bool


class Contender(Protocol):
    """A participant."""

    @property
    def name(self) -> str:
        """Its name in the table."""
        ...

    def window(self) -> WindowResult:
        """Run for a short while."""
        ...


@dataclass(frozen=True)
class Ticks:
    """CPU seconds of the whole machine since it started: used, and in all."""

    busy: float
    total: float

    @classmethod
    def now(cls) -> "Ticks":
        """Return the present values; zero where /proc/stat is missing."""
        return cls.of(STAT_FILE.read_text()) if STAT_FILE.is_file() else cls(0.0, 0.0)

    @classmethod
    def of(cls, text: str) -> "Ticks":
        """Return the values in a text of /proc/stat."""
        numbers = [int(word) for word in text.splitlines()[0].split()[1:9]]
        ticks_per_s = os.sysconf("SC_CLK_TCK")
        return cls(sum(numbers[index] for index in _BUSY_COLUMNS) / ticks_per_s, sum(numbers) / ticks_per_s)


def foreign_fraction(before: Ticks, after: Ticks, own_s: float) -> float:
    """Return the fraction of the machine's CPU that other processes than the contender used between two readings."""
    total = after.total - before.total
    return max(0.0, after.busy - before.busy - own_s) / total if total > 0 else 0.0


def interleave(
    contenders: Sequence[Contender], num_windows: int, limit: int, *, watched: bool = True
) -> dict[str, list[Window]]:
    """Give each contender a window in turn until all have `num_windows` quiet ones.

    Args:
        contenders: Contenders in their order.
        num_windows: Number of quiet windows of each.
        limit: Rounds at most; if a contender has had no quiet window after `num_windows` rounds, stop.
        watched: If False, every window counts as quiet: other processes hardly disturb a graphics processor.
    """
    results: dict[str, list[Window]] = {contender.name: [] for contender in contenders}
    for number in range(limit):
        if number == num_windows and not all(any(w.quiet for w in windows) for windows in results.values()):
            break
        for contender in contenders:
            before = Ticks.now()
            result = contender.window()
            fraction = foreign_fraction(before, Ticks.now(), result.cpu_s) if watched else 0.0
            results[contender.name].append(Window(result, fraction))
        if all(sum(w.quiet for w in windows) >= num_windows for windows in results.values()):
            break
    return results


def throughputs(results: Mapping[str, Sequence[Window]]) -> dict[str, Throughput]:
    """Return each contender's throughput: by wall time in quiet windows, or by CPU time in all if one has too few.

    CPU time hardly depends on other processes, so then every window counts.
    """
    by_cpu = any(sum(w.quiet for w in windows) < MIN_QUIET_WINDOWS for windows in results.values())
    return {name: _throughput(windows, by_cpu) for name, windows in results.items()}


def _throughput(windows: Sequence[Window], by_cpu: bool) -> Throughput:
    used = [w.result for w in windows if by_cpu or w.quiet]
    rates = sorted(result.images / (result.cpu_s if by_cpu else result.wall_s) for result in used)
    low, median, high = statistics.quantiles(rates, n=4, method="inclusive") if len(rates) > 1 else 3 * rates
    return Throughput(median, low, high, len(used), sum(not w.quiet for w in windows), by_cpu)
