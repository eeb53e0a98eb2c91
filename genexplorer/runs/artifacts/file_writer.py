"""A thread that writes a run's large files one after the other, so that the training never waits for the disk."""

import errno
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
RETRY_S = 1.0
MAX_PENDING_BYTES = 256 << 20


@dataclass
class Job:
    """One file or folder to write.

    Args:
        name: For messages: "checkpoint 8,000".
        lane: A newer job may replace a pending one of the same lane.
        run: Does the work; raises OSError.
        on_failure: Called if it will not be done.
        size: Bytes of memory that it holds until it is done.
        droppable: Whether a newer job may replace it when memory is short.
        replaces: Whether it replaces droppable jobs even when memory is not short.
    """

    name: str
    lane: str
    run: Callable[[], None]
    on_failure: Callable[[OSError], None]
    size: int = 0
    droppable: bool = True
    replaces: bool = False


class FileWriter:
    """Does jobs in order, one at a time; waits while the disk is full and reports other failures.

    Args:
        on_problem: Called with what the disk refuses, and with "" when it no longer does.
        threaded: False does each job at once, in the caller's thread, and never waits. For tests.
    """

    def __init__(self, on_problem: Callable[[str], None], *, threaded: bool = True) -> None:
        self._on_problem = on_problem
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._closing = False
        self._give_up_at = float("inf")
        self.gave_up = False
        self._thread = threading.Thread(target=self._work, name="run-files", daemon=True) if threaded else None
        if self._thread:
            self._thread.start()

    def submit(self, job: Job) -> None:
        """Add a job; blocks only when more than 256 MB are pending and none can be dropped."""
        if self._thread is None:
            self._do(job)
            return
        with self._changed:
            if job.replaces or self._pending_bytes() + job.size > MAX_PENDING_BYTES:
                self._make_room(job)
            self._changed.wait_for(lambda: not self._jobs or self._pending_bytes() + job.size <= MAX_PENDING_BYTES)
            self._jobs.append(job)
            self._changed.notify_all()

    def drain(self, patience_s: float = float("inf")) -> None:
        """Wait until no job is pending; wait for a full disk no longer than the patience."""
        with self._changed:
            self._give_up_at = time.monotonic() + patience_s
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._jobs and not self._busy)

    def give_up(self) -> None:
        """Stop waiting for a full disk, within a second. Takes no lock, so that a signal handler may call it."""
        self.gave_up = True

    def close(self) -> None:
        """End the thread after `drain`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._jobs) or self._closing)
                if not self._jobs:
                    return
                job = self._jobs.popleft()
                self._busy = True
                self._changed.notify_all()
            try:
                self._do(job)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _do(self, job: Job) -> None:
        while True:
            try:
                job.run()
                self._on_problem("")
                return
            except OSError as error:
                full = error.errno in FULL and self._thread is not None
                if full:
                    self._on_problem(f"disk full: cannot write {job.name}")
                if not full or not self._may_wait():
                    self._on_problem("")
                    job.on_failure(error)
                    return
            except Exception as error:
                job.on_failure(OSError(errno.EIO, f"{type(error).__name__}: {error}"))
                return

    def _may_wait(self) -> bool:
        with self._changed:
            remaining_s = self._give_up_at - time.monotonic()
            if remaining_s > 0:
                self._changed.wait(min(RETRY_S, remaining_s))
            return not self.gave_up and time.monotonic() < self._give_up_at

    def _pending_bytes(self) -> int:
        return sum(job.size for job in self._jobs)

    def _make_room(self, newer: Job) -> None:
        for job in [job for job in self._jobs if job.lane == newer.lane and job.droppable]:
            if newer.replaces or self._pending_bytes() + newer.size > MAX_PENDING_BYTES:
                self._jobs.remove(job)
