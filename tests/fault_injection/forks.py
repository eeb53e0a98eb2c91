"""Processes killed while they create a branch: it is there as a whole, or not at all; its parent stays as it was."""

import os
import random
import signal
import time
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.branch import BranchPoint, branch_point, create_branch, load_state
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.status.run_status import read_config
from genexplorer.runs.store import RunStore
from tests.fault_injection.case import FaultCase, Tally
from tests.fixtures.fake_run import write_run
from tests.fixtures.waiting import repeat_for
from trainers.storage import checkpoint, fault_injection

STEPS = 1500


class KillPlan(fault_injection.FaultPlan):
    """Kills this process at a call instead of letting it fail."""

    def count_call(self, name: str) -> None:
        """Count a call; do not return from the one that is planned."""
        self.calls.append(name)
        if len(self.calls) == self.nth:
            os.kill(os.getpid(), signal.SIGKILL)


def killed_forks(count: int, folder: Path) -> Tally:
    """Kill a process at each call that changes the disk in turn, then at random moments."""
    tally, rng, num_whole = Tally(), random.Random(8), 0
    store = RunStore(folder / "runs")
    parent = write_run(store, steps=STEPS, state="stopped")
    files = _contents(parent)
    point = branch_point(parent)
    # Count the calls, and measure the time, of one that is not killed.
    with fault_injection.inject_faults(KillPlan(10**9, 0)) as plan:
        began = time.monotonic()
        _fork(store, point)
        duration_s = time.monotonic() - began
    for number in range(count):
        nth = number + 1 if number < len(plan.calls) else 0
        with tally.attempt(f"call {nth}" if nth else "random moment"):
            before = {run.id for run in store.list()}
            process = os.fork()
            if process == 0:
                with fault_injection.inject_faults(KillPlan(nth or 10**9, 0)):
                    _fork(store, point)
                os._exit(0)
            if not nth:
                repeat_for(rng.uniform(0, duration_s), lambda: None)  # the moment of the kill is under test
                os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            assert nth == 0 or os.WTERMSIG(status) == signal.SIGKILL
            new = [run for run in store.list() if run.id not in before]
            assert len(new) <= 1
            for run in new:
                _check_branch(run.folder, parent)
            num_whole += len(new)
            assert _contents(parent) == files, "the parent has changed"
    tally.notes.append(f"{num_whole} branches were complete")
    return tally


def _fork(store: RunStore, point: BranchPoint) -> Path:
    return create_branch(store, point, load_state(point), read_config(point.folder), values={"model.beta": 2.0})


def _check_branch(folder: Path, parent: Path) -> None:
    reader, original = RunReader(folder), RunReader(parent)
    assert reader.status().state is State.QUEUED and reader.status().step == STEPS
    for name in original.metric_specs():
        assert reader.series(name, max_points=10_000).x.tolist() == original.series(name, max_points=10_000).x.tolist()
    checkpoint.load(layout.step_folder(folder / layout.CHECKPOINTS, STEPS))
    assert reader.snapshots() == original.snapshots()
    for step in reader.snapshots():
        checkpoint.verify(layout.step_folder(folder / layout.SNAPSHOTS, step))
    assert [image.step for image in reader.images() if not image.path.is_file()] == []


def _contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of each file."""
    infos = {path: path.stat() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {str(path.relative_to(folder)): (info.st_size, info.st_mtime_ns) for path, info in infos.items()}


CASES = (
    FaultCase(
        name="kill-fork",
        fault="SIGKILL at each write, fsync and rename while a branch is created, then at random moments",
        guarantee="the branch is complete or not there; its parent is unchanged",
        full=300,
        short=12,
        run=killed_forks,
    ),
)
