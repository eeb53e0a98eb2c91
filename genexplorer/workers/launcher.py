"""Starting, resuming and stopping workers: processes that outlive the terminal, the connection and this program.

A launch goes through a shell that puts the worker in the background of a new session and ends at once, so that the
worker belongs to nobody here and leaves no zombie. What stays with the worker is a shell of a megabyte that waits for
it and, should a signal kill it, writes so as its last words.
"""

import contextlib
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path

from genexplorer import paths
from genexplorer.cores.environment import computing
from genexplorer.errors import DamagedRunError, RunStateError, UserError, WorkerError
from genexplorer.runs import layout
from genexplorer.runs.commands import control
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.status import heartbeat, process_id
from genexplorer.runs.status.run_status import is_claimed, last_words, read_config, read_status
from trainers.events import Resume, Stop

POLL_S = 0.05
LEAVING_S = 5.0
_ENDED = (State.STOPPED, State.FAILED)
_SCRIPT = """
( "$@"
  code=$?
  case $code in
    137) echo "worker killed by signal 9 (SIGKILL): out of memory, or killed by somebody" ;;
    139) echo "worker killed by signal 11 (SIGSEGV): a crash in native code" ;;
    129|13[0-9]|14[0-9]|15[0-9]) echo "worker killed by signal $((code - 128))" ;;
  esac
) &
"""


def start(folder: Path, *, timeout_s: float = 60.0) -> RunStatus:
    """Start a worker on a run and wait for its first heartbeat.

    Args:
        folder: A run that is queued, or that can be resumed.
        timeout_s: How long to wait.
    Raises:
        RunStateError: if a worker is at work on it, or it is complete.
        DamagedRunError: if it cannot be read.
        WorkerError: if the worker died or did not answer, with its last words.
    """
    _require_startable(folder)
    token = secrets.randbits(62)
    end, death = os.pipe()  # the worker and its shell hold `death`: it ends when they do
    try:
        _launch(folder, token, death)
        os.close(death)
        death = -1
        return _first_heartbeat(folder, token, end, timeout_s)
    finally:
        os.close(end)
        if death >= 0:
            os.close(death)


def resume(folder: Path, *, timeout_s: float = 60.0) -> RunStatus:
    """Go on: end a pause, or start a new attempt from the newest whole checkpoint.

    Raises:
        RunStateError: if it is running, stopping or complete.
        DamagedRunError: if it cannot be read.
        WorkerError: if the worker died or does not answer.
    """
    if read_status(folder).state is State.PAUSED:
        control.wait_for_ack(folder, control.send(folder, Resume()), timeout_s)
        return read_status(folder)
    return start(folder, timeout_s=timeout_s)


def stop(folder: Path) -> str:
    """Tell a run to save its state and end; return the command's id, empty where a signal had to do.

    On a full disk no command can be written: then the worker's process is told, if it is surely the worker.

    Raises:
        RunStateError: if no worker is alive to obey.
    """
    try:
        return control.send(folder, Stop())
    except OSError:
        terminate(folder)
        return ""


def terminate(folder: Path) -> None:
    """Send SIGTERM to a run's worker; never to a stranger that has its pid by now.

    Raises:
        RunStateError: if no worker of this machine is alive.
    """
    record = heartbeat.read(folder / layout.LIVE)
    if record is None or not is_claimed(folder) or not process_id.is_alive(record.identity):
        raise RunStateError(f"{folder.name} has no worker on this machine", "look with 'genexplorer runs show'")
    os.kill(record.pid, signal.SIGTERM)


def wait(folder: Path, states: Collection[State], timeout_s: float = 60.0) -> RunStatus:
    """Wait until a run is in one of some states.

    Raises:
        WorkerError: if that takes longer; the message says how the run stands.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        status = read_status(folder)
        if status.state in states:
            return status
        if time.monotonic() >= deadline:
            wanted = " or ".join(sorted(states))
            raise WorkerError(f"{status.name} is {status.state} after {timeout_s:.0f} s, not {wanted}", status.reason)
        time.sleep(POLL_S)


def _require_startable(folder: Path) -> None:
    status = read_status(folder)
    deadline = time.monotonic() + LEAVING_S
    while status.state in _ENDED and is_claimed(folder) and time.monotonic() < deadline:
        time.sleep(POLL_S)  # its last worker has said how it ended and is leaving
        status = read_status(folder)
    if status.state is State.DAMAGED:
        raise DamagedRunError(f"{status.name} is damaged: {status.reason}")
    if status.state is State.SUCCEEDED:
        raise RunStateError(f"{status.name} is complete", "start a longer run to train on")
    if is_claimed(folder) or status.state not in (State.QUEUED, State.LOST, *_ENDED):
        raise RunStateError(f"{status.name} is {status.state}, a worker is at work on it")


def _launch(folder: Path, token: int, death: int) -> None:
    command = [sys.executable, "-P", "-X", "faulthandler", "-m", "genexplorer.workers.main", str(folder.resolve())]
    log = os.open(folder / layout.LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "genexplorer-worker", *command, "--token", str(token)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(adapts=_adapts(folder)),
            pass_fds=(death,),
            start_new_session=True,
        )
    finally:
        os.close(log)
    shell.wait()


def _adapts(folder: Path) -> bool:
    """Return whether a run changes its number of threads with what others want."""
    with contextlib.suppress(UserError):  # of a config that cannot be read the worker tells
        return read_config(folder).execution.adapts_threads
    return False


def _environment(*, adapts: bool) -> dict[str, str]:
    """Return the worker's environment."""
    absolute = {}
    with contextlib.suppress(OSError):  # a home that cannot be written costs the leases, not the training
        absolute[paths.STATE_VARIABLE] = str(paths.state_dir().resolve())  # the worker works elsewhere, in "/"
    own = {**absolute, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:replace"}
    return {**computing(os.environ, adapts=adapts), **own}


def _first_heartbeat(folder: Path, token: int, end: int, timeout_s: float) -> RunStatus:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        record = heartbeat.read(folder / layout.LIVE)
        if record is not None and record.token == token:
            return read_status(folder)
        if select.select([end], [], [], POLL_S)[0]:
            if is_claimed(folder):
                raise RunStateError(f"{folder.name} has been started by somebody else")
            raise WorkerError(f"the worker of {folder.name} died", last_words(folder, 5) or "it left no word")
    raise WorkerError(f"the worker of {folder.name} gave no sign of life in {timeout_s:.0f} s", last_words(folder, 5))
