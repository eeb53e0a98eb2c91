"""The one figure by which a run is known: the newest value of its family's objective."""

import contextlib
import math
from collections.abc import Iterable, Mapping

from genexplorer.runs.status.heartbeat import LiveRecord
from trainers.config import RunConfig
from trainers.errors import UserError
from trainers.events import MetricSpec
from trainers.theory import split_of


class Headline:
    """Picks the objective from what a training reports; test figures of the EMA weights go before others."""

    def __init__(self, config: RunConfig) -> None:
        self._quantity = ""
        self._news_name = ""
        self._specs: dict[str, MetricSpec] = {}
        with contextlib.suppress(UserError, ImportError, AttributeError):  # its package may not be installed:
            self._quantity = config.theory().total  # the first declared objective serves
        self._news_name = f"test/{self._quantity}_ema"

    def declare(self, specs: Iterable[MetricSpec]) -> None:
        """Learn what the training measures."""
        self._specs.update({spec.name: spec for spec in specs})
        if not self._quantity:
            first = (spec.quantity for spec in self._specs.values() if spec.panel == "objective")
            self._quantity = next(first, "")
            self._news_name = f"test/{self._quantity}_ema"

    def of(self, values: Mapping[str, float], current: str) -> tuple[str, float] | None:
        """Return the name and value of the figure if these values have one at least as good as the current."""
        pattern = split_of(self._quantity, values) if self._quantity else None
        if pattern is None or (current.startswith("test/") and pattern.startswith("train/")):
            return None
        name = pattern.format(self._quantity)
        return name, values[name]

    def keep(self, record: LiveRecord, batch: Iterable[Mapping[str, float]]) -> None:
        """Note the figure of many steps: of those that report the same, the newest."""
        newest = {tuple(values): values for values in batch}
        for values in newest.values():
            found = self.of(values, record.headline_name)
            if found:
                record.headline_name, record.headline = found

    def news(self, values: Mapping[str, float]) -> str:
        """Return a line for the log when a test figure of the objective came, else nothing."""
        name = self._news_name
        if name not in values or not math.isfinite(values[name]):
            return ""
        spec = self._specs.get(name)
        title, unit = (spec.title, spec.unit) if spec else (name, "")
        return f"{title} {values[name]:,.2f} {unit}".replace("-", "−").strip()
