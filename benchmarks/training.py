"""How fast genexplorer trains beside plain loops and other libraries, of the same network, batch and precision.

    python -m benchmarks.training [--only vae] [--threads 2] [--seconds 0.6] [--windows 9] [--no-write]

Each contender is a process; they take turns in short windows, A B A B, and disturbed windows are dropped. The table is
written to docs/performance.md. benchmarks/windows.py defines disturbed windows, benchmarks/peers has the contenders.
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
ROUNDS_PER_WINDOW = 4  # at most


@dataclass(frozen=True)
class Conditions:
    """Conditions of a measurement."""

    threads: int
    device: str
    seconds: float
    num_windows: int
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
    """Run the selected comparisons; print and store the tables."""
    options = _parse_args()
    on_gpu = options.device == "cuda"
    threads = options.threads or report.cores()
    conditions = Conditions(threads, options.device, options.seconds, options.windows, options.lock)
    for comparison in COMPARISONS:
        if options.only and comparison.key not in options.only:
            continue
        outcome = _compare(comparison, conditions, options.entrants)
        lines = report.section(comparison, outcome, conditions.threads)
        print("\n".join(lines), flush=True)
        if not options.write:
            continue
        if report.is_unreliable(outcome, threads):
            print("not stored: measure again when nothing else runs", file=sys.stderr)
        else:
            report.store(comparison, lines, options.device, torch.cuda.get_device_name() if on_gpu else "")
    return 0


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--only", action="append", choices=[comparison.key for comparison in COMPARISONS])
    parser.add_argument("--entrants", action="append", default=[], help="those whose name contains this, and the first")
    parser.add_argument("--threads", type=int, default=0, help="of each contender; 0: one per core")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--seconds", type=float, default=0.6, help="length of a window")
    parser.add_argument("--windows", type=int, default=9, help="undisturbed windows per contender")
    parser.add_argument("--lock", type=Path, help="file to lock during a measurement; other measurements wait for it")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/performance.md as it is")
    return parser.parse_args()


def _compare(comparison: Comparison, conditions: Conditions, selected: Sequence[str]) -> report.Outcome:
    """Measure the first entrant and those whose name contains one of `selected`, all if it is empty."""
    missing: dict[str, str] = {}
    first, *others = comparison.entrants
    entrants = [first, *(e for e in others if not selected or any(part in e.name for part in selected))]
    with contextlib.ExitStack() as stack:
        # Start the processes; those that cannot be set up are listed as missing.
        running = []
        peaks = [entrant for entrant in PEAKS if conditions.device == "cpu" or "onednn" not in entrant.options]
        for entrant in (*peaks, *entrants):
            try:
                running.append(stack.enter_context(_start(entrant, conditions)))
            except MissingError as problem:
                missing[entrant.name] = str(problem)
                print(f"missing: {entrant.name} ({problem})", file=sys.stderr, flush=True)
        # Measure them in turn.
        with conditions.alone():
            limit, on_cpu = ROUNDS_PER_WINDOW * conditions.num_windows, conditions.device == "cpu"
            results = windows.interleave(running, conditions.num_windows, limit, watched=on_cpu)
        flops = {contender.name: contender.flops for contender in running}
    throughputs = windows.throughputs(results)
    return report.Outcome(throughputs, flops, missing, PEAKS)


def _start(entrant: Entrant, conditions: Conditions) -> ContenderProcess:
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
