"""Cost of recording a run, relative to the bare training loop.

    python -m benchmarks.recording_cost [--preset vae-2d …] [--windows 9] [--window-s 0.7] [--threads 1]
    python -m benchmarks.recording_cost --preset vae-2d --whole 3 --whole-s 61 [--watched]

The bare loop iterates `train(config)` and discards its events. The worker's loop records every event, polls commands,
leases and watchers. They take turns in short windows, A B A B, with metrics only; then single snapshots (with their
images) and checkpoints are measured one by one. Reported are the time for which the training thread is blocked and
the CPU time of all threads. A worker with a spare core pays the first, one whose cores all compute pays the second, so
`kept` is given for both. CPU time is the more robust value on a shared machine.

`--whole` compares directly: windows of the bare loop and of a worker with everything on its real schedule. Without
arguments the first preset is also compared this way, watched.
"""

import argparse
import contextlib
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from genexplorer import paths
from genexplorer.cores.leases import CoreLease
from genexplorer.runs.commands.control import touch_watch
from genexplorer.runs.database.committer import COMMIT_INTERVAL_S
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from genexplorer.workers.worker_control import WorkerControl
from trainers.config import ExecutionConfig, RunConfig
from trainers.events import CheckpointReady, Event, Metrics, SnapshotReady
from trainers.presets import assemble
from trainers.training import timing
from trainers.training.loop import train

PRESETS = ("vae-2d", "vae-conv", "gan", "uva2019-nf", "flow-toy", "vae-toy", "gan-toy")
NEVER = 1e9  # seconds
WATCH_S = 1.0  # between the watch files of a front end
WARM_STEPS = 12  # the early snapshots are over then
QUIET: dict[str, object] = {
    "eval_every": 1_000_000,
    "snapshot_every_s": NEVER,
    "checkpoint_every_s": NEVER,
    "compile": "off",  # no compilation within a window
}
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
class ItemCost:
    """The cost of one snapshot with its images, or of one checkpoint."""

    cost: Cost
    size: int  # bytes of arrays


class PausableClock:
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
    """Trains and records as a worker does."""

    def __init__(
        self, runs: RunStore, config: RunConfig, clock: timing.Clock | None = None, *, watched: bool = False
    ) -> None:
        self._watch_s = WATCH_S if watched else NEVER
        self.writer = RunWriter(runs.create(config), config)
        self._lease = CoreLease(config.execution.threads)
        self._lease.acquire()
        self._control = WorkerControl(self.writer, self._lease, config.execution)
        self._events = train(config, control=self._control, clock=clock)

    def events(self) -> Iterator[Event]:
        """Yield what has been recorded."""
        touched = 0.0
        for event in self._events:
            if time.monotonic() - touched >= self._watch_s:
                touched = time.monotonic()
                touch_watch(self.writer.folder)  # as a front end does
            self.writer.record(event)
            self._control.observe(event)
            yield event

    def settle(self) -> None:
        """Wait until all is written."""
        self.writer.files.drain()
        self.writer.flush()

    def close(self) -> None:
        """End the run."""
        self._lease.release()
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
    parser.add_argument("--watched", action="store_true", help="long windows while being watched")
    options = parser.parse_args()
    parts_and_whole = options.preset == PRESETS and not options.whole
    # Measure each preset, by parts or in whole; without arguments, the first one both ways.
    with tempfile.TemporaryDirectory() as name:
        os.environ[paths.STATE_VARIABLE] = name
        runs = RunStore(Path(name) / "runs")
        for preset in options.preset:
            print(preset, flush=True)
            if options.whole:
                _compare_whole(runs, preset, options)
            else:
                _compare_parts(runs, preset, options)
        if parts_and_whole:
            print(f"{PRESETS[0]}, direct comparison, watched", flush=True)
            options.whole, options.whole_s, options.watched = 3, 31.0, True
            _compare_whole(runs, PRESETS[0], options)


