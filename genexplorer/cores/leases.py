"""Core leases: how the trainings and model processes of one machine share its cores, without a central scheduler.

Each process that computes holds a lease: a small file under the user's state folder with a kernel lock on it. Counting
the locked files gives each its share. The kernel drops the lock of a process that crashed, and the next process that
scans the folder removes its file. A paused training releases its lease.

The rule for C cores; the shares add up to C unless more threads are pinned, or there are more holders, than cores:

1. A holder that pins a number of threads gets them: one with `execution.threads`, and one with
   `execution.deterministic`, whose results depend on the number (its share when its first attempt began).
2. The others divide the remaining cores evenly, the older ones getting the remainder, and get at least one each. A
   model process that a person keeps busy counts as one of them (see `interactive_lease`), but gets at most
   `MAX_INTERACTIVE_THREADS`, and nothing of the remainder.

So on two cores a training has both, two trainings have one each, and a training beside a mouse drag has one. A training
reduces its threads at its next step and increases them only when the larger share has lasted (see
`workers.worker_control`). `contention` makes room for programs without leases.

A scan costs a `stat` of the folder, whose modification time changes with each lease; crashed holders, which change
nothing, are searched for every 0.4 s. Each machine has its own folder, in case the home is shared. If the folder cannot
be used, every process computes as if it were alone.
"""

import contextlib
import json
import os
import platform
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from genexplorer import kernel_lock, paths
from genexplorer.kernel_lock import KernelLock
from trainers import openmp

MAX_INTERACTIVE_THREADS = 4  # threads of a model process: its requests are too small for more
RESCAN_INTERVAL_S = 0.4  # a scan finds crashed holders, and changes within the resolution of modification times
_SLOW_SCAN_S = 0.05  # a scan that takes longer is on a slow file system
_SLOW_SCAN_PAUSE = 50  # times the duration of a slow scan until the next one, so that scans take 2 % of the time
_LEASE_FILE_NAME = re.compile(r"\d{20}-[0-9a-f]{8}\.([ti])(\d{1,4})\.lease")
_CGROUP_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Claim:
    """The cores that a holder requests; encoded in the name of its lease file."""

    threads: int = 0  # the pinned number; 0 for a fair share
    interactive: bool = False  # a model process: at most `MAX_INTERACTIVE_THREADS`

    @property
    def suffix(self) -> str:
        """The end of the lease file's name."""
        return f".{'i' if self.interactive else 't'}{min(self.threads, 1024)}.lease"


