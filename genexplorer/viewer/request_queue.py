"""Questions of a tab to the explorer: one of each kind under way, the newest behind it. No Qt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from genexplorer.explore.protocol import Array, Lane
from genexplorer.viewer.model_client import OnFailure, OnProgress, OnResult, Reply


class Asked(Protocol):
    """The part of `genexplorer.viewer.model_client.ModelClient` that is used here."""

    def ask(
        self,
        lane: Lane,
        op: str,
        params: Mapping[str, object] | None = None,
        arrays: Mapping[str, Array] | None = None,
        *,
        topic: str = "",
        step: int | None = None,
        on_result: OnResult,
        on_progress: OnProgress | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Ask a question; the newest of a lane and topic replaces the older ones."""
        ...

    def forget(self, lane: Lane, topic: str = "") -> None:
        """Let go of the open questions of a lane and topic."""
        ...


@dataclass(frozen=True)
class Request:
    """One question and what to do with its answer."""

    op: str
    on_result: OnResult
    params: Mapping[str, object] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    step: int | None = None
    on_failure: OnFailure | None = None
    on_progress: OnProgress | None = None


class RequestQueue:
    """Keeps one question of each lane and key open, and the newest behind it, until its answer is there.

    A question that follows the mouse is asked faster than it can be answered: what waits is replaced by what is newer,
    and each answer sends the newest. So every answer is wanted, and a steady drag sees as many as there can be.

    Args:
        explorer: Is asked.
        name: Of the tab, so that its questions do not replace those of other tabs.
        on_failure: Is told of failures that a question itself does not care for.
    """

    def __init__(self, explorer: Asked, name: str, on_failure: OnFailure | None = None) -> None:
        self._explorer = explorer
        self._name = name
        self._on_failure = on_failure
        self._open: set[tuple[Lane, str]] = set()
        self._waiting: dict[tuple[Lane, str], Request] = {}
        self._round = 0  # grows when everything is forgotten: what comes later from before is not wanted

    def ask(self, lane: Lane, key: str, question: Request) -> None:
        """Ask, now or as soon as the one with this key is answered; an older one that waits is not sent any more."""
        self._waiting[lane, key] = question
        if (lane, key) not in self._open:
            self._send(lane, key)

    def withdraw(self, lane: Lane, key: str) -> None:
        """Do not send a waiting question; one under way is still answered."""
        self._waiting.pop((lane, key), None)

    def is_open(self, lane: Lane, key: str) -> bool:
        """Whether a question waits for its turn or its answer."""
        return (lane, key) in self._open or (lane, key) in self._waiting

    def drop(self, lane: Lane, key: str) -> None:
        """Give up one question, waiting or under way; its answer will not be delivered."""
        self.withdraw(lane, key)
        if (lane, key) in self._open:
            self._open.discard((lane, key))
            self._explorer.forget(lane, f"{self._name}/{key}")

    def forget(self) -> None:
        """Drop every question; no answer to them will be delivered."""
        for lane, key in self._open:
            self._explorer.forget(lane, f"{self._name}/{key}")
        self._open.clear()
        self._waiting.clear()
        self._round += 1

    def _send(self, lane: Lane, key: str) -> None:
        question = self._waiting.pop((lane, key), None)
        if question is None:
            return
        self._open.add((lane, key))
        asked_in = self._round

        def answered(deliver: Callable[[], None]) -> None:
            if asked_in != self._round:
                return
            self._open.discard((lane, key))
            try:
                deliver()
            finally:
                if asked_in == self._round and (lane, key) not in self._open:
                    self._send(lane, key)

        self._explorer.ask(
            lane,
            question.op,
            question.params,
            question.arrays,
            topic=f"{self._name}/{key}",
            step=question.step,
            on_result=lambda reply: answered(lambda: question.on_result(reply)),
            on_progress=question.on_progress,
            on_failure=lambda message, hint: answered(lambda: self._failed(question, message, hint)),
        )

    def _failed(self, question: Request, message: str, hint: str) -> None:
        on_failure = question.on_failure or self._on_failure
        if on_failure is not None:
            on_failure(message, hint)


__all__ = ["Asked", "Reply", "Request", "RequestQueue"]
