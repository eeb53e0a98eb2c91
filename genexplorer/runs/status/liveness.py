"""Is a run's worker alive? Three facts: a kernel lock held for life, the process's identity, and its heartbeat.

On the machine (or, in a container, the kernel) where the worker runs, the lock decides: the kernel drops it when the
process dies, however it dies. On another machine only the heartbeat is left, judged by the reader's own monotonic
clock, so that no wall clock can make a run Lost. A heartbeat that stands still while the lock is held means a worker
that does not answer: suspended, or waiting for a slow disk.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from genexplorer import kernel_lock
from genexplorer.runs import layout
from genexplorer.runs.status.heartbeat import LiveRecord
from genexplorer.runs.status.process_id import boot_id, host_name, suspended

QUIET_S = 3.0  # a heartbeat comes every 0.5 s; after this a worker does not answer
LOST_S = 4.5  # and after this one on another machine is Lost
STALE_S = 60.0  # by the wall clock, for a first look from another machine only


class WorkerHealth(Enum):
    """What is known of a worker."""

    ALIVE = "alive"
    QUIET = "not answering"
    DEAD = "dead"


@dataclass
class HeartbeatMemory:
    """When each run's heartbeat was last seen to change, by this process's monotonic clock."""

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    _seen: dict[Path, tuple[tuple[int, int], float, bool]] = field(default_factory=dict)

    def quiet_for(self, folder: Path, record: LiveRecord) -> tuple[float, bool]:
        """Return for how long the heartbeat has stood still, and whether it was ever seen to move."""
        beat, now = (record.attempt, record.heartbeat), self.clock()
        seen = self._seen.get(folder)
        if seen is None or seen[0] != beat:
            self._seen[folder] = (beat, now, seen is not None)
            return 0.0, seen is not None
        return now - seen[1], seen[2]

    def forget(self, folder: Path) -> None:
        """Drop what is known of a run that has ended."""
        self._seen.pop(folder, None)


MEMORY = HeartbeatMemory()


def judge(folder: Path, record: LiveRecord, memory: HeartbeatMemory = MEMORY) -> WorkerHealth:
    """Return the pulse of a worker whose record says that it is at work."""
    quiet_s, moved = memory.quiet_for(folder, record)
    if kernel_lock.is_held(folder / layout.LOCK):
        same_kernel = record.boot_id == boot_id()
        return (
            WorkerHealth.QUIET if quiet_s > QUIET_S or (same_kernel and suspended(record.pid)) else WorkerHealth.ALIVE
        )
    if record.boot_id == boot_id() or record.host == host_name():
        return WorkerHealth.DEAD
    if quiet_s > LOST_S:
        return WorkerHealth.DEAD
    stale = not moved and memory.wall_clock() - record.updated > STALE_S
    return WorkerHealth.QUIET if stale or quiet_s > QUIET_S else WorkerHealth.ALIVE
