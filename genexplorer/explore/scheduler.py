"""The order of work in the model process: by lane, the newest request of a topic, one chunk at a time."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from genexplorer.explore.protocol import ABANDON, LANES, Failure, Progress, Request, Response, Result
from trainers.errors import UserError
from trainers.inference.chunks import Chunk

StartOperation = Callable[[Request], tuple[int, Iterator[Chunk]]]
"""Opens the requested snapshot and returns its step and the chunks of the result."""

RequestKey = tuple[str, str]  # lane and topic
_PROGRESS_INTERVAL_S = 0.05


@dataclass
class _Task:
    request: Request
    step: int
    chunks: Iterator[Chunk]
    seconds: float = 0.0
    last_progress_s: float = -1.0  # when progress was last sent, by time.perf_counter


class Scheduler:
    """Holds at most one pending and one started request for each lane and topic, and works on one chunk at a time.

    `submit` may be called from any thread, `run_next` from one only.

    Args:
        start_operation: Opens the snapshot of a request, and returns its step and the chunks of the result.
        send: Sends a response.
    """

    def __init__(self, start_operation: StartOperation, send: Callable[[Response], None]) -> None:
        self._start_operation = start_operation
        self._send = send
        self._pending: dict[RequestKey, Request] = {}
        self._started: dict[RequestKey, _Task] = {}
        self._condition = threading.Condition()

    def submit(self, request: Request) -> None:
        """Add a request; it replaces the one of its lane and topic that has not started."""
        with self._condition:
            self._pending[(request.lane, request.topic)] = request
            self._condition.notify()

    def run_next(self) -> None:
        """Wait for a request, then compute one chunk of the first one."""
        with self._condition:
            self._condition.wait_for(lambda: self._pending or self._started)
            key = min(self._pending.keys() | self._started.keys(), key=self._priority)
            # A newer request replaces one that has started, except in lane "drag".
            finishes = key in self._started and (key[0] == "drag" or key not in self._pending)
            request = None if finishes else self._pending.pop(key)
        if request is None:
            self._advance(key)
            return
        self._close_task(key)
        if request.op != ABANDON:
            self._start(key, request)

    def _priority(self, key: RequestKey) -> tuple[int, int]:
        first = self._started[key].request if key in self._started else self._pending[key]
        return LANES.index(first.lane), first.request_number

    def _start(self, key: RequestKey, request: Request) -> None:
        start = time.perf_counter()
        try:
            step, chunks = self._start_operation(request)
        except Exception as error:
            self._respond(request, -1 if request.snapshot_step is None else request.snapshot_step, _failure(error))
            return
        self._started[key] = _Task(request, step, chunks, seconds=time.perf_counter() - start)
        self._advance(key)

    def _advance(self, key: RequestKey) -> None:
        task = self._started[key]
        started = time.perf_counter()
        try:
            chunk = next(task.chunks, None)
            if chunk is None:
                raise RuntimeError("the operation ended without a result")
            body: Progress | Result | Failure = chunk
        except Exception as error:
            body = _failure(error)
        now = time.perf_counter()
        task.seconds += now - started
        if not isinstance(body, Progress):
            self._close_task(key)
        elif now - task.last_progress_s < _PROGRESS_INTERVAL_S:
            return
        task.last_progress_s = now
        self._respond(task.request, task.step, body, task.seconds)

    def _close_task(self, key: RequestKey) -> None:
        task = self._started.pop(key, None)
        close = getattr(task.chunks, "close", None) if task else None
        if close is not None:
            close()

    def _respond(self, request: Request, step: int, body: Progress | Result | Failure, seconds: float = 0.0) -> None:
        self._send(Response(request.lane, request.request_number, request.op, step, body, seconds, request.topic))


def _failure(error: Exception) -> Failure:
    if isinstance(error, UserError):
        return Failure(error.message, error.hint, error.exit_code)
    traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, MemoryError):
        return Failure("not enough memory", "request fewer or smaller images")
    text = " ".join(str(error).split())[:200]
    return Failure(f"the model process failed: {type(error).__name__}" + (f": {text}" if text else ""), "")
