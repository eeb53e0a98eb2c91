"""The explorer child seen from Qt: questions go out, answers come back in the Qt thread."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from genexplorer.errors import UserError
from genexplorer.explore.protocol import Answer, Array, Failure, Lane, Progress, ProtocolError, Result


@dataclass(frozen=True)
class Reply:
    """What a question brought: the arrays and meta of the protocol's answer, and where they came from."""

    arrays: Mapping[str, Array]
    meta: Mapping[str, object]
    step: int  # of the snapshot
    seconds: float  # that the work took in the child


OnResult = Callable[[Reply], None]
OnProgress = Callable[[float, str], None]
OnFailure = Callable[[str, str], None]


class Client(Protocol):
    """The part of `genexplorer.explore.client.ExplorerClient` that is used here."""

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
        """Send a question; return its generation."""
        ...

    def abandon(self, lane: Lane, topic: str = "") -> None:
        """Let go of what was asked."""
        ...

    def warm(self) -> None:
        """Start the child before the first question."""
        ...

    def close(self) -> None:
        """End the child."""
        ...


MakeClient = Callable[[Callable[[Answer], None], Callable[[str], None]], Client]


@dataclass(frozen=True)
class _Waiting:
    lane: Lane
    topic: str
    on_result: OnResult
    on_progress: OnProgress | None
    on_failure: OnFailure | None


class ModelClient(QObject):
    """Asks the model of the open run.

    Within a lane and topic the newest question that the child has not begun replaces the older ones. One that has begun
    is answered all the same, so that a steady drag shows pictures on its way; what arrives is never older than what
    arrived before.

    Signals:
        answered(op, seconds, step): A result arrived; for the status line.
        busy(bool): Whether any question is open.
        died(str): The child is gone; in one line, with its last words. The next question starts a new one.
        failed(str): The model could not answer a question whose asker does not care.
    """

    answered = pyqtSignal(str, float, int)
    busy = pyqtSignal(bool)
    died = pyqtSignal(str)
    failed = pyqtSignal(str)
    _arrived = pyqtSignal(object)
    _exited = pyqtSignal(str)

    def __init__(self, make_client: MakeClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._waiting: dict[int, _Waiting] = {}  # by generation, ascending
        self._was_busy = False
        self._closed = False
        # The client calls from its own thread: a queued signal carries each call over to Qt's.
        self._arrived.connect(self._on_answer, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]
        self._exited.connect(self._on_exit, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]
        self._client = make_client(self._arrived.emit, self._exited.emit)

    def set_run(self, folder: Path | None) -> None:
        """Ask another run from now on; open questions to the former one are forgotten."""
        for lane, topic in {(waiting.lane, waiting.topic) for waiting in self._waiting.values()}:
            self.forget(lane, topic)
        self._folder = folder

    def warm(self) -> None:
        """Let the child start now, as a question will come soon."""
        if not self._closed:
            self._client.warm()

    def ask(
        self,
        lane: Lane,
        op: str,
        params: Mapping[str, object] | None = None,
        arrays: Mapping[str, Any] | None = None,
        *,
        topic: str = "",
        step: int | None = None,
        on_result: OnResult,
        on_progress: OnProgress | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Ask a question of the protocol; exactly one of `on_result` and `on_failure` follows, unless it is replaced.

        Args:
            lane: "drag" for what follows the mouse, "preview" for what the tab shows, "job" for long work.
            op: The operation; its parameters and arrays are told in `genexplorer.explore.protocol`.
            params: JSON values.
            arrays: By name; floats travel as float32, integers as int64, uint8 as it is.
            topic: Questions of one lane with different topics do not replace each other.
            step: The snapshot to ask; None for the newest.
            on_result: Gets the reply, in the Qt thread.
            on_progress: Gets a fraction and a message, between chunks of long work.
            on_failure: Gets the message and the hint. Without it a failure is shown as an alert of the window.
        """
        if self._folder is None or self._closed:
            return
        try:
            generation = self._client.ask(
                lane, self._folder, op, params=params, arrays=arrays, snapshot_step=step, topic=topic
            )
        except (UserError, ProtocolError, OSError) as error:
            self._tell(on_failure, str(error), "")
            return
        self._waiting[generation] = _Waiting(lane, topic, on_result, on_progress, on_failure)
        self._say_busy()

    def forget(self, lane: Lane, topic: str = "") -> None:
        """Let go of the open questions of a lane and topic: their answers will not be delivered."""
        if self.is_waiting(lane, topic):
            self._drop_before(None, lane, topic)
            self._client.abandon(lane, topic)

    @property
    def is_busy(self) -> bool:
        """Whether any question is open."""
        return bool(self._waiting)

    def is_waiting(self, lane: Lane, topic: str | None = None) -> bool:
        """Whether a question of a lane is open, of one topic or, for None, of any."""
        return any(w.lane == lane and topic in (None, w.topic) for w in self._waiting.values())

    def close(self) -> None:
        """End the child; nothing is delivered any more."""
        self._closed = True
        self._waiting.clear()
        self._client.close()

    def _on_answer(self, answer: Answer) -> None:
        waiting = self._waiting.get(answer.generation)
        if self._closed or waiting is None:
            return
        self._drop_before(answer.generation, waiting.lane, waiting.topic)
        match answer.body:
            case Progress(fraction, message):
                if waiting.on_progress is not None:
                    waiting.on_progress(fraction, message)
            case Result(arrays, meta):
                self._done(answer.generation)
                self.answered.emit(answer.op, answer.seconds, answer.snapshot_step)
                waiting.on_result(Reply(arrays, meta, answer.snapshot_step, answer.seconds))
            case Failure(message, hint):
                self._done(answer.generation)
                self._tell(waiting.on_failure, message, hint)

    def _on_exit(self, last_words: str) -> None:
        if self._closed:
            return
        lost = list(self._waiting.values())
        self._waiting.clear()
        self._say_busy()
        message = f"The explorer process ended: {last_words or 'no last words'}"
        self.died.emit(message)
        for waiting in lost:
            if waiting.on_failure is not None:
                waiting.on_failure(message, "the next question starts a new one")

    def _drop_before(self, generation: int | None, lane: Lane, topic: str) -> None:
        """Forget the questions that an answer has overtaken, or, without a generation, all of a lane and topic."""
        for asked, waiting in list(self._waiting.items()):
            if (waiting.lane, waiting.topic) == (lane, topic) and (generation is None or asked < generation):
                del self._waiting[asked]
        self._say_busy()

    def _done(self, generation: int) -> None:
        self._waiting.pop(generation, None)
        self._say_busy()

    def _say_busy(self) -> None:
        if self._was_busy != bool(self._waiting):
            self._was_busy = bool(self._waiting)
            self.busy.emit(self._was_busy)

    def _tell(self, on_failure: OnFailure | None, message: str, hint: str) -> None:
        if on_failure is not None:
            on_failure(message, hint)
        else:
            self.failed.emit(f"{message}: {hint}" if hint else message)
