"""Process identity: host, boot, pid and start time together are unique."""

import os
import platform
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True)
class ProcessId:
    """One process on one boot of one machine. A pid alone may be reused by another process."""

    host: str
    boot_id: str
    pid: int
    start: int  # ticks after boot on Linux, milliseconds of Unix time elsewhere


@cache
def host_name() -> str:
    """Return this machine's name."""
    return socket.gethostname()[:60]


@cache
def boot_id() -> str:
    """Return an id that changes with every boot of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:36]
    except OSError:
        return f"{platform.node()}-{int(psutil.boot_time())}"[:36]


def start_of(pid: int) -> int | None:
    """Return the start time of a process; None if there is none, or a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self/stat").exists():
            fields = stat.read_text().rpartition(")")[2].split()
            return None if fields[0] in "ZX" else int(fields[19])
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 1000)
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def is_suspended(pid: int) -> bool:
    """Return whether a process is stopped by SIGSTOP or a debugger."""
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False


def current() -> ProcessId:
    """Return the identity of this process."""
    return ProcessId(host_name(), boot_id(), os.getpid(), start_of(os.getpid()) or 0)


def is_alive(identity: ProcessId) -> bool:
    """Return whether exactly this process is alive on this machine, not another with its pid and not a zombie."""
    return identity.boot_id == boot_id() and start_of(identity.pid) == identity.start
