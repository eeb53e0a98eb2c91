"""Whether programs that hold no lease want the cores too: a training then computes with fewer threads.

Threads that meet at the end of each product are as fast as the slowest. Where another program has one of their cores,
all wait for the one that has none, and a training of two threads on two cores falls to a quarter of what a single
thread would do (docs/performance.md). A process is told by the kernel how long its threads were ready and had no core,
and how long cores lay idle (Linux: /proc/self/task/*/schedstat, /proc/stat). Elsewhere nothing is known and nothing
changes.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WINDOW_S = 0.8  # between readings
CROWDED = 0.25  # cores' worth of waiting, and
TAKEN = 0.4  # cores used by others, from which on a thread is given up: threads of one's own wait for each other too
ROOM = 0.8  # idle cores that another thread needs
PATIENCE_S = 2.0  # of room before a thread is taken back; doubled each time that was too soon
LONGEST_PATIENCE_S = 60.0
SOON_S = 10.0
_TASKS, _STAT = Path("/proc/self/task"), Path("/proc/stat")


@dataclass(frozen=True)
class Reading:
    """Seconds since some beginning, of the cores that this process may use.

    Args:
        waited: That threads of this process were ready and had no core.
        others: Of CPU that others used, or that was taken from the machine.
        idle: That cores lay idle.
    """

    waited: float
    others: float
    idle: float

    def since(self, before: "Reading") -> "Reading":
        """Return what passed between two readings."""
        return Reading(self.waited - before.waited, self.others - before.others, self.idle - before.idle)


class Contention:
    """How many threads are of use beside programs that hold no lease.

    Args:
        read: Reads what the kernel tells; None where it does not.
    """

    def __init__(self, read: Callable[[], Reading | None] | None = None) -> None:
        self._read = read or reading
        self._last: tuple[float, Reading] | None = None
        self._limit: int | None = None  # threads; None while nobody is in the way
        self._room_since: float | None = None
        self._grown_at = -SOON_S
        self._patience_s = PATIENCE_S

    def bounded(self, share: int, threads: int, now: float) -> int:
        """Return how many threads of a share to use.

        Args:
            share: What the leases of others leave, at least 1.
            threads: In use now.
            now: Monotonic seconds.
        """
        if share <= 1:  # nothing to give up; what is read now says nothing of more threads
            self._last = None
            return share
        if self._last is None or now - self._last[0] >= WINDOW_S:
            self._look(share, threads, now)
        return share if self._limit is None else min(share, self._limit)

    def _look(self, share: int, threads: int, now: float) -> None:
        found, last = self._read(), self._last
        self._last = None if found is None else (now, found)
        if found is None or last is None:
            return
        passed, what = now - last[0], found.since(last[1])
        if threads > 1 and what.waited > CROWDED * passed and what.others > TAKEN * passed:
            self._shrink(threads, now)
        elif self._limit is not None and what.idle > ROOM * passed:
            self._maybe_grow(share, now)
        else:
            self._room_since = None

    def _shrink(self, threads: int, now: float) -> None:
        too_soon = now - self._grown_at < SOON_S
        self._patience_s = min(2 * self._patience_s, LONGEST_PATIENCE_S) if too_soon else PATIENCE_S
        self._limit, self._room_since = threads - 1, None

    def _maybe_grow(self, share: int, now: float) -> None:
        if self._room_since is None:
            self._room_since = now
        assert self._limit is not None
        if now - self._room_since >= self._patience_s:
            self._grown_at, self._room_since = now, None
            self._limit = None if self._limit + 1 >= share else self._limit + 1


def reading() -> Reading | None:
    """Return what Linux tells of this process and of the cores that it may use; None elsewhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError, IndexError):
        waited = 0
        for task in _TASKS.iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                waited += int((task / "schedstat").read_text().split()[1])
        busy, idle = core_seconds(_STAT.read_text(), os.sched_getaffinity(0))
        return Reading(waited / 1e9, busy - time.process_time(), idle)
    return None


def core_seconds(stat: str, cores: set[int]) -> tuple[float, float]:
    """Return the seconds that some cores worked, or were taken away, and lay idle, from the text of /proc/stat."""
    names = {f"cpu{core}" for core in cores}
    lines = [words for words in map(str.split, stat.splitlines()) if words and words[0] in names]
    idle = sum(int(words[4]) + int(words[5]) for words in lines)
    total = sum(sum(map(int, words[1:9])) for words in lines)  # guests are within user
    a_second = os.sysconf("SC_CLK_TCK")
    return (total - idle) / a_second, idle / a_second
