"""Commands to a worker: small JSON files moved atomically into control/, addressed to one attempt, each acknowledged.

This module is the front ends' side; `genexplorer.runs.commands.inbox` is the worker's.
"""

import contextlib
import os
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from genexplorer.errors import DamagedRunError, RunStateError, WorkerError
from genexplorer.runs import layout
from genexplorer.runs.command_hints import run_command
from genexplorer.runs.record import State
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import read_settled_status, read_status
from genexplorer.runs.untrusted_files import read_json_or_empty
from trainers.events import COMMANDS, Command
from trainers.storage import atomic_files

MAX_BYTES = 64 * 1024
MAX_PENDING = 1000
POLL_S = 0.05
COMMAND_FILE = re.compile(r"(\d{8,12})-([a-z2-7]{8})\.json")
_COMMAND_ID = re.compile(r"[a-z2-7]{8}")


@dataclass(frozen=True)
class Ack:
    """The worker's reply to a command."""

    id: str
    command: str
    step: int
    error: str = ""  # why it was refused; empty when it was applied
    time: float = 0.0  # Unix time

    @property
    def applied(self) -> bool:
        """Whether the command took effect."""
        return not self.error


def send(folder: Path, command: Command) -> str:
    """Send a command to the run's current attempt and return the command's id, for `wait_for_ack`.

    Raises:
        RunStateError: if the run has no live worker.
        DamagedRunError: if control/ is a link.
        OSError: if the command cannot be written, such as on a full disk.
    """
    status = read_settled_status(folder)
    if status.state is State.QUEUED:
        raise RunStateError(f"{status.name} has not started", "wait for its worker's first heartbeat")
    if status.state not in (State.RUNNING, State.PAUSED, State.STOPPING):
        hint = f"restart it with '{run_command('runs resume', folder)}'" if status.state.resumable else ""
        raise RunStateError(f"{status.name} is {status.state}; it has no worker", hint)
    name = next(name for name, kind in COMMANDS.items() if isinstance(command, kind))
    command_id = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(8))
    message = {
        **asdict(command),
        "run": folder.resolve().name,
        "attempt": status.attempt,
        "id": command_id,
        "command": name,
    }
    control = folder / layout.CONTROL
    control.mkdir(exist_ok=True)
    if control.is_symlink():
        raise DamagedRunError(f"the folder '{layout.CONTROL}' of {status.name} is a link", "links are not followed")
    # Number the file after all that are pending, and by the clock: applied commands need no memory.
    pending = pending_commands(control)
    newest = int(pending[-1].partition("-")[0]) if pending else 0
    number = max(newest + 1, int(time.time()) % 10**10)
    atomic_files.write_json(control / f"{number:08d}-{command_id}.json", message)
    return command_id


def read_ack(folder: Path, command_id: str) -> Ack | None:
    """Return the worker's reply to a command; None while there is none."""
    if not _COMMAND_ID.fullmatch(command_id):
        return None
    values = read_json_or_empty(folder / layout.CONTROL / f"ack-{command_id}.json", MAX_BYTES)
    try:
        return Ack(
            command_id,
            one_line(values["command"], 16),
            int(str(values["step"])),
            one_line(values["error"], 400),
            float(str(values["time"])),
        )
    except (KeyError, TypeError, ValueError):
        return None


def wait_for_ack(folder: Path, command_id: str, timeout_s: float = 30.0) -> Ack:
    """Wait until the worker has applied a command.

    Raises:
        RunStateError: if the worker refused the command, or the run ended before.
        WorkerError: if the worker crashed, does not respond, or has not replied in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        status = read_status(folder)
        ack = read_ack(folder, command_id)  # after the status: a run that ended may have replied before
        # Return or raise what the worker has acknowledged.
        if ack is not None and ack.error:
            raise RunStateError(f"{status.name}: {ack.error}")
        if ack is not None:
            return ack
        # Give up if the worker is gone, suspended or too slow.
        if not status.state.active:
            failure = WorkerError if status.state is State.LOST else RunStateError
            raise failure(f"{status.name} is {status.state}", status.reason)
        if not status.is_responding:
            raise WorkerError(
                f"the worker of {status.name} does not respond", "it applies the command once it is no longer suspended"
            )
        if time.monotonic() >= deadline:
            raise WorkerError(
                f"the worker of {status.name} has not replied within {timeout_s:.0f} s",
                "it may be compiling; it applies the command when that is done",
            )
        time.sleep(POLL_S)


def touch_watch(folder: Path, *, idle: bool = False) -> None:
    """Tell the worker that a front end shows the run; call it about once a second, less often when idle.

    Args:
        folder: The run folder. Nothing happens if it is read-only.
        idle: Whether the front end has had no recent input.
    """
    path = folder / layout.CONTROL / (layout.WATCH_IDLE if idle else layout.WATCH)
    if path.parent.is_symlink():
        return
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(path, flags, 0o666)
        try:
            os.utime(fd)
        finally:
            os.close(fd)


def pending_commands(control: Path) -> list[str]:
    """Return the names of the command files that have no acknowledgement yet, oldest first."""
    try:
        names = [name for name in os.listdir(control) if COMMAND_FILE.fullmatch(name)]  # noqa: PTH208 - at 10 Hz
    except OSError:
        return []
    return sorted(names, key=lambda name: (int(name.partition("-")[0]), name))[:MAX_PENDING]
