"""Clocks, the length of a training, and when something is due: by steps or by seconds.

Clocks are arguments, so that tests can set the time; that of a training is `ActiveClock`.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from trainers.config import ExecutionConfig, RunConfig, ScheduleConfig
from trainers.events import Watchers

Clock = Callable[[], float]
HEARTBEAT_S = 0.15  # interval of heartbeats: below the 0.25 s that `loop.train` promises: work between them takes time
MIN_EVALUATIONS = 20  # in a training whose length is given in steps or epochs
MAX_SNAPSHOT_BYTES_PER_S = 10_000_000
IDLE_INTERVAL_FACTOR = 2.0  # factor on the seconds between snapshots while all watchers are idle
LAST_SERIES_SNAPSHOT = (
    100  # of a large model: the last step of the 1-2-5 series whose snapshot does not wait for the clock
)
SAMPLE_IMAGES_FRACTION = 0.015  # fraction of the training's time that sample images are meant to take at most
MIN_SUSPENSION_S = 2.0  # a shorter gap between two readings of the clock is no suspension
MAX_SUSPENDED_CORES = 0.01  # CPU seconds per second that a suspended process uses at most: as it is stopped and woken
RATE_WINDOW_S = 1.0  # the training speed is measured over about this time
_CPU_READING_INTERVAL_S = 0.02  # the CPU time is read this often at most: it costs a system call


class ActiveClock:
    """Monotonic seconds, without those in which the process was suspended by a signal or with its machine.

    The process counts as suspended if the clock was not read for two seconds in which it used less than a hundredth of
    a core: a training reads the clock many times a second, and computes in between. So neither a closed laptop nor a
    SIGSTOP uses up a time limit or makes the time axis jump.

    Args:
        clock: Monotonic seconds; on some systems they include those in which the machine sleeps.
        cpu_time: CPU seconds of this process, over all threads.
        cores: Number of threads that can run at once.
    """

    def __init__(
        self, clock: Clock = time.monotonic, cpu_time: Clock = time.process_time, cores: int = os.cpu_count() or 1
    ) -> None:
        self._clock, self._cpu_time, self._cores = clock, cpu_time, cores
        self._suspended_s = 0.0
        self._last = self._last_cpu_reading = clock()
        self._last_cpu_s = cpu_time()

    def __call__(self) -> float:
        """Return the seconds, from an arbitrary start."""
        now = self._clock()
        gap_s = now - self._last
        if now - self._last_cpu_reading >= _CPU_READING_INTERVAL_S:
            cpu_s = self._cpu_time()
            # Leave out the gap if the process was suspended. Before the gap, it may have used all cores.
            max_cpu_before_gap_s = (self._last - self._last_cpu_reading) * self._cores
            max_cpu_s = max_cpu_before_gap_s + gap_s * MAX_SUSPENDED_CORES
            if gap_s >= MIN_SUSPENSION_S and cpu_s - self._last_cpu_s < max_cpu_s:
                self._suspended_s += gap_s
            self._last_cpu_reading, self._last_cpu_s = now, cpu_s
        self._last = now
        return now - self._suspended_s


@dataclass(frozen=True)
class TrainingLength:
    """The length of a training, in steps or in seconds: exactly one of the two is set."""

    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, schedule: ScheduleConfig, steps_per_epoch: int) -> "TrainingLength":
        """Return the length of a schedule; epochs are rounded to whole steps, at least one."""
        if schedule.minutes is not None:
            return cls(None, schedule.minutes * 60)
        if schedule.steps is not None:
            return cls(schedule.steps, None)
        return cls(max(1, round((schedule.epochs or 0) * steps_per_epoch)), None)

    def ratio_to(self, other: "TrainingLength") -> float:
        """Return this length divided by another one, which is given in the same unit; 0 if it is not."""
        if self.steps is not None and other.steps is not None:
            return self.steps / other.steps
        return self.seconds / other.seconds if self.seconds is not None and other.seconds is not None else 0.0

    def progress(self, step: int, elapsed_s: float) -> float:
        """Return the fraction that is done, in [0, 1]."""
        return min(1.0, max(step / (self.steps or math.inf), elapsed_s / (self.seconds or math.inf)))

    def is_over(self, step: int, elapsed_s: float) -> bool:
        """Return whether the last step is done. A training of any length has at least one step."""
        return step > 0 and self.progress(step, elapsed_s) >= 1


class Stopwatch:
    """Seconds of training over all attempts, without pauses.

    Args:
        clock: Monotonic seconds.
        earlier_s: Seconds of earlier attempts.
    """

    def __init__(self, clock: Clock, earlier_s: float = 0.0) -> None:
        self._clock = clock
        self._earlier_s = earlier_s  # up to the last pause
        self._start: float | None = clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds so far."""
        return self._earlier_s + (self._clock() - self._start if self._start is not None else 0.0)

    @property
    def is_paused(self) -> bool:
        """True while it is not counting."""
        return self._start is None

    def pause(self) -> None:
        """Stop counting until `resume`."""
        self._earlier_s, self._start = self.elapsed_s, None

    def resume(self) -> None:
        """Continue counting."""
        if self._start is None:
            self._start = self._clock()


