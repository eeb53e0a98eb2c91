"""Who owns a run: many starters at once, a stranger under the worker's pid, terminals that die around it."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from genexplorer.errors import RunStateError
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.status import heartbeat, process_id
from genexplorer.runs.store import RunStore
from genexplorer.workers import launcher
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.tiny_runs import ENDED, at_step, create, kill, reaped, until

STARTERS = 20
TAKEN = 7  # the exit code of a worker that finds another one


def many_starters(count: int, folder: Path) -> Tally:
    """Start twenty workers on one run at once; exactly one of them runs."""
    tally = Tally()
    with reaped(RunStore(folder / "runs")) as store:
        for number in range(count):
            with tally.attempt(f"round {number}"):
                run = create(store, "vae")
                command = [sys.executable, "-m", "genexplorer.workers.main", str(run)]
                workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(STARTERS)]
                try:
                    until(lambda workers=workers: _alive(workers) == 1, "one is left")  # type: ignore[misc]
                    at_step(run, 2)
                    codes = sorted(worker.returncode for worker in workers if worker.poll() is not None)
                    assert _alive(workers) == 1 and codes == [TAKEN] * (STARTERS - 1), codes
                    assert RunReader(run).status().attempt == 1
                finally:
                    for worker in workers:
                        worker.kill()
                        worker.wait()
                shutil.rmtree(run)
    return tally


def _alive(workers: "list[subprocess.Popen[bytes]]") -> int:
    return sum(worker.poll() is None for worker in workers)


def strangers(count: int, folder: Path) -> Tally:
    """A stranger, or a zombie, has the pid that live.bin names: the run is Lost, the stranger is left alone."""
    tally, store, me = Tally(), RunStore(folder / "runs"), process_id.current()
    for number in range(count):
        zombie = number % 2 == 1
        with tally.attempt("zombie" if zombie else "stranger"):
            run = create(store, "vae")
            stranger = subprocess.Popen([sys.executable, "-c", "" if zombie else "input()"], stdin=subprocess.PIPE)
            try:
                if zombie:
                    until(lambda pid=stranger.pid: _is_zombie(pid), "it has ended")  # type: ignore[misc]
                file = heartbeat.Heartbeat(run / layout.LIVE)
                start = process_id.start_of(stranger.pid) or 1
                file.record = heartbeat.LiveRecord(
                    attempt=1, state="running", host=me.host, boot_id=me.boot_id, pid=stranger.pid, start=start - 1
                )
                file.write()
                assert RunReader(run).status().state is State.LOST
                _refuses_to_signal(run)
                assert zombie or stranger.poll() is None, "the stranger was signalled"
            finally:
                stranger.communicate(b"\n")
            assert stranger.returncode == 0, "the stranger was signalled"
            shutil.rmtree(run)
    return tally


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _refuses_to_signal(run: Path) -> None:
    try:
        launcher.terminate(run)
    except RunStateError:
        return
    raise AssertionError("it was signalled")


def dying_terminals(count: int, folder: Path) -> Tally:
    """Hang up the terminal, or kill the dashboard, around a training: it goes on."""
    tally = Tally()
    with reaped(RunStore(folder / "runs")) as store:
        run = create(store, "vae")
        launcher.start(run)
        for number in range(count):
            with tally.attempt(("hang-up", "SIGHUP", "SIGKILL")[number % 3]):
                _dashboard_dies(run, number % 3)
                before = RunReader(run).status().step
                at_step(run, before + 5)
        kill(run)
        until(lambda: RunReader(run).status().state in ENDED, "its end")
    return tally


def _dashboard_dies(run: Path, how: int) -> None:
    """Open the dashboard in a terminal of its own, and end it without a word."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        command = [sys.executable, "-m", "genexplorer.cli", "dashboard", run.name, "--runs-dir", str(run.parent)]
        os.execv(sys.executable, command)
    try:
        _first_screen(terminal)
        if how:
            os.kill(pid, (signal.SIGHUP, signal.SIGKILL)[how - 1])
    finally:
        os.close(terminal)
        end = time.monotonic() + 20
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _first_screen(terminal: int) -> None:
    shown = b""
    while b"Curves" not in shown:
        with contextlib.suppress(OSError):
            shown += os.read(terminal, 65536)


CASES = (
    FaultCase(
        name="starters",
        fault=f"{STARTERS} processes start the same run at once",
        guarantee="exactly one trains",
        full=100,
        short=0,
        run=many_starters,
    ),
    FaultCase(
        name="strangers",
        fault="another process or a zombie has the worker's pid",
        guarantee="shown as Lost; the other process is never signaled",
        full=50,
        short=2,
        run=strangers,
    ),
    FaultCase(
        name="terminals",
        fault="the terminal hangs up, SIGHUP is sent, the dashboard is killed",
        guarantee="the training continues",
        full=50,
        short=0,
        run=dying_terminals,
    ),
)
