"""Requests of the viewer to the model of the open run, which another process computes.

Widgets send a `ModelRequest` through the `RequestGroup` of their tab. For each lane and topic, `ModelClient` has at
most one request in flight, and stores the newest one that waits for it. A drag produces requests faster than a model
computes them: this way every response is shown, and none is older than necessary. Responses arrive on the client's
thread and are delivered in Qt's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from genexplorer.errors import UserError
from genexplorer.explore.protocol import Array, Failure, Lane, Progress, ProtocolError, Response, Result

if TYPE_CHECKING:
    from genexplorer.explore.client import ExplorerClient


@dataclass(frozen=True)
class ModelResponse:
    """A successful response: arrays and meta as `genexplorer.explore.protocol` describes them."""

    arrays: Mapping[str, Array]
    meta: Mapping[str, object]
    step: int  # the step of the snapshot that computed it
    seconds: float  # the time that the model process computed


OnResult = Callable[[ModelResponse], None]
OnProgress = Callable[[float, str], None]  # fraction, message
OnFailure = Callable[[str, str], None]  # message, hint
MakeClient = Callable[[Callable[[Response], None], Callable[[str], None]], "ExplorerClient"]
_Key = tuple[Lane, str]  # lane, topic


@dataclass(frozen=True)
class ModelRequest:
    """An operation of the model and the callbacks for its outcome.

    Args:
        op: The operation; `genexplorer.explore.protocol` lists them with their parameters and arrays.
        on_result: Receives the response.
        params: JSON values.
        arrays: Arrays by name; floats are sent as float32, integers as int64, uint8 as it is.
        step: The snapshot's step; None for the newest.
        on_failure: Receives message and hint; by default the tab shows them.
        on_progress: Receives the fraction that is done, 0 to 1, and a message, between chunks of long work.
    """

    op: str
    on_result: OnResult
    params: Mapping[str, object] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    step: int | None = None
    on_failure: OnFailure | None = None
    on_progress: OnProgress | None = None


@dataclass
class _Slot:
    """The requests of one lane and topic."""

    in_flight: ModelRequest | None = None
    request_number: int = 0  # of the request in flight
    waiting: ModelRequest | None = None


class ModelClient(QObject):
    """Sends requests to the model of the open run and delivers the responses in Qt's thread.

    Signals:
        result_received(op, seconds, step): A result arrived.
        busy_changed(bool): Whether any request is pending.
        exited(str): The model's process ended, with the reason; the next request starts a new one.
        failed(str): A request without `on_failure` failed.
    """

    result_received = pyqtSignal(str, float, int)
    busy_changed = pyqtSignal(bool)
    exited = pyqtSignal(str)
    failed = pyqtSignal(str)
    _response_arrived = pyqtSignal(object)
    _client_exited = pyqtSignal(str)

    def __init__(self, make_client: MakeClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._slots: dict[_Key, _Slot] = {}
        self._was_busy = False
        self._closed = False
        # The client calls from its own thread: queued signals carry the calls over to Qt's.
        self._response_arrived.connect(self.receive, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]
        self._client_exited.connect(self._on_exit, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]
        self._client = make_client(self._response_arrived.emit, self._client_exited.emit)

    def set_run(self, folder: Path | None) -> None:
        """Send later requests to another run; cancel the pending ones."""
        for lane, topic in list(self._slots):
            self.cancel(lane, topic)
        self._folder = folder

    def warm_up(self) -> None:
        """Start the model process now, because a request follows soon."""
        if not self._closed:
            self._client.warm_up()

    def send(self, lane: Lane, topic: str, request: ModelRequest) -> None:
        """Send a request, or store it until the one in flight of its lane and topic has its response.

        A request that is still waiting is replaced by a newer one. Without a run nothing happens.

        Args:
            lane: "drag" for images that follow the mouse, "preview" for the content of a tab, "job" for long work.
            topic: Requests of different topics do not replace each other.
            request: What to compute, and the callbacks. Exactly one of `on_result` and `on_failure` is called, unless
                the request is replaced or canceled.
        """
        if self._folder is None or self._closed:
            return
        self._slots.setdefault((lane, topic), _Slot()).waiting = request
        self._advance((lane, topic))

    def cancel_waiting(self, lane: Lane, topic: str) -> None:
        """Discard a request that waits; the response to one in flight is still delivered."""
        if (lane, topic) in self._slots:
            self._slots[lane, topic].waiting = None

    def cancel(self, lane: Lane, topic: str) -> None:
        """Cancel a request, waiting or in flight: its response is not delivered."""
        slot = self._slots.pop((lane, topic), None)
        if slot is not None and slot.in_flight is not None:
            self._client.cancel(lane, topic)
        self._report_busy()

    def is_pending(self, lane: Lane, topic: str | None = None) -> bool:
        """Return True while a request of a lane waits or is in flight, of one topic or, for None, of any."""
        return any(
            slot.in_flight is not None or slot.waiting is not None
            for (other, name), slot in self._slots.items()
            if other == lane and topic in (None, name)
        )

    @property
    def is_busy(self) -> bool:
        """True while any request is pending."""
        return bool(self._slots)

    def close(self) -> None:
        """End the model's process; nothing is delivered any more."""
        self._closed = True
        self._slots.clear()
        self._client.close()

    def receive(self, response: Response) -> None:
        """Deliver a response, unless its request was canceled or another one took its place. In Qt's thread."""
        key = (response.lane, response.topic)
        slot = self._slots.get(key)
        if slot is None or slot.in_flight is None or slot.request_number != response.request_number:
            return
        request = slot.in_flight
        match response.body:
            case Progress(fraction, message):
                if request.on_progress is not None:
                    request.on_progress(fraction, message)
            case Result(arrays, meta):
                self.result_received.emit(response.op, response.seconds, response.snapshot_step)
                model_response = ModelResponse(arrays, meta, response.snapshot_step, response.seconds)
                self._finish(key, partial(request.on_result, model_response))
            case Failure(message, hint):
                self._finish(key, partial(self._fail, request, message, hint))

    def _on_exit(self, reason: str) -> None:
        if self._closed:
            return
        message = f"The model's process ended: {reason or 'it gave no reason'}"
        self.exited.emit(message)
        for key, slot in list(self._slots.items()):
            if slot.in_flight is not None and slot is self._slots.get(key):
                on_failure = slot.in_flight.on_failure or _ignore  # `exited` has reported it already
                self._finish(key, partial(on_failure, message, "the next request starts a new one"))

    def _finish(self, key: _Key, deliver: Callable[[], None]) -> None:
        """End the request in flight, deliver its outcome, and send the one that waits, whatever the callback does."""
        self._slots[key].in_flight = None
        try:
            deliver()
        finally:
            self._advance(key)

    def _advance(self, key: _Key) -> None:
        """Send the waiting request if none is in flight."""
        slot = self._slots.get(key)
        if slot is None or slot.in_flight is not None:
            return
        request, slot.waiting = slot.waiting, None
        if request is None or self._folder is None:
            del self._slots[key]
            self._report_busy()
            return
        # Send it; a request that cannot be sent has failed.
        lane, topic = key
        slot.in_flight = request
        self._report_busy()
        try:
            slot.request_number = self._client.send(
                lane,
                self._folder,
                request.op,
                params=request.params,
                arrays=request.arrays,
                snapshot_step=request.step,
                topic=topic,
            )
        except (UserError, ProtocolError, OSError) as error:
            self._finish(key, partial(self._fail, request, str(error), ""))

    def _fail(self, request: ModelRequest, message: str, hint: str) -> None:
        if request.on_failure is not None:
            request.on_failure(message, hint)
        else:
            self.failed.emit(failure_text(message, hint))

    def _report_busy(self) -> None:
        if self._was_busy != self.is_busy:
            self._was_busy = self.is_busy
            self.busy_changed.emit(self._was_busy)


