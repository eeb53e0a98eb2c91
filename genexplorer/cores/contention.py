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

WINDOW_S = 0.8  # between readings
MIN_WAITED = 0.25  # cores' worth of waiting, and
MIN_OTHERS = 0.4  # cores used by others, at which a thread is given up: our own threads wait for each other too
MIN_IDLE = 0.8  # idle cores at which a thread is added
PATIENCE_S = 2.0  # with idle cores before a thread is added; doubled each time that was too soon
MAX_PATIENCE_S = 60.0
SOON_S = 10.0
_TASKS, _STAT = Path("/proc/self/task"), Path("/proc/stat")


@dataclass(frozen=True)
class Reading:
    """Seconds since an arbitrary start, summed over the cores that this process may use.

    Args:
        waited: That threads of this process were runnable without a core.
        others: Of CPU time used by other processes or stolen by the hypervisor.
        idle: Of idle cores.
    """

    waited: float
    others: float
    idle: float

    def since(self, before: "Reading") -> "Reading":
        """Return the difference of two readings."""
        return Reading(self.waited - before.waited, self.others - before.others, self.idle - before.idle)


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
        self._grown_at = -SOON_S
        self._patience_s = PATIENCE_S

    def bounded(self, share: int, threads: int, now: float) -> int:
        """Return how many threads of a share to use.

        Args:
            share: Of the core lease, at least 1.
            threads: In use now.
            now: Monotonic seconds.
        """
        if share <= 1:  # nothing to give up, and nothing to learn from one thread
            self._last = None
            return share
        if self._last is None or now - self._last[0] >= WINDOW_S:
            self._measure(share, threads, now)
        return share if self._limit is None else min(share, self._limit)

    def _measure(self, share: int, threads: int, now: float) -> None:
        current, last = self._read(), self._last
        self._last = None if current is None else (now, current)
        if current is None or last is None:
            return
        elapsed_s, used = now - last[0], current.since(last[1])
        if threads > 1 and used.waited > MIN_WAITED * elapsed_s and used.others > MIN_OTHERS * elapsed_s:
            # Give up a thread; wait longer before the next one is added if the last was added too soon.
            too_soon = now - self._grown_at < SOON_S
            self._patience_s = min(2 * self._patience_s, MAX_PATIENCE_S) if too_soon else PATIENCE_S
            self._limit, self._idle_since = threads - 1, None
        elif self._limit is not None and used.idle > MIN_IDLE * elapsed_s:
            # Add a thread once cores have been idle for long enough.
            if self._idle_since is None:
                self._idle_since = now
            if now - self._idle_since >= self._patience_s:
                self._grown_at, self._idle_since = now, None
                self._limit = None if self._limit + 1 >= share else self._limit + 1
        else:
            self._idle_since = None


def reading() -> Reading | None:
    """Return the counters of this process and of the cores that it may use; None if the system has none."""
    with contextlib.suppress(OSError, ValueError, AttributeError, IndexError):
        waited = 0
        for task in _TASKS.iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
                waited += int((task / "schedstat").read_text().split()[1])
        busy, idle = core_seconds(_STAT.read_text(), os.sched_getaffinity(0))
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
