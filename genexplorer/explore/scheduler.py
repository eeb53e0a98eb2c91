"""Which question is worked on next: drag before preview before job, newest wins, long work yields between chunks."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from genexplorer.explore.protocol import ABANDON, LANES, Answer, Failure, Progress, Request, Result
from trainers.errors import UserError
from trainers.inference.chunks import Chunk

Work = Callable[[Request], tuple[int, Iterator[Chunk]]]
"""Opens the snapshot that a request asks for and returns its step and the chunks of the answer."""

Key = tuple[str, str]  # lane, topic
_PROGRESS_EVERY_S = 0.05


@dataclass
class _Task:
    request: Request
    step: int
    chunks: Iterator[Chunk]
    seconds: float = 0.0
    told: float = field(default=-1.0)  # when progress was last told


class Scheduler:
    """Keeps at most one waiting and one begun request for each lane and topic, and works on one chunk at a time.

    `put` may be called from any thread; `turn` belongs to one.

    Args:
        work: Opens a snapshot and answers.
        send: Takes answers.
    """

    def __init__(self, work: Work, send: Callable[[Answer], None]) -> None:
        self._work = work
        self._send = send
        self._waiting: dict[Key, Request] = {}
        self._begun: dict[Key, _Task] = {}
        self._changed = threading.Condition()

    def put(self, request: Request) -> None:
        """Take a request; it replaces the one of its lane and topic that has not begun."""
        with self._changed:
            self._waiting[(request.lane, request.topic)] = request
            self._changed.notify()

    def turn(self) -> None:
        """Wait until there is something to do, then do one chunk of what goes first."""
        key, request = self._next()
        if request is not None:
            self._drop(key)
            if request.op != ABANDON:
                self._begin(key, request)
        else:
            self._advance(key)

    def _next(self) -> tuple[Key, Request | None]:
        """Return what goes first; with the request where it has to begin anew."""
        with self._changed:
            while not (self._waiting or self._begun):
                self._changed.wait()
            key = min(self._waiting.keys() | self._begun.keys(), key=self._rank)
            finishes = key in self._begun and (key[0] == "drag" or key not in self._waiting)
            return key, None if finishes else self._waiting.pop(key)

    def _rank(self, key: Key) -> tuple[int, int]:
        first = self._begun[key].request if key in self._begun else self._waiting[key]
        return LANES.index(first.lane), first.generation

    def _begin(self, key: Key, request: Request) -> None:
        started = time.perf_counter()
        try:
            step, chunks = self._work(request)
        except Exception as error:
            self._answer(request, -1 if request.snapshot_step is None else request.snapshot_step, _failure(error))
            return
        self._begun[key] = _Task(request, step, chunks, seconds=time.perf_counter() - started)
        self._advance(key)

    def _advance(self, key: Key) -> None:
        task = self._begun[key]
        started = time.perf_counter()
        try:
            chunk = next(task.chunks, None)
            if chunk is None:
                raise RuntimeError("the model's answer ended without a result")
            body: Progress | Result | Failure = chunk
        except Exception as error:
            body = _failure(error)
        now = time.perf_counter()
        task.seconds += now - started
        if not isinstance(body, Progress):
            self._drop(key)
        elif now - task.told < _PROGRESS_EVERY_S:
            return
        task.told = now
        self._answer(task.request, task.step, body, task.seconds)

    def _drop(self, key: Key) -> None:
        task = self._begun.pop(key, None)
        close = getattr(task.chunks, "close", None) if task else None
        if close is not None:
            close()

    def _answer(self, request: Request, step: int, body: Progress | Result | Failure, seconds: float = 0.0) -> None:
        self._send(Answer(request.lane, request.generation, request.op, step, body, seconds, request.topic))


def _failure(error: Exception) -> Failure:
    if isinstance(error, UserError):
        return Failure(error.message, error.hint)
    traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, MemoryError):
        return Failure("not enough memory for this", "ask for fewer or smaller pictures")
    text = " ".join(str(error).split())[:200]
    return Failure(f"the explorer failed: {type(error).__name__}" + (f": {text}" if text else ""), "")
