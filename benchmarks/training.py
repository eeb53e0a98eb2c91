"""How fast genexplorer trains beside plain loops and other libraries, of the same network, batch and precision.

    python -m benchmarks.training [--only vae] [--threads 2] [--seconds 0.6] [--windows 9] [--no-write]

Everybody is a process of its own; they take turns in short windows, A B A B, and disturbed windows are dropped. The
table is kept in docs/performance.md. See benchmarks/windows.py for what is dropped, benchmarks/peers for who they are.
"""

import argparse
import contextlib
import fcntl
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import report, windows
from benchmarks.comparisons import COMPARISONS, Comparison, Entrant
from benchmarks.peers.environments import MissingError
from benchmarks.processes import ContenderProcess

PEAKS = (
    Entrant("products in float32", "matrix:product", options={"precision": "float32"}),
    Entrant("products in float32 by oneDNN", "matrix:product", options={"precision": "float32", "onednn": True}),
    Entrant("products in bfloat16", "matrix:product", options={"precision": "bfloat16"}),
)
PATIENCE = 4  # rounds, for each window that is wanted


@dataclass(frozen=True)
class Conditions:
    """How everybody is measured."""

    threads: int
    device: str
    seconds: float
    wanted: int
    lock: Path | None

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock, where there is one, inside the block."""
        if self.lock is None:
            yield
            return
        with self.lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def main() -> int:
    """Measure what was asked for; print the tables and keep them."""
    given = _parsed()
    on_gpu = given.device == "cuda"
    threads = given.threads or report.cores()
    conditions = Conditions(threads, given.device, given.seconds, given.windows, given.lock)
    for comparison in COMPARISONS:
        if given.only and comparison.key not in given.only:
            continue
        outcome = _compared(comparison, conditions, given.entrants)
        lines = report.section(comparison, outcome, conditions.threads)
        print("\n".join(lines), flush=True)
        if not given.write:
            continue
        if report.means_little(outcome, threads):
            print("not kept: measure again when nothing else runs", file=sys.stderr)
        else:
            report.keep(comparison, lines, given.device, torch.cuda.get_device_name() if on_gpu else "")
    return 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--only", action="append", choices=[comparison.key for comparison in COMPARISONS])
    parser.add_argument("--entrants", action="append", default=[], help="those whose name contains this, and the first")
    parser.add_argument("--threads", type=int, default=0, help="of everybody; 0: as many as there are cores")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--seconds", type=float, default=0.6, help="of a window")
    parser.add_argument("--windows", type=int, default=9, help="undisturbed ones that are wanted of each")
    parser.add_argument("--lock", type=Path, help="a file to hold locked meanwhile; other measurements wait for it")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/performance.md as it is")
    return parser.parse_args()


def _compared(comparison: Comparison, conditions: Conditions, wanted: Sequence[str]) -> report.Outcome:
    missing: dict[str, str] = {}
    first, *others = comparison.entrants
    taking_part = [first, *(e for e in others if not wanted or any(part in e.name for part in wanted))]
    with contextlib.ExitStack() as stack:
        running = []
        peaks = [entrant for entrant in PEAKS if conditions.device == "cpu" or "onednn" not in entrant.options]
        for entrant in (*peaks, *taking_part):
            try:
                running.append(stack.enter_context(_started(entrant, conditions)))
            except MissingError as problem:
                missing[entrant.name] = str(problem)
                print(f"missing: {entrant.name} ({problem})", file=sys.stderr, flush=True)
        with conditions.alone():
            limit, on_cpu = PATIENCE * conditions.wanted, conditions.device == "cpu"
            found = windows.interleave(running, conditions.wanted, limit, watched=on_cpu)
        flops = {contender.name: contender.flops for contender in running}
    figures = windows.figures(found)
    return report.Outcome(figures, flops, missing, PEAKS)


def _started(entrant: Entrant, conditions: Conditions) -> ContenderProcess:
    print(f"setting up {entrant.name} …", file=sys.stderr, flush=True)
    contender = ContenderProcess(
        entrant.name, entrant.target, entrant.peer, conditions.threads, conditions.device, entrant.options
    )
    try:
        contender.warm_up(conditions.seconds)
    except BaseException:
        contender.close()
        raise
    return contender


if __name__ == "__main__":
    sys.exit(main())
