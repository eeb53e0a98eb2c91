"""The primary metric of a run: the newest value of its family's objective, such as the ELBO."""

import contextlib
import math
from collections.abc import Iterable, Mapping

from genexplorer.runs.status.heartbeat import LiveRecord
from trainers.config import RunConfig
from trainers.errors import UserError
from trainers.events import MetricSpec
from trainers.theory import split_of


class Headline:
    """Picks the objective from the reported metrics; test metrics of the EMA weights take precedence."""

    def __init__(self, config: RunConfig) -> None:
        self._quantity = ""
        self._logged_name = ""
        self._specs: dict[str, MetricSpec] = {}
        with contextlib.suppress(UserError, ImportError, AttributeError):  # a family whose package is missing:
            self._quantity = config.theory().total  # the first declared objective is used
        self._logged_name = f"test/{self._quantity}_ema"

    def declare(self, specs: Iterable[MetricSpec]) -> None:
        """Add metric declarations."""
        self._specs.update({spec.name: spec for spec in specs})
        if not self._quantity:
            first = (spec.quantity for spec in self._specs.values() if spec.panel == "objective")
            self._quantity = next(first, "")
            self._logged_name = f"test/{self._quantity}_ema"

    def of(self, values: Mapping[str, float], current: str) -> tuple[str, float] | None:
        """Return the objective's name and value in `values`; None if it has none, or a worse one than `current`."""
        pattern = split_of(self._quantity, values) if self._quantity else None
        if pattern is None or (current.startswith("test/") and pattern.startswith("train/")):
            return None
        name = pattern.format(self._quantity)
        return name, values[name]

    def update(self, record: LiveRecord, batch: Iterable[Mapping[str, float]]) -> None:
        """Store the newest objective of a batch of steps in the record."""
        newest = {tuple(values): values for values in batch}
        for values in newest.values():
            headline = self.of(values, record.headline_name)
            if headline:
                record.headline_name, record.headline = headline

    def log_line(self, values: Mapping[str, float]) -> str:
        """Return a log line if the values have a test metric of the objective, else an empty string."""
        name = self._logged_name
        if name not in values or not math.isfinite(values[name]):
            return ""
        spec = self._specs.get(name)
        title, unit = (spec.title, spec.unit) if spec else (name, "")
        number = f"{values[name]:,.2f}".replace("-", "−")
        return f"{title} {number} {unit}".strip()
