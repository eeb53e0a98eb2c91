"""What a person should look at: told once, when it begins."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from trainers.events import Alert, Severity
from trainers.families.vae.metrics import COLLAPSED_NATS

_SPIKE_DEVIATIONS = 10.0
_WARM = 200  # steps before a spike can be told from the fall at the beginning
_FORGET = 0.01
_GRACE = 0.1  # share of the training in which a dimension may still wake up


@dataclass
class AlertMonitor:
    """Remembers what it has told. All of it is in the resumable state."""

    collapsed: set[int] = field(default_factory=set)
    alive: set[int] = field(default_factory=set)
    count: int = 0
    mean: float = 0.0
    variance: float = 0.0
    spiking: bool = False
    unmeasurable: bool = False
    warned: set[str] = field(default_factory=set)

    def after_step(self, step: int, loss: float) -> Iterator[Alert]:
        """Yield an alert when the loss leaps away from its running mean."""
        away = abs(loss - self.mean)
        limit = max(_SPIKE_DEVIATIONS * math.sqrt(self.variance), 0.5 * abs(self.mean))
        spike = self.count >= _WARM and away > limit
        if spike and not self.spiking:
            message = f"the loss leapt to {loss:,.1f} from about {self.mean:,.1f}: the learning rate may be too high"
            yield Alert(step, "warning", "loss_spike", message)
        self.spiking = spike
        if not spike:
            rate = max(_FORGET, 1 / (self.count + 1))
            self.variance += rate * ((loss - self.mean) ** 2 - self.variance)
            self.mean += rate * (loss - self.mean)
        self.count += 1

    def after_evaluation(self, step: int, progress: float, figures: Mapping[str, float]) -> Iterator[Alert]:
        """Yield alerts: a figure that is not finite, latent dimensions whose KL has fallen to nothing or never rose."""
        yield from self._not_finite(step, figures)
        prefix = "kl_dim_"
        nats = {int(name.removeprefix(prefix)): value for name, value in figures.items() if name.startswith(prefix)}
        low = {dim for dim, value in nats.items() if value < COLLAPSED_NATS}
        now = low if progress >= _GRACE else low & self.alive
        self.alive |= set(nats) - low
        fresh = sorted(now - self.collapsed)
        self.collapsed = now
        if fresh:
            which = ", ".join(str(dim + 1) for dim in fresh)
            word, them, be = ("dimension", "it", "is") if len(fresh) == 1 else ("dimensions", "them", "are")
            message = f"KL of latent {word} {which} {be} below {COLLAPSED_NATS} nats: the decoder ignores {them}"
            severity: Severity = "warning" if 2 * len(now) >= len(nats) else "info"  # a few of many are only pruned
            yield Alert(step, severity, "kl_dim_collapsed", message)

    def after_warnings(self, step: int, found: Iterable[tuple[str, str]]) -> Iterator[Alert]:
        """Yield an alert for each (code, message) of the model's own that was not there at the last evaluation."""
        messages = dict(found)
        for code in sorted(messages.keys() - self.warned):
            yield Alert(step, "warning", code, messages[code])
        self.warned = set(messages)

    def _not_finite(self, step: int, figures: Mapping[str, float]) -> Iterator[Alert]:
        bad = [name for name, value in figures.items() if not math.isfinite(value)]
        if bad and not self.unmeasurable:
            message = f"on the test set {bad[0]} is {figures[bad[0]]}: the learning rate may be too high"
            yield Alert(step, "warning", "evaluation_not_finite", message)
        self.unmeasurable = bool(bad)
