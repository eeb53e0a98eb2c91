"""What a worker's record-keeping costs beside the bare loop: its parts, each weighed by how often it comes.

    python -m benchmarks.recording_cost [--preset vae-2d …] [--windows 9] [--window-s 0.7] [--threads 1]
    python -m benchmarks.recording_cost --whole 3 --whole-s 61 [--watched]

The bare loop iterates `train(config)` and throws its events away. The worker's records every event, hears commands,
looks at the leases and at who watches. They take turns in short windows, A B A B, each with figures alone; then single
snapshots (with their pictures) and checkpoints are made one by one. Of each it is told how long the training's thread
stood still and how much CPU all threads took. A worker with a core beside its own pays the first, one whose cores all
compute pays the second, so that `kept` is given by both. CPU time is the robust figure on a machine that is shared.

`--whole` compares directly: windows of the bare loop and of a worker with everything on its true schedule.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from genexplorer import paths
from genexplorer.cores.leases import CoreLease
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from genexplorer.workers.supervision import Supervision
from trainers import cadence
from trainers.config import ExecutionConfig, RunConfig
from trainers.events import Event, Metrics, SnapshotReady, StateReady
from trainers.loop import train
from trainers.presets import assemble

PRESETS = ("vae-2d", "vae-conv", "gan", "uva2019-nf", "flow-toy")
NEVER = 1e6  # seconds
WARM_STEPS = 12  # the early snapshots are over then
QUIET: dict[str, object] = {"eval_every": 1_000_000, "snapshot_every_s": NEVER, "checkpoint_every_s": NEVER}
SNAPSHOT_S, WATCHED_S, CHECKPOINT_S = 30.0, 2.0, 60.0  # the schedule of a run


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock for the training's thread, and of CPU: its own and that of all threads."""

    wall: float
    own: float
    cpu: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.wall - other.wall, self.own - other.own, self.cpu - other.cpu)

    def __truediv__(self, number: float) -> "Cost":
        return Cost(self.wall / number, self.own / number, self.cpu / number)


@dataclass(frozen=True)
class Made:
    """What one snapshot with its pictures, or one checkpoint, costs."""

    cost: Cost
    size: int  # bytes of arrays


class Ticking:
    """A clock that goes on only while its loop is measured, so that schedules are those of a run of its own."""

    def __init__(self) -> None:
        self._banked, self._since = 0.0, 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self._banked + (time.perf_counter() - self._since if self._since else 0.0)

    @contextlib.contextmanager
    def going(self) -> Iterator[None]:
        """Let it go on inside the block."""
        self._since = time.perf_counter()
        try:
            yield
        finally:
            self._banked, self._since = self(), 0.0


class Worker:
    """Steps as a worker does."""

    def __init__(self, runs: RunStore, config: RunConfig, clock: cadence.Clock | None = None) -> None:
        self.writer = RunWriter(runs.create(config), config)
        self._lease = CoreLease()
        self._lease.take()
        self._supervision = Supervision(self.writer, self._lease, ExecutionConfig())
        self._events = train(config, control=self._supervision, clock=clock)

    def events(self) -> Iterator[Event]:
        """Yield what has been recorded."""
        for event in self._events:
            self.writer.record(event)
            self._supervision.see(event)
            yield event

    def settle(self) -> None:
        """Wait until all is written."""
        self.writer.files.wait()
        self.writer.flush()

    def close(self) -> None:
        """End the run."""
        self._lease.give_back()
        self.writer.close("stopped")


