"""When something is due: by steps, by seconds, and the sign of life in between.

Clocks are given, so that tests can turn them; that of a training is `ActiveClock`.
"""

import os
import time
from collections.abc import Callable

from trainers.config import ExecutionConfig, RunConfig
from trainers.events import Viewers
from trainers.training.schedule import Length

Clock = Callable[[], float]
SIGN_OF_LIFE_S = 0.15  # below the 0.25 s that is promised, for the work between two looks at the clock
MIN_EVALUATIONS = 20
SNAPSHOT_BYTES_PER_S = 10_000_000
CALMER = 2.0  # times the seconds between snapshots while those who look do nothing
WATCHED_SHARE = 0.015  # of the training's time goes at most into what is shown to somebody who looks
SLEPT_S = 2.0  # between two looks at the clock, with next to nothing computed: the process slept
_MARK_S = 0.02


class ActiveClock:
    """Monotonic seconds without those that the process slept: stopped by a signal, or frozen with its machine.

    A stretch counts as sleep when nobody looked at the clock for two seconds and the process had less than a hundredth
    of a core meanwhile. A training looks many times a second, and computes in between. So a closed laptop or a SIGSTOP
    costs neither a budget of minutes nor a jump of the time axis.

    Args:
        clock: Monotonic seconds; on some systems they go on while the machine sleeps.
        worked: Seconds that this process has computed, over all its threads.
        cores: How many of its threads can compute at once.
    """

    def __init__(
        self,
        clock: Clock = time.monotonic,
        worked: Clock = time.process_time,
        cores: int = os.cpu_count() or 1,
    ) -> None:
        self._clock, self._worked, self._cores = clock, worked, cores
        self._slept = 0.0
        self._last = self._marked = clock()
        self._mark = worked()

    def __call__(self) -> float:
        """Return the seconds, from an arbitrary beginning."""
        now = self._clock()
        if now - self._last >= SLEPT_S:
            self._judge(now)
        elif now - self._marked >= _MARK_S:  # not at each look: it costs a system call
            self._marked, self._mark = now, self._worked()
        self._last = now
        return now - self._slept

    def _judge(self, now: float) -> None:
        gap, worked = now - self._last, self._worked()
        before = (self._last - self._marked) * self._cores  # at most this much was computed before the gap
        if worked - self._mark < before + gap / 100:
            self._slept += gap
        self._marked, self._mark = now, worked


class Stopwatch:
    """Seconds of training over all attempts, pauses left out.

    Args:
        clock: Monotonic seconds.
        before_s: What earlier attempts took.
    """

    def __init__(self, clock: Clock, before_s: float = 0.0) -> None:
        self._clock = clock
        self._banked = before_s
        self._since: float | None = clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds so far."""
        return self._banked + (self._clock() - self._since if self._since is not None else 0.0)

    @property
    def paused(self) -> bool:
        """Whether it is not counting."""
        return self._since is None

    def pause(self) -> None:
        """Stop counting."""
        self._banked, self._since = self.elapsed_s, None

    def go_on(self) -> None:
        """Count again."""
        if self._since is None:
            self._since = self._clock()


class Interval:
    """Due when `seconds` have passed since it was last done."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock()
        self._began: float | None = None
        self.took_s = 0.0  # the last time, where its beginning was told

    def begin(self) -> None:
        """It begins now."""
        self._began = self._clock()

    def due(self, seconds: float) -> bool:
        """Return whether so much time has passed."""
        return self._clock() - self._last >= seconds

    def done(self) -> None:
        """Begin to count anew."""
        self._last = self._clock()
        self.took_s = 0.0 if self._began is None else self._last - self._began


def is_early_step(step: int) -> bool:
    """Return whether a step is one of 0, 1, 2, 5, 10, 20, 50, 100 …: much changes early, little late."""
    while step >= 10 and step % 10 == 0:
        step //= 10
    return step in (0, 1, 2, 5)


def snapshot_seconds(num_weights: int) -> float:
    """Return the least seconds between snapshots: large models write 10 MB a second at most for looking."""
    seconds = 4 * num_weights / SNAPSHOT_BYTES_PER_S
    return seconds if seconds >= 1 else 0.0


def shown_seconds(execution: ExecutionConfig, audience: Viewers) -> float:
    """Return the seconds between snapshots: those for somebody who looks are configured for one who does something."""
    if not audience:
        return execution.snapshot_every_s
    return execution.watched_every_s * (CALMER if audience is Viewers.LOOKING else 1.0)


def watched_seconds(configured_s: float, took_s: float) -> float:
    """Return the seconds between pictures while somebody looks: as configured, up to 5 times that where they cost.

    The weights themselves, which viewers draw from, come as configured.

    Args:
        configured_s: For a model that is quickly shown.
        took_s: What the last ones took of the training's time.
    """
    return min(max(configured_s, took_s / WATCHED_SHARE), 5 * configured_s)


def last_early_step(num_weights: int) -> int:
    """Return the last early step that has its snapshot whatever the clock says; for large models few have one."""
    return 10**9 if not snapshot_seconds(num_weights) else 100


def eval_every(config: RunConfig, length: Length, steps_per_epoch: int, num_test: int) -> int:
    """Return the steps between evaluations.

    As configured; else often enough for 20 in all and at least every two epochs, but never so often that judging takes
    more than a fifth of the time: two passes over the test set cost what training on a third of as many images costs.
    """
    if config.execution.eval_every:
        return config.execution.eval_every
    costs_steps = -(-2 * num_test // (3 * config.optim.batch_size))
    two_epochs = 2 * steps_per_epoch
    wanted = two_epochs if length.steps is None else min(two_epochs, length.steps // MIN_EVALUATIONS)
    return max(1, wanted, 4 * costs_steps)


class RateMeter:
    """Images per second of the steps themselves, over about the last second of them."""

    def __init__(self, clock: Clock, window_s: float = 1.0) -> None:
        self._clock = clock
        self._window_s = window_s
        self._seconds = 0.0
        self._images = 0.0
        self._began = 0.0

    def begin(self) -> None:
        """A step begins."""
        self._began = self._clock()

    def end(self, images: int) -> float:
        """A step is done; return the speed, images per second."""
        self._seconds += max(self._clock() - self._began, 1e-9)
        self._images += images
        speed = self._images / self._seconds
        if self._seconds > self._window_s:  # forget half, so that the window slides without a history
            self._seconds, self._images = self._seconds / 2, self._images / 2
        return speed


class EtaEstimator:
    """How long the rest will take, from this attempt's own pace, evaluations included."""

    def __init__(self, progress: float, elapsed_s: float) -> None:
        self._progress = progress
        self._elapsed_s = elapsed_s

    def seconds(self, progress: float, elapsed_s: float) -> float | None:
        """Return the seconds that are left, or None until a second of this attempt has been seen."""
        done, took = progress - self._progress, elapsed_s - self._elapsed_s
        if took < 1.0 or done <= 0:
            return None
        return (1 - progress) * took / done
