"""A compilation in a thread of its own, so that a training stays responsive, and can be stopped, while it compiles."""

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import psutil
import torch

from trainers.compiled import toolchain

T = TypeVar("T")
ABANDON_TIMEOUT_S = 5.0
_RETRY_S = 0.2


class _AbandonedError(BaseException):
    """Raised in the thread to end it; no handler of `Exception` catches it."""


class Compilation(Generic[T]):
    """A function that compiles, running in a thread.

    Args:
        function: Compiles, and returns the result. Nothing that it reads may change while it runs.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._result: T | None = None
        self._error: BaseException | None = None
        self._num_threads = torch.get_num_threads()  # OpenMP has a number for each thread that starts others
        self._thread = threading.Thread(target=self._run, name="compilation", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; return whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def result(self) -> T:
        """Return the result, after the end.

        Raises:
            Exception: of any kind, from the compiler.
        """
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # it has ended without an error

    def abandon(self) -> None:
        """End the thread and its compiler processes, at most `ABANDON_TIMEOUT_S` later."""
        deadline = time.monotonic() + ABANDON_TIMEOUT_S
        while self._thread.is_alive() and time.monotonic() < deadline:
            # The exception is raised at the thread's next bytecode: after the compiler that it waits for.
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(_AbandonedError))
            _kill_compilers()
            self._thread.join(_RETRY_S)

    def _run(self) -> None:
        try:
            torch.set_num_threads(self._num_threads)
            self._result = self._function()
        except BaseException as error:  # reported by `result`
            self._error = error


def _kill_compilers() -> None:
    """Kill child processes that compile into the folder for compiled code."""
    folder = os.environ.get(toolchain.FOLDER_VARIABLE, "")
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if folder and any(folder in argument for argument in process.cmdline()):
                process.kill()