class CoreLease:
    """One holder's lease. Disk errors are ignored: without a lease, the share is all cores.

    Args:
        threads: The pinned number of threads; 0 for a fair share.
        folder: The folder of the leases; one in the user's state folder when None.
        cores: Number of cores to share; those of this process when None.
        interactive: Whether the holder is a model process.
    """

    def __init__(
        self, threads: int = 0, folder: Path | None = None, cores: int | None = None, *, interactive: bool = False
    ) -> None:
        self._claim = Claim(threads, interactive)
        self._cores = cores or num_cores()
        # The variables limit a training; a model process gets its limit from its front end.
        self._max_share = None if cores or interactive else openmp.default_threads()
        self._leases = _Leases(folder)
        self._lock: KernelLock | None = None
        self._file = Path()  # while it is held

    @property
    def is_held(self) -> bool:
        """Whether the lease is held."""
        return self._lock is not None

    def acquire(self) -> int:
        """Become a holder and return the share."""
        if self._lock is None:
            with contextlib.suppress(OSError):
                folder = self._leases.folder()
                folder.mkdir(parents=True, exist_ok=True)
                name = f"{time.time_ns():020d}-{secrets.token_hex(4)}{self._claim.suffix}"
                temporary = folder / f".{name}"  # locked before it is renamed to a name that counts
                lock = KernelLock(temporary)
                if lock.acquire():
                    temporary.write_text(json.dumps({"pid": os.getpid()}))
                    self._file = temporary.rename(folder / name)
                    self._lock = lock
        return self.share()

    def release(self) -> None:
        """Stop being a holder."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._file.unlink()
            self._lock.release()
            self._lock = None

    def pin(self, threads: int) -> None:
        """Pin the number of threads from now on; 0 for a fair share. The other holders adapt."""
        before, self._claim = self._claim, replace(self._claim, threads=threads)
        if self._lock is not None and before != self._claim:
            with contextlib.suppress(OSError):
                name = self._file.name.removesuffix(before.suffix) + self._claim.suffix
                self._file = self._file.rename(self._file.with_name(name))

    def share(self) -> int:
        """Return how many cores the holder should use now.

        At most what the user's OpenMP variables allow, unless pinned. Without a lease: the pinned number, or all cores;
        for a model process, what the leases of others leave.
        """
        if self._lock is not None:
            claims = {**self._leases.others(self._file.name), self._file.name: self._claim}
            return self._limited(divide(claims, self._cores)[self._file.name])
        if self._claim.threads:
            return self._claim.threads
        if not self._claim.interactive:
            return self._limited(self._cores)
        leased = sum(divide(self._leases.others(), self._cores).values())
        return min(max(self._cores - leased, 1), MAX_INTERACTIVE_THREADS)

    def _limited(self, share: int) -> int:
        return share if self._max_share is None or self._claim.threads else min(share, self._max_share)


class _Leases:
    """The folder of leases, scanned again when its modification time has changed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._mtime = -1
        self._claims: dict[str, Claim] = {}
        self._not_before = self._valid_until = 0.0

    def folder(self) -> Path:
        """Return the folder, one for each machine.

        Raises:
            OSError: if it cannot be created.
        """
        if self._folder is None:
            host = re.sub(r"[^\w.-]", "_", platform.node())[:64] or "machine"
            self._folder = paths.state_dir() / "cores" / f"on-{host}"
        return self._folder

    def others(self, own: str = "") -> dict[str, Claim]:
        """Return the claims of all other live holders; files of dead ones are removed."""
        began = time.monotonic()
        if began >= self._not_before:
            with contextlib.suppress(OSError):
                self._scan(self.folder(), own, began)
            duration_s = time.monotonic() - began
            self._not_before = began + _SLOW_SCAN_PAUSE * duration_s if duration_s > _SLOW_SCAN_S else 0.0
        return {name: claim for name, claim in self._claims.items() if name != own}

    def _scan(self, folder: Path, own: str, now: float) -> None:
        """Read the claims again if the folder has changed, or the last scan is too old to exclude a crash."""
        try:
            mtime = folder.stat().st_mtime_ns
        except FileNotFoundError:
            self._mtime, self._claims = -1, {}
            return
        if mtime != self._mtime or now >= self._valid_until:
            self._claims = _live_claims(folder, own)
            self._mtime, self._valid_until = mtime, now + RESCAN_INTERVAL_S


def divide(claims: Mapping[str, Claim], cores: int) -> dict[str, int]:
    """Return the number of cores of each holder.

    Args:
        claims: The claim of each holder by the name of its lease file; these names sort by age.
        cores: Number of cores to divide.
    """
    # Pinned numbers come first.
    shares = {name: claim.threads for name, claim in claims.items() if claim.threads}
    available = max(cores - sum(shares.values()), 0)
    # Divide the rest evenly; model processes get no more than they can use, trainings get what these leave.
    fair = {name: claim for name, claim in sorted(claims.items()) if not claim.threads}
    model_processes = [name for name, claim in fair.items() if claim.interactive]
    trainings = [name for name, claim in fair.items() if not claim.interactive]
    for name in model_processes:
        shares[name] = max(min(available // len(fair), MAX_INTERACTIVE_THREADS), 1)
    available = max(available - sum(shares[name] for name in model_processes), 0) if trainings else 0
    for index, name in enumerate(trainings):
        shares[name] = max(available // len(trainings) + (index < available % len(trainings)), 1)
    return shares


def num_cores() -> int:
    """Return how many cores this process may use, by its affinity and the container's limit."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = _CGROUP_CPU_LIMIT.read_text().split()
        count = min(count, max(int(quota) // int(period), 1))
    return count


def _live_claims(folder: Path, own: str) -> dict[str, Claim]:
    """Return the claims of the other holders whose lease is locked; remove the files of those that crashed."""
    claims = {}
    for path in folder.iterdir():
        name = _LEASE_FILE_NAME.fullmatch(path.name)
        if name is None or path.name == own:
            continue
        if kernel_lock.is_held(path):
            claims[path.name] = Claim(int(name[2]), name[1] == "i")
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return claims
