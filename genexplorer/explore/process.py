"""A running model process: its pipes, the threads that read them, and why it exited."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, cast

from genexplorer.cores.environment import compute_environment
from genexplorer.explore.protocol import ProtocolError, Request, Response, read_response, write_request
from genexplorer.runs.sanitize import one_line
from trainers import openmp

OnResponse = Callable[[Response], None]
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_REAP_TIMEOUT_S = 5.0


class ChildProcess:
    """A running model process. The callbacks are called on its reading thread.

    Args:
        on_response: Receives each response.
        on_exit: Receives the process and the reason, once, after the process has been reaped.
        threads: The maximum number of threads; 0 lets it take its share of the machine's cores.
        loader: The function that loads a snapshot, "module:function".
    Raises:
        OSError: if it cannot be started.
    """

    def __init__(
        self, on_response: OnResponse, on_exit: Callable[["ChildProcess", str], None], *, threads: int, loader: str
    ) -> None:
        self._on_response = on_response
        self._on_exit = on_exit
        self._stderr_lines: deque[str] = deque(maxlen=40)
        # The child's own variables are set to one thread below: pass it the user's limit.
        max_threads = min(filter(None, (threads, openmp.default_threads())), default=0)
        command = [sys.executable, "-P", "-m", "genexplorer.explore.server"]
        self._process = subprocess.Popen(
            [*command, "--loader", loader, "--threads", str(max_threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(os.environ),
            start_new_session=True,  # Ctrl+C in the terminal is for the front end
        )
        self._stderr_thread = threading.Thread(target=self._read_stderr, name="model-stderr", daemon=True)
        self._response_thread = threading.Thread(target=self._read_responses, name="model-responses", daemon=True)
        self._stderr_thread.start()
        self._response_thread.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    def write(self, request: Request) -> None:
        """Send a request. Blocks while the pipe is full.

        Raises:
            OSError: if the process has exited.
            ProtocolError: if the request is invalid.
        """
        write_request(cast("IO[bytes]", self._process.stdin), request)  # type: ignore[arg-type]

    def kill(self) -> None:
        """Kill the process, which has no state to save. Its reading thread reaps it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def join(self, timeout_s: float) -> None:
        """Wait until it is reaped and reported, unless called from its reading thread."""
        if threading.current_thread() is not self._response_thread:
            self._response_thread.join(timeout_s)

    def _read_responses(self) -> None:
        error_text = ""
        stream = cast("IO[bytes]", self._process.stdout)
        try:
            while (response := read_response(stream)) is not None:  # type: ignore[arg-type]
                _call_safely(self._on_response, response)
        except ProtocolError as error:
            error_text = f"it sent an invalid response ({error})"
        except (OSError, ValueError):
            error_text = "its pipe broke"
        # Reap the process; its pipe closes a moment before it exits.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        self.kill()
        code = self._process.wait(_REAP_TIMEOUT_S)
        self._stderr_thread.join(1.0)  # its children may hold the pipe
        for pipe in (self._process.stdin, stream):
            with contextlib.suppress(OSError, ValueError):
                cast("IO[bytes]", pipe).close()
        # Report why it exited.
        reason = exit_reason(list(self._stderr_lines), code)
        _call_safely(self._on_exit, self, f"{error_text}; {reason}" if error_text else reason)

    def _read_stderr(self) -> None:
        stream = cast("IO[bytes]", self._process.stderr)
        with contextlib.suppress(OSError, ValueError), stream:
            while line := stream.readline(4096):
                text = one_line(line.decode("utf-8", "replace"), 300)
                if text:
                    self._stderr_lines.append(text)


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the process: it starts with one thread, and idle threads of OpenMP sleep soon.

    Small memory pages: huge ones, which make training faster, delay the first response by 0.2 s.
    """
    limits = dict.fromkeys(_THREAD_VARIABLES, "1")
    return {"MIMALLOC_ALLOW_THP": "0", **compute_environment(base), **limits, "PYTHONUNBUFFERED": "1"}


def exit_reason(lines: list[str], code: int) -> str:
    """Return in one line why a process exited, from its last output and its exit status."""
    if code < 0:
        name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else f"signal {-code}"
        cause = f"killed by {name}" + (", perhaps out of memory" if code == -signal.SIGKILL else "")
    else:
        cause = f"exit status {code}"
    return f"{lines[-1]} ({cause})" if lines else cause


def _call_safely(function: Callable[..., None], *arguments: object) -> None:
    """Call a front end's callback; an exception is reported to threading.excepthook and the thread continues."""
    try:
        function(*arguments)
    except Exception as error:
        thread = threading.current_thread()
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))
