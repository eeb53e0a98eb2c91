"""What a worker's record-keeping costs beside the bare loop, in turn: A B A B, medians of short windows.

    python -m benchmarks.recording_cost [--preset vae-2d] [--windows 9] [--steps 100] [--threads 1]

A iterates `train(config)` and throws its events away. B does what a worker does: it records every event, hears
commands, looks at the leases and at who watches. CPU time (of all threads, the commits at the end of a window
included) is the robust figure on a machine that is shared; wall time says the same on one that is not. Snapshots with
their pictures and checkpoints are rare, so they are measured one by one, written at once, and set against how often
they come.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from genexplorer import paths
from genexplorer.cores.leases import CoreLease
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from genexplorer.workers.supervision import Supervision
from trainers.config import ExecutionConfig, RunConfig
from trainers.events import Metrics
from trainers.loop import train
from trainers.presets import assemble

NEVER = 1e6  # seconds
FLUSH_EVERY = 50  # steps
QUIET: dict[str, object] = {"eval_every": 1_000_000, "snapshot_every_s": NEVER, "checkpoint_every_s": NEVER}


@dataclass
class Costs:
    """Seconds a step in each window."""

    cpu: list[float]
    wall: list[float]

    @property
    def medians(self) -> tuple[float, float]:
        """CPU and wall seconds a step."""
        return statistics.median(self.cpu), statistics.median(self.wall)


def main() -> None:
    """Measure and print what recording keeps of the bare loop's speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="vae-2d")
    parser.add_argument("--windows", type=int, default=9)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ[paths.STATE_VARIABLE] = name
        runs = RunStore(Path(name) / "runs")
        quiet = _config(options.preset, options.threads, QUIET)
        bare, recorded = _in_turn([_bare(quiet), _recorded(runs, quiet)], options.windows, options.steps)
        _print_steps(bare, recorded)
        for what, every_s in (("snapshot", 30.0), ("checkpoint", 60.0)):
            often = _config(options.preset, options.threads, {**QUIET, f"{what}_every_s": 1e-9})
            pair = [_recorded(runs, config, threaded=False) for config in (quiet, often)]
            calm, busy = _in_turn(pair, 3, 10)
            _print_rare(what, calm, busy, every_s)


def _config(preset: str, threads: int, execution: Mapping[str, object]) -> RunConfig:
    return assemble(preset, {"execution": {**execution, "threads": threads}})


def _in_turn(loops: list[Iterator[None]], windows: int, steps: int) -> list[Costs]:
    costs = [Costs([], []) for _ in loops]
    for window in range(windows + 1):
        for loop, cost in zip(loops, costs, strict=True):
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(steps):
                next(loop)
            if window:  # the first is for warming up
                cost.cpu.append((time.process_time() - cpu) / steps)
                cost.wall.append((time.perf_counter() - wall) / steps)
    return costs


def _bare(config: RunConfig) -> Iterator[None]:
    return (None for event in train(config) if isinstance(event, Metrics))


def _recorded(runs: RunStore, config: RunConfig, *, threaded: bool = True) -> Iterator[None]:
    """Step as a worker does."""
    writer = RunWriter(runs.create(config), config, threaded=threaded)
    lease = CoreLease()
    lease.take()
    supervision = Supervision(writer, lease, ExecutionConfig())
    try:
        for event in train(config, control=supervision):
            writer.record(event)
            supervision.see(event)
            if isinstance(event, Metrics):
                if event.step % FLUSH_EVERY == 0:
                    writer.flush()  # at the end of a window, so that no commit falls into the next one
                yield
    finally:
        lease.give_back()
        writer.close("stopped")


def _print_steps(bare: Costs, recorded: Costs) -> None:
    for name, cost in (("bare loop", bare), ("recorded", recorded)):
        cpu, wall = cost.medians
        print(f"  {name:11} {cpu * 1e3:7.3f} ms of CPU a step, {wall * 1e3:7.3f} ms of wall time")
    cpu, wall = (a / b for a, b in zip(bare.medians, recorded.medians, strict=True))
    print(f"  kept        {cpu:7.1%} by CPU time, {wall:.1%} by wall time")


def _print_rare(what: str, calm: Costs, busy: Costs, every_s: float) -> None:
    cpu, wall = (a - b for a, b in zip(busy.medians, calm.medians, strict=True))
    share = f"{cpu / every_s:.2%} at one in {every_s:.0f} s"
    print(f"  a {what:10} {cpu * 1e3:6.0f} ms of CPU, {wall * 1e3:.0f} ms of wall time: {share}")


if __name__ == "__main__":
    main()
