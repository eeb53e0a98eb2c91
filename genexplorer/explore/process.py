"""One explorer child as a process: its pipes, the threads that read them, its end and its last words."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, cast

from genexplorer.cores.environment import computing
from genexplorer.explore.protocol import Answer, ProtocolError, Request, read_answer, write_request
from genexplorer.runs.sanitize import one_line

OnAnswer = Callable[[Answer], None]
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_REAP_S = 5.0


class ChildProcess:
    """A running child. The callbacks come on its reading thread.

    Args:
        on_answer: Takes each answer.
        on_end: Takes the last words, once, after the process has been reaped.
        threads: How many threads it may compute with at most; 0 is its share of the machine's cores.
        loader: What opens snapshots, "module:function".
    Raises:
        OSError: if it cannot be started.
    """

    def __init__(
        self, on_answer: OnAnswer, on_end: Callable[["ChildProcess", str], None], *, threads: int, loader: str
    ) -> None:
        self._on_answer = on_answer
        self._on_end = on_end
        self._said: deque[str] = deque(maxlen=40)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "genexplorer.explore.server", "--loader", loader, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(os.environ),
            start_new_session=True,  # a Ctrl+C in the face's terminal is for the face
        )
        self._listener = threading.Thread(target=self._listen, name="explorer-stderr", daemon=True)
        self._reader = threading.Thread(target=self._read, name="explorer-answers", daemon=True)
        self._listener.start()
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    def write(self, request: Request) -> None:
        """Send a question. Blocks while the pipe is full.

        Raises:
            OSError: if the child has gone.
            ProtocolError: if the question cannot be sent as it is.
        """
        write_request(cast("IO[bytes]", self._process.stdin), request)  # type: ignore[arg-type]

    def kill(self) -> None:
        """End it now: it keeps nothing that could be lost. It is reaped by its reading thread."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def join(self, timeout_s: float) -> None:
        """Wait until it is reaped and told, unless called from its own reading thread."""
        if threading.current_thread() is not self._reader:
            self._reader.join(timeout_s)

    def _read(self) -> None:
        told = ""
        stream = cast("IO[bytes]", self._process.stdout)
        try:
            while (answer := read_answer(stream)) is not None:  # type: ignore[arg-type]
                _shielded(self._on_answer, answer)
        except ProtocolError as error:
            told = f"it sent what is not an answer ({error})"
        except (OSError, ValueError):
            told = "its pipe broke"
        words = self._reap() if not told else f"{told}; {self._reap()}"
        _shielded(self._on_end, self, words)

    def _reap(self) -> str:
        if self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)  # its pipe closes a moment before it is gone
        self.kill()
        code = self._process.wait(_REAP_S)
        self._listener.join(1.0)  # grandchildren may hold the pipe: do not wait for ever
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                cast("IO[bytes]", stream).close()
        return exit_reason(list(self._said), code)

    def _listen(self) -> None:
        stream = cast("IO[bytes]", self._process.stderr)
        with contextlib.suppress(OSError, ValueError), stream:
            while line := stream.readline(4096):
                text = one_line(line.decode("utf-8", "replace"), 300)
                if text:
                    self._said.append(text)


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return a child's environment: one thread until it knows its share; threads that wait soon sleep.

    Its memory comes in small pages: large ones, which make a training faster, hold up the first answer for 0.2 s.
    """
    limits = dict.fromkeys(_THREAD_VARIABLES, "1")
    return {"MIMALLOC_ALLOW_THP": "0", **computing(base), **limits, "PYTHONUNBUFFERED": "1"}


def exit_reason(said: list[str], code: int) -> str:
    """Return in one line why a process ended, from what it said last and its exit status."""
    if code < 0:
        name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else f"signal {-code}"
        cause = f"ended by {name}" + (", perhaps for want of memory" if code == -signal.SIGKILL else "")
    else:
        cause = f"ended with status {code}"
    return f"{said[-1]} ({cause})" if said else cause


def _shielded(function: Callable[..., None], *arguments: object) -> None:
    """Call what belongs to a face; its failure is told like any thread's, and the thread goes on."""
    try:
        function(*arguments)
    except Exception as error:
        thread = threading.current_thread()
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))
