"""Asks the model for the way that is chosen, for the points that go with it, and for the way back. No Qt."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.observable import Observable
from genexplorer.viewer.request_queue import Reply, Request, RequestQueue
from genexplorer.viewer.tabs.flow import trace as ways
from genexplorer.viewer.tabs.flow.trace import Way
from genexplorer.viewer.tabs.flow.trace_request import Choice

SWARM = 800  # points that go along
_SECTORS = 8

Stages = NDArray[np.float64]


class Followed(Observable):
    """What is known of the way that is chosen; every answer tells the listeners.

    Args:
        questions: To the explorer.
        choice: What is followed.
    """

    def __init__(self, requests: RequestQueue, choice: Choice) -> None:
        super().__init__()
        self._requests, self._choice = requests, choice
        self.way: Way | None = None
        self.swarm: Stages | None = None  # (K + 1, N, 2)
        self.groups: NDArray[np.int64] | None = None  # (N,): classes of test points, or sectors of the base
        self.returned: NDArray[np.uint8] | None = None  # f⁻¹(f(x)), (H, W, C)
        self.failure = ""
        self._labels: NDArray[np.int64] | None = None
        self._of_points = False

    def clear(self) -> None:
        """Forget what belongs to a run."""
        self.way = self.swarm = self.groups = self.returned = self._labels = None
        self.failure = ""

    def ask(self, step: int, *, of_points: bool) -> None:
        """Ask for the way at a snapshot."""
        self._of_points = of_points
        forward = self._choice.direction == "forward"
        self._requests.ask(
            "preview",
            "way",
            Request("trace", self._way_came, self._choice.question, step=step, on_failure=self._failed),
        )
        if not of_points:
            return
        if forward and self._labels is None:
            params = {"count": SWARM, "split": "test"}
            self._requests.ask("preview", "labels", Request("points", self._labels_came, params, step=step))
        count = max(1, min(SWARM, self._choice.num_test))
        together = {"indices": list(range(count))} if forward else {**self._choice.question, "count": SWARM}
        self._requests.ask("preview", "swarm", Request("trace", self._swarm_came, together, step=step))

    def _way_came(self, reply: Reply) -> None:
        try:
            self.way = ways.read(reply.arrays, reply.meta, reply.step)
        except (KeyError, ValueError):
            self._failed("the answer is not understood", "another version made this run")
            return
        self.failure, self.returned = "", None
        if self.swarm is not None and len(self.swarm) != len(self.way.stations):
            self.swarm = None
        self._spread()
        if self.way.direction == "forward" and not self.way.is_points:
            z = {"z": self.way.z[None].astype(np.float32)}
            self._requests.ask("preview", "back", Request("trace", self._back_came, arrays=z, step=reply.step))
        self.notify()

    def _swarm_came(self, reply: Reply) -> None:
        stages = np.asarray(reply.arrays["stages"], np.float64)
        if stages.ndim != 3:
            return
        self.swarm = np.nan_to_num(stages, nan=0.0, posinf=1e6, neginf=-1e6)
        forward = reply.meta.get("direction") != "inverse"
        known = self._labels if forward else None
        base = self.swarm[-1] if forward else self.swarm[0]
        self.groups = known if known is not None and len(known) == len(base) else sectors(base)
        self._spread()
        self.notify()

    def _spread(self) -> None:
        """Tell mean and spread of all points: those of the two numbers of one point say nothing."""
        if self.way is not None and self.swarm is not None and len(self.swarm) == len(self.way.stations):
            self.way = self.way.with_spread(self.swarm.mean(axis=(1, 2)), self.swarm.std(axis=(1, 2)))

    def _labels_came(self, reply: Reply) -> None:
        labels = np.asarray(reply.arrays["labels"], np.int64)
        self._labels = labels if len(np.unique(labels)) > 1 else None
        if self._labels is not None and self.swarm is not None and len(self._labels) == self.swarm.shape[1]:
            self.groups = self._labels
            self.notify()

    def _back_came(self, reply: Reply) -> None:
        stages: Any = np.asarray(reply.arrays["stages"])
        if stages.ndim == 4:
            self.returned = stages[-1]
            self.notify()

    def _failed(self, message: str, hint: str) -> None:
        self.failure = f"{message}: {hint}" if hint else message
        self.way = self.swarm = self.returned = None
        self.notify()


def sectors(points: Stages) -> NDArray[np.int64]:
    """Return in which of some equal sectors around the origin points (N, 2) lie, (N,): neighbors share a color."""
    turn = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1.0
    return np.minimum((turn * _SECTORS).astype(np.int64), _SECTORS - 1)
