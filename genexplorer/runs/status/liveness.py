"""Liveness of a worker from three facts: its kernel lock, its process identity and its heartbeat.

On the machine (or, in a container, the kernel) where the worker runs, the lock decides: the kernel drops it when the
process ends, however it ends. On another machine only the heartbeat is visible, measured by the reader's own monotonic
clock, so that no wall clock can make a run Lost. If the heartbeat stops while the lock is held, the worker is not
responding: suspended, or waiting for a slow disk.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from genexplorer import kernel_lock
from genexplorer.runs import layout
from genexplorer.runs.status.heartbeat import LiveRecord
from genexplorer.runs.status.process_id import boot_id, host_name, is_suspended

QUIET_AFTER_S = 3.0  # without a heartbeat, which is due every 0.5 s, a worker is not responding
LOST_AFTER_S = 4.5  # without a heartbeat, a worker on another machine is Lost
STALE_S = 60.0  # by the wall clock, for the first read from another machine only


class WorkerHealth(Enum):
    """Health of a worker."""

    ALIVE = "alive"
    QUIET = "not responding"
    DEAD = "dead"


@dataclass
class HeartbeatMemory:
    """When each run's heartbeat last changed, by this process's monotonic clock."""

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    _last: dict[Path, tuple[tuple[int, int], float, bool]] = field(default_factory=dict)  # beat, time, has changed

    def quiet_for(self, folder: Path, record: LiveRecord) -> tuple[float, bool]:
        """Return the seconds since the heartbeat last changed, and whether it ever did."""
        beat, now = (record.attempt, record.heartbeat), self.clock()
        last = self._last.get(folder)
        if last is None or last[0] != beat:
            self._last[folder] = (beat, now, last is not None)
            return 0.0, last is not None
        return now - last[1], last[2]

    def forget(self, folder: Path) -> None:
        """Forget a run that has ended."""
        self._last.pop(folder, None)


MEMORY = HeartbeatMemory()


def worker_health(folder: Path, record: LiveRecord, memory: HeartbeatMemory = MEMORY) -> WorkerHealth:
    """Return the health of a worker whose record has no outcome yet."""
    quiet_s, has_changed = memory.quiet_for(folder, record)
    if kernel_lock.is_held(folder / layout.LOCK):
        same_kernel = record.boot_id == boot_id()
        is_quiet = quiet_s > QUIET_AFTER_S or (same_kernel and is_suspended(record.pid))
        return WorkerHealth.QUIET if is_quiet else WorkerHealth.ALIVE
    if record.boot_id == boot_id() or record.host == host_name():
        return WorkerHealth.DEAD
    if quiet_s > LOST_AFTER_S:
        return WorkerHealth.DEAD
    stale = not has_changed and memory.wall_clock() - record.updated > STALE_S
    return WorkerHealth.QUIET if stale or quiet_s > QUIET_AFTER_S else WorkerHealth.ALIVE