def _compare_parts(runs: RunStore, preset: str, options: argparse.Namespace) -> None:
    quiet = _config(preset, options.threads, QUIET)
    bare_loop, kept = _measure_in_turn(runs, quiet, options.windows, options.window_s)
    metrics = _measure_metrics(runs, quiet, max(int(COMMIT_INTERVAL_S / bare_loop.wall), 1))
    often = _config(preset, options.threads, {**QUIET, "snapshot_every_s": 1e-9})
    snapshot = _measure_single(runs, often, SnapshotReady, options.items)
    often = _config(preset, options.threads, {**QUIET, "checkpoint_every_s": 1e-9})
    checkpoint = _measure_single(runs, often, CheckpointReady, options.items)
    print(f"  bare loop    {bare_loop.cpu * 1e6:9,.0f} µs of CPU per step, {bare_loop.wall * 1e6:,.0f} µs by the clock")
    print(f"  its metrics  {metrics.cpu * 1e6:9,.1f} µs of CPU, {metrics.own * 1e6:.1f} of them the training's thread;")
    print(f"               in turn with the bare loop kept {kept.cpu:.1%} by CPU, {kept.wall:.1%} by the clock")
    _print_item("a snapshot", snapshot)
    _print_item("a checkpoint", checkpoint)
    least_s = timing.min_snapshot_interval_s(snapshot.size // 4)
    watched_s = timing.sample_image_interval_s(WATCHED_S, snapshot.cost.wall)
    for what, every_s in (("unwatched", SNAPSHOT_S), ("watched", watched_s)):
        schedule = [(snapshot, max(every_s, least_s)), (checkpoint, CHECKPOINT_S)]
        _print_kept(what, bare_loop, metrics, schedule)


def _config(preset: str, threads: int, execution: Mapping[str, object]) -> RunConfig:
    return assemble(preset, {"execution": {**execution, "threads": threads}})


def _measure_in_turn(runs: RunStore, config: RunConfig, windows: int, window_s: float) -> tuple[Cost, Cost]:
    """Return the median cost of a bare step, and the median of what recording its metrics keeps of it."""
    worker = Worker(runs, config)
    loops = [_steps(train(config)), _steps(worker.events())]
    for loop in loops:
        _measure_steps(loop, WARM_STEPS)
    worker.settle()
    steps = max(int(window_s / _measure_steps(loops[0], 10).wall * 10), 5)
    bare_loop: list[Cost] = []
    kept: list[Cost] = []
    for window in range(windows + 1):
        one, other = _measure_steps(loops[0], steps) / steps, _measure_steps(loops[1], steps, worker.settle) / steps
        if window:  # the first is for warming up
            bare_loop.append(one)
            kept.append(Cost(one.wall / other.wall, one.own / other.own, one.cpu / other.cpu))
    worker.close()
    return _median(bare_loop), _median(kept)


def _measure_metrics(runs: RunStore, config: RunConfig, at_once: int, count: int = 3000) -> Cost:
    """Return what recording one step's metrics costs by itself: so small a part drowns in the noise of a comparison.

    Args:
        runs: The store for its run.
        config: The configuration whose metrics are recorded.
        at_once: Number of steps in a commit.
        count: Number of steps to record.
    """
    known = list(itertools.islice((event for event in train(config) if isinstance(event, Metrics)), 8))
    events = [
        replace(known[step % 8], step=step, images_seen=100 * step, elapsed_s=step / 100) for step in range(count)
    ]
    writer = RunWriter(runs.create(config), config)
    cpu, own = time.process_time(), 0.0
    for start in range(0, count, at_once):
        began = time.thread_time()
        for event in events[start : start + at_once]:
            writer.record(event)
        own += time.thread_time() - began
        writer.flush()
    cpu = time.process_time() - cpu
    writer.close("stopped")
    return Cost(own, own, cpu) / count


def _steps(events: Iterator[Event]) -> Iterator[None]:
    return (None for event in events if isinstance(event, Metrics))


def _measure_steps(loop: Iterator[None], steps: int, finish: Callable[[], None] = lambda: None) -> Cost:
    """Return the cost of some steps; the CPU of what they left to other threads included."""
    wall, own, cpu = time.perf_counter(), time.thread_time(), time.process_time()
    for _ in range(steps):
        next(loop)
    wall, own = time.perf_counter() - wall, time.thread_time() - own
    finish()
    return Cost(wall, own, time.process_time() - cpu)


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "own", "cpu")))


