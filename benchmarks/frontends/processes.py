"""CPU time, memory and run time of processes and commands."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("genexplorer"))
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class RunTime:
    """Seconds."""

    wall: float
    cpu: float


def median(times: Sequence[RunTime]) -> RunTime:
    """The median of each."""
    return RunTime(statistics.median(t.wall for t in times), statistics.median(t.cpu for t in times))


def command(words: Sequence[str], environment: dict[str, str]) -> RunTime:
    """Run a command to its end.

    Raises:
        RuntimeError: if it fails.
    """
    began = time.perf_counter()
    process = subprocess.Popen([COMMAND, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise RuntimeError(f"genexplorer {' '.join(words)}: {process.stderr.read() if process.stderr else b''!r}")
    process.returncode = 0
    return RunTime(wall, used.ru_utime + used.ru_stime)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_S


def process_tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    try:
        by_thread = [
            path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")
        ]  # any may have started one
    except OSError:
        return []
    return [pid, *(one for children in by_thread for child in children.split() for one in process_tree(int(child)))]


def megabytes(pid: int) -> dict[str, float]:
    """Resident, proportional and unshared memory of a process: "rss", "pss", "uss"."""
    values: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, number, *_ = line.split()
        values[name.rstrip(":")] = int(number)
    uss = values["Private_Clean"] + values["Private_Dirty"]
    return {name: value / 1024 for name, value in (("rss", values["Rss"]), ("pss", values["Pss"]), ("uss", uss))}
