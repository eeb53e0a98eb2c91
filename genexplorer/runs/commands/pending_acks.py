"""Answers to commands whose effect must outlive a kill: they are given once a state is saved that holds it."""

import threading
import time
from collections.abc import Callable

PATIENCE_S = 1.0  # a disk that takes longer than this does not keep anybody waiting for an answer


class PendingAcks:
    """What is owed, and to which step's state it belongs. Any thread may call.

    Args:
        give: Answers a command, by its id, its name and its step.
        clock: Monotonic seconds.
    """

    def __init__(self, give: Callable[[str, str, int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._give = give
        self._clock = clock
        self._lock = threading.Lock()
        self._owed: list[tuple[int, float, str, str]] = []  # step, deadline, id, command

    def owe(self, command_id: str, command: str, step: int) -> None:
        """Answer a command when the state of this step, or of a later one, is saved."""
        with self._lock:
            self._owed.append((step, self._clock() + PATIENCE_S, command_id, command))

    def settle(self, step: int) -> None:
        """Give what was owed up to a step: its state is saved, or it is said that it could not be."""
        self._give_where(lambda owed_step, _: owed_step <= step)

    def settle_late(self) -> None:
        """Give what was owed for too long; the log will say when the state is saved."""
        now = self._clock()
        self._give_where(lambda _, deadline: now >= deadline)

    def _give_where(self, due: Callable[[int, float], bool]) -> None:
        with self._lock:
            given = [owed for owed in self._owed if due(owed[0], owed[1])]
            self._owed = [owed for owed in self._owed if owed not in given]
        for step, _, command_id, command in given:
            self._give(command_id, command, step)
