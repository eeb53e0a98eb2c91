"""Front ends under stress: five hundred resizes, a viewer that is closed while it loads, an error in each slot."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

from genexplorer.runs.store import RunStore
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.dashboard_terminal import DashboardProcess
from tests.fault_injection.tiny_runs import create, kill, killing_workers, wait_for_step
from tests.fixtures.fake_run import write_run
from tests.fixtures.waiting import wait_until

RESIZES, RESIZING_S = 500, 10.0
_CLOSING_VIEWER = """
import sys
from pathlib import Path
from PyQt6.QtCore import QTimer
from genexplorer.viewer import main
milliseconds, arguments, make_window = int(sys.argv[1]), sys.argv[2:], main.make_window
def make_closing_window(*args):
    window = make_window(*args)
    QTimer.singleShot(milliseconds, window.close)
    return window
main.make_window = make_closing_window
sys.exit(main.main(arguments))
"""
_OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen"}


def terminal_resizes(count: int, folder: Path) -> Tally:
    """Resize the dashboard's terminal five hundred times in ten seconds: it continues and quits on request."""
    tally, rng = Tally(), random.Random(37)
    run = write_run(folder / "runs", steps=700)
    for number in range(count):
        with tally.attempt(f"series {number}"), DashboardProcess(run) as dashboard:
            dashboard.read_until(b"Curves")
            # Spread the resizes evenly over the time: their rate is the fault.
            began = time.monotonic()
            for turn in range(RESIZES):
                dashboard.resize(rng.randrange(1, 120), rng.randrange(1, 320))
                dashboard.read_for(max(0.0, began + (turn + 1) * RESIZING_S / RESIZES - time.monotonic()))
            # Open and close the help screen, then quit.
            dashboard.resize(40, 120)
            dashboard.press(b"?")
            assert b"Traceback" not in dashboard.read_until(b"Keys")
            dashboard.press(b"\x1b")
            dashboard.read_for(0.5)
            dashboard.press(b"q")
            assert dashboard.wait_for_exit() == 0, "it did not quit on request"
    return tally


def viewer_closed_while_loading(count: int, folder: Path) -> Tally:
    """Close a real viewer during a training, at a random moment of its start: it and its processes exit cleanly."""
    tally, rng = Tally(), random.Random(41)
    with killing_workers(RunStore(folder / "runs")) as store:
        from genexplorer.workers import launcher

        run = create(store, "vae")
        launcher.start(run)
        wait_for_step(run, 50)
        for _ in range(count):
            milliseconds = rng.choice((0, 1, rng.randrange(300), rng.randrange(3_000)))
            with tally.attempt(f"closed after {milliseconds} ms"):
                _open_and_close(run, milliseconds)
                before = store.status(run).step
                wait_for_step(run, before + 1)
        kill(run)
    return tally


def _open_and_close(run: Path, milliseconds: int) -> None:
    command = [sys.executable, "-X", "faulthandler", "-c", _CLOSING_VIEWER, str(milliseconds), str(run)]
    viewer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **_OFFSCREEN})
    try:
        children = _wait_for_exit(viewer)
        output = viewer.stderr.read() if viewer.stderr else ""
        assert viewer.returncode == 0, f"{viewer.returncode}: {output[-300:]}"
        assert "Traceback" not in output and "QThread" not in output, output[-300:]
        wait_until(lambda: not any(child.is_running() for child in children), "its processes have ended", 10)
    finally:
        viewer.kill()
        viewer.wait()
        if viewer.stderr:
            viewer.stderr.close()


def _wait_for_exit(viewer: "subprocess.Popen[str]") -> set[psutil.Process]:
    """Wait until a viewer exits; return the processes that it started."""
    children: set[psutil.Process] = set()
    process = psutil.Process(viewer.pid)

    def has_exited() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            children.update(process.children(recursive=True))
        return viewer.poll() is not None

    wait_until(has_exited, "the viewer exits")
    return children


def broken_slots(count: int, folder: Path) -> Tally:
    """Let each method of each tab of the viewer raise in turn: the window continues and shows the error."""
    tally, run = Tally(), write_run(folder / "runs", steps=700)
    (folder / "state").mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "tests.fault_injection.viewer_errors",
        str(run),
        str(folder / "state"),
    ]
    environment = {**os.environ, **_OFFSCREEN, "GENEXPLORER_STATE": str(folder / "state")}
    done = subprocess.run([*command, str(count)], capture_output=True, text=True, env=environment, check=False)
    for line in done.stdout.splitlines():
        outcome = json.loads(line)
        with tally.attempt(outcome["name"]):
            assert outcome["messages"], "the error was not shown"
            assert outcome["healthy"], "the window does not work any more"
    with tally.attempt("the process"):
        assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-300:]}"
    shutil.rmtree(run)
    return tally


CASES = (
    FaultCase(
        name="resizes",
        fault=f"{RESIZES} resizes of the dashboard's terminal in {RESIZING_S:.0f} s, down to 1 × 1",
        guarantee="it continues, responds to a key, and quits on request",
        full=5,
        short=0,
        run=terminal_resizes,
    ),
    FaultCase(
        name="closed-viewer",
        fault="the viewer is closed at a random moment of its start, during a training",
        guarantee="it exits cleanly, none of its processes is left, the training continues",
        full=100,
        short=0,
        run=viewer_closed_while_loading,
    ),
    FaultCase(
        name="slots",
        fault="an exception raised in each method of each tab of the viewer in turn",
        guarantee="no crash; the window shows the error; the other tabs, and closing, still work",
        full=100,
        short=0,
        run=broken_slots,
    ),
)
