"""The dashboard in a pseudo-terminal of its own."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

from tests.fixtures.waiting import wait_until

DEADLINE_S = 20.0


class DashboardProcess:
    """The dashboard on a run, as a child process; leaving the `with` block closes its terminal and kills it."""

    def __init__(self, run: Path) -> None:
        self.pid, self._terminal = pty.fork()
        self._wait_status: int | None = None
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            options = [run.name, "--runs-dir", str(run.parent)]
            os.execv(sys.executable, [sys.executable, "-m", "genexplorer.cli", "dashboard", *options])

    def __enter__(self) -> "DashboardProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        if self._wait_status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def press(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self._terminal, keys)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the terminal and notify the dashboard."""
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def hang_up(self) -> None:
        """Close the terminal."""
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    def read_for(self, seconds: float) -> bytes:
        """Read all output for a while: a terminal that is not read blocks its writer."""
        end, output = time.monotonic() + seconds, b""
        while select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            try:
                output += os.read(self._terminal, 65536)
            except OSError:  # the other side is closed
                break
        return output

    def read_until(self, text: bytes) -> bytes:
        """Read output until a text appears; return all of it.

        Raises:
            AssertionError: if it does not appear in time.
        """
        output, end = b"", time.monotonic() + DEADLINE_S
        while text not in output:
            assert time.monotonic() < end, f"{text!r} was not shown: {output[-300:]!r}"
            output += self.read_for(0.05)
        return output

    def wait_for_exit(self) -> int:
        """Return the exit code once the process has ended; output is read until then.

        Raises:
            AssertionError: if it does not exit in time.
        """
        wait_until(self._has_exited, "the dashboard exits", DEADLINE_S)
        assert self._wait_status is not None
        return os.waitstatus_to_exitcode(self._wait_status)

    def _has_exited(self) -> bool:
        if self._terminal >= 0:
            self.read_for(0.05)
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self._wait_status = status
        return bool(pid)
