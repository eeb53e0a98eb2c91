"""Measures the throughput of workers in several situations, which take turns: A B A B."""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.windows import MAX_FOREIGN_FRACTION, MIN_QUIET_WINDOWS, Ticks, foreign_fraction
from benchmarks.workers.worker import Worker

MIN_RUNNING_FRACTION = 0.1  # threads that run for less of the time take no part in the computation
SETTLE_S = 2.5  # after a change, until threads and caches are those of the new situation


@dataclass(frozen=True)
class Reading:
    """One window."""

    rates: tuple[float, ...]  # images a second of each worker
    by_cpu: tuple[float, ...]  # images of each worker, a second of its CPU: what hardly knows of other processes
    counted: float  # a second
    waited: float  # in cores: threads of the first worker that were ready to compute, and no core was free
    foreign_fraction: float  # share of the machine's CPU that neither idled nor was ours


@dataclass
class Situation:
    """A condition of the machine and the readings of the windows in which it held.

    Args:
        name: Its name in the table.
        workers: The workers whose images are counted.
        enter: Establishes the condition.
        count: Returns a further count that grows, such as that of responses.
        wait: Waits for the seconds of a window.
        settle: Waits for the seconds before a window.
    """

    name: str
    workers: Sequence[Worker]
    enter: Callable[[], None]
    count: Callable[[], int] = lambda: 0
    wait: Callable[[float], object] = time.sleep
    settle: Callable[[float], object] = time.sleep
    readings: list[Reading] = field(default_factory=list)

    def read(self, seconds: float) -> None:
        """Establish the condition and read one window."""
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
        other = foreign_fraction(ticks, Ticks.now(), _own_cpu_s(self.workers) - used)
        self.readings.append(Reading(rates, by_cpu, counted / (time.monotonic() - began), waited, other))

    @property
    def used_readings(self) -> list[Reading]:
        """The readings of quiet windows; all readings where those are too few."""
        quiet = [reading for reading in self.readings if reading.foreign_fraction <= MAX_FOREIGN_FRACTION]
        return quiet if len(quiet) >= MIN_QUIET_WINDOWS else self.readings

    def rate(self, worker: int | None = None) -> float:
        """Return the median of images a second: of one worker, or of all together."""
        return statistics.median(sum(r.rates) if worker is None else r.rates[worker] for r in self.used_readings)

    def beside(self, other: "Situation", worker: int = 0) -> float:
        """Return the throughput of a worker relative to that of the first one in another situation, a median.

        Speeds of a shared machine drift by a fifth within minutes; those of one round are half a minute apart.
        """
        pairs = list(zip(self.readings, other.readings, strict=True))
        quiet = [pair for pair in pairs if all(reading.foreign_fraction <= MAX_FOREIGN_FRACTION for reading in pair)]
        rounds = quiet if len(quiet) >= MIN_QUIET_WINDOWS else pairs
        return statistics.median(here.rates[worker] / there.rates[0] for here, there in rounds)

    def by_cpu(self, worker: int) -> float:
        """Return the median of one worker's images, a second of its CPU; every window counts."""
        return statistics.median(reading.by_cpu[worker] for reading in self.readings)

    def counted(self) -> float:
        """Return the median of what was counted, a second."""
        return statistics.median(reading.counted for reading in self.used_readings)

    def waited(self) -> float:
        """Return the median of how many cores the first worker's threads waited for; every window counts."""
        return statistics.median(reading.waited for reading in self.readings)

    def __str__(self) -> str:
        totals = sorted(sum(reading.rates) for reading in self.used_readings)
        other = statistics.median(reading.foreign_fraction for reading in self.used_readings)
        return (
            f"  {self.name:46} {self.rate():8,.0f}/s  {totals[0]:8,.0f} to {totals[-1]:8,.0f}  {other:9.0%} elsewhere"
        )


def in_turn(situations: Sequence[Situation], seconds: float, rounds: int) -> None:
    """Read every situation in turn, twice as often where the machine is not quiet, and print them."""
    for number in range(2 * rounds):
        if number >= rounds and all(
            sum(r.foreign_fraction <= MAX_FOREIGN_FRACTION for r in s.readings) >= MIN_QUIET_WINDOWS for s in situations
        ):
            break
        for situation in situations if number % 2 == 0 else reversed(situations):  # a drift favors nobody
            situation.read(seconds)
    for situation in situations:
        print(situation)


def _own_cpu_s(workers: Sequence[Worker]) -> float:
    """Return the CPU seconds of all processes that take part: this process, its children and the workers."""
    me = psutil.Process(os.getpid())
    pids = {me.pid, *(child.pid for child in me.children(recursive=True)), *(worker.record.pid for worker in workers)}
    return sum(map(_cpu_s, pids))


def _threads(pid: int) -> dict[str, tuple[float, float]]:
    """Return for each thread the seconds that it ran and that it waited for a core; empty where /proc lacks them."""
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
        if name in before and ran - before[name][0] > MIN_RUNNING_FRACTION * seconds
    ]
    return sum(waits) / seconds


def _cpu_s(pid: int) -> float:
    try:
        return sum(psutil.Process(pid).cpu_times()[:2])
    except psutil.Error:
        return 0.0
