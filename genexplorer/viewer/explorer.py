"""The explorer child seen from Qt: questions go out, answers come back in the Qt thread."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from genexplorer.errors import UserError
from genexplorer.explore.protocol import Answer, Array, Failure, Lane, Progress, Result


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
        arrays: Mapping[str, Array] | None = None,
        snapshot_step: int | None = None,
    ) -> int:
        """Send a question; return its generation."""
        ...

    def close(self) -> None:
        """End the child."""
        ...


MakeClient = Callable[[Callable[[Answer], None], Callable[[str], None]], Client]


@dataclass(frozen=True)
class _Waiting:
    generation: int
    on_result: OnResult
    on_progress: OnProgress | None
    on_failure: OnFailure | None


class Explorer(QObject):
    """Asks the model of the open run. The newest question of a lane replaces the older ones, which get no answer.

    Signals:
        answered(op, seconds, step): A result arrived; for the status line.
        busy(bool): Whether any question is open.
        died(str): The child is gone; in one line, with its last words. The next question starts a new one.
    """

    answered = pyqtSignal(str, float, int)
    busy = pyqtSignal(bool)
    died = pyqtSignal(str)
    _arrived = pyqtSignal(object)
    _exited = pyqtSignal(str)

    def __init__(self, make_client: MakeClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._waiting: dict[Lane, _Waiting] = {}
        self._closed = False
        # The client calls from its own thread: a queued signal carries each call over to Qt's.
        self._arrived.connect(self._on_answer, Qt.ConnectionType.QueuedConnection)
        self._exited.connect(self._on_exit, Qt.ConnectionType.QueuedConnection)
        self._client = make_client(self._arrived.emit, self._exited.emit)

    def set_run(self, folder: Path | None) -> None:
        """Ask another run from now on; open questions to the former one are forgotten."""
        self._folder = folder
        self._forget_all()

    def ask(
        self,
        lane: Lane,
        op: str,
        params: Mapping[str, object] | None = None,
        arrays: Mapping[str, Array] | None = None,
        *,
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
            arrays: Of float32, uint8 or int64.
            step: The snapshot to ask; None for the newest.
            on_result: Gets the reply, in the Qt thread.
            on_progress: Gets a fraction and a message, between chunks of long work.
            on_failure: Gets the message and the hint. Without it a failure is shown as an alert of the window.
        """
        if self._folder is None or self._closed:
            return
        try:
            generation = self._client.ask(lane, self._folder, op, params=params, arrays=arrays, snapshot_step=step)
        except (UserError, OSError) as error:
            _tell(self, on_failure, str(error), "")
            return
        was_busy = bool(self._waiting)
        self._waiting[lane] = _Waiting(generation, on_result, on_progress, on_failure)
        if not was_busy:
            self.busy.emit(True)

    def forget(self, lane: Lane) -> None:
        """Drop the open question of a lane: its answer will not be delivered."""
        if self._waiting.pop(lane, None) is not None and not self._waiting:
            self.busy.emit(False)

    @property
    def is_busy(self) -> bool:
        """Whether any question is open."""
        return bool(self._waiting)

    def is_waiting(self, lane: Lane) -> bool:
        """Whether the question of a lane is open."""
        return lane in self._waiting

    def close(self) -> None:
        """End the child; nothing is delivered any more."""
        self._closed = True
        self._waiting.clear()
        self._client.close()

    def _on_answer(self, answer: Answer) -> None:
        waiting = self._waiting.get(answer.lane)
        if self._closed or waiting is None or waiting.generation != answer.generation:
            return
        match answer.body:
            case Progress(fraction, message):
                if waiting.on_progress is not None:
                    waiting.on_progress(fraction, message)
            case Result(arrays, meta):
                self.forget(answer.lane)
                self.answered.emit(answer.op, answer.seconds, answer.snapshot_step)
                waiting.on_result(Reply(arrays, meta, answer.snapshot_step, answer.seconds))
            case Failure(message, hint):
                self.forget(answer.lane)
                _tell(self, waiting.on_failure, message, hint)

    def _on_exit(self, last_words: str) -> None:
        if self._closed:
            return
        lost = list(self._waiting.values())
        self._forget_all()
        message = f"The explorer process ended: {last_words or 'no last words'}"
        self.died.emit(message)
        for waiting in lost:
            if waiting.on_failure is not None:
                waiting.on_failure(message, "the next question starts a new one")

    def _forget_all(self) -> None:
        for lane in list(self._waiting):
            self.forget(lane)


def _tell(explorer: Explorer, on_failure: OnFailure | None, message: str, hint: str) -> None:
    if on_failure is not None:
        on_failure(message, hint)
    else:
        explorer.died.emit(f"{message}: {hint}" if hint else message)
