"""Storms around the faces: five hundred resizes, a viewer that is closed while it loads, a fault in each slot."""

import fcntl
import json
import os
import pty
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil

from genexplorer.runs.store import RunStore
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.tiny_runs import at_step, create, kill, reaped, until
from tests.fixtures.fake_run import write_run

RESIZES, RESIZED_IN_S = 500, 10.0
ANSWERS_S = 20.0
_VIEWER = """
import sys
from pathlib import Path
from PyQt6.QtCore import QTimer
from genexplorer.viewer import main
milliseconds, arguments, make_window = int(sys.argv[1]), sys.argv[2:], main.make_window
def soon_closed(*given):
    window = make_window(*given)
    QTimer.singleShot(milliseconds, window.close)
    return window
main.make_window = soon_closed
sys.exit(main.main(arguments))
"""
_OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen"}


def resized(count: int, folder: Path) -> Tally:
    """Resize the dashboard's terminal five hundred times in ten seconds; it goes on, and leaves when told."""
    tally, rng = Tally(), random.Random(37)
    run = write_run(folder / "runs", steps=700)
    for number in range(count):
        with tally.attempt(f"storm {number}"):
            pid, terminal = pty.fork()
            if pid == 0:
                os.environ["TERM"] = "xterm-256color"
                command = [
                    sys.executable,
                    "-m",
                    "genexplorer.cli",
                    "dashboard",
                    run.name,
                    "--runs-dir",
                    str(run.parent),
                ]
                os.execv(sys.executable, command)
            try:
                _seen(terminal, b"Curves")
                began = time.monotonic()
                for turn in range(RESIZES):
                    _resize(terminal, pid, rng.randrange(1, 120), rng.randrange(1, 320))
                    _drain(terminal, max(0.0, began + (turn + 1) * RESIZED_IN_S / RESIZES - time.monotonic()))
                _resize(terminal, pid, 40, 120)
                os.write(terminal, b"?")
                shown = _seen(terminal, b"Keys")
                assert b"Traceback" not in shown
                os.write(terminal, b"\x1b")
                _drain(terminal, 0.5)
                os.write(terminal, b"q")
                assert _ended(pid, terminal) == 0, "it did not leave as told"
            finally:
                _end(pid, terminal)
    return tally


def _resize(terminal: int, pid: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.kill(pid, signal.SIGWINCH)


def _drain(terminal: int, seconds: float) -> bytes:
    """Read what is written for so long; a terminal that nobody reads holds up its writer."""
    end, shown = time.monotonic() + seconds, b""
    while True:
        left = max(0.0, end - time.monotonic())
        if not select.select([terminal], [], [], left)[0]:
            return shown
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            return shown


def _seen(terminal: int, wanted: bytes) -> bytes:
    shown, end = b"", time.monotonic() + ANSWERS_S
    while wanted not in shown:
        assert time.monotonic() < end, f"{wanted!r} was not shown: {shown[-300:]!r}"
        shown += _drain(terminal, 0.05)
    return shown


def _ended(pid: int, terminal: int) -> int:
    """Wait for the end of the dashboard, reading its last words; return its exit code."""
    end = time.monotonic() + ANSWERS_S
    while time.monotonic() < end:
        _drain(terminal, 0.05)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
    return -1


def _end(pid: int, terminal: int) -> None:
    os.close(terminal)
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def closed_while_loading(count: int, folder: Path) -> Tally:
    """Close a real viewer on a run that trains, at a random moment of its start: it and its child end cleanly."""
    tally, rng = Tally(), random.Random(41)
    with reaped(RunStore(folder / "runs")) as store:
        from genexplorer.workers import launcher

        run = create(store, "vae")
        launcher.start(run)
        at_step(run, 50)
        for _ in range(count):
            milliseconds = rng.choice((0, 1, rng.randrange(300), rng.randrange(3_000)))
            with tally.attempt(f"closed after {milliseconds} ms"):
                _opened_and_closed(run, milliseconds)
                before = store.status(run).step
                at_step(run, before + 1)
        kill(run)
    return tally


def _opened_and_closed(run: Path, milliseconds: int) -> None:
    command = [sys.executable, "-X", "faulthandler", "-c", _VIEWER, str(milliseconds), str(run)]
    viewer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **_OFFSCREEN})
    try:
        children = _children_until_the_end(viewer)
        said = viewer.stderr.read() if viewer.stderr else ""
        assert viewer.returncode == 0, f"{viewer.returncode}: {said[-300:]}"
        assert "Traceback" not in said and "QThread" not in said, said[-300:]
        until(lambda: not any(child.is_running() for child in children), "its child is gone", 10)
    finally:
        viewer.kill()
        viewer.wait()
        if viewer.stderr:
            viewer.stderr.close()


def _children_until_the_end(viewer: "subprocess.Popen[str]") -> set[psutil.Process]:
    """Wait for the end of a viewer; return the processes that it started."""
    found: set[psutil.Process] = set()
    process, end = psutil.Process(viewer.pid), time.monotonic() + 60
    while viewer.poll() is None:
        assert time.monotonic() < end, "it does not close"
        try:
            found.update(process.children(recursive=True))
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    viewer.wait(10)
    return found


def broken_slots(count: int, folder: Path) -> Tally:
    """Let one method after the other of every tab of the viewer raise: the window stands and says so."""
    tally, run = Tally(), write_run(folder / "runs", steps=700)
    (folder / "state").mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "tests.fault_injection.viewer_resize",
        str(run),
        str(folder / "state"),
    ]
    environment = {**os.environ, **_OFFSCREEN, "GENEXPLORER_STATE": str(folder / "state")}
    done = subprocess.run([*command, str(count)], capture_output=True, text=True, env=environment, check=False)
    for line in done.stdout.splitlines():
        told = json.loads(line)
        with tally.attempt(told["name"]):
            assert told["said"], "nothing was said of it"
            assert told["healthy"], "the window does not go on"
    with tally.attempt("the process"):
        assert done.returncode == 0, f"it ended with {done.returncode}: {done.stderr[-300:]}"
    shutil.rmtree(run)
    return tally


CASES = (
    FaultCase(
        name="resizes",
        fault=f"{RESIZES} resizes of the dashboard's terminal in {RESIZED_IN_S:.0f} s, down to 1 × 1",
        guarantee="it continues, responds to a key, and quits on request",
        full=5,
        short=0,
        run=resized,
    ),
    FaultCase(
        name="closed-viewer",
        fault="the viewer is closed at a random moment of its start, during a training",
        guarantee="it exits cleanly, none of its processes is left, the training continues",
        full=100,
        short=0,
        run=closed_while_loading,
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
