"""Ownership of a run: simultaneous starts, a reused process id, terminals that close during a training."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from genexplorer.errors import RunStateError
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.status import heartbeat, process_id
from genexplorer.runs.store import RunStore
from genexplorer.workers import launcher
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.dashboard_terminal import DashboardProcess
from tests.fault_injection.tiny_runs import ENDED, create, kill, killing_workers, wait_for_step
from tests.fixtures.waiting import wait_until

STARTERS = 20
ALREADY_RUNNING = 7  # exit code of a worker that finds another one


def simultaneous_starts(count: int, folder: Path) -> Tally:
    """Start twenty workers on one run at once; exactly one of them trains."""
    tally = Tally()
    with killing_workers(RunStore(folder / "runs")) as store:
        for number in range(count):
            with tally.attempt(f"round {number}"):
                run = create(store, "vae")
                command = [sys.executable, "-m", "genexplorer.workers.main", str(run)]
                workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(STARTERS)]
                try:
                    wait_until(lambda workers=workers: _count_alive(workers) == 1, "one worker is left")  # type: ignore[misc]
                    wait_for_step(run, 2)
                    codes = sorted(worker.returncode for worker in workers if worker.poll() is not None)
                    assert _count_alive(workers) == 1 and codes == [ALREADY_RUNNING] * (STARTERS - 1), codes
                    assert RunReader(run).status().attempt == 1
                finally:
                    for worker in workers:
                        worker.kill()
                        worker.wait()
                shutil.rmtree(run)
    return tally


def _count_alive(workers: "list[subprocess.Popen[bytes]]") -> int:
    return sum(worker.poll() is None for worker in workers)


def reused_pids(count: int, folder: Path) -> Tally:
    """Let another process, or a is_zombie, have the pid in live.bin: the run is Lost, the process gets no signal."""
    tally, store, this_process = Tally(), RunStore(folder / "runs"), process_id.current()
    for number in range(count):
        is_zombie = number % 2 == 1
        with tally.attempt("zombie" if is_zombie else "other process"):
            run = create(store, "vae")
            other = subprocess.Popen([sys.executable, "-c", "" if is_zombie else "input()"], stdin=subprocess.PIPE)
            try:
                if is_zombie:
                    wait_until(lambda pid=other.pid: _is_zombie(pid), "the process has ended")  # type: ignore[misc]
                file = heartbeat.Heartbeat(run / layout.LIVE)
                start = process_id.start_of(other.pid) or 1
                file.record = heartbeat.LiveRecord(
                    attempt=1,
                    state="running",
                    host=this_process.host,
                    boot_id=this_process.boot_id,
                    pid=other.pid,
                    start=start - 1,
                )
                file.write()
                assert RunReader(run).status().state is State.LOST
                _check_that_signal_is_refused(run)
                assert is_zombie or other.poll() is None, "the other process was signaled"
            finally:
                other.communicate(b"\n")
            assert other.returncode == 0, "the other process was signaled"
            shutil.rmtree(run)
    return tally


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _check_that_signal_is_refused(run: Path) -> None:
    try:
        launcher.terminate(run)
    except RunStateError:
        return
    raise AssertionError("the other process was signaled")


def closed_terminals(count: int, folder: Path) -> Tally:
    """Hang up the terminal, or kill the dashboard, during a training: the training continues."""
    tally = Tally()
    with killing_workers(RunStore(folder / "runs")) as store:
        run = create(store, "vae")
        launcher.start(run)
        for number in range(count):
            sent_signal = (None, signal.SIGHUP, signal.SIGKILL)[number % 3]
            with tally.attempt(sent_signal.name if sent_signal else "hang-up"):
                with DashboardProcess(run) as dashboard:
                    dashboard.read_until(b"Curves")
                    if sent_signal:
                        os.kill(dashboard.pid, sent_signal)
                    dashboard.hang_up()
                    dashboard.wait_for_exit()
                before = RunReader(run).status().step
                wait_for_step(run, before + 5)
        kill(run)
        wait_until(lambda: RunReader(run).status().state in ENDED, "the run ends")
    return tally


CASES = (
    FaultCase(
        name="starters",
        fault=f"{STARTERS} processes start the same run at once",
        guarantee="exactly one trains",
        full=100,
        short=0,
        run=simultaneous_starts,
    ),
    FaultCase(
        name="strangers",
        fault="another process or a zombie has the worker's pid",
        guarantee="shown as Lost; the other process is never signaled",
        full=50,
        short=2,
        run=reused_pids,
    ),
    FaultCase(
        name="terminals",
        fault="the terminal hangs up, SIGHUP is sent, the dashboard is killed",
        guarantee="the training continues",
        full=50,
        short=0,
        run=closed_terminals,
    ),
)
