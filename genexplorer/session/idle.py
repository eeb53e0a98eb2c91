"""How closely a face follows a run: the longer nobody touches it, the less often it reads and draws.

Reading and drawing are what a face costs a training on the same machine. Whoever comes back is attended to at once.
"""

import time
from collections.abc import Callable

CLOSE_LOOK_S = 0.25  # between looks while somebody has a hand on the face
CALM_LOOK_S, ALONE_LOOK_S = 2.0, 8.0  # and while nobody has
CALM_AFTER_S = 10.0  # without a touch
ALONE_AFTER_S = 60.0
_LOOKS_S = ((CALM_AFTER_S, CALM_LOOK_S), (ALONE_AFTER_S, ALONE_LOOK_S))  # so long untouched: so long between looks


class IdleTracker:
    """When a face was touched last, and what follows from that. Any thread may use it.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._touched = clock()

    def touch(self) -> None:
        """Somebody did something."""
        self._touched = self._clock()

    @property
    def calm(self) -> bool:
        """Whether nobody has touched the face for a while: a training then shows itself less often."""
        return self._untouched_s >= CALM_AFTER_S

    @property
    def alone(self) -> bool:
        """Whether nobody has touched the face for so long that movements on it are for nobody."""
        return self._untouched_s >= ALONE_AFTER_S

    @property
    def look_s(self) -> float:
        """Seconds from one look to the next."""
        return next((look for after, look in reversed(_LOOKS_S) if self._untouched_s >= after), CLOSE_LOOK_S)

    @property
    def _untouched_s(self) -> float:
        return self._clock() - self._touched
