"""The client of the model process, which sends requests without waiting and receives responses on a thread."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from genexplorer.errors import UserError, WorkerError
from genexplorer.explore.process import ChildProcess, OnResponse
from genexplorer.explore.protocol import (
    ABANDON,
    LANES,
    Failure,
    Lane,
    Progress,
    ProtocolError,
    Request,
    Response,
    to_wire,
)

DEFAULT_LOADER = "trainers.inference.session:load"
RequestKey = tuple[str, str]  # lane and topic
_CALL_TOPIC_PREFIX = "call "  # each call has a topic of its own with this prefix, so that none replaces another


@dataclass
class _PendingCall:
    """A caller that waits for one result."""

    on_progress: Callable[[Progress], None] | None
    done: threading.Event = field(default_factory=threading.Event)
    response: Response | None = None
    failure: str = ""


class ExplorerClient:
    """Sends requests to a model process, which is started when first needed and restarted after a crash.

    Every method may be called from any thread, and only `call` waits. The callbacks are called on the process's reading
    thread, in the order of the responses; within a lane and topic, their request numbers only grow. During a drag, a
    response may belong to an older request than the newest.

    Args:
        on_response: Receives every response except those of `call`.
        on_exit: Receives the reason, in one line, when the process exited; its pending requests get no response. Not
            called after `close`.
        threads: The maximum number of threads of the process; 0 lets it take its share of the machine's cores.
        loader: The function that loads a snapshot there, "module:function".
    """

    def __init__(
        self, on_response: OnResponse, on_exit: Callable[[str], None], *, threads: int = 0, loader: str = DEFAULT_LOADER
    ) -> None:
        self._on_response = on_response
        self._on_exit = on_exit
        self._threads = threads
        self._loader = loader
        self._condition = threading.Condition()
        self._pending: dict[RequestKey, Request] = {}
        self._calls: dict[int, _PendingCall] = {}
        self._request_number = 0
        self._child: ChildProcess | None = None
        self._writer_thread: threading.Thread | None = None
        self._closed = False

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        child = self._child
        return child is not None and child.is_alive

    def warm_up(self) -> None:
        """Start the process now, so that it has imported torch before the first request."""
        with self._condition:
            if self._child is None and not self._pending and not self._closed:
                self._enqueue("preview", "")

    def send(
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
        """Send a request without waiting; a pending one of the same lane and topic is replaced and gets no response.

        Args:
            lane: The priority: "drag", "preview" or "job".
            run: The run folder.
            op: The operation; `genexplorer.explore.protocol` lists them with their parameters.
            params: JSON values.
            arrays: Arrays by name; floats are sent as float32, integers as int64, uint8 as it is. They are copied.
            snapshot_step: The step of the snapshot; None selects the newest.
            topic: Requests of one lane with different topics do not replace each other.

        Returns:
            The number of the request, which its responses repeat; later requests have larger ones.

        Raises:
            WorkerError: if the client is closed.
            ProtocolError: if an array is not numeric.
        """
        with self._condition:
            if self._closed:
                raise WorkerError("the model process is closed", "")
            copied = {key: to_wire(array) for key, array in (arrays or {}).items()}
            folder = str(Path(run).absolute())
            return self._enqueue(lane, topic, folder, snapshot_step, op, params=dict(params or {}), arrays=copied)

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
    ) -> Response:
        """Send a request and wait for its result. Calls replace neither each other nor requests of `send`.

        Args:
            run: The run folder.
            op: The operation.
            params: JSON values.
            arrays: Arrays by name, as for `send`.
            snapshot_step: The step of the snapshot; None selects the newest.
            lane: The priority: "drag", "preview" or "job".
            timeout_s: How long to wait for the result, in seconds.
            on_progress: Receives progress, on the process's reading thread.

        Returns:
            A response whose body is a `Result`.

        Raises:
            UserError: if the model cannot compute it.
            WorkerError: if the process crashed, did not respond in time, or the client is closed.
        """
        call = _PendingCall(on_progress)
        with self._condition:
            topic = f"{_CALL_TOPIC_PREFIX}{self._request_number + 1}"
            request_number = self.send(
                lane, run, op, params=params, arrays=arrays, snapshot_step=snapshot_step, topic=topic
            )
            self._calls[request_number] = call
        if not call.done.wait(timeout_s):
            with self._condition:
                self._calls.pop(request_number, None)
                self.cancel(lane, topic)
            raise WorkerError(f"the model process did not respond to '{op}' within {timeout_s:.0f} s", "try again")
        if call.response is None:
            raise WorkerError(f"the model process exited: {call.failure}", "try again")
        if isinstance(call.response.body, Failure):
            failure = call.response.body
            error = UserError(failure.message, failure.hint)
            error.exit_code = failure.exit_code
            raise error
        return call.response

    def cancel(self, lane: Lane, topic: str = "") -> None:
        """Cancel the request of a lane and topic, started or not; a response may still arrive."""
        with self._condition:
            self._pending.pop((lane, topic), None)
            if self._child is not None and not self._closed:
                self._enqueue(lane, topic)

    def close(self) -> None:
        """Kill the process. May be called again, and from a callback."""
        with self._condition:
            self._closed = True
            self._pending.clear()
            child, writer = self._child, self._writer_thread
            self._fail_calls("the client was closed")
            self._condition.notify_all()
        if child is not None:
            child.kill()
            child.join(2.0)
        if writer is not None and writer is not threading.current_thread():
            writer.join(2.0)
            late = self._child  # started while the client was being closed
            if late is not None and late is not child:
                late.kill()
                late.join(2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enqueue(
        self,
        lane: Lane,
        topic: str,
        run: str = "",
        snapshot_step: int | None = None,
        op: str = ABANDON,
        **contents: Mapping[str, Any],
    ) -> int:
        """Replace the pending request of a lane and topic, and wake the writing thread."""
        self._request_number += 1
        self._pending[(lane, topic)] = Request(
            lane, self._request_number, run, snapshot_step, op, topic=topic, **contents
        )
        if self._writer_thread is None:
            self._writer_thread = threading.Thread(target=self._write, name="model-requests", daemon=True)
            self._writer_thread.start()
        self._condition.notify_all()
        return self._request_number

    def _write(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._pending or self._closed)
                if self._closed:
                    return
                # Take the oldest request of the lane with the highest priority.
                request = min(self._pending.values(), key=lambda r: (LANES.index(r.lane), r.request_number))
                del self._pending[(request.lane, request.topic)]
                child = self._child if self.is_alive else None  # it may have exited unnoticed
            self._deliver(child, request)

    def _deliver(self, child: ChildProcess | None, request: Request) -> None:
        try:
            child = child or self._start_child()
            if child is not None:
                child.write(request)
        except ProtocolError as error:
            body = Failure(f"the request cannot be sent: {error}", "")
            self._receive(Response(request.lane, request.request_number, request.op, -1, body, 0.0, request.topic))
        except (OSError, ValueError) as error:
            if child is None:  # it could not be started; an exit is reported by its reading thread
                self._exited(None, f"it cannot be started: {error}")

    def _start_child(self) -> ChildProcess | None:
        child = ChildProcess(self._receive, self._exited, threads=self._threads, loader=self._loader)
        with self._condition:
            self._child = child
            if not self._closed:
                return child
        child.kill()
        return None

    def _receive(self, response: Response) -> None:
        with self._condition:
            call = self._calls.get(response.request_number)
            if call is not None and not isinstance(response.body, Progress):
                del self._calls[response.request_number]
                call.response = response
                call.done.set()
            closed = self._closed
        if call is None:
            if not closed and not response.topic.startswith(_CALL_TOPIC_PREFIX):
                self._on_response(response)
        elif isinstance(response.body, Progress) and call.on_progress is not None:
            call.on_progress(response.body)

    def _exited(self, child: ChildProcess | None, reason: str) -> None:
        with self._condition:
            if child is self._child:
                self._child = None
            self._fail_calls(reason)
            closed = self._closed
        if not closed:
            self._on_exit(reason)

    def _fail_calls(self, reason: str) -> None:
        unsent = {request.request_number for request in self._pending.values()}
        for request_number in [g for g in self._calls if g not in unsent]:
            call = self._calls.pop(request_number)
            call.failure = reason
            call.done.set()
