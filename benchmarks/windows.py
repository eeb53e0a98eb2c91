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

LIMIT = 0.05  # of the machine's CPU may go elsewhere in a window
FEWEST = 3  # undisturbed windows that a result needs
_BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal; guests are within user
STAT = Path("/proc/stat")


@dataclass(frozen=True)
class WindowResult:
    """A contender's report of a window: seconds of the clock and of its own CPU (all threads), and images."""

    wall_s: float
    cpu_s: float
    images: int


@dataclass(frozen=True)
class Window:
    """A window and the share of the machine's CPU that went elsewhere meanwhile."""

    answer: WindowResult
    elsewhere: float

    @property
    def quiet(self) -> bool:
        """Whether it counts."""
        return self.elsewhere <= LIMIT


@dataclass(frozen=True)
class Throughput:
    """Medians of a contender's windows.

    Args:
        rate: Images a second; a second of its CPU where `by_cpu`.
        low: The lower quartile.
        high: The upper quartile.
        kept: Windows used.
        dropped: Windows that were disturbed.
        by_cpu: Whether the machine was too busy for wall time.
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
    """CPU seconds of the whole machine since it started: what was used, and what there was."""

    busy: float
    total: float

    @classmethod
    def now(cls) -> "Ticks":
        """Read them; zero where /proc/stat is missing."""
        return cls.of(STAT.read_text()) if STAT.is_file() else cls(0.0, 0.0)

    @classmethod
    def of(cls, text: str) -> "Ticks":
        """Return them from the text of /proc/stat."""
        numbers = [int(word) for word in text.splitlines()[0].split()[1:9]]
        a_second = os.sysconf("SC_CLK_TCK")
        return cls(sum(numbers[place] for place in _BUSY) / a_second, sum(numbers) / a_second)


def elsewhere(before: Ticks, after: Ticks, own_s: float) -> float:
    """Return the share of the machine's CPU between two readings that neither idled nor was used by the contender."""
    total = after.total - before.total
    return max(0.0, after.busy - before.busy - own_s) / total if total > 0 else 0.0


def interleave(
    contenders: Sequence[Contender], num_windows: int, limit: int, *, watched: bool = True
) -> dict[str, list[Window]]:
    """Give each contender a window in turn until all have `num_windows` quiet ones.

    Args:
        contenders: In their order.
        wanted: Quiet windows of each.
        limit: Rounds at most; if a contender has had no quiet window after `num_windows` rounds, stop.
        watched: Whether the processor's other work matters: it does not where a graphics processor computes.
    """
    results: dict[str, list[Window]] = {contender.name: [] for contender in contenders}
    for number in range(limit):
        if number == num_windows and not all(any(w.quiet for w in windows) for windows in results.values()):
            break
        for contender in contenders:
            before = Ticks.now()
            answer = contender.window()
            share = elsewhere(before, Ticks.now(), answer.cpu_s) if watched else 0.0
            results[contender.name].append(Window(answer, share))
        if all(sum(w.quiet for w in windows) >= num_windows for windows in results.values()):
            break
    return results


def throughputs(results: Mapping[str, Sequence[Window]]) -> dict[str, Throughput]:
    """Return each contender's throughput: of quiet windows by wall time, or, if one has too few, of all by CPU time.

    CPU time hardly depends on other processes, so every window counts then.
    """
    by_cpu = any(sum(w.quiet for w in windows) < FEWEST for windows in results.values())
    return {name: _throughput(windows, by_cpu) for name, windows in results.items()}


def _throughput(windows: Sequence[Window], by_cpu: bool) -> Throughput:
    kept = [w.answer for w in windows if by_cpu or w.quiet]
    rates = sorted(a.images / (a.cpu_s if by_cpu else a.wall_s) for a in kept)
    low, middle, high = statistics.quantiles(rates, n=4, method="inclusive") if len(rates) > 1 else 3 * rates
    return Throughput(middle, low, high, len(kept), sum(not w.quiet for w in windows), by_cpu)