def _measure_single(runs: RunStore, config: RunConfig, kind: type[Event], count: int) -> ItemCost:
    """Return what one event of a kind costs, with what belongs to it: steps with it less the quickest without."""
    worker = Worker(runs, config)
    sizes: list[int] = []
    events = _steps_with_sizes(worker.events(), kind, sizes)
    _measure_steps(events, WARM_STEPS, worker.settle)
    busy: list[Cost] = []
    while len(busy) < count:  # snapshots of large models have their own least time between them
        before = len(sizes)
        cost = _measure_steps(events, 1, worker.settle)
        busy += [cost] * (len(sizes) - before)
    worker.close()
    quiet = Worker(runs, config.model_copy(update={"execution": _without_files(config)}))
    calm = _steps(quiet.events())
    _measure_steps(calm, WARM_STEPS, quiet.settle)
    still = [_measure_steps(calm, 1, quiet.settle) for _ in range(2 * count)]
    quiet.close()
    return ItemCost(_median(busy) - _median(still), sizes[-1])


def _without_files(config: RunConfig) -> ExecutionConfig:
    return config.execution.model_copy(update={"snapshot_every_s": NEVER, "checkpoint_every_s": NEVER})


def _steps_with_sizes(events: Iterator[Event], kind: type[Event], sizes: list[int]) -> Iterator[None]:
    for event in events:
        if isinstance(event, SnapshotReady | CheckpointReady) and isinstance(event, kind):
            sizes.append(sum(array.nbytes for array in event.arrays.values()))
        if isinstance(event, Metrics):
            yield


def _compare_whole(runs: RunStore, preset: str, options: argparse.Namespace) -> None:
    """Compare a bare loop and a worker with all it does, on the schedule of a run, in long windows."""
    clock = PausableClock()
    quiet = _config(preset, options.threads, QUIET)
    scheduled = _config(preset, options.threads, {"eval_every": 1_000_000, "compile": "off"})
    worker = Worker(runs, scheduled, clock, watched=options.watched)
    loops = [_steps(train(quiet)), _steps(worker.events())]
    # Warm up both loops, then give them long windows in turn.
    for loop in loops:
        _measure_steps(loop, WARM_STEPS)
    worker.settle()
    ratios: list[Cost] = []
    for pair in range(options.whole):
        bare_loop, _ = _measure_window(loops[0], options.whole_s, lambda: None)
        with clock.going():
            recorded, steps = _measure_window(loops[1], options.whole_s, worker.settle)
        ratios.append(Cost(bare_loop.wall / recorded.wall, bare_loop.own / recorded.own, bare_loop.cpu / recorded.cpu))
        print(f"  {pair + 1}: {steps:,} steps, kept {ratios[-1].cpu:7.1%} by CPU, {ratios[-1].wall:7.1%} by the clock")
    worker.close()
    kept = _median(ratios)
    print(f"  overall      kept {kept.cpu:7.1%} by CPU, {kept.wall:7.1%} by the clock")


def _measure_window(loop: Iterator[None], seconds: float, finish: Callable[[], None]) -> tuple[Cost, int]:
    """Return the cost of a step in a window of so many seconds, and how many there were."""
    steps = 0
    wall, own, cpu = time.perf_counter(), time.thread_time(), time.process_time()
    while time.perf_counter() - wall < seconds:
        next(loop)
        steps += 1
    wall, own = time.perf_counter() - wall, time.thread_time() - own
    finish()
    return Cost(wall, own, time.process_time() - cpu) / steps, steps


def _print_item(name: str, item: ItemCost) -> None:
    cost = item.cost
    print(
        f"  {name:12} {cost.cpu * 1e3:9,.1f} ms of CPU, {cost.own * 1e3:,.1f} ms of them the training's thread,"
        f" which waited {cost.wall * 1e3:,.1f} ms; {item.size / 1e6:,.1f} MB"
    )


def _print_kept(what: str, bare_loop: Cost, metrics: Cost, schedule: list[tuple[ItemCost, float]]) -> None:
    kept = [
        getattr(bare_loop, name) / (getattr(bare_loop, name) + getattr(metrics, name))
        - sum(max(getattr(item.cost, name), 0.0) / seconds for item, seconds in schedule)
        for name in ("cpu", "wall")
    ]
    every_s = schedule[0][1]
    print(f"  {what:12} kept {kept[0]:7.1%} by CPU, {kept[1]:7.1%} by the clock; one snapshot every {every_s:.1f} s")


if __name__ == "__main__":
    main()