def main() -> None:
    """Measure and print what recording keeps of the bare loop's speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", nargs="+", default=PRESETS)
    parser.add_argument("--windows", type=int, default=9)
    parser.add_argument("--window-s", type=float, default=0.7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--items", type=int, default=5, help="snapshots and checkpoints to measure")
    parser.add_argument("--whole", type=int, default=0, help="pairs of long windows instead")
    parser.add_argument("--whole-s", type=float, default=61.0)
    parser.add_argument("--watched", action="store_true", help="long windows with somebody looking")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ[paths.STATE_VARIABLE] = name
        runs = RunStore(Path(name) / "runs")
        for preset in options.preset:
            print(preset, flush=True)
            if options.whole:
                _compare_whole(runs, preset, options)
            else:
                _compare_parts(runs, preset, options)


def _compare_parts(runs: RunStore, preset: str, options: argparse.Namespace) -> None:
    quiet = _config(preset, options.threads, QUIET)
    bare, recorded = _in_turn(runs, quiet, options.windows, options.window_s)
    often = _config(preset, options.threads, {**QUIET, "snapshot_every_s": 1e-9})
    snapshot = _single(runs, often, SnapshotReady, options.items)
    often = _config(preset, options.threads, {**QUIET, "checkpoint_every_s": 1e-9})
    checkpoint = _single(runs, often, StateReady, options.items)
    _print_step("bare loop", bare)
    _print_step("with figures", recorded)
    _print_made("a snapshot", snapshot)
    _print_made("a checkpoint", checkpoint)
    least_s = cadence.snapshot_seconds(snapshot.size // 4)
    for what, every_s in (("nobody looks", SNAPSHOT_S), ("watched", WATCHED_S)):
        _print_kept(what, bare, recorded, [(snapshot, max(every_s, least_s)), (checkpoint, CHECKPOINT_S)])


def _config(preset: str, threads: int, execution: Mapping[str, object]) -> RunConfig:
    return assemble(preset, {"execution": {**execution, "threads": threads}})


def _in_turn(runs: RunStore, config: RunConfig, windows: int, window_s: float) -> tuple[Cost, Cost]:
    """Return the median cost of a step, bare and with its figures recorded."""
    worker = Worker(runs, config)
    loops = [_steps(train(config)), _steps(worker.events())]
    settle: list[Callable[[], None]] = [lambda: None, worker.settle]
    for loop in loops:
        _spend(loop, WARM_STEPS)
    worker.settle()
    steps = max(int(window_s / _spend(loops[0], 10).wall * 10), 5)
    costs: list[list[Cost]] = [[], []]
    for window in range(windows + 1):
        for loop, finish, kept in zip(loops, settle, costs, strict=True):
            cost = _spend(loop, steps, finish)
            if window:  # the first is for warming up
                kept.append(cost / steps)
    worker.close()
    return _median(costs[0]), _median(costs[1])


def _steps(events: Iterator[Event]) -> Iterator[None]:
    return (None for event in events if isinstance(event, Metrics))


def _spend(loop: Iterator[None], steps: int, finish: Callable[[], None] = lambda: None) -> Cost:
    """Return the cost of some steps; the CPU of what they left to other threads included."""
    wall, own, cpu = time.perf_counter(), time.thread_time(), time.process_time()
    for _ in range(steps):
        next(loop)
    wall, own = time.perf_counter() - wall, time.thread_time() - own
    finish()
    return Cost(wall, own, time.process_time() - cpu)


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "own", "cpu")))


def _single(runs: RunStore, config: RunConfig, kind: type[Event], count: int) -> Made:
    """Return what one event of a kind costs, with what belongs to it: steps with it less the quickest without."""
    worker = Worker(runs, config)
    sizes: list[int] = []
    events = _noted(worker.events(), kind, sizes)
    _spend(events, WARM_STEPS, worker.settle)
    busy = [_spend(events, 1, worker.settle) for _ in range(count)]
    worker.close()
    quiet = Worker(runs, config.model_copy(update={"execution": _rarely(config)}))
    calm = _steps(quiet.events())
    _spend(calm, WARM_STEPS, quiet.settle)
    still = [_spend(calm, 1, quiet.settle) for _ in range(2 * count)]
    quiet.close()
    return Made(_median(busy) - _median(still), sizes[-1])


def _rarely(config: RunConfig) -> ExecutionConfig:
    return config.execution.model_copy(update={"snapshot_every_s": NEVER, "checkpoint_every_s": NEVER})


def _noted(events: Iterator[Event], kind: type[Event], sizes: list[int]) -> Iterator[None]:
    for event in events:
        if isinstance(event, SnapshotReady | StateReady) and isinstance(event, kind):
            sizes.append(sum(array.nbytes for array in event.arrays.values()))
        if isinstance(event, Metrics):
            yield


def _compare_whole(runs: RunStore, preset: str, options: argparse.Namespace) -> None:
    """Compare a bare loop and a worker with all it does, on the schedule of a run, in long windows."""
    watched: dict[str, object] = {"snapshot_every_s": WATCHED_S} if options.watched else {}
    clock = Ticking()
    quiet = _config(preset, options.threads, QUIET)
    worker = Worker(runs, _config(preset, options.threads, {"eval_every": 1_000_000, **watched}), clock)
    loops = [_steps(train(quiet)), _steps(worker.events())]
    for loop in loops:
        _spend(loop, WARM_STEPS)
    worker.settle()
    ratios: list[Cost] = []
    for pair in range(options.whole):
        bare, _ = _long(loops[0], options.whole_s, lambda: None)
        with clock.going():
            recorded, steps = _long(loops[1], options.whole_s, worker.settle)
        ratios.append(Cost(bare.wall / recorded.wall, bare.own / recorded.own, bare.cpu / recorded.cpu))
        print(f"  {pair + 1}: {steps:,} steps, kept {ratios[-1].cpu:7.1%} by CPU, {ratios[-1].wall:7.1%} by the clock")
    worker.close()
    kept = _median(ratios)
    print(f"  whole        kept {kept.cpu:7.1%} by CPU, {kept.wall:7.1%} by the clock")


def _long(loop: Iterator[None], seconds: float, finish: Callable[[], None]) -> tuple[Cost, int]:
    """Return the cost of a step in a window of so many seconds, and how many there were."""
    steps = 0
    wall, own, cpu = time.perf_counter(), time.thread_time(), time.process_time()
    while time.perf_counter() - wall < seconds:
        next(loop)
        steps += 1
    wall, own = time.perf_counter() - wall, time.thread_time() - own
    finish()
    return Cost(wall, own, time.process_time() - cpu) / steps, steps


def _print_step(name: str, cost: Cost) -> None:
    print(f"  {name:12} {cost.cpu * 1e6:9,.0f} µs of CPU a step, {cost.wall * 1e6:9,.0f} µs by the clock")


def _print_made(name: str, made: Made) -> None:
    cost = made.cost
    print(
        f"  {name:12} {cost.cpu * 1e3:9,.1f} ms of CPU, {cost.own * 1e3:,.1f} ms of them the training's thread,"
        f" which stood {cost.wall * 1e3:,.1f} ms; {made.size / 1e6:,.1f} MB"
    )


def _print_kept(what: str, bare: Cost, recorded: Cost, schedule: list[tuple[Made, float]]) -> None:
    kept = [
        getattr(bare, name) / getattr(recorded, name) - sum(getattr(made.cost, name) / s for made, s in schedule)
        for name in ("cpu", "wall")
    ]
    print(f"  {what:12} kept {kept[0]:7.1%} by CPU, {kept[1]:7.1%} by the clock")


if __name__ == "__main__":
    main()
