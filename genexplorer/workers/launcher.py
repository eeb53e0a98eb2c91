"""Start, resume and stop workers: processes that outlive the terminal, the connection and this program.

A launch goes through a shell that puts the worker in the background of a new session and exits at once, so that the
worker has no parent here and leaves no zombie. A shell of one megabyte stays with the worker, waits for it and, if a
signal kills it, appends that to worker.log.
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
from genexplorer.cores.environment import compute_environment
from genexplorer.errors import ConfigError, DamagedRunError, RunStateError, TrainingError, UserError, WorkerError
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import layout
from genexplorer.runs.command_hints import run_command
from genexplorer.runs.commands import control
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.settings import is_longer_on_resume
from genexplorer.runs.status import heartbeat, process_id
from genexplorer.runs.status.run_status import is_locked, log_tail, read_config, read_settled_status, read_status
from trainers.events import Resume, Stop

POLL_S = 0.05
DEVICE_TIMEOUT_S = 120.0
EXIT_TIMEOUT_S = 5.0  # from the recorded outcome to the exit of the worker
_ENDED_STATES = (State.STOPPED, State.FAILED)
_DEVICE_SCRIPT = """
import sys
from trainers.errors import ConfigError
from trainers.training.setup import select_device
try:
    select_device(sys.argv[1])
except ConfigError as error:
    print(error.message, error.hint, sep="\\n")
    sys.exit(error.exit_code)
"""
_WORKER_SHELL_SCRIPT = """
( "$@"
  code=$?
  case $code in
    137) echo "worker killed by signal 9 (SIGKILL): out of memory, or killed by a user" ;;
    139) echo "worker killed by signal 11 (SIGSEGV): a crash in native code" ;;
    129|13[0-9]|14[0-9]|15[0-9]) echo "worker killed by signal $((code - 128))" ;;
  esac
) &
"""


def require_device(name: str) -> None:
    """Check that this machine has a device; call it before a run is created.

    For others than the CPU it asks torch in a child process, which takes seconds. Where that fails for another reason,
    the worker will report it.

    Raises:
        ConfigError: if the device is not available.
    """
    if name in ("auto", "cpu"):
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        command = [sys.executable, "-P", "-c", _DEVICE_SCRIPT, name]
        probe = subprocess.run(
            command, env=_environment(adapts=False), capture_output=True, text=True, timeout=DEVICE_TIMEOUT_S
        )
        if probe.returncode == ConfigError.exit_code:
            message, _, hint = probe.stdout.strip().partition("\n")
            raise ConfigError(message, hint)


def start(folder: Path, *, timeout_s: float = 60.0) -> RunStatus:
    """Start a worker on a run and wait for its first heartbeat.

    Args:
        folder: A run that is queued, or that can be resumed.
        timeout_s: How long to wait.

    Raises:
        RunStateError: if it has a worker, or has finished.
        DamagedRunError: if it cannot be read.
        WorkerError: if the worker crashed or did not respond, with the reason.
    """
    _require_startable(folder)
    token = secrets.randbits(62)
    exit_pipe, inherited_end = os.pipe()  # the worker and its shell inherit the write end: it closes when they exit
    try:
        try:
            _launch(folder, token, inherited_end)
        finally:
            os.close(inherited_end)
        return _wait_for_heartbeat(folder, token, exit_pipe, timeout_s)
    finally:
        os.close(exit_pipe)


def resume(folder: Path, *, timeout_s: float = 60.0) -> RunStatus:
    """Resume a paused run, or start a new attempt from the newest complete checkpoint and wait until it trains.

    After the timeout the returned status may still be in the phase "loading" or "decoding".

    Raises:
        RunStateError: if it is running, stopping or finished, or a light copy.
        DamagedRunError: if it cannot be read.
        TrainingError: if it failed before its first step, such as without its data.
        WorkerError: if the worker crashed or does not respond.
    """
    if read_settled_status(folder).state is State.PAUSED:
        control.wait_for_ack(folder, control.send(folder, Resume()), timeout_s)
        return read_status(folder)
    require_checkpoints(folder)
    deadline = time.monotonic() + timeout_s
    start(folder, timeout_s=timeout_s)
    status = wait_until_loaded(folder, deadline - time.monotonic())
    if status.state is State.FAILED:
        raise TrainingError(f"{status.name} failed", status.reason)
    if status.state in (State.LOST, State.DAMAGED):
        raise WorkerError(f"{status.name} is {status.state}", status.reason)
    return status


def require_checkpoints(folder: Path) -> None:
    """Refuse to go on with a light copy, which has no checkpoints: it would begin at step 0 and lose its history.

    Raises:
        RunStateError: if the run is one.
    """
    if (folder / layout.LIGHT).exists():
        hint = f"start a branch from one of its snapshots: '{run_command('fork', folder)}'"
        name = read_status(folder).name
        raise RunStateError(f"{name} is a light copy without checkpoints: it cannot go on where it was", hint)


def wait_until_loaded(folder: Path, timeout_s: float) -> RunStatus:
    """Wait until a worker has loaded its model and data, has ended, or the timeout is over; return the status."""
    deadline = time.monotonic() + timeout_s
    status = read_status(folder)
    while status.state.active and status.phase in ("", "loading", "decoding") and time.monotonic() < deadline:
        time.sleep(POLL_S)
        status = read_status(folder)
    return status


def first_step(folder: Path) -> int | None:
    """Return the step from which a run's newest attempt continues; None until its data are loaded."""
    record = heartbeat.read(folder / layout.LIVE)
    return record.first_step if record is not None and record.first_step >= 0 else None


