"""When an explorer holds a lease: while a person keeps it busy, and a moment longer.

The few questions at once that a face asks when a new snapshot comes take no core from anybody: they compute with what
the leases of others leave, one thread at least, and are over before a training could make way. Questions in quick
succession that do not end are a drag, and work that lasts is a job: both take a lease, so that the trainings make way,
and give it back a moment after the last, so that short pauses of the hand do not make the trainings change their
threads to and fro.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from genexplorer.cores.leases import CoreLease

T = TypeVar("T")
WINDOW_S = 1.0  # what counts as now
QUICK = 8  # questions in the window make a drag: more than a face that follows asks at once,
QUICK_BUSY_S = 0.04  # if they cost this much: less than that disturbs no training
LASTING_S = 0.5  # of work in the window make a job
LINGER_S = 1.5  # the lease outlasts the work by this


class InteractiveLease:
    """The cores of one explorer. `asked` and `computing` belong to the thread that computes.

    Args:
        set_threads: Sets the number of threads of whatever computes, in the calling thread.
        lease: An interactive one; the machine's when None.
        most: Threads at most; 0 is what the rule gives.
        linger_s: How long the lease outlasts the work.
    """

    def __init__(
        self,
        set_threads: Callable[[int], None],
        lease: CoreLease | None = None,
        *,
        most: int = 0,
        linger_s: float = LINGER_S,
    ) -> None:
        self._set_threads = set_threads
        self._lease = lease or CoreLease(interactive=True)
        self._most = most or 1024
        self._linger_s = linger_s
        self._threads = 0
        self._questions: deque[float] = deque(maxlen=QUICK)  # when the last ones began
        self._work: deque[tuple[float, float]] = deque()  # when it ended, how long it took
        self._at_work = False
        self._last = 0.0
        self._changed = threading.Condition()
        self._keeper: threading.Thread | None = None

    @property
    def held(self) -> bool:
        """Whether the trainings make way now."""
        return self._lease.held

    def asked(self) -> None:
        """Take note that a question begins."""
        self._questions.append(time.monotonic())

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute inside the block with the share of now."""
        began = time.monotonic()
        with self._changed:
            self._at_work = True
            share = min(self._lease.share(), self._most)
        if share != self._threads:
            self._threads = share
            self._set_threads(share)
        try:
            yield
        finally:
            self._done(began, time.monotonic())

    def each(self, chunks: Iterator[T]) -> Iterator[T]:
        """Yield what an iterator yields; each piece is computed with the share of its moment."""
        try:
            while True:
                with self.computing():
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
            self._at_work, self._last = False, now
            if not self._lease.held and self._is_busy(now):
                self._lease.take()
                self._keep()

    def _is_busy(self, now: float) -> bool:
        busy = sum(min(seconds, WINDOW_S) for _, seconds in self._work)
        quick = len(self._questions) == QUICK and self._questions[0] > now - WINDOW_S
        return busy >= LASTING_S or (quick and busy >= QUICK_BUSY_S)

    def _keep(self) -> None:
        """Have the lease given back when the work is over."""
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._give_back, name="explorer-cores", daemon=True)
            self._keeper.start()
        self._changed.notify()

    def _give_back(self) -> None:
        while True:
            with self._changed:
                while not self._lease.held:
                    self._changed.wait()
                left = self._last + self._linger_s - time.monotonic()
                if self._at_work or left > 0:
                    self._changed.wait(min(max(left, 0.02), 0.25))
                else:
                    self._lease.give_back()
