"""Workers that sleep, and clocks that are a day off: never a false Lost, and a time axis of training alone."""

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
from tests.fault_injection.tiny_runs import ENDED, FAMILIES, at_step, create, reaped, until
from trainers.events import Pause

ASLEEP_S = 60.0
BUDGET_S = 9.0  # of training
SLACK_S = 3.0  # a sleep shorter than two seconds is not noticed; the rest is for a busy machine
DAY_S = 86_400.0
POLLED_S = 4.0  # longer than it takes to be called silent
_FOR_MINUTES: Mapping[str, Any] = {
    "schedule": {"steps": None, "minutes": BUDGET_S / 60},
    "execution": {"deterministic": False},
}
_SHIFTED = """
import sys, time
true, began, shift, after = time.time, time.monotonic(), float(sys.argv[1]), float(sys.argv[2])
time.time = lambda: true() + (shift if time.monotonic() - began >= after else 0.0)
sys.argv[1:3] = []
"""
_WORKER = f"{_SHIFTED}\nfrom genexplorer.workers.main import main\nsys.exit(main())"
_COMMAND_LINE = f"{_SHIFTED}\nfrom genexplorer.cli.main import main\nmain()"


def sleepers(count: int, folder: Path) -> Tally:
    """Suspend a worker with a budget of minutes for a while; it is told as silent, and the budget is left to it."""
    tally, jumps = Tally(), [0.0]
    with reaped(RunStore(folder / "runs")) as store:
        for number in range(count):
            family = list(FAMILIES)[number % len(FAMILIES)]
            with tally.attempt(family):
                run = create(store, family, _FOR_MINUTES)
                launcher.start(run)
                jumps.append(_slept_through(run))
                shutil.rmtree(run)
    tally.notes.append(f"suspended for {ASLEEP_S:.0f} s each; the longest jump of the time axis {max(jumps):.1f} s")
    return tally


def _slept_through(run: Path) -> float:
    """Suspend a worker, look at it all the while, wake it, and let it end; return the longest jump of the time axis."""
    at_step(run, 50)
    with RunReader(run) as reader:
        pid = reader.status().pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        try:
            _silent_never_lost(run, reader)
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: reader.status().answering, "it answers again", 10)
        assert launcher.wait(run, ENDED, 10 * BUDGET_S).state is State.SUCCEEDED
        elapsed = reader.series("train/lr", "time", max_points=1_000_000).x
        assert abs(float(elapsed[-1]) - BUDGET_S) < SLACK_S, f"{elapsed[-1]:.1f} s of {BUDGET_S:.0f}"
        jump = float(np.diff(elapsed).max())
        assert np.all(np.diff(elapsed) >= 0) and jump < SLACK_S, f"the time axis jumps by {jump:.1f} s"
        return jump


def _silent_never_lost(run: Path, reader: RunReader) -> None:
    until(lambda: not reader.status().answering, "it is told as silent", 5)
    end = time.monotonic() + ASLEEP_S
    while time.monotonic() < end:
        with RunReader(run) as fresh:  # one that has never seen its heart beat
            seen = (reader.status(), fresh.status())
        for status in seen:
            assert status.state is State.RUNNING and not status.answering, status
            assert formatting.time_left(status) == "not answering"
        time.sleep(0.1)
    try:
        launcher.start(run)
    except RunStateError:
        return
    raise AssertionError("a second worker was started")


def shifted_clocks(count: int, folder: Path) -> Tally:
    """Give the worker a clock that is a day off, or jumps by a day; look with clocks that are right, ahead, behind."""
    tally = Tally()
    clocks = (0.0, DAY_S, -DAY_S)
    cases = [(shift, after, clock) for shift in (DAY_S, -DAY_S) for after in (0.0, 6.0) for clock in clocks]
    with reaped(RunStore(folder / "runs")) as store:
        for number in range(count):
            shift, after, front_end = cases[number % len(cases)]
            with tally.attempt(f"{shift:+.0f} s after {after:g} s, reader {front_end:+.0f} s off"):
                run = create(store, list(FAMILIES)[number % len(FAMILIES)])
                command = [sys.executable, "-c", _WORKER, str(shift), str(after), str(run)]
                worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
                try:
                    _trains_all_the_same(run, front_end)
                finally:
                    worker.kill()
                    worker.wait()
                shutil.rmtree(run)
    return tally


def _trains_all_the_same(run: Path, front_end: float) -> None:
    until(lambda: RunReader(run).status().state is State.RUNNING, "a worker")
    at_step(run, 20)
    began, true = time.monotonic(), time.time
    with mock.patch("time.time", lambda: true() + front_end), RunReader(run) as reader:
        while time.monotonic() - began < POLLED_S:
            status = reader.status()
            assert status.state is State.RUNNING and status.answering, status
            time.sleep(0.05)
        _reports_sane_times(run, front_end)
        command = control.send(run, Pause())
        until(lambda: control.read_ack(run, command) is not None, "it obeys")
        until(lambda: reader.status().state is State.PAUSED, "a pause")
        elapsed = reader.series("train/lr", "time", max_points=1_000_000).x
        assert np.all(np.diff(elapsed) >= 0) and elapsed[-1] < 60, f"{elapsed[-1]:.1f} s"
        launcher.stop(run)
        assert launcher.wait(run, ENDED, 60).state is State.STOPPED
        assert launcher.resume(run).state is State.RUNNING
        at_step(run, status.step + 5)
        launcher.stop(run)
        assert launcher.wait(run, ENDED, 60).state is State.STOPPED


def _reports_sane_times(run: Path, front_end: float) -> None:
    """Read what the command line says of the run, with the face's clock: no age or rest is negative."""
    shown = ""
    for words in (["runs", "list"], ["runs", "show", run.name], ["runs", "list", "--json"]):
        command = [sys.executable, "-c", _COMMAND_LINE, str(front_end), "0", *words, "--runs-dir", str(run.parent)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-300:]
        shown += done.stdout
    assert not re.search(r"[-−]\d+ (s|min|h|d)\b", shown), shown
    state = json.loads(done.stdout)
    assert "running" in json.dumps(state)


CASES = (
    FaultCase(
        name="sleep",
        fault=f"SIGSTOP of a worker for {ASLEEP_S:.0f} s, three families",
        guarantee="shown as not responding, never as Lost; no second worker; training time and time axis skip it",
        full=3,
        short=0,
        run=sleepers,
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
