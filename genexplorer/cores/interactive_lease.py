"""The core lease of a model process: held while a person keeps it busy, and a moment longer.

The few requests that a front end sends when a new snapshot arrives take no core from a training: they compute with what
the leases of others leave, one thread at least, and are done before a training could react. A long series of quick
requests is a mouse drag, and lasting work is a job: both acquire a lease, so that trainings reduce their threads. It is
released a moment after the last request, so that short pauses of the mouse do not make trainings switch back and forth.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from genexplorer.cores.leases import CoreLease

T = TypeVar("T")
WINDOW_S = 1.0  # of recent work
DRAG_REQUESTS = 8  # requests in the window that make a drag: more than a front end sends for a new snapshot,
DRAG_BUSY_S = 0.04  # if they take at least this long: less disturbs no training
JOB_BUSY_S = 0.5  # work in the window that makes a job
LINGER_S = 1.5  # from the end of the work to the release


class InteractiveLease:
    """The cores of one model process. `record_request` and `compute` are called by the computing thread.

    Args:
        set_threads: Sets the number of threads of the library that computes.
        lease: An interactive lease; that of the machine when None.
        max_threads: 0 for the share of the lease.
    """

    def __init__(
        self, set_threads: Callable[[int], None], lease: CoreLease | None = None, *, max_threads: int = 0
    ) -> None:
        self._set_threads = set_threads
        self._lease = lease or CoreLease(interactive=True)
        self._max_threads = max_threads or 1024
        self._threads = 0
        self._requests: deque[float] = deque(maxlen=DRAG_REQUESTS)  # start times of the last ones
        self._work: deque[tuple[float, float]] = deque()  # end times and durations
        self._computing = False
        self._last_end = 0.0
        self._changed = threading.Condition()
        self._releaser: threading.Thread | None = None

    @property
    def is_held(self) -> bool:
        """Whether trainings leave cores to this process."""
        return self._lease.is_held

    def record_request(self) -> None:
        """Record the start of a request."""
        self._requests.append(time.monotonic())

    @contextmanager
    def compute(self) -> Iterator[None]:
        """Compute in the block with the current share of the cores."""
        began = time.monotonic()
        with self._changed:
            self._computing = True
            share = min(self._lease.share(), self._max_threads)
        if share != self._threads:
            self._threads = share
            self._set_threads(share)
        try:
            yield
        finally:
            self._done(began, time.monotonic())

    def compute_each(self, chunks: Iterator[T]) -> Iterator[T]:
        """Yield the items of an iterator; each is computed with the share at its time."""
        try:
            while True:
                with self.compute():
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                yield chunk
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _done(self, began: float, now: float) -> None:
        self._work.append((now, now - began))
        while self._work[0][0] < now - WINDOW_S:
            self._work.popleft()
        with self._changed:
            self._computing, self._last_end = False, now
            # Acquire a lease for lasting work, or for a series of quick requests.
            busy = sum(min(seconds, WINDOW_S) for _, seconds in self._work)
            dragged = len(self._requests) == DRAG_REQUESTS and self._requests[0] > now - WINDOW_S
            if not self._lease.is_held and (busy >= JOB_BUSY_S or (dragged and busy >= DRAG_BUSY_S)):
                self._lease.acquire()
                # A thread releases it when the work is done.
                if self._releaser is None:
                    self._releaser = threading.Thread(target=self._release_when_idle, name="core-lease", daemon=True)
                    self._releaser.start()
                self._changed.notify()

    def _release_when_idle(self) -> None:
        while True:
            with self._changed:
                while not self._lease.is_held:
                    self._changed.wait()
                remaining_s = self._last_end + LINGER_S - time.monotonic()
                if self._computing or remaining_s > 0:
                    self._changed.wait(min(max(remaining_s, 0.02), 0.25))
                else:
                    self._lease.release()
