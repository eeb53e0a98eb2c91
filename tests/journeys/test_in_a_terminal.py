"""In a terminal, training opens the dashboard; leaving it leaves the training alone."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from tests.journeys.conftest import DEADLINE_S, TINY, Shell

pytestmark = pytest.mark.process


class Terminal:
    """A pseudo-terminal of 80×24 and what was written to it."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.shown = b""

    def read_until(self, text: bytes) -> None:
        """Collect output until a text has come."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown[-2000:]
            self._take(0.2)

    def drain_until_end_of(self, process: "subprocess.Popen[bytes]") -> int:
        """Collect output until a process has ended and return its exit code."""
        deadline = time.monotonic() + DEADLINE_S
        while process.poll() is None:
            assert time.monotonic() < deadline, self.shown[-2000:]
            self._take(0.2)
        self._take(0.2)
        return int(process.returncode)

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._ours, keys)

    def close(self) -> None:
        """Hang up."""
        os.close(self._ours)
        os.close(self.theirs)

    def _take(self, timeout_s: float) -> None:
        if select.select([self._ours], [], [], timeout_s)[0]:
            self.shown += os.read(self._ours, 65536)


def test_the_dashboard_is_attached_and_left_without_touching_the_training(shell: Shell) -> None:
    terminal = Terminal()
    command = ["train", "vae-2d", *TINY, "--steps", "200000", "--name", "watched"]
    process = subprocess.Popen(
        [sys.executable, "-m", "genexplorer.cli", *command],
        stdin=terminal.theirs,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
        start_new_session=True,
        cwd=shell.folder,
        env={**shell.environment, "TERM": "xterm-256color"},
    )
    try:
        terminal.read_until(b"\x1b[?1049h")  # the full screen of the dashboard
        terminal.read_until(b"watched")
        shell.wait_for("watched", lambda run: run["step"] > 0)
        terminal.press(b"q")
        assert terminal.drain_until_end_of(process) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        terminal.close()
    assert b"\x1b[?1049l" in terminal.shown, "the screen is given back"
    assert b"goes on training" in terminal.shown
    assert b"Traceback" not in terminal.shown
    before = shell.show("watched")
    assert before["status"] == "running"
    shell.wait_for("watched", lambda run: run["step"] > before["step"])
    shell("runs", "stop", "watched")