class DueTimer:
    """Determines when something is due again, by the seconds since the last time, and how long it took then.

    Attributes:
        duration_s: Seconds from `start` to `mark_done`, the last time; 0 without a `start`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock()
        self._start: float | None = None
        self.duration_s = 0.0

    def start(self) -> None:
        """Start to measure the duration."""
        self._start = self._clock()

    def is_due(self, seconds: float) -> bool:
        """Return whether that many seconds have passed since the last `mark_done`."""
        return self._clock() - self._last >= seconds

    def mark_done(self) -> None:
        """Record that it was done just now."""
        self._last = self._clock()
        self.duration_s = 0.0 if self._start is None else self._last - self._start


class Timers:
    """When the recurring parts of a training are due."""

    def __init__(self, clock: Clock) -> None:
        self.snapshot = DueTimer(clock)
        self.sample_images = DueTimer(clock)  # with a snapshot
        self.checkpoint = DueTimer(clock)
        self.heartbeat = DueTimer(clock)


def is_series_step(step: int) -> bool:
    """Return whether a step is in the 1-2-5 series 0, 1, 2, 5, 10, 20, 50, 100 …: much changes early, little late."""
    while step >= 10 and step % 10 == 0:
        step //= 10
    return step in (0, 1, 2, 5)


def next_series_step(step: int) -> int:
    """Return the next step of the 1-2-5 series after a step."""
    power: int = 10 ** (len(str(step)) - 1)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power > step)


def min_snapshot_interval_s(num_weights: int) -> float:
    """Return the least seconds between snapshots, so that large models write at most 10 MB/s; 0: no limit."""
    seconds = 4 * num_weights / MAX_SNAPSHOT_BYTES_PER_S
    return seconds if seconds >= 1 else 0.0


def snapshot_interval_s(execution: ExecutionConfig, watchers: Watchers) -> float:
    """Return the seconds between snapshots: as configured for an active watcher, more for an idle one or none."""
    if not watchers:
        return execution.snapshot_every_s
    return execution.watched_every_s * (IDLE_INTERVAL_FACTOR if watchers is Watchers.IDLE else 1.0)


def sample_image_interval_s(configured_s: float, duration_s: float) -> float:
    """Return the seconds between sample images in a watched run: as configured, up to 5 times that where they are slow.

    Images that are slower still take more than `SAMPLE_IMAGES_FRACTION` of the time. The weights, from which front ends
    compute images of their own, come as configured.

    Args:
        configured_s: Seconds for a model whose images are fast.
        duration_s: Seconds that the last images took.
    """
    return min(max(configured_s, duration_s / SAMPLE_IMAGES_FRACTION), 5 * configured_s)


def eval_every(config: RunConfig, length: TrainingLength, steps_per_epoch: int, num_test: int) -> int:
    """Return the steps between evaluations.

    As configured; else often enough for 20 in all and at least every two epochs, but so seldom that evaluation takes no
    more than a fifth of the time: two passes over the test set cost as much as training on a third as many images.
    """
    if config.execution.eval_every:
        return config.execution.eval_every
    cost_in_steps = math.ceil(2 * num_test / (3 * config.optim.effective_batch_size))
    two_epochs = 2 * steps_per_epoch
    every = two_epochs if length.steps is None else min(two_epochs, length.steps // MIN_EVALUATIONS)
    return max(1, every, 4 * cost_in_steps)


class RateMeter:
    """Images (or points) per second, from the time of the steps alone, over roughly the last second of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._images = 0.0
        self._start = 0.0

    def start(self) -> None:
        """Start to measure a step, or several."""
        self._start = self._clock()

    def stop(self, images: int) -> float:
        """Stop; return images per second."""
        self._seconds += max(self._clock() - self._start, 1e-9)
        self._images += images
        rate = self._images / self._seconds
        if self._seconds > RATE_WINDOW_S:  # halve, so that the window slides without a history
            self._seconds, self._images = self._seconds / 2, self._images / 2
        return rate


class EtaEstimator:
    """Estimates the remaining time from the pace of this attempt, evaluations included.

    Args:
        progress: Progress at the start of the attempt.
        elapsed_s: Elapsed seconds at the start of the attempt.
    """

    def __init__(self, progress: float, elapsed_s: float) -> None:
        self._progress = progress
        self._elapsed_s = elapsed_s

    def seconds_left(self, progress: float, elapsed_s: float) -> float | None:
        """Return the remaining seconds; None until the pace has been observed for a second."""
        progress_made, took_s = progress - self._progress, elapsed_s - self._elapsed_s
        if took_s < 1.0 or progress_made <= 0:
            return None
        return (1 - progress) * took_s / progress_made
