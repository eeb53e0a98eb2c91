"""What workers deliver in one situation and another, in turn, A B A B."""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.windows import FEWEST, LIMIT, Ticks, elsewhere
from benchmarks.workers.worker import Worker

COMPUTES = 0.1  # of the time that a thread at least runs which takes part in the computing
SETTLE_S = 2.5  # after a change, until threads and caches are those of the new situation


@dataclass(frozen=True)
class Reading:
    """One window."""

    rates: tuple[float, ...]  # images a second of each worker
    by_cpu: tuple[float, ...]  # images of each worker, a second of its CPU: what hardly knows of other processes
    counted: float  # a second
    waited: float  # in cores: threads of the first worker that were ready to compute, and no core was free
    elsewhere: float  # share of the machine's CPU that neither idled nor was ours


@dataclass
class Situation:
    """What is the case during some windows, and what was read in them.

    Args:
        name: What the table calls it.
        workers: Whose images count.
        enter: Brings it about.
        count: Something else that grows.
        wait: Lets the time of a window go by.
        settle: Lets the time before it go by.
    """

    name: str
    workers: Sequence[Worker]
    enter: Callable[[], None]
    count: Callable[[], int] = lambda: 0
    wait: Callable[[float], object] = time.sleep
    settle: Callable[[float], object] = time.sleep
    readings: list[Reading] = field(default_factory=list)

    def read(self, seconds: float) -> None:
        """Bring it about and read one window."""
        self.enter()
        self.settle(SETTLE_S)
        ticks, used = Ticks.now(), _own_cpu_s(self.workers)
        before, count, began = [worker.record for worker in self.workers], self.count(), time.monotonic()
        cpu, threads = [_cpu_s(record.pid) for record in before], _threads(before[0].pid)
        self.wait(seconds)
        waited = _waited(threads, before[0].pid, time.monotonic() - began)
        after, counted = [worker.record for worker in self.workers], self.count() - count
        rates = tuple(
            (b.images_seen - a.images_seen) / (b.elapsed_s - a.elapsed_s) for a, b in zip(before, after, strict=True)
        )
        by_cpu = tuple(
            (b.images_seen - a.images_seen) / max(_cpu_s(a.pid) - spent, 0.01)
            for a, b, spent in zip(before, after, cpu, strict=True)
        )
        other = elsewhere(ticks, Ticks.now(), _own_cpu_s(self.workers) - used)
        self.readings.append(Reading(rates, by_cpu, counted / (time.monotonic() - began), waited, other))

    @property
    def kept(self) -> list[Reading]:
        """What was read in quiet windows; everything where those are too few."""
        quiet = [reading for reading in self.readings if reading.elsewhere <= LIMIT]
        return quiet if len(quiet) >= FEWEST else self.readings

    def rate(self, worker: int | None = None) -> float:
        """Return the median of images a second: of one worker, or of all together."""
        return statistics.median(sum(r.rates) if worker is None else r.rates[worker] for r in self.kept)

    def beside(self, other: "Situation", worker: int = 0) -> float:
        """Return what a worker delivers here, of what the first one delivers there: the median over the rounds.

        Speeds of a shared machine drift by a fifth within minutes; those of one round are half a minute apart.
        """
        pairs = list(zip(self.readings, other.readings, strict=True))
        quiet = [pair for pair in pairs if all(reading.elsewhere <= LIMIT for reading in pair)]
        rounds = quiet if len(quiet) >= FEWEST else pairs
        return statistics.median(here.rates[worker] / there.rates[0] for here, there in rounds)

    def by_cpu(self, worker: int) -> float:
        """Return the median of one worker's images, a second of its CPU; every window counts."""
        return statistics.median(reading.by_cpu[worker] for reading in self.readings)

    def counted(self) -> float:
        """Return the median of what was counted, a second."""
        return statistics.median(reading.counted for reading in self.kept)

    def waited(self) -> float:
        """Return the median of how many cores the first worker's threads waited for; every window counts."""
        return statistics.median(reading.waited for reading in self.readings)

    def __str__(self) -> str:
        totals = sorted(sum(reading.rates) for reading in self.kept)
        other = statistics.median(reading.elsewhere for reading in self.kept)
        return (
            f"  {self.name:46} {self.rate():8,.0f}/s  {totals[0]:8,.0f} to {totals[-1]:8,.0f}  {other:9.0%} elsewhere"
        )


def in_turn(situations: Sequence[Situation], seconds: float, rounds: int) -> None:
    """Read every situation in turn, twice as often where the machine is not quiet, and print them."""
    for number in range(2 * rounds):
        if number >= rounds and all(sum(r.elsewhere <= LIMIT for r in s.readings) >= FEWEST for s in situations):
            break
        for situation in situations if number % 2 == 0 else reversed(situations):  # a drift favors nobody
            situation.read(seconds)
    for situation in situations:
        print(situation)


def _own_cpu_s(workers: Sequence[Worker]) -> float:
    """Return the CPU seconds of all that takes part: this process, its children and the workers."""
    me = psutil.Process(os.getpid())
    pids = {me.pid, *(child.pid for child in me.children(recursive=True)), *(worker.record.pid for worker in workers)}
    return sum(map(_cpu_s, pids))


def _threads(pid: int) -> dict[str, tuple[float, float]]:
    """Return the seconds that each thread of a process has run and has waited for a core; {} if no kernel tells."""
    times = {}
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            ran, waited, *_ = thread.read_text().split()
            times[thread.parent.name] = int(ran) / 1e9, int(waited) / 1e9
    return times


def _waited(before: dict[str, tuple[float, float]], pid: int, seconds: float) -> float:
    """Return how many cores the threads that compute have waited for since then, on an average."""
    waits = [
        waited - before[name][1]
        for name, (ran, waited) in _threads(pid).items()
        if name in before and ran - before[name][0] > COMPUTES * seconds
    ]
    return sum(waits) / seconds


def _cpu_s(pid: int) -> float:
    try:
        return sum(psutil.Process(pid).cpu_times()[:2])
    except psutil.Error:
        return 0.0
