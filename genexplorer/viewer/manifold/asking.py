"""Questions of a tab to the explorer, so that each gets its answer although a lane keeps only the newest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from genexplorer.explore.protocol import Array, Lane
from genexplorer.viewer.explorer import OnFailure, OnProgress, OnResult, Reply


class Asked(Protocol):
    """The part of `genexplorer.viewer.explorer.Explorer` that is used here."""

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
        """Ask a question; the newest of a lane replaces the older ones."""
        ...

    def forget(self, lane: Lane) -> None:
        """Drop the open question of a lane."""
        ...


@dataclass(frozen=True)
class Question:
    """One question and what to do with its answer. Answers are dropped once a newer one with the same key is asked."""

    op: str
    on_result: OnResult
    params: Mapping[str, object] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    step: int | None = None
    on_failure: OnFailure | None = None
    on_progress: OnProgress | None = None


class Questions:
    """Keeps one question of each lane open and sends the next when its answer is there.

    A question that follows the mouse is asked faster than it can be answered. Were each sent at once, each would
    replace the one under way and none would ever be answered; so one is left to finish and only the newest waits.
    Questions with different keys on one lane wait for each other; of one key only the newest is kept.
    """

    def __init__(self, explorer: Asked, on_failure: OnFailure | None = None) -> None:
        self._explorer = explorer
        self._on_failure = on_failure
        self._open: dict[Lane, str] = {}
        self._waiting: dict[Lane, dict[str, Question]] = {}
        self._round = 0  # grows when everything is forgotten: what comes later from before is not wanted

    def ask(self, lane: Lane, key: str, question: Question) -> None:
        """Ask, now or as soon as the lane is free; an older question with this key is not sent any more."""
        self._waiting.setdefault(lane, {})[key] = question
        if lane not in self._open:
            self._send_next(lane)

    def withdraw(self, lane: Lane, key: str) -> None:
        """Do not send a waiting question; one under way is still answered."""
        self._waiting.get(lane, {}).pop(key, None)

    def is_open(self, lane: Lane, key: str | None = None) -> bool:
        """Whether a question of the lane, with this key if one is given, waits for its turn or its answer."""
        if key is None:
            return lane in self._open
        return self._open.get(lane) == key or key in self._waiting.get(lane, {})

    def forget(self) -> None:
        """Drop every question; no answer to them will be delivered."""
        for lane in self._open:
            self._explorer.forget(lane)
        self._open.clear()
        self._waiting.clear()
        self._round += 1

    def _send_next(self, lane: Lane) -> None:
        waiting = self._waiting.get(lane, {})
        if not waiting:
            return
        key = next(iter(waiting))
        question = waiting.pop(key)
        self._open[lane] = key
        asked_in = self._round

        def still_wanted() -> bool:
            return asked_in == self._round

        self._explorer.ask(
            lane,
            question.op,
            question.params,
            question.arrays,
            step=question.step,
            on_result=lambda reply: self._answered(lane, lambda: question.on_result(reply), still_wanted),
            on_progress=question.on_progress,
            on_failure=lambda message, hint: self._answered(
                lane, lambda: self._failed(question, message, hint), still_wanted
            ),
        )

    def _answered(self, lane: Lane, deliver: Callable[[], None], still_wanted: Callable[[], bool]) -> None:
        if not still_wanted():
            return
        self._open.pop(lane, None)
        try:
            deliver()
        finally:
            if still_wanted() and lane not in self._open:
                self._send_next(lane)

    def _failed(self, question: Question, message: str, hint: str) -> None:
        on_failure = question.on_failure or self._on_failure
        if on_failure is not None:
            on_failure(message, hint)


__all__ = ["Asked", "Question", "Questions", "Reply"]
