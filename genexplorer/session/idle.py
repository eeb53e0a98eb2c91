"""How often a front end polls a run: the longer it gets no input, the less often.

Polling and painting take time from a training on the same machine. Any input restores live updates at once.
"""

import time
from collections.abc import Callable

ACTIVE_POLL_S = 0.25
IDLE_AFTER_S, IDLE_POLL_S = 10.0, 2.0
AWAY_AFTER_S, AWAY_POLL_S = 60.0, 8.0


class IdleTracker:
    """Time since the last input, and what follows from it. Thread-safe.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_input = clock()

    def touch(self) -> None:
        """Record an input."""
        self._last_input = self._clock()

    @property
    def is_idle(self) -> bool:
        """Whether there was no input for a while: a training then writes snapshots less often."""
        return self._clock() - self._last_input >= IDLE_AFTER_S

    @property
    def is_away(self) -> bool:
        """Whether there was no input for so long that animations are not watched."""
        return self._clock() - self._last_input >= AWAY_AFTER_S

    @property
    def poll_s(self) -> float:
        """Seconds between two polls."""
        return AWAY_POLL_S if self.is_away else IDLE_POLL_S if self.is_idle else ACTIVE_POLL_S
