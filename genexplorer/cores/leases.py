"""Core leases: how the trainings and explorers of one machine divide its cores, without anybody in charge.

Who computes holds a lease: a small file under the user's state folder with a kernel lock on it. Who counts the locked
files knows how many compute, and so its own share. A holder that crashed holds no lock any more; its file is removed
by whoever sees it next. A paused training gives its lease back.

The rule, with C cores; the sum of the shares is C unless more insist, or there are more holders, than there are cores:

1. A holder that insists on a number of threads has them: one with `execution.threads`, and one under
   `execution.deterministic`, whose bits hang on its number (that of its share when its first attempt began).
2. The others divide what is left evenly, the older ones getting the remainder, and have at least one core each. An
   explorer that a person keeps busy counts as one of them (see `bursts`), but has no more than `MOST_INTERACTIVE`, and
   its like only what trainings leave of the remainder.

So on two cores a training has both, two trainings have one each, and a training beside a drag has one. A training with
less than before obeys at its next step; more it takes only when that has lasted (see `workers.supervision`). Room for
programs that know nothing of leases is made by `contention`.

A look costs a `stat` of the folder, whose time changes with each lease; crashed holders, which change nothing, are
looked for every 0.4 s. The folder is the machine's own, should the home be shared by several. Without a folder that
can be used everybody computes as if alone: leases never keep anybody from working.
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

MOST_INTERACTIVE = 4  # threads of an explorer: its questions are too small for more
LOOK_AGAIN_S = 0.4  # between looks for crashed holders, and where a folder's time is not to be trusted
_SLOW_S = 0.05  # a look that takes longer, on a file system that does, costs at most a 50th of the time
_PATIENCE = 50
_NAME = re.compile(r"\d{20}-[0-9a-f]{8}\.([ti])(\d{1,4})\.lease")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Claim:
    """What a holder asks for. A lease file carries it in its name."""

    threads: int = 0  # that it insists on; 0 is a fair share
    interactive: bool = False  # an explorer's: at most `MOST_INTERACTIVE`

    @property
    def suffix(self) -> str:
        """How the names of such leases end."""
        return f".{'i' if self.interactive else 't'}{min(self.threads, 1024)}.lease"


class CoreLease:
    """One holder's lease. Nothing here fails for the disk's sake: without a lease one takes all cores.

    Args:
        wanted: Threads that are insisted on; 0 for a fair share.
        folder: Where the leases are; the user's state folder when None.
        cores: How many there are; counted when None.
        interactive: Whether it is an explorer's.
    """

    def __init__(
        self, wanted: int = 0, folder: Path | None = None, cores: int | None = None, *, interactive: bool = False
    ) -> None:
        self._claim = Claim(wanted, interactive)
        self._cores = cores or num_cores()
        self._leases = _Leases(folder)
        self._lock: KernelLock | None = None
        self._file = Path()  # while it is held

    @property
    def held(self) -> bool:
        """Whether the lease counts."""
        return self._lock is not None

    def take(self) -> int:
        """Begin to count among the holders, and return the share."""
        if self._lock is None:
            with contextlib.suppress(OSError):
                self._take(self._leases.folder())
        return self.share()

    def give_back(self) -> None:
        """Count no longer."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._file.unlink()
            self._lock.release()
            self._lock = None

    def insist(self, threads: int) -> None:
        """Ask for a number of threads from now on; 0 for a fair share. The others adapt."""
        before, self._claim = self._claim, replace(self._claim, threads=threads)
        if self._lock is not None and before != self._claim:
            with contextlib.suppress(OSError):
                name = self._file.name.removesuffix(before.suffix) + self._claim.suffix
                self._file = self._file.rename(self._file.with_name(name))

    def share(self) -> int:
        """Return how many cores the holder should use now.

        Without a lease that is all a training wants, or all cores; an explorer's, what the leases of others leave.
        """
        if self._lock is not None:
            claims = {**self._leases.others(self._file.name), self._file.name: self._claim}
            return divide(claims, self._cores)[self._file.name]
        if self._claim.threads:
            return self._claim.threads
        if not self._claim.interactive:
            return self._cores
        taken = sum(divide(self._leases.others(), self._cores).values())
        return min(max(self._cores - taken, 1), MOST_INTERACTIVE)

    def _take(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}{self._claim.suffix}"
        temporary = folder / f".{name}"  # locked before it has a name that counts
        lock = KernelLock(temporary)
        if not lock.acquire():
            return
        temporary.write_text(json.dumps({"pid": os.getpid()}))
        self._file = temporary.rename(folder / name)
        self._lock = lock


class _Leases:
    """The folder of leases, looked at again when its time has changed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._mark = -1
        self._seen: dict[str, Claim] = {}
        self._not_before = self._trusted_until = 0.0

    def folder(self) -> Path:
        """Return where they are; of each machine its own.

        Raises:
            OSError: if there can be no such place.
        """
        if self._folder is None:
            host = re.sub(r"[^\w.-]", "_", platform.node())[:64] or "machine"
            self._folder = paths.state_dir() / "cores" / f"on-{host}"
        return self._folder

    def others(self, own: str = "") -> dict[str, Claim]:
        """Return what every other living holder claims; files of dead ones are removed."""
        began = time.monotonic()
        if began >= self._not_before:
            with contextlib.suppress(OSError):
                self._look(self.folder(), own, began)
            cost = time.monotonic() - began
            self._not_before = began + _PATIENCE * cost if cost > _SLOW_S else 0.0
        return {name: claim for name, claim in self._seen.items() if name != own}

    def _look(self, folder: Path, own: str, now: float) -> None:
        try:
            mark = folder.stat().st_mtime_ns
        except FileNotFoundError:
            self._mark, self._seen = -1, {}
            return
        if mark != self._mark or now >= self._trusted_until:
            self._seen = _living(folder, own)
            self._mark, self._trusted_until = mark, now + LOOK_AGAIN_S


def divide(claims: Mapping[str, Claim], cores: int) -> dict[str, int]:
    """Return each holder's share.

    Args:
        claims: What each holder asks for; the names sort by age.
        cores: How many there are.
    """
    shares = {name: claim.threads for name, claim in claims.items() if claim.threads}
    left = max(cores - sum(shares.values()), 0)
    fair = {name: claim for name, claim in sorted(claims.items()) if not claim.threads}
    explorers = [name for name, claim in fair.items() if claim.interactive]
    trainings = [name for name, claim in fair.items() if not claim.interactive]
    for name in explorers:
        shares[name] = max(min(left // len(fair), MOST_INTERACTIVE), 1)
    left = max(left - sum(shares[name] for name in explorers), 0) if trainings else 0
    for place, name in enumerate(trainings):
        shares[name] = max(left // len(trainings) + (place < left % len(trainings)), 1)
    return shares


def num_cores() -> int:
    """Return how many cores this process may use: its affinity, and a container's limit."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = _CGROUP_LIMIT.read_text().split()
        count = min(count, max(int(quota) // int(period), 1))
    return count


def _living(folder: Path, own: str) -> dict[str, Claim]:
    found = {}
    for path in folder.iterdir():
        name = _NAME.fullmatch(path.name)
        if name is None or path.name == own:
            continue
        if kernel_lock.is_held(path):
            found[path.name] = Claim(int(name[2]), name[1] == "i")
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return found
