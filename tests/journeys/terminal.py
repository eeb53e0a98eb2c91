"""A pseudo-terminal with a program in it, and the screen that its output draws."""

import codecs
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.cells import cell_len

from tests.journeys.conftest import DEADLINE_S

_TOKEN = re.compile(
    r"\x1b\[(?P<position>\d+;\d+)H"  # cursor position
    r"|\x1b\[[?>=<]?[\d;]*[ $]?[A-Za-z~]"  # colors and modes
    r"|\x1b[P\]_].*?(?:\x1b\\|\x07)"  # titles and queries
    r"|[\r\n]|[^\x1b]"
)
_FULL_SCREEN = "\x1b[?1049h"
_UNFINISHED = re.compile(
    r"\x1b(?:\[[?>=<]?[\d;]*[ $]?|[P\]_][^\x07\x1b]*\x1b?)?$"
)  # a sequence whose end is not read yet


class Terminal:
    """A program in a terminal of its own; leaving the `with` block kills it.

    Args:
        command: What to run.
        folder: Working directory.
        environment: Environment variables. COLUMNS and LINES are dropped: the terminal tells its own size.
        columns: Width of the terminal in cells.
        rows: Height of the terminal in cells.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], columns: int = 80, rows: int = 24
    ) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.output = b""
        self._screen = Screen()
        kept = {key: value for key, value in environment.items() if key not in ("COLUMNS", "LINES")}
        self._process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            cwd=folder,
            env={**kept, "TERM": "xterm-256color"},
        )
        os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._master)

    def read_until(self, text: bytes) -> None:
        """Collect output until a text has come."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.output:
            assert time.monotonic() < deadline, self.output[-2000:]
            self._read(0.2)

    def read_until_screen(self, expected: Callable[[list[str]], bool]) -> None:
        """Collect output until the lines of the screen are as expected."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            lines = self._screen.lines
            if expected(lines):
                return
            assert time.monotonic() < deadline, "\n".join(lines)
            self._read(0.2)

    def wait(self) -> int:
        """Collect output until the program has ended and return its exit code."""
        deadline = time.monotonic() + DEADLINE_S
        while self._process.poll() is None:
            assert time.monotonic() < deadline, self.output[-2000:]
            self._read(0.2)
        self._read(0.2)
        return int(self._process.returncode)

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def _read(self, timeout_s: float) -> None:
        if select.select([self._master], [], [], timeout_s)[0]:
            try:
                output = os.read(self._master, 65536)
            except OSError:  # Linux reports the end of the other side as an error
                return
            self.output += output
            self._screen.feed(output)


class Screen:
    """The text that output has drawn; colors are ignored.

    The output may end anywhere: a character or an escape sequence of which only the first bytes have come is drawn when
    the others have.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unfinished = ""
        self._cells: dict[tuple[int, int], str] = {}
        self._row, self._column = 0, 0

    def feed(self, output: bytes) -> None:
        """Draw more output."""
        text_read = self._unfinished + self._decoder.decode(output)
        unfinished = _UNFINISHED.search(text_read)
        self._unfinished = unfinished.group() if unfinished else ""
        for token in _TOKEN.finditer(text_read[: len(text_read) - len(self._unfinished)]):
            text = token.group()
            if text == _FULL_SCREEN:
                self._cells.clear()
                self._row, self._column = 0, 0
            elif token.group("position"):
                self._row, self._column = (int(number) - 1 for number in token.group("position").split(";"))
            elif text == "\n":
                self._row += 1
            elif text == "\r":
                self._column = 0
            elif not text.startswith("\x1b"):
                self._cells[self._row, self._column] = text
                self._column += cell_len(text)

    @property
    def lines(self) -> list[str]:
        """The lines, each as wide as the last cell written."""
        widths: dict[int, int] = {}
        for row, column in self._cells:
            widths[row] = max(widths.get(row, 0), column + 1)
        return [
            "".join(self._cells.get((row, column), " ") for column in range(widths.get(row, 0)))
            for row in range(1 + max(widths, default=-1))
        ]


def screen_of(output: bytes) -> list[str]:
    """Return the lines that output has drawn."""
    screen = Screen()
    screen.feed(output)
    return screen.lines
