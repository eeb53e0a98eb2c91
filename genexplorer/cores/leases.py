"""Core leases: how the trainings of one machine divide its cores, without anybody in charge.

Each training holds a lease: a small file under the user's state folder with a kernel lock on it. Who counts the locked
files knows how many trainings there are, and so its own share. A holder that crashed holds no lock any more; its file
is removed by whoever sees it next. A paused training gives its lease back.

With C cores, trainings that ask for a number of threads get them; the others divide what is left, at least one core
each, the earlier ones getting the remainder.
"""

import contextlib
import json
import os
import secrets
import time
from pathlib import Path

from genexplorer import kernel_lock, paths
from genexplorer.kernel_lock import KernelLock

_SUFFIX = ".lease"
_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


class CoreLease:
    """One training's lease. Nothing here fails for the disk's sake: without a lease a training takes all cores.

    Args:
        wanted: Threads that the training insists on; 0 for a fair share.
        folder: Where the leases are; the user's state folder when None.
        cores: How many there are; counted when None.
    """

    def __init__(self, wanted: int = 0, folder: Path | None = None, cores: int | None = None) -> None:
        self._wanted = wanted
        self._folder = folder
        self._cores = cores or num_cores()
        self._lock: KernelLock | None = None
        self._file = Path()  # while it is held

    @property
    def held(self) -> bool:
        """Whether the lease counts."""
        return self._lock is not None

    def take(self) -> int:
        """Begin to count among the trainings, and return the share."""
        if self._lock is None:
            with contextlib.suppress(OSError):
                self._take(self._folder or paths.state_dir() / "cores")
        return self.share()

    def give_back(self) -> None:
        """Count no longer."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._file.unlink()
            self._lock.release()
            self._lock = None

    def share(self) -> int:
        """Return how many cores this training should use now; all of them while it holds no lease."""
        if self._lock is None:
            return self._wanted or self._cores
        wishes = _wishes(self._file, self._wanted)
        return divide(wishes, self._cores)[self._file.name]

    def _take(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}{_SUFFIX}"
        temporary = folder / f".{name}"  # locked before it has a name that counts
        lock = KernelLock(temporary)
        if not lock.acquire():
            return
        temporary.write_text(json.dumps({"wanted": self._wanted, "pid": os.getpid()}))
        self._file = temporary.rename(folder / name)
        self._lock = lock


def divide(wishes: dict[str, int], cores: int) -> dict[str, int]:
    """Return each holder's share.

    Args:
        wishes: Threads that each holder insists on, 0 for a fair share; the names sort by age.
        cores: How many there are.
    """
    flexible = sorted(name for name, wanted in wishes.items() if not wanted)
    left = max(cores - sum(wishes.values()), 0)
    shares = dict(wishes)
    for place, name in enumerate(flexible):
        shares[name] = max(left // len(flexible) + (place < left % len(flexible)), 1)
    return shares


def num_cores() -> int:
    """Return how many cores this process may use: its affinity, and a container's limit."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = _CGROUP_LIMIT.read_text().split()
        count = min(count, max(int(quota) // int(period), 1))
    return count


def _wishes(own: Path, own_wanted: int) -> dict[str, int]:
    """Return what every living holder wants; files of dead ones are removed."""
    found = {own.name: own_wanted}
    with contextlib.suppress(OSError):
        for path in own.parent.glob(f"*{_SUFFIX}"):
            if path.name in found or path.name.startswith("."):
                continue
            if kernel_lock.is_held(path):
                found[path.name] = _wanted(path)
            else:
                path.unlink(missing_ok=True)
    return found


def _wanted(path: Path) -> int:
    try:
        wanted = json.loads(path.read_bytes()[:200])["wanted"]
        return wanted if isinstance(wanted, int) and 0 <= wanted <= 1024 else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
