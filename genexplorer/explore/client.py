"""The face's end of the explorer: questions go out without waiting, answers come back on a thread."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from genexplorer.errors import UserError, WorkerError
from genexplorer.explore.process import ChildProcess, OnAnswer
from genexplorer.explore.protocol import (
    ABANDON,
    LANES,
    Answer,
    Failure,
    Lane,
    Progress,
    ProtocolError,
    Request,
    portable,
)

LOADER = "trainers.inference.session:load"
Key = tuple[str, str]  # lane, topic
_CALL = "call "  # how the topics of calls begin: each has its own, so that none replaces another


@dataclass
class _Call:
    """A caller that waits for one answer."""

    on_progress: Callable[[Progress], None] | None
    done: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None
    failure: str = ""


class ExplorerClient:
    """Asks models through a child process that is started when first needed and anew after it died.

    Every method may be called from any thread and none but `call` waits. The callbacks come on the child's reading
    thread, in the order of the child's answers; within a lane and topic generations only grow, so a face keeps the
    newest it has seen. A steady drag is answered on the way: each answer may belong to an older generation than the
    last one asked.

    Args:
        on_answer: Takes every answer but those of `call`.
        on_exit: Takes the last words of a child that died, in one line; what was asked of it stays unanswered. Not
            called for `close`.
        threads: How many threads the child computes with at most; 0 is its share of the machine's cores.
        loader: What opens snapshots in the child, "module:function".
    """

    def __init__(
        self, on_answer: OnAnswer, on_exit: Callable[[str], None], *, threads: int = 0, loader: str = LOADER
    ) -> None:
        self._on_answer = on_answer
        self._on_exit = on_exit
        self._threads = threads
        self._loader = loader
        self._changed = threading.Condition()
        self._pending: dict[Key, Request] = {}
        self._calls: dict[int, _Call] = {}
        self._generation = 0
        self._child: ChildProcess | None = None
        self._writer: threading.Thread | None = None
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether a child is running."""
        child = self._child
        return child is not None and child.alive

    def warm(self) -> None:
        """Start the child now: it imports what answers while the face is being made, not at its first question."""
        with self._changed:
            if self._child is None and not self._pending and not self._closed:
                self._generation += 1
                self._pending[("preview", "")] = Request("preview", self._generation, "", None, ABANDON)
                self._wake()

    def ask(
        self,
        lane: Lane,
        run: Path,
        op: str,
        *,
        params: Mapping[str, object] | None = None,
        arrays: Mapping[str, Any] | None = None,
        snapshot_step: int | None = None,
        topic: str = "",
    ) -> int:
        """Ask without waiting. A question of the same lane and topic that waits is replaced, and never answered.

        Args:
            lane: "drag", "preview" or "job": which goes first.
            run: The run folder.
            op: The operation; `genexplorer.explore.protocol` lists them with their parameters.
            params: JSON values.
            arrays: By name; floats travel as float32, integers as int64, uint8 as it is. They are copied.
            snapshot_step: Which snapshot; None is the newest.
            topic: Questions of one lane with different topics do not replace each other.
        Returns:
            The question's generation, which its answers carry; later questions have larger ones.
        Raises:
            WorkerError: if the client is closed.
            ProtocolError: if an array is not of numbers.
        """
        with self._changed:
            return self._put(lane, run, op, params, arrays, snapshot_step, topic)

    def call(
        self,
        run: Path,
        op: str,
        *,
        params: Mapping[str, object] | None = None,
        arrays: Mapping[str, Any] | None = None,
        snapshot_step: int | None = None,
        lane: Lane = "job",
        timeout_s: float = 120.0,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Answer:
        """Ask and wait for the result. Calls do not replace each other, nor what was asked with `ask`.

        Args:
            run: The run folder.
            op: The operation.
            params: JSON values.
            arrays: By name, as for `ask`.
            snapshot_step: Which snapshot; None is the newest.
            lane: What goes before what.
            timeout_s: How long to wait in all.
            on_progress: Takes progress, on the child's reading thread.
        Returns:
            An answer whose body is a `Result`.
        Raises:
            UserError: if the model cannot answer: the one line and its hint.
            WorkerError: if the child died, did not answer in time, or the client is closed.
        """
        waiting = _Call(on_progress)
        with self._changed:
            generation = self._put(lane, run, op, params, arrays, snapshot_step, None)
            self._calls[generation] = waiting
        if not waiting.done.wait(timeout_s):
            with self._changed:
                self._calls.pop(generation, None)
                self._drop(lane, f"{_CALL}{generation}")
            raise WorkerError(f"the explorer did not answer '{op}' within {timeout_s:.0f} s", "try again")
        if waiting.answer is None:
            raise WorkerError(f"the explorer ended: {waiting.failure}", "try again")
        if isinstance(waiting.answer.body, Failure):
            raise UserError(waiting.answer.body.message, waiting.answer.body.hint)
        return waiting.answer

    def abandon(self, lane: Lane, topic: str = "") -> None:
        """Let go of what was asked in a lane and topic, begun or not; an answer already under way may still come."""
        with self._changed:
            self._drop(lane, topic)

    def close(self) -> None:
        """End the child at once, and everything with it. May be called again, and from a callback."""
        with self._changed:
            self._closed = True
            self._pending.clear()
            child, writer = self._child, self._writer
            self._fail_calls("it was closed")
            self._changed.notify_all()
        if child is not None:
            child.kill()
            child.join(2.0)
        if writer is not None and writer is not threading.current_thread():
            writer.join(2.0)
            late = self._child  # started while it was being closed
            if late is not None and late is not child:
                late.kill()
                late.join(2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(
        self,
        lane: Lane,
        run: Path,
        op: str,
        params: Mapping[str, object] | None,
        arrays: Mapping[str, Any] | None,
        snapshot_step: int | None,
        topic: str | None,
    ) -> int:
        if self._closed:
            raise WorkerError("the explorer is closed", "")
        self._generation += 1
        name = f"{_CALL}{self._generation}" if topic is None else topic
        copied = {key: portable(array) for key, array in (arrays or {}).items()}
        where = str(Path(run).absolute())
        request = Request(lane, self._generation, where, snapshot_step, op, dict(params or {}), copied, name)
        self._pending[(lane, name)] = request
        self._wake()
        return self._generation

    def _drop(self, lane: Lane, topic: str) -> None:
        self._pending.pop((lane, topic), None)
        if self._child is not None and not self._closed:
            self._generation += 1
            self._pending[(lane, topic)] = Request(lane, self._generation, "", None, ABANDON, topic=topic)
            self._wake()

    def _wake(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="explorer-questions", daemon=True)
            self._writer.start()
        self._changed.notify_all()

    def _write(self) -> None:
        while True:
            with self._changed:
                while not (self._pending or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                request = self._first()
                child = self._child if self.alive else None  # it may have died before it was known here
            self._deliver(child, request)

    def _first(self) -> Request:
        key = min(self._pending, key=lambda k: (LANES.index(self._pending[k].lane), self._pending[k].generation))
        return self._pending.pop(key)

    def _deliver(self, child: ChildProcess | None, request: Request) -> None:
        try:
            child = child or self._started()
            if child is not None:
                child.write(request)
        except ProtocolError as error:
            body = Failure(f"this question cannot be sent: {error}", "")
            self._take(Answer(request.lane, request.generation, request.op, -1, body, 0.0, request.topic))
        except (OSError, ValueError) as error:
            if child is None:  # it could not be started; one that died is told by its reading thread
                self._ended(None, f"it cannot be started: {error}")

    def _started(self) -> ChildProcess | None:
        child = ChildProcess(self._take, self._ended, threads=self._threads, loader=self._loader)
        with self._changed:
            self._child = child
            if not self._closed:
                return child
        child.kill()
        return None

    def _take(self, answer: Answer) -> None:
        with self._changed:
            waiting = self._calls.get(answer.generation)
            if waiting is not None and not isinstance(answer.body, Progress):
                del self._calls[answer.generation]
                waiting.answer = answer
                waiting.done.set()
            closed = self._closed
        if waiting is None:
            if not closed and not answer.topic.startswith(_CALL):
                self._on_answer(answer)
        elif isinstance(answer.body, Progress) and waiting.on_progress is not None:
            waiting.on_progress(answer.body)

    def _ended(self, child: ChildProcess | None, words: str) -> None:
        with self._changed:
            if child is self._child:
                self._child = None
            self._fail_calls(words)
            closed = self._closed
        if not closed:
            self._on_exit(words)

    def _fail_calls(self, words: str) -> None:
        unsent = {request.generation for request in self._pending.values()}
        for generation in [g for g in self._calls if g not in unsent]:
            waiting = self._calls.pop(generation)
            waiting.failure = words
            waiting.done.set()
