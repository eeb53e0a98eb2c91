"""An explorer without a child process: it answers what a test lets it answer, from a thread as the real one does."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Failure, Lane, Progress, Request, Response, Result
from tests.fixtures.fake_run import digits

Body = Progress | Result | Failure


class StandIn(ExplorerClient):
    """Takes questions; `sample` and `pipeline` are answered at once, the others only by `answer`."""

    def __init__(self, on_answer: Callable[[Response], None], on_exit: Callable[[str], None]) -> None:
        self._on_answer, self._on_exit = on_answer, on_exit
        self.requests: list[Request] = []
        self.closed = self.warmed = False
        self.silent = False

    def send(self, lane: Lane, run: Path, op: str, **options: Any) -> int:
        request_number = len(self.requests) + 1
        request = Request(lane, request_number, str(run), op=op, **options)
        self.requests.append(request)
        body = None if self.silent else _plausible(request)
        if body is not None:
            self.answer(request, body)
        return request_number

    def answer(self, request: Request, body: Body, step: int | None = None) -> None:
        """Let an answer arrive, from another thread."""
        at = request.snapshot_step or 0 if step is None else step
        answer = Response(request.lane, request.request_number, request.op, at, body, 0.008, request.topic)
        self._in_thread(lambda: self._on_answer(answer))

    def die(self, last_words: str) -> None:
        """Let the child be gone."""
        self._in_thread(lambda: self._on_exit(last_words))

    def cancel(self, lane: Lane, topic: str = "") -> None:
        """Nothing to let go of."""

    def warm_up(self) -> None:
        self.warmed = True

    def close(self) -> None:
        self.closed = True

    def last(self, op: str) -> Request:
        """Return the newest question of an operation."""
        return next(request for request in reversed(self.requests) if request.op == op)

    def count(self, op: str) -> int:
        return sum(request.op == op for request in self.requests)

    def _in_thread(self, does: Callable[[], None]) -> None:
        thread = threading.Thread(target=does)
        thread.start()
        thread.join()


def _plausible(request: Request) -> Body | None:
    random = np.random.default_rng(abs(hash(str(request.params))) % 1000)
    if request.op == "sample":
        count = int(str(request.params["count"]))
        z = random.normal(0, 1, (count, 2)).astype(np.float32)
        return Result({"images": random.permutation(digits(count)), "z": z})
    if request.op == "pipeline":
        one, vector = digits(1), np.array([[0.5, -1.2]], np.float32)
        figures = {"recon": 85.7, "kl": 6.5}
        arrays: dict[str, Any] = {"x": one, "mu": vector, "sigma": np.abs(vector), "z": vector, "recon": one}
        return Result(arrays, {"metrics": figures})
    return None
