"""Alerts about loss and test metrics, each raised once, when its condition begins."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trainers.events import Alert
from trainers.families.interface import Model, WarningContext

_SPIKE_STDS = 10.0  # deviation of the loss from its running mean that counts as a spike
_WARMUP_STEPS = 200  # the first steps, in which a spike looks like the initial fall of the loss
_MIN_AVERAGING_RATE = 0.01  # weight of the newest loss in the running averages, once there are enough


@dataclass
class AlertMonitor:
    """Watches the loss of each step and the metrics of each evaluation. All of it is part of a checkpoint.

    Args:
        count: Number of losses in the averages.
        mean: Running mean of the loss.
        variance: Running variance of the loss.
        is_spiking: Whether the last loss was a spike.
        is_not_finite: Whether the last evaluation had metrics that are not finite.
        warned: The model's own warnings at the last evaluation.
        memory: Lists of numbers by name, which the model's warnings store from one evaluation to the next.
    """

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0
    is_spiking: bool = False
    is_not_finite: bool = False
    warned: set[str] = field(default_factory=set)
    memory: dict[str, list[int]] = field(default_factory=dict)

    def after_step(self, step: int, loss: float) -> Iterator[Alert]:
        """Yield an alert when the loss is ten standard deviations, and half the mean, away from its running mean."""
        deviation = abs(loss - self.mean)
        max_deviation = max(_SPIKE_STDS * math.sqrt(self.variance), 0.5 * abs(self.mean))
        is_spike = self.count >= _WARMUP_STEPS and deviation > max_deviation
        if is_spike and not self.is_spiking:
            message = f"loss spiked: {self.mean:,.1f} → {loss:,.1f}; the learning rate may be too high"
            yield Alert(step, "warning", "loss_spike", message)
        self.is_spiking = is_spike
        # Update the running mean and variance; spikes are left out.
        if not is_spike:
            rate = max(_MIN_AVERAGING_RATE, 1 / (self.count + 1))
            self.variance += rate * ((loss - self.mean) ** 2 - self.variance)
            self.mean += rate * (loss - self.mean)
        self.count += 1

    def after_evaluation(
        self, step: int, progress: float, metrics: Mapping[str, float], model: Model
    ) -> Iterator[Alert]:
        """Yield alerts for metrics that are not finite, and the warnings of the model.

        Args:
            step: Step of the evaluation.
            progress: Fraction of the training that is done.
            metrics: Metrics of the EMA weights, by quantity.
            model: The model that was evaluated.
        """
        not_finite = [name for name, value in metrics.items() if not math.isfinite(value)]
        if not_finite and not self.is_not_finite:
            name = not_finite[0]
            message = f"test {name} is {metrics[name]}; the learning rate may be too high"
            yield Alert(step, "warning", "evaluation_not_finite", message)
        self.is_not_finite = bool(not_finite)
        # Report the warnings that the last evaluation did not have.
        context = WarningContext(progress, self.memory)
        warnings = {f"{each.code} {each.subject}".strip(): each for each in model.warnings(metrics, context)}
        for key in sorted(warnings.keys() - self.warned):
            yield Alert(step, warnings[key].severity, warnings[key].code, warnings[key].message)
        self.warned = set(warnings)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON values that `from_json` reads, with the memory of the model's warnings beside them."""
        return {
            **{name: list(numbers) for name, numbers in self.memory.items()},
            "count": self.count,
            "mean": self.mean,
            "variance": self.variance,
            "spiking": self.is_spiking,
            "unmeasurable": self.is_not_finite,
            "warned": sorted(self.warned),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "AlertMonitor":
        """Return the monitor of a checkpoint.

        Raises:
            KeyError, TypeError, ValueError: if it is damaged.
        """
        remaining = dict(values)
        monitor = cls(
            count=int(remaining.pop("count")),
            mean=float(remaining.pop("mean")),
            variance=float(remaining.pop("variance")),
            is_spiking=bool(remaining.pop("spiking")),
            is_not_finite=bool(remaining.pop("unmeasurable")),
            warned=set(map(str, remaining.pop("warned"))),
        )
        monitor.memory = {name: [int(number) for number in numbers] for name, numbers in remaining.items()}
        return monitor
