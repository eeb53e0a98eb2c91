"""The dashboard in a real pseudo-terminal: what it writes, and when its first screen is complete."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from benchmarks.frontends.processes import COMMAND

_ESCAPE_SEQUENCES = re.compile(
    r"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[@-Z\\-_])"
)
_CURVE = re.compile("[\u2801-\u28ff]")  # braille: lines of a curve


class Terminal:
    """A command in a terminal of so many columns and rows; leaving the block ends it."""

    def __init__(self, words: Sequence[str], environment: dict[str, str], size: tuple[int, int]) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [COMMAND, *words],
            env={**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.written = ""
        self.first_byte: float | None = None
        self._seen = 0

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.read(10.0, lambda: self.process.poll() is not None)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self._ours)

    def read(self, seconds: float, until: Callable[[], bool] | None = None) -> float:
        """Take what is written until a condition holds, or for a time; return the seconds since the start.

        Raises:
            TimeoutError: if the condition does not come true.
        """
        end = time.perf_counter() + seconds
        while until is None or not until():
            if time.perf_counter() > end:
                if until is None:
                    break
                raise TimeoutError(self.text()[-2000:])
            self._take(0.02)
        return time.perf_counter() - self.began

    def _take(self, patience_s: float) -> None:
        if select.select([self._ours], [], [], patience_s)[0]:
            try:
                self.written += os.read(self._ours, 1 << 16).decode("utf-8", "replace")
            except OSError:  # the other end is closed
                time.sleep(patience_s)
                return
            self.first_byte = self.first_byte or time.perf_counter() - self.began

    def text(self) -> str:
        """All that was written, without the codes."""
        return _ESCAPE_SEQUENCES.sub("", self.written)

    def clear(self) -> int:
        """Forget what was written; return how much."""
        count, self.written = len(self.written), ""
        return count

    def shows(self, *words: str) -> bool:
        """Whether words and a curve have been written."""
        text = self.text()
        return all(word in text for word in words) and len(_CURVE.findall(text)) > 20
