"""The learning rate over a training. No torch: front ends show how it goes on before a run is made longer."""

import math

from trainers.config import ScheduleConfig


def lr_factor(schedule: ScheduleConfig, step: int, progress: float, steps_per_epoch: int) -> float:
    """Return the factor on `optim.lr` for the update after `step` others.

    Args:
        schedule: Learning rate schedule. `lr` is "constant", "cosine" (Loshchilov & Hutter 2017, eq. 5,
            arXiv:1608.03983, without restarts), "linear" to 0, or "step" (times gamma every so many steps).
        step: Number of updates done.
        progress: Fraction of the training that is done, by steps or by time.
        steps_per_epoch: Interval of "step" without `step_every`.
    """
    if schedule.hold_factor is not None:
        return schedule.hold_factor
    # Warm-up: grows to 1 over `warmup_steps`, or a tenth of a shorter training.
    warmup = 1.0
    if schedule.warmup_steps:
        warmup = min(1.0, max((step + 1) / schedule.warmup_steps, progress / 0.1))
    # The schedule itself, which may have started anew.
    progress = max(0.0, progress - schedule.restart_at) / (1 - schedule.restart_at)
    if schedule.lr == "cosine":
        return warmup * 0.5 * (1 + math.cos(math.pi * progress))
    if schedule.lr == "linear":
        return warmup * (1 - progress)
    if schedule.lr == "step":
        return float(warmup * schedule.step_gamma ** (step // (schedule.step_every or steps_per_epoch)))
    return warmup
