"""Contenders in turn, A B A B, in short windows; windows in which the machine did something else are dropped.

What a machine did besides is told by /proc/stat: the time of all processes and the time stolen from a virtual machine,
less what the contender itself used. Where /proc/stat is missing nothing is dropped.
"""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LIMIT = 0.05  # of the machine's CPU may go elsewhere in a window
FEWEST = 3  # undisturbed windows that a figure needs
_BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal; guests are within user
STAT = Path("/proc/stat")


@dataclass(frozen=True)
class Answer:
    """What a contender says of a window: seconds of the clock and of its own CPU (all threads), and images."""

    wall_s: float
    cpu_s: float
    images: int


@dataclass(frozen=True)
class Window:
    """A window and the share of the machine's CPU that went elsewhere meanwhile."""

    answer: Answer
    elsewhere: float

    @property
    def quiet(self) -> bool:
        """Whether it counts."""
        return self.elsewhere <= LIMIT


@dataclass(frozen=True)
class Figure:
    """Medians of a contender's windows.

    Args:
        rate: Images a second; a second of its CPU where `by_cpu`.
        low: The lower quartile.
        high: The upper quartile.
        kept: Windows that the figure is of.
        dropped: Windows that were disturbed.
        by_cpu: Whether every machine second was too disturbed to count.
    """

    rate: float
    low: float
    high: float
    kept: int
    dropped: int
    by_cpu: bool


class Contender(Protocol):
    """Who takes part."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    def window(self) -> Answer:
        """Run for a short while."""
        ...


@dataclass(frozen=True)
class Ticks:
    """CPU seconds of the whole machine since it started: what was used, and what there was."""

    busy: float
    total: float

    @classmethod
    def now(cls) -> "Ticks":
        """Read them; zero where the system does not tell."""
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
    contenders: Sequence[Contender], wanted: int, limit: int, *, watched: bool = True
) -> dict[str, list[Window]]:
    """Give each contender a window in turn until all have `wanted` quiet ones.

    Args:
        contenders: In their order.
        wanted: Quiet windows of each.
        limit: Rounds at most; where after `wanted` rounds somebody has had no quiet one, there is no more waiting.
        watched: Whether the processor's other work matters: it does not where a graphics processor computes.
    """
    found: dict[str, list[Window]] = {contender.name: [] for contender in contenders}
    for number in range(limit):
        if number == wanted and not all(any(w.quiet for w in windows) for windows in found.values()):
            break
        for contender in contenders:
            before = Ticks.now()
            answer = contender.window()
            share = elsewhere(before, Ticks.now(), answer.cpu_s) if watched else 0.0
            found[contender.name].append(Window(answer, share))
        if all(sum(w.quiet for w in windows) >= wanted for windows in found.values()):
            break
    return found


def figures(found: Mapping[str, Sequence[Window]]) -> dict[str, Figure]:
    """Return everybody's figures: of quiet windows by the clock, or, if somebody has too few, all by CPU time.

    CPU time hardly knows of other processes, so there every window counts.
    """
    by_cpu = any(sum(w.quiet for w in windows) < FEWEST for windows in found.values())
    return {name: _figure(windows, by_cpu) for name, windows in found.items()}


def _figure(windows: Sequence[Window], by_cpu: bool) -> Figure:
    kept = [w.answer for w in windows if by_cpu or w.quiet]
    rates = sorted(a.images / (a.cpu_s if by_cpu else a.wall_s) for a in kept)
    low, middle, high = statistics.quantiles(rates, n=4, method="inclusive") if len(rates) > 1 else 3 * rates
    return Figure(middle, low, high, len(kept), sum(not w.quiet for w in windows), by_cpu)