class RequestGroup:
    """The requests of one tab, with topics of their own, which are canceled together.

    Args:
        client: The client that sends them.
        name: The prefix of the topics, such as the name of the tab.
        on_failure: The callback of requests without one.
    """

    def __init__(self, client: ModelClient, name: str, on_failure: OnFailure | None = None) -> None:
        self._client, self._name, self._on_failure = client, name, on_failure
        self._keys: set[_Key] = set()

    def send(self, lane: Lane, key: str, request: ModelRequest) -> None:
        """Send a request, as `ModelClient.send`; it replaces one of the same lane and key that waits."""
        if request.on_failure is None:
            request = replace(request, on_failure=self._on_failure)
        self._keys.add((lane, key))
        self._client.send(lane, f"{self._name}/{key}", request)

    def cancel_waiting(self, lane: Lane, key: str) -> None:
        """Discard a request that waits; the response to one in flight is still delivered."""
        self._client.cancel_waiting(lane, f"{self._name}/{key}")

    def cancel(self, lane: Lane, key: str) -> None:
        """Cancel a request, waiting or in flight: its response is not delivered."""
        self._client.cancel(lane, f"{self._name}/{key}")

    def cancel_all(self) -> None:
        """Cancel every request of the group."""
        for lane, key in self._keys:
            self.cancel(lane, key)
        self._keys.clear()

    def is_pending(self, lane: Lane, key: str) -> bool:
        """Return True while a request waits or is in flight."""
        return self._client.is_pending(lane, f"{self._name}/{key}")


def failure_text(message: str, hint: str) -> str:
    """Return message and hint of a failed request in one line."""
    return f"{message}: {hint}" if hint else message


def _ignore(message: str, hint: str) -> None:
    pass
