"""What the Flow tab follows, which way, and the station that is looked at. No Qt."""

import random
from collections.abc import Mapping
from typing import Any

from genexplorer.session.observable import Observable
from genexplorer.viewer.tabs.flow.trace import Direction

MAX_SEED = 2**31 - 1
MAX_TEMPERATURE = 1.5


class Choice(Observable):
    """A test image that goes from x to z, or a draw of z that goes to x; every change tells the listeners.

    `station` None is the last one, wherever the way ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.direction: Direction = "forward"
        self.index = 0
        self.seed = 0
        self.temperature = 1.0
        self.num_test = 0
        self.count = 0  # stations of the way that is shown
        self._station: int | None = None

    @property
    def station(self) -> int:
        """Return the place that is looked at, from 0."""
        last = max(0, self.count - 1)
        return last if self._station is None else min(self._station, last)

    @property
    def question(self) -> dict[str, object]:
        """Return the parameters of `trace`."""
        if self.direction == "forward":
            return {"index": self.index}
        return {"seed": self.seed, "temperature": self.temperature}

    def set_direction(self, direction: Direction) -> None:
        """Go the other way; the place that is looked at is the end again."""
        if direction != self.direction:
            self.direction, self._station = direction, None
            self.notify()

    def turn(self) -> None:
        """Go the other way."""
        self.set_direction("inverse" if self.direction == "forward" else "forward")

    def set_index(self, index: int) -> None:
        """Follow a test image, from x to z."""
        index = min(max(index, 0), max(0, self.num_test - 1))
        if (index, self.direction) != (self.index, "forward"):
            self.index = index
            self._face("forward")

    def set_draw(self, seed: int | None = None, temperature: float | None = None) -> None:
        """Follow a draw of z, from z to x."""
        self.seed = self.seed if seed is None else min(max(seed, 0), MAX_SEED)
        self.temperature = self.temperature if temperature is None else min(max(temperature, 0.0), MAX_TEMPERATURE)
        self._face("inverse")

    def move(self, by: int) -> None:
        """Take the test image, or the seed, so many further on."""
        if self.direction == "forward":
            self.set_index(self.index + by)
        else:
            self.set_draw(seed=self.seed + by)

    def another(self) -> None:
        """Take any other test image or seed."""
        if self.direction == "inverse":
            self.set_draw(seed=random.randrange(10_000))
        elif self.num_test > 1:
            self.set_index((self.index + random.randrange(1, self.num_test)) % self.num_test)

    def watch_for(self, station: int) -> None:
        """Look at a station."""
        place = min(max(station, 0), max(0, self.count - 1))
        if place != self.station or self._station is None:
            self._station = place
            self.notify()

    def step(self, by: int) -> None:
        """Look at a station before or after this one."""
        self.watch_for(self.station + by)

    def to_json(self) -> dict[str, Any]:
        """Return what is remembered."""
        return {
            "direction": self.direction,
            "index": self.index,
            "seed": self.seed,
            "temperature": self.temperature,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what is sound of what `to_json` returned."""
        index, seed, temperature = state.get("index"), state.get("seed"), state.get("temperature")
        self.direction = "inverse" if state.get("direction") == "inverse" else "forward"
        self.index = index if type(index) is int and 0 <= index < 10_000_000 else 0
        self.seed = seed if type(seed) is int and 0 <= seed <= MAX_SEED else 0
        sound = isinstance(temperature, int | float) and 0 <= temperature <= MAX_TEMPERATURE
        self.temperature = float(temperature) if sound and temperature is not None else 1.0
        self.notify()

    def _face(self, direction: Direction) -> None:
        if direction != self.direction:
            self.direction, self._station = direction, None
        self.notify()
