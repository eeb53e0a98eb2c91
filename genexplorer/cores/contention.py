"""Contention with programs that hold no lease: a training then computes with fewer threads.

Threads that synchronize after each matmul are as fast as the slowest. If another program occupies one of their cores,
all wait for the thread without a core, and a training with two threads on two cores is four times slower than with one
(docs/performance.md). On Linux the kernel reports how long the threads of a process were runnable without a core, and
how long cores were idle (/proc/self/task/*/schedstat, /proc/stat). On other systems nothing changes.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WINDOW_S = 0.8  # time between two readings of the kernel's counters
# A thread is given up when both are exceeded: waiting alone proves nothing, as our own threads wait for each other.
MIN_WAITING_CORES = 0.25  # seconds that our threads waited for a core, per second
MIN_FOREIGN_CORES = 0.4  # seconds that other programs computed, per second
MIN_IDLE_CORES = 0.8  # with so many idle cores a thread is added
GROW_DELAY_S = 2.0  # cores must be idle for so long before a thread is added; doubled each time that was too soon
MAX_GROW_DELAY_S = 60.0
TOO_SOON_S = 10.0  # a thread was added too soon if it is given up again within this time
_THREADS_FOLDER, _STAT_FILE = Path("/proc/self/task"), Path("/proc/stat")


@dataclass(frozen=True)
class Reading:
    """Seconds since an arbitrary start, summed over the cores that this process may use.

    Args:
        waited_s: Time for which threads of this process were runnable without a core.
        others_s: CPU time that other processes used or the hypervisor took.
        idle_s: Time for which cores were idle.
    """

    waited_s: float
    others_s: float
    idle_s: float

    def since(self, before: "Reading") -> "Reading":
        """Return the difference of two readings."""
        return Reading(self.waited_s - before.waited_s, self.others_s - before.others_s, self.idle_s - before.idle_s)


class Contention:
    """Limits the number of threads beside programs that hold no lease.

    Args:
        read: Reads the kernel's counters; returns None where there are none.
    """

    def __init__(self, read: Callable[[], Reading | None] | None = None) -> None:
        self._read = read or reading
        self._last: tuple[float, Reading] | None = None
        self._limit: int | None = None  # threads; None without contention
        self._idle_since: float | None = None
        self._grown_at = -TOO_SOON_S
        self._grow_delay_s = GROW_DELAY_S

    def limit(self, core_share: int, threads: int, now: float) -> int:
        """Return how many threads to use.

        Args:
            core_share: Number of cores that the lease allows, at least 1.
            threads: Number of threads in use now.
            now: The time in monotonic seconds.
        """
        if core_share <= 1:  # nothing to give up, and nothing to learn from one thread
            self._last = None
            return core_share
        if self._last is None or now - self._last[0] >= WINDOW_S:
            self._measure(core_share, threads, now)
        return core_share if self._limit is None else min(core_share, self._limit)

    def _measure(self, core_share: int, threads: int, now: float) -> None:
        current, last = self._read(), self._last
        self._last = None if current is None else (now, current)
        if current is None or last is None:
            return
        elapsed_s, used = now - last[0], current.since(last[1])
        if (
            threads > 1
            and used.waited_s > MIN_WAITING_CORES * elapsed_s
            and used.others_s > MIN_FOREIGN_CORES * elapsed_s
        ):
            # Give up a thread; wait longer before the next one is added if the last was added too soon.
            too_soon = now - self._grown_at < TOO_SOON_S
            self._grow_delay_s = min(2 * self._grow_delay_s, MAX_GROW_DELAY_S) if too_soon else GROW_DELAY_S
            self._limit, self._idle_since = threads - 1, None
        elif self._limit is not None and used.idle_s > MIN_IDLE_CORES * elapsed_s:
            # Add a thread once cores have been idle for long enough.
            if self._idle_since is None:
                self._idle_since = now
            if now - self._idle_since >= self._grow_delay_s:
                self._grown_at, self._idle_since = now, None
                self._limit = None if self._limit + 1 >= core_share else self._limit + 1
        else:
            self._idle_since = None


def reading() -> Reading | None:
    """Return the counters of this process and of the cores that it may use; None if the system has none."""
    with contextlib.suppress(OSError, ValueError, AttributeError, IndexError):
        waited = 0
        for task in _THREADS_FOLDER.iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
                waited += int((task / "schedstat").read_text().split()[1])
        busy, idle = core_seconds(_STAT_FILE.read_text(), os.sched_getaffinity(0))
        return Reading(waited / 1e9, busy - time.process_time(), idle)
    return None


def core_seconds(stat: str, cores: set[int]) -> tuple[float, float]:
    """Return the busy (or stolen) and the idle seconds of some cores from the text of /proc/stat."""
    names = {f"cpu{core}" for core in cores}
    rows = [row for row in map(str.split, stat.splitlines()) if row and row[0] in names]
    idle = sum(int(row[4]) + int(row[5]) for row in rows)
    total = sum(sum(map(int, row[1:9])) for row in rows)  # guest time is part of user time
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    return (total - idle) / ticks_per_s, idle / ticks_per_s
