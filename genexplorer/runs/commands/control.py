"""Commands to a worker: small JSON files moved atomically into control/, for one attempt, each acknowledged."""

import contextlib
import json
import os
import re
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from genexplorer.errors import DamagedRunError, RunStateError
from genexplorer.runs import layout
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import read_status
from trainers.events import Command, Pause, Resume, SaveNow, Set, Stop, Threads, Viewers
from trainers.storage import atomic_files

MAX_BYTES = 64 * 1024
MAX_WAITING = 1000
KEPT_ACKS = 200
WATCH_EXPIRES_S = {Viewers.HANDS_ON: 5.0, Viewers.LOOKING: 20.0}  # after a touch; faces left alone look seldom
_COMMAND = re.compile(r"(\d{8,12})-([a-z2-7]{8})\.json")
_ACK = re.compile(r"ack-([a-z2-7]{8})\.json")


@dataclass(frozen=True)
class Ack:
    """The worker's answer to a command."""

    id: str
    command: str
    step: int
    error: str = ""  # why it was not obeyed; empty when it was
    time: float = 0.0  # Unix time

    @property
    def applied(self) -> bool:
        """Whether the command took effect."""
        return not self.error


def send(folder: Path, command: Command) -> str:
    """Hand a command to the run's current attempt and return the command's id; `outcome` tells what became of it.

    Raises:
        RunStateError: if no worker is alive to obey.
        DamagedRunError: if the place of commands leads elsewhere.
        OSError: if the command could not be written, such as on a full disk.
    """
    status = read_status(folder)
    _require_worker(status)
    identity = _new_id()
    message = {"run": folder.name, "attempt": status.attempt, "id": identity, **_fields(command)}
    control = folder / layout.CONTROL
    control.mkdir(exist_ok=True)
    if control.is_symlink():
        raise DamagedRunError(f"the folder '{layout.CONTROL}' of {status.name} is a link", "it is never followed")
    atomic_files.write_json(control / f"{_next_number(control):08d}-{identity}.json", message)
    return identity


def outcome(folder: Path, command_id: str) -> Ack | None:
    """Return the worker's answer; None while there is none."""
    if not re.fullmatch(r"[a-z2-7]{8}", command_id):
        return None
    values = _read_json(folder / layout.CONTROL / f"ack-{command_id}.json")
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


def touch_watch(folder: Path, *, calm: bool = False) -> None:
    """Say that somebody is looking; a face calls it about each second, a calm one less often.

    On a read-only folder nothing happens.

    Args:
        folder: The run folder.
        calm: Whether nobody has touched the face for a while.
    """
    path = folder / layout.CONTROL / (layout.WATCH_CALM if calm else layout.WATCH)
    if path.parent.is_symlink():
        return
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(path, flags, 0o644)
        try:
            os.utime(handle)
        finally:
            os.close(handle)


