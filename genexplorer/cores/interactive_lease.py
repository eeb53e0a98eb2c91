"""Reserves cores for a model process while a person keeps it busy, and for a moment after.

The few requests that a front end sends when a new snapshot arrives take no core from a training: they compute with what
the leases of others leave, one thread at least, and are done before a training could react. A burst of quick requests
is a mouse drag, and lasting work is a job: both acquire a lease, so that trainings reduce their threads. It is
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
WINDOW_S = 1.0  # requests and work are counted over the last second
BURST_REQUESTS = 8  # a new snapshot causes fewer requests within the window, a mouse drag more
BURST_WORK_S = 0.04  # a burst that computes for less than this within the window disturbs no training
LONG_WORK_S = 0.5  # work of at least half the window acquires a lease without a burst
RELEASE_DELAY_S = 1.5  # the lease is released so long after the last work
_UNLIMITED_THREADS = 1024  # more than any machine has cores


class InteractiveLease:
    """The cores of one model process. `record_request` and `compute` are called by the computing thread.

    Args:
        set_threads: Sets the number of threads of the library that computes.
        lease: The lease to acquire and release; a new one on this machine when None.
        max_threads: Maximum number of threads; 0 for as many as the lease allows.
    """

    def __init__(
        self, set_threads: Callable[[int], None], lease: CoreLease | None = None, *, max_threads: int = 0
    ) -> None:
        self._set_threads = set_threads
        self._lease = lease or CoreLease(interactive=True)
        self._max_threads = max_threads or _UNLIMITED_THREADS
        self._threads = 0
        self._requests: deque[float] = deque(maxlen=BURST_REQUESTS)  # the times at which the last requests started
        self._work: deque[tuple[float, float]] = deque()  # end and duration of each piece of work
        self._computing = False
        self._last_end = 0.0
        self._condition = threading.Condition()
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
        """Set the number of threads to the current core share for the computation in the block."""
        started = time.monotonic()
        with self._condition:
            self._computing = True
            core_share = min(self._lease.share(), self._max_threads)
        if core_share != self._threads:
            self._threads = core_share
            self._set_threads(core_share)
        try:
            yield
        finally:
            self._record_work(started, time.monotonic())

    def compute_each(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the items of an iterator; each is computed with the core share of that moment."""
        try:
            while True:
                with self.compute():
                    item = next(items, None)
                if item is None:
                    return
                yield item
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def _record_work(self, started: float, now: float) -> None:
        """Record a piece of work that ends now; acquire the lease if it was long or part of a burst."""
        self._work.append((now, now - started))
        while self._work[0][0] < now - WINDOW_S:
            self._work.popleft()
        with self._condition:
            self._computing, self._last_end = False, now
            # Acquire a lease for lasting work, or for a series of quick requests.
            work_s = sum(min(seconds, WINDOW_S) for _, seconds in self._work)
            is_burst = len(self._requests) == BURST_REQUESTS and self._requests[0] > now - WINDOW_S
            if not self._lease.is_held and (work_s >= LONG_WORK_S or (is_burst and work_s >= BURST_WORK_S)):
                self._lease.acquire()
                # A thread releases it when the work is done.
                if self._releaser is None:
                    self._releaser = threading.Thread(target=self._release_when_idle, name="core-lease", daemon=True)
                    self._releaser.start()
                self._condition.notify()

    def _release_when_idle(self) -> None:
        """Release the lease `RELEASE_DELAY_S` after the last work; runs in a thread of its own."""
        while True:
            with self._condition:
                while not self._lease.is_held:
                    self._condition.wait()
                remaining_s = self._last_end + RELEASE_DELAY_S - time.monotonic()
                if self._computing or remaining_s > 0:
                    # At most 0.25 s, as the end of a computation does not notify; at least 0.02 s, to spin no core.
                    self._condition.wait(min(max(remaining_s, 0.02), 0.25))
                else:
                    self._lease.release()