def stop(folder: Path) -> str:
    """Stop a run after it has saved a checkpoint; return the command's id, or "" if a signal was sent instead.

    On a full disk no command can be written: then the worker's process gets SIGTERM.

    Raises:
        RunStateError: if it has no live worker.
    """
    try:
        return control.send(folder, Stop())
    except OSError:
        terminate(folder)
        return ""


def terminate(folder: Path) -> None:
    """Send SIGTERM to a run's worker; never to another process that has its pid by now.

    Raises:
        RunStateError: if it has no live worker on this machine.
    """
    record = heartbeat.read(folder / layout.LIVE)
    if record is None or not is_locked(folder) or not process_id.is_alive(record.identity):
        raise RunStateError(f"{folder.name} has no worker on this machine", f"see '{run_command('runs show', folder)}'")
    os.kill(record.pid, signal.SIGTERM)


def wait(folder: Path, states: Collection[State], timeout_s: float = 60.0) -> RunStatus:
    """Wait until a run is in one of some states.

    Raises:
        WorkerError: if that takes longer than the timeout.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        status = read_status(folder)
        if status.state in states:
            return status
        if time.monotonic() >= deadline:
            check = f"wait and check '{run_command('runs show', folder)}'; the worker may be compiling"
            hint = status.reason or check
            raise WorkerError(f"{status.name} is still {status.state} after {timeout_s:.0f} s", hint)
        time.sleep(POLL_S)


def wait_for_step(folder: Path, step: int, timeout_s: float) -> RunStatus:
    """Wait until a run has done a step and is paused, or has ended.

    Raises:
        WorkerError: if that takes longer than the timeout.
        RunStateError: if the run has ended before.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        status = read_status(folder)
        if not status.state.active and status.step < step:
            raise RunStateError(f"{status.name} is {status.state}", status.reason)
        if status.step >= step and (status.state is State.PAUSED or not status.state.active):
            return status
        if time.monotonic() >= deadline:
            raise WorkerError(f"{status.name} has not done step {step:,} after {timeout_s:.0f} s", "is it compiling?")
        time.sleep(POLL_S)


def _require_startable(folder: Path) -> None:
    status = read_settled_status(folder)
    deadline = time.monotonic() + EXIT_TIMEOUT_S
    while status.state in _ENDED_STATES and is_locked(folder) and time.monotonic() < deadline:
        time.sleep(POLL_S)  # its last worker has recorded the outcome and is exiting
        status = read_status(folder)
    if status.state is State.DAMAGED:
        raise DamagedRunError(f"{status.name} is damaged: {status.reason}")
    if status.state is State.SUCCEEDED and not is_longer_on_resume(folder):
        raise RunStateError(f"{status.name} has finished", f"train longer: '{run_command('runs extend', folder)}'")
    if is_locked(folder) or status.state not in (State.QUEUED, State.LOST, State.SUCCEEDED, *_ENDED_STATES):
        raise RunStateError(f"{status.name} is {status.state}: it already has a worker")


def _launch(folder: Path, token: int, inherited_end: int) -> None:
    adapts = False
    with contextlib.suppress(UserError):  # the worker reports a config that cannot be read
        adapts = read_config(folder).execution.adapts_threads
    command = [sys.executable, "-P", "-X", "faulthandler", "-m", "genexplorer.workers.main", str(folder.resolve())]
    # The shell and the worker append to the log and inherit the pipe.
    log = os.open(folder / layout.LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", _WORKER_SHELL_SCRIPT, "genexplorer-worker", *command, "--token", str(token)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(adapts=adapts),
            pass_fds=(inherited_end,),
            start_new_session=True,
        )
    finally:
        os.close(log)
    shell.wait()


def _environment(*, adapts: bool) -> dict[str, str]:
    environment = compute_environment(os.environ, adapts=adapts)
    environment |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:replace"}
    with contextlib.suppress(OSError):  # without a writable home there are no leases, but the training works
        environment[paths.STATE_VARIABLE] = str(paths.state_dir().resolve())  # the worker's working directory is "/"
    return environment


def _wait_for_heartbeat(folder: Path, token: int, exit_pipe: int, timeout_s: float) -> RunStatus:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        record = heartbeat.read(folder / layout.LIVE)
        if record is not None and record.token == token:
            return read_status(folder)
        if select.select([exit_pipe], [], [], POLL_S)[0]:
            if is_locked(folder):
                raise RunStateError(f"{folder.name} has just been started by another process")
            reason = log_tail(folder, 1) or "it exited without an error message"
            _record_failed_start(folder, token, reason)
            raise WorkerError(f"the worker of {folder.name} did not start", reason)
    raise WorkerError(f"the worker of {folder.name} sent no heartbeat in {timeout_s:.0f} s", log_tail(folder, 5))


def _record_failed_start(folder: Path, token: int, reason: str) -> None:
    """Record why the first worker of a run ended before its first heartbeat: without it, the run would stay queued."""
    with contextlib.suppress(OSError), KernelLock(folder / layout.LOCK) as lock:
        with contextlib.suppress(OSError):  # without locks there is no other worker
            if not lock.acquire():
                return
        record = heartbeat.read(folder / layout.LIVE)
        if record is not None and not record.attempt:
            live = heartbeat.Heartbeat(folder / layout.LIVE)
            live.begin(process_id.current(), 1, token=token, threads=0, started=time.time())
            live.finish("failed", reason, time.time())