class Watch:
    """The worker's end of `touch_watch`: a touch counts when the file's time changes, by the worker's own clock.

    So neither a jump of the wall clock nor a file left behind by an earlier face is taken for somebody looking.
    """

    def __init__(self, folder: Path) -> None:
        control = folder / layout.CONTROL
        self._paths = {Viewers.HANDS_ON: control / layout.WATCH, Viewers.LOOKING: control / layout.WATCH_CALM}
        self._seen = {audience: _mark(path) for audience, path in self._paths.items()}
        self._until = dict.fromkeys(self._paths, 0.0)
        self._next_look = 0.0

    def audience(self) -> Viewers:
        """Return who touched it in the last seconds. Cheap enough for each step."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + 0.25
            for audience, path in self._paths.items():
                mark = _mark(path)
                if mark != self._seen[audience]:
                    self._seen[audience], self._until[audience] = mark, now + WATCH_EXPIRES_S[audience]
        return max((audience for audience, until in self._until.items() if now < until), default=Viewers.NOBODY)


def _mark(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


class Inbox:
    """The worker's end of `send`: commands for this attempt in order; those for another are removed unread."""

    def __init__(self, folder: Path, attempt: int) -> None:
        self._control = folder / layout.CONTROL
        self._run = folder.name
        self._attempt = attempt
        self._taken: set[str] = set()
        self._lock = threading.Lock()  # answers come from several threads
        with contextlib.suppress(OSError):
            self._control.mkdir(exist_ok=True)

    def take(self) -> list[Command]:
        """Return the commands that came since the last call, oldest first."""
        commands = []
        for name in _waiting(self._control):
            if name in self._taken:
                continue
            path = self._control / name
            command = _parse(_read_json(path), self._run, self._attempt, name)
            if command is None:
                with contextlib.suppress(OSError):
                    path.unlink()
            else:
                with self._lock:
                    self._taken.add(name)
                commands.append(command)
        return commands

    def acknowledge(self, ack: Ack) -> None:
        """Answer a command that was taken, and remove it; one that did not come from here needs no answer.

        Raises:
            OSError: if the answer could not be written.
        """
        with self._lock:
            names = [name for name in self._taken if name.endswith(f"-{ack.id}.json")]
        if not names:
            return
        values = {"command": ack.command, "step": ack.step, "error": one_line(ack.error, 400), "time": ack.time}
        atomic_files.write_json(self._control / f"ack-{ack.id}.json", values)
        for name in names:
            with contextlib.suppress(OSError):
                (self._control / name).unlink()
            with self._lock:
                self._taken.discard(name)
        _prune_acks(self._control)


def _require_worker(status: RunStatus) -> None:
    if status.state in (State.RUNNING, State.PAUSED, State.STOPPING):
        return
    if status.state is State.QUEUED:
        raise RunStateError(f"{status.name} has not started", "wait for its worker's first sign of life")
    hint = f"start it again with 'genexplorer runs resume {status.id}'" if status.state.resumable else ""
    raise RunStateError(f"{status.name} is {status.state}, no worker is alive to obey", hint)


def _fields(command: Command) -> dict[str, object]:
    match command:
        case Pause():
            return {"command": "pause"}
        case Resume():
            return {"command": "resume"}
        case Stop():
            return {"command": "stop"}
        case SaveNow():
            return {"command": "save_now"}
        case Set(path, value):
            return {"command": "set", "path": path, "value": value}
        case Threads(count):
            return {"command": "threads", "count": count}


def _parse(values: dict[str, object], run: str, attempt: int, name: str) -> Command | None:
    match = _COMMAND.fullmatch(name)
    if not match or values.get("id") != match[2] or (values.get("run"), values.get("attempt")) != (run, attempt):
        return None
    identity, path, value, count = match[2], values.get("path"), values.get("value"), values.get("count")
    match values.get("command"):
        case "pause":
            return Pause(identity)
        case "resume":
            return Resume(identity)
        case "stop":
            return Stop(identity)
        case "save_now":
            return SaveNow(identity)
        case "set" if isinstance(path, str) and isinstance(value, str | int | float | bool):
            return Set(path, value, identity)
        case "threads" if isinstance(count, int) and 1 <= count <= 1024:
            return Threads(count, identity)
    return None


def _waiting(control: Path) -> list[str]:
    try:
        names = [name for name in os.listdir(control) if _COMMAND.fullmatch(name)]  # noqa: PTH208 - at 10 Hz
    except OSError:
        return []
    return sorted(names, key=lambda name: (int(name.partition("-")[0]), name))[:MAX_WAITING]


def _next_number(control: Path) -> int:
    """Return a number after all that wait; by the clock as well, so that answered commands need no memory."""
    waiting = _waiting(control)
    newest = int(waiting[-1].partition("-")[0]) if waiting else 0
    return max(newest + 1, int(time.time()) % 10**10)


def _read_json(path: Path) -> dict[str, object]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            values = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _prune_acks(control: Path) -> None:
    with contextlib.suppress(OSError):
        acks = [path for path in control.iterdir() if _ACK.fullmatch(path.name)]
        if len(acks) > 2 * KEPT_ACKS:
            acks.sort(key=lambda path: path.lstat().st_mtime_ns)
            for path in acks[:-KEPT_ACKS]:
                path.unlink()


def _new_id() -> str:
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(8))
