"""The settings of a trace, direction and input, and the selected stage. No Qt."""

import random
from collections.abc import Mapping
from typing import Any

from genexplorer.session.observable import Observable
from genexplorer.viewer.tabs.flow.trace import Direction

MAX_SEED = 2**31 - 1
MAX_TEMPERATURE = 1.5


class TraceSelection(Observable):
    """A test image that is traced from x to z, or a sample of the base that is traced from z to x."""

    def __init__(self) -> None:
        super().__init__()
        self.direction: Direction = "forward"
        self.index = 0
        self.seed = 0
        self.temperature = 1.0
        self.num_test = 0
        self.count = 0  # stages of the trace that is shown
        self._stage: int | None = None  # None: the last one

    @property
    def stage(self) -> int:
        """The selected stage, from 0."""
        last = max(0, self.count - 1)
        return last if self._stage is None else min(self._stage, last)

    @property
    def params(self) -> dict[str, object]:
        """The parameters of a `trace` request."""
        if self.direction == "forward":
            return {"index": self.index}
        return {"seed": self.seed, "temperature": self.temperature}

    def set_direction(self, direction: Direction) -> None:
        """Change the direction and select the last stage."""
        if direction != self.direction:
            self._update(direction)

    def reverse(self) -> None:
        """Change the direction."""
        self.set_direction("inverse" if self.direction == "forward" else "forward")

    def set_index(self, index: int) -> None:
        """Trace a test image from x to z."""
        index = min(max(index, 0), max(0, self.num_test - 1))
        if (index, self.direction) != (self.index, "forward"):
            self.index = index
            self._update("forward")

    def set_sample(self, seed: int | None = None, temperature: float | None = None) -> None:
        """Trace a sample from z to x."""
        self.seed = self.seed if seed is None else min(max(seed, 0), MAX_SEED)
        self.temperature = self.temperature if temperature is None else min(max(temperature, 0.0), MAX_TEMPERATURE)
        self._update("inverse")

    def move(self, by: int) -> None:
        """Step to another test image, or seed."""
        if self.direction == "forward":
            self.set_index(self.index + by)
        else:
            self.set_sample(seed=self.seed + by)

    def resample(self) -> None:
        """Choose a random test image or seed."""
        if self.direction == "inverse":
            self.set_sample(seed=random.randrange(10_000))
        elif self.num_test > 1:
            self.set_index((self.index + random.randrange(1, self.num_test)) % self.num_test)

    def select_stage(self, stage: int) -> None:
        """Select a stage."""
        stage = min(max(stage, 0), max(0, self.count - 1))
        if stage != self.stage or self._stage is None:
            self._stage = stage
            self.notify()

    def step(self, by: int) -> None:
        """Select a stage before or after this one."""
        self.select_stage(self.stage + by)

    def to_json(self) -> dict[str, Any]:
        """Return what is saved until the next start."""
        return {name: getattr(self, name) for name in ("direction", "index", "seed", "temperature")}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `to_json` returned; invalid values are ignored."""
        index, seed, temperature = state.get("index"), state.get("seed"), state.get("temperature")
        self.direction = "inverse" if state.get("direction") == "inverse" else "forward"
        self.index = index if type(index) is int and 0 <= index < 10_000_000 else 0
        self.seed = seed if type(seed) is int and 0 <= seed <= MAX_SEED else 0
        valid = isinstance(temperature, int | float) and 0 <= temperature <= MAX_TEMPERATURE
        self.temperature = float(temperature) if valid and temperature is not None else 1.0
        self.notify()

    def _update(self, direction: Direction) -> None:
        if direction != self.direction:
            self.direction, self._stage = direction, None
        self.notify()
