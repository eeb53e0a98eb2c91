"""A proof: one fault tried many times, with a count of losses. Short in `make test`, in full in `make faults`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType


@dataclass
class Tally:
    """What a proof counted.

    A try is lost when what was promised of it is not true; the first few say why.
    """

    tries: int = 0
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # figures that belong in the table: "Lost within 0.4 s"

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Count one try; an assertion that fails, or any other error inside, makes it a loss."""
        self.tries += 1
        try:
            yield
        except Exception as error:
            self.losses.append(f"{what}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


@dataclass(frozen=True)
class Proof:
    """One row of the table.

    Args:
        fault: What is done to it: "kill at a random moment".
        promise: What must hold all the same.
        full: How many tries `make faults` makes.
        short: How many the tests make; 0 where they have a short form of their own.
        run: Makes that many tries in an empty folder and counts.
        needs: A program that must be installed, "strace"; empty for none.
    """

    name: str
    fault: str
    promise: str
    full: int
    short: int
    run: Callable[[int, Path], Tally]
    needs: str = ""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Turn what hangs into a loss."""

    def ring(_: int, __: FrameType | None) -> None:
        raise RuntimeError(f"it hangs for more than {seconds:g} s")  # not of the kinds that readers expect

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
