"""Whether detached trainings outlive their parent: the end of process 1 of a container ends all its processes."""

import os
import sys
from pathlib import Path

from genexplorer.runs.sanitize import one_line

_PROC = Path("/proc")
_INITIAL_NAMESPACE = "pid:[4026531836]"  # the kernel's own; there, process 1 ends with the machine
# Process 1 of containers and virtual machines that last like a machine.
_LASTING_PROCESSES = frozenset(
    ("systemd", "init", "openrc-init", "runit", "runsvdir", "s6-svscan", "supervisord", "finit", "dinit", "launchd")
)
_REMEDY = "train with --foreground, or start the container with a process that lasts, such as 'sleep infinity'"
_MARKERS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_MAX_ANCESTORS = 1000


def lifetime_warning(
    proc: Path = _PROC, markers: tuple[Path, ...] = _MARKERS, pid: int | None = None, *, remedy: str = _REMEDY
) -> str:
    """Return a warning if process 1 started this process, and ends the training with itself; "" elsewhere.

    Args:
        proc: Where the process file system is.
        markers: Files that exist in containers only, for kernels that do not tell.
        pid: The process that started the training; this one when None.
        remedy: What to do about it.
    """
    if sys.platform != "linux":
        return ""
    try:
        namespace = str((proc / "self" / "ns" / "pid").readlink())
    except OSError:  # as in gVisor
        namespace = "" if any(marker.exists() for marker in markers) else _INITIAL_NAMESPACE
    try:
        name = one_line((proc / "1" / "comm").read_text(errors="replace").strip(), 40)
        ancestors = [] if namespace == _INITIAL_NAMESPACE else _ancestors(pid or os.getpid(), proc)
    except (OSError, ValueError, IndexError):
        return ""
    if 1 not in ancestors or name in _LASTING_PROCESSES:
        return ""
    if ancestors[0] == 1:
        return f"this command is process 1 of its container: the training ends as soon as it returns; {remedy}"
    return f"process 1 of this container is {name}: when it ends, so does the training; {remedy}"


def _ancestors(pid: int, proc: Path) -> list[int]:
    """Return a process and its ancestors, up to process 1 or one outside of the namespace."""
    pids = [pid]
    while pids[-1] > 1 and len(pids) < _MAX_ANCESTORS:
        stat = (proc / str(pids[-1]) / "stat").read_text(errors="replace")
        pids.append(int(stat.rpartition(")")[2].split()[1]))  # the name in parentheses may contain spaces
    return pids
