"""The length of a training, and its learning rate schedule."""

import math
from dataclasses import dataclass

from trainers.config import ScheduleConfig


@dataclass(frozen=True)
class Length:
    """The length of a training: steps, or seconds.

    Exactly one of the two is set.
    """

    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, schedule: ScheduleConfig, steps_per_epoch: int) -> "Length":
        """Return the length of a schedule; epochs are rounded to whole steps, at least one."""
        if schedule.minutes is not None:
            return cls(None, schedule.minutes * 60)
        if schedule.steps is not None:
            return cls(schedule.steps, None)
        return cls(max(1, round((schedule.epochs or 0) * steps_per_epoch)), None)

    def progress(self, step: int, elapsed_s: float) -> float:
        """Return the fraction that is done, in [0, 1]."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, elapsed_s / (self.seconds or 1.0))

    def is_over(self, step: int, elapsed_s: float) -> bool:
        """Return whether the last step is done. A training of any length has at least one step."""
        if self.steps is not None:
            return step >= self.steps
        return step > 0 and elapsed_s >= (self.seconds or 0.0)


def lr_factor(schedule: ScheduleConfig, step: int, progress: float, steps_per_epoch: int) -> float:
    """Return the factor on `optim.lr` for the update after `step` others.

    Args:
        schedule: Its `lr` is "constant", "cosine" (Loshchilov & Hutter 2017, eq. 5, arXiv:1608.03983, without
            restarts), "linear" to 0, or "step" (times gamma every so many steps).
        step: Number of updates done.
        progress: Fraction of the training that is done, by steps or by time.
        steps_per_epoch: For "step" without `step_every`.
    """
    # Warm-up: grows to 1 over `warmup_steps`, or a tenth of a shorter training.
    warmup = 1.0
    if schedule.warmup_steps:
        warmup = min(1.0, max((step + 1) / schedule.warmup_steps, progress / 0.1))
    # The schedule itself.
    if schedule.lr == "cosine":
        return warmup * 0.5 * (1 + math.cos(math.pi * progress))
    if schedule.lr == "linear":
        return warmup * (1 - progress)
    if schedule.lr == "step":
        return float(warmup * schedule.step_gamma ** (step // (schedule.step_every or steps_per_epoch)))
    return warmup
