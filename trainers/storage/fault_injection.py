"""Injected faults: tests let the Nth call that may fail because of the disk fail."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class FaultPlan:
    """Makes the `nth` interceptable call (from 1) fail with an operating system error.

    Args:
        nth: The call that fails.
        error: The errno, such as `errno.ENOSPC`.
        persistent: Whether all later calls fail as well.
    """

    def __init__(self, nth: int, error: int, *, persistent: bool = False) -> None:
        self.nth = nth
        self.error = error
        self.persistent = persistent
        self.calls: list[str] = []

    def count_call(self, name: str) -> None:
        """Count a call; raise if it is one that fails."""
        self.calls.append(name)
        count = len(self.calls)
        if count == self.nth or (self.persistent and count > self.nth):
            raise OSError(self.error, os.strerror(self.error), name)


_fault_plan: FaultPlan | None = None


@contextmanager
def inject_faults(plan: FaultPlan) -> Iterator[FaultPlan]:
    """Make calls fail as planned inside the block."""
    global _fault_plan
    _fault_plan = plan
    try:
        yield plan
    finally:
        _fault_plan = None


def interceptable_call(name: str, function: Callable[[], T]) -> T:
    """Call a function that may fail because of the disk, such as a database commit; a `FaultPlan` can intercept it."""
    if _fault_plan is not None:
        _fault_plan.count_call(name)
    return function()
