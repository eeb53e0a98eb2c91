"""Suspended workers and wrong clocks: no run is falsely shown as Lost, and the time axis has only training time."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from genexplorer.errors import RunStateError
from genexplorer.runs.commands import control
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.session import formatting
from genexplorer.workers import launcher
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.tiny_runs import ENDED, FAMILIES, create, killing_workers, wait_for_step
from tests.fixtures.waiting import repeat_for, wait_until
from trainers.events import Pause

SUSPENDED_S = 60.0
BUDGET_S = 9.0  # training time
SLACK_S = 3.0  # two seconds, below which a suspension is not detected, and some for a busy machine
DAY_S = 86_400.0
POLLING_S = 4.0  # longer than the interval after which a worker counts as not responding
_TIME_BUDGET: Mapping[str, Any] = {
    "schedule": {"steps": None, "minutes": BUDGET_S / 60},
    "execution": {"deterministic": False},
}
_SHIFT_CLOCK = """
import sys, time
true, began, shift, after = time.time, time.monotonic(), float(sys.argv[1]), float(sys.argv[2])
time.time = lambda: true() + (shift if time.monotonic() - began >= after else 0.0)
sys.argv[1:3] = []
"""
_WORKER = f"{_SHIFT_CLOCK}\nfrom genexplorer.workers.main import main\nsys.exit(main())"
_CLI = f"{_SHIFT_CLOCK}\nfrom genexplorer.cli.main import main\nmain()"


def suspended_workers(count: int, folder: Path) -> Tally:
    """Suspend workers with a time budget: each is shown as not responding and keeps its remaining budget."""
    tally, jumps = Tally(), [0.0]
    with killing_workers(RunStore(folder / "runs")) as store:
        for number in range(count):
            family = list(FAMILIES)[number % len(FAMILIES)]
            with tally.attempt(family):
                run = create(store, family, _TIME_BUDGET)
                launcher.start(run)
                jumps.append(_suspend_and_finish(run))
                shutil.rmtree(run)
    tally.notes.append(f"suspended for {SUSPENDED_S:.0f} s each; the longest jump of the time axis {max(jumps):.1f} s")
    return tally


def _suspend_and_finish(run: Path) -> float:
    """Suspend a worker, poll its status, continue it and wait for its end; return the longest jump of the time axis."""
    wait_for_step(run, 50)
    reader = RunReader(run)
    pid = reader.status().pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        _check_while_suspended(run, reader)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: reader.status().is_responding, "the worker responds again", 10)
    assert launcher.wait(run, ENDED, 10 * BUDGET_S).state is State.SUCCEEDED
    elapsed = reader.series("train/lr", "time", max_points=1_000_000).x
    assert abs(float(elapsed[-1]) - BUDGET_S) < SLACK_S, f"{elapsed[-1]:.1f} s of {BUDGET_S:.0f}"
    jump = float(np.diff(elapsed).max())
    assert np.all(np.diff(elapsed) >= 0) and jump < SLACK_S, f"the time axis jumps by {jump:.1f} s"
    return jump


def _check_while_suspended(run: Path, reader: RunReader) -> None:
    """Check that the run is shown as not responding for as long as it is suspended, and that no worker can start."""

    def check_status() -> None:
        new_reader = RunReader(run)
        statuses = (reader.status(), new_reader.status())
        for status in statuses:
            assert status.state is State.RUNNING and not status.is_responding, status
            assert formatting.time_left(status) == "not answering"

    wait_until(lambda: not reader.status().is_responding, "the worker is shown as not responding", 5)
    repeat_for(SUSPENDED_S, check_status)  # the length of the suspension is the fault
    try:
        launcher.start(run)
    except RunStateError:
        return
    raise AssertionError("a second worker was started")


def shifted_clocks(count: int, folder: Path) -> Tally:
    """Give workers a clock that is a day off or jumps by a day; read with clocks that are right, ahead and behind."""
    tally = Tally()
    clocks = (0.0, DAY_S, -DAY_S)
    cases = [(shift, after, clock) for shift in (DAY_S, -DAY_S) for after in (0.0, 6.0) for clock in clocks]
    with killing_workers(RunStore(folder / "runs")) as store:
        for number in range(count):
            shift, after, reader_shift = cases[number % len(cases)]
            with tally.attempt(f"{shift:+.0f} s after {after:g} s, reader {reader_shift:+.0f} s off"):
                run = create(store, list(FAMILIES)[number % len(FAMILIES)])
                command = [sys.executable, "-c", _WORKER, str(shift), str(after), str(run)]
                worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
                try:
                    _check_run_with_wrong_clocks(run, reader_shift)
                finally:
                    worker.kill()
                    worker.wait()
                shutil.rmtree(run)
    return tally


def _check_run_with_wrong_clocks(run: Path, reader_shift: float) -> None:
    """Read a run, command it, stop and resume it while clocks are wrong."""
    wait_until(lambda: RunReader(run).status().state is State.RUNNING, "the worker runs")
    wait_for_step(run, 20)
    true_time = time.time
    with mock.patch("time.time", lambda: true_time() + reader_shift):
        reader = RunReader(run)

        def check_status() -> None:
            status = reader.status()
            assert status.state is State.RUNNING and status.is_responding, status

        repeat_for(POLLING_S, check_status)  # the state must last, so the duration is under test
        _check_reported_times(run, reader_shift)
        command = control.send(run, Pause())
        wait_until(lambda: control.read_ack(run, command) is not None, "the command is acknowledged")
        wait_until(lambda: reader.status().state is State.PAUSED, "the run is paused")
        elapsed = reader.series("train/lr", "time", max_points=1_000_000).x
        assert np.all(np.diff(elapsed) >= 0) and elapsed[-1] < 60, f"{elapsed[-1]:.1f} s"
        step = reader.status().step
        launcher.stop(run)
        assert launcher.wait(run, ENDED, 60).state is State.STOPPED
        assert launcher.resume(run).state is State.RUNNING
        wait_for_step(run, step + 5)
        launcher.stop(run)
        assert launcher.wait(run, ENDED, 60).state is State.STOPPED


def _check_reported_times(run: Path, reader_shift: float) -> None:
    """Check the output of the CLI with the reader's clock: no age and no remaining time is negative."""
    output = ""
    for arguments in (["runs", "list"], ["runs", "show", run.name], ["runs", "list", "--json"]):
        command = [sys.executable, "-c", _CLI, str(reader_shift), "0", *arguments, "--runs-dir", str(run.parent)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-300:]
        output += done.stdout
    assert not re.search(r"[-−]\d+ (s|min|h|d)\b", output), output
    assert [listed["status"] for listed in json.loads(done.stdout)] == ["running"]


CASES = (
    FaultCase(
        name="sleep",
        fault=f"SIGSTOP of a worker for {SUSPENDED_S:.0f} s, three families",
        guarantee="shown as not responding, never as Lost; no second worker; training time and time axis skip it",
        full=3,
        short=0,
        run=suspended_workers,
    ),
    FaultCase(
        name="clock",
        fault="the clock of the worker, of the front end, or both is a day ahead or behind, from the start or midway",
        guarantee="never shown as Lost; commands are applied; ages and the time axis stay plausible",
        full=12,
        short=0,
        run=shifted_clocks,
    ),
)
