"""A fault case: one fault, injected many times, and the number of losses. `make test` has a short form of most."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType


@dataclass
class Tally:
    """The counts of a case. A try is a loss when the guarantee does not hold; the first few are printed."""

    tries: int = 0
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # measurements for the table: "Lost within 0.4 s"

    @contextmanager
    def attempt(self, label: str) -> Iterator[None]:
        """Count one try; an assertion that fails, or any other error inside, makes it a loss."""
        self.tries += 1
        try:
            yield
        except Exception as error:
            self.losses.append(f"{label}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


@dataclass(frozen=True)
class FaultCase:
    """One row of the table.

    Args:
        fault: The injected fault: "kill at a random moment".
        guarantee: What must hold nevertheless.
        full: Number of tries of `make faults`.
        short: Number of tries of the tests; 0 if the tests have a short form of their own.
        run: Makes a number of tries in an empty folder and returns their counts.
        needs: A program that must be installed, such as "strace"; empty for none.
    """

    name: str
    fault: str
    guarantee: str
    full: int
    short: int
    run: Callable[[int, Path], Tally]
    needs: str = ""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `RuntimeError` inside the block if it takes longer."""

    def on_alarm(_: int, __: FrameType | None) -> None:
        raise RuntimeError(f"hangs for more than {seconds:g} s")  # no type that readers catch

    previous = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
