"""The worker's side of `genexplorer.runs.commands.control`: commands, acknowledgements and watch files."""

import contextlib
import json
import re
import threading
import time
from dataclasses import fields, replace
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.commands.control import COMMAND_FILE, MAX_BYTES, Ack, pending_commands
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.untrusted_files import read_json_or_empty
from trainers.events import COMMANDS, Command, Watchers
from trainers.storage import atomic_files

MAX_ACKS = 200
WATCH_POLL_INTERVAL_S = 0.25  # between polls of the watch files, which a step must not wait for
WATCH_EXPIRES_S = {Watchers.ACTIVE: 5.0, Watchers.IDLE: 20.0}  # since the last touch; idle front ends touch rarely
_ACK_FILE = re.compile(r"ack-([a-z2-7]{8})\.json")


class Inbox:
    """Commands for one attempt, in order; those for another attempt are removed unread."""

    def __init__(self, folder: Path, attempt: int) -> None:
        self._control = folder / layout.CONTROL
        self._run = folder.name
        self._attempt = attempt
        self._received: set[str] = set()  # names of files that have no acknowledgement yet
        self._lock = threading.Lock()  # several threads acknowledge
        with contextlib.suppress(OSError):
            self._control.mkdir(exist_ok=True)

    def receive(self, step: int = 0) -> list[Command]:
        """Return the commands that arrived since the last call, oldest first.

        An invalid command that is addressed to this attempt is acknowledged with an error; other files are removed.

        Args:
            step: The current step, for these acknowledgements.
        """
        commands = []
        for name in pending_commands(self._control):
            if name in self._received:
                continue
            # Remove files that are addressed to another attempt.
            parsed = self._parse(name)
            if parsed is None:
                with contextlib.suppress(OSError):
                    (self._control / name).unlink()
                continue
            with self._lock:
                self._received.add(name)
            # Return valid commands; acknowledge invalid ones with their error.
            if not isinstance(parsed, Ack):
                commands.append(parsed)
                continue
            try:
                self.acknowledge(replace(parsed, step=step, time=time.time()))
            except OSError:  # a full disk: try again at the next call
                with self._lock:
                    self._received.discard(name)
        return commands

    def acknowledge(self, ack: Ack) -> None:
        """Acknowledge a received command and remove its file; a command from elsewhere needs no acknowledgement.

        Raises:
            OSError: if the acknowledgement cannot be written.
        """
        with self._lock:
            names = [name for name in self._received if name.endswith(f"-{ack.id}.json")]
        if not names:
            return
        values = {"command": ack.command, "step": ack.step, "error": one_line(ack.error, 400), "time": ack.time}
        atomic_files.write_json(self._control / f"ack-{ack.id}.json", values)
        for name in names:
            with contextlib.suppress(OSError):
                (self._control / name).unlink()
            with self._lock:
                self._received.discard(name)
        # Remove the oldest acknowledgements.
        with contextlib.suppress(OSError):
            acks = [path for path in self._control.iterdir() if _ACK_FILE.fullmatch(path.name)]
            if len(acks) > 2 * MAX_ACKS:
                acks.sort(key=lambda path: path.lstat().st_mtime_ns)
                for path in acks[:-MAX_ACKS]:
                    path.unlink()

    def _parse(self, name: str) -> Command | Ack | None:
        """Return the command in a file, or its refusal; None if it is not addressed to this run and attempt."""
        from pydantic import TypeAdapter, ValidationError  # workers have it loaded; front ends never get here

        # Check the address.
        match, values = COMMAND_FILE.fullmatch(name), read_json_or_empty(self._control / name, MAX_BYTES)
        if not match or values.get("id") != match[2]:
            return None
        if (values.get("run"), values.get("attempt")) != (self._run, self._attempt):
            return None
        label = one_line(values.get("command", ""), 16)
        command_type = COMMANDS.get(label)
        if command_type is None:
            return Ack(match[2], label, 0, f"there is no command '{label}'")
        # Validate the parameters of the command.
        own = {field.name: values[field.name] for field in fields(command_type) if field.name in values}
        try:
            command: Command = TypeAdapter(command_type).validate_json(json.dumps(own), strict=True)
        except ValidationError as error:
            invalid = str(error.errors()[0]["loc"][0])
            problem = f"{one_line(json.dumps(own[invalid]), 60)} is not valid" if invalid in own else "it is missing"
            return Ack(match[2], label, 0, f"{label}: '{invalid}': {problem}")
        return command


class WatchFileMonitor:
    """Detects front ends that display the run by the watch files that they touch.

    A touch counts when the modification time of the file changes, for a time that the worker's own clock measures.

    So neither a jump of the wall clock nor a file left by an earlier front end counts.
    """

    def __init__(self, folder: Path) -> None:
        control = folder / layout.CONTROL
        self._paths = {Watchers.ACTIVE: control / layout.WATCH, Watchers.IDLE: control / layout.WATCH_IDLE}
        self._last_mtime = {level: _mtime_ns(path) for level, path in self._paths.items()}
        self._expires = dict.fromkeys(self._paths, 0.0)
        self._next_poll = 0.0

    def watchers(self) -> Watchers:
        """Return the highest level of attention in the last seconds. Cheap enough for each step."""
        now = time.monotonic()
        if now >= self._next_poll:
            self._next_poll = now + WATCH_POLL_INTERVAL_S
            for level, path in self._paths.items():
                mtime = _mtime_ns(path)
                if mtime != self._last_mtime[level]:
                    self._last_mtime[level], self._expires[level] = mtime, now + WATCH_EXPIRES_S[level]
        return max((level for level, expires in self._expires.items() if now < expires), default=Watchers.NONE)


def _mtime_ns(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0
