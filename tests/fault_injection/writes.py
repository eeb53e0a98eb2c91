"""Writes that fail at every position in turn: nothing is reported as saved that is not."""

import errno
import random
import re
import shutil
from pathlib import Path
from unittest import mock

import numpy as np

from genexplorer.errors import CheckpointError
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from tests.fault_injection.case import FaultCase, Tally
from tests.fixtures.fake_run import card, config, specs
from trainers.events import CheckpointReady, Finished, ImagesReady, Metrics, SnapshotReady, Started
from trainers.storage import checkpoint
from trainers.storage.fault_injection import FaultPlan, inject_faults

LAST = 4
FAULTS = [(error, persistent) for error in (errno.ENOSPC, errno.EIO) for persistent in (False, True)]


def failing_writes(count: int, folder: Path) -> Tally:
    """Record a short run again and again; each time another call fails, once or permanently, with ENOSPC or EIO."""
    tally, not_started = Tally(), 0
    with mock.patch("os.fsync"):  # faults are injected before the real call, which is slow
        calls = calls_of_a_run(folder)
        cases = [(position, *fault) for fault in FAULTS for position in range(1, calls + 1)]
        for position, error, persistent in cases[:: max(1, len(cases) // count)]:
            with tally.attempt(f"{errno.errorcode[error]} at call {position}{' and after' if persistent else ''}"):
                not_started += _record_with_fault(folder / "runs", FaultPlan(position, error, persistent=persistent))
    tally.notes.append(
        f"{calls} positions, 4 variants each; {not_started} times the run could not start and reported why"
    )
    return tally


def _record_with_fault(runs: Path, plan: FaultPlan) -> bool:
    """Record a run while a call fails, and check the files; return whether the run could not start."""
    run = RunStore(runs).create(config(steps=LAST), name="x")
    try:
        with inject_faults(plan):
            record_a_run(run)
    except OSError:  # the worker reports it and exits
        assert RunReader(run).status().state is State.QUEUED
        return True
    else:
        check(run)
        return False
    finally:
        shutil.rmtree(run)


def calls_of_a_run(folder: Path) -> int:
    """Return the number of calls that can fail while a run is recorded."""
    with inject_faults(FaultPlan(0, 0)) as plan:
        record_a_run(RunStore(folder / "count").create(config(steps=LAST)))
    return len(plan.calls)


def record_a_run(folder: Path) -> None:
    """Record a short run with every kind of file."""
    writer = RunWriter(folder, config(steps=LAST), threaded=False)
    writer.record(Started(0, specs(), 1, LAST, "cpu", 1))
    for step in range(1, LAST + 1):
        writer.record(Metrics(step, step, {"train/elbo": -float(step)}, float(step), step / LAST, None))
        if step % 2 == 0:
            writer.record(SnapshotReady(step, {"w": np.full(2, step, np.float32)}, card(step)))
            writer.record(ImagesReady(step, "samples", np.zeros((1, 2, 2, 1), np.uint8), 1))
            reason = "end" if step == LAST else "schedule"
            writer.record(CheckpointReady(step, {"w": np.full(2, step)}, {"step": step}, reason))  # type: ignore[arg-type]
    writer.record(Finished(LAST, "succeeded"))
    writer.close(patience_s=0)


def check(folder: Path) -> None:
    """Check that all files of a run are intact and that nothing is reported as saved that is missing.

    Raises:
        AssertionError: if not.
    """
    reader = RunReader(folder)
    status, attempts = reader.status(), reader.attempts()
    claimed = [int(step) for line in reader.log() for step in re.findall(r"checkpoint (\d+) saved", line.message)]
    recorded = reader.series("train/elbo").x.tolist()
    assert status.state is State.SUCCEEDED
    assert recorded == [float(step) for step in range(1, len(recorded) + 1)]
    if len(recorded) < LAST or not attempts or attempts[0].outcome != "succeeded":
        assert "not saved" in status.reason
    for step in reader.checkpoints():
        state = checkpoint.load(layout.step_folder(folder / layout.CHECKPOINTS, step))
        np.testing.assert_array_equal(state.arrays["w"], np.full(2, step))
    assert set(claimed) <= set(reader.checkpoints())
    if LAST not in reader.checkpoints():
        assert "could not be saved" in status.reason
    for step in reader.snapshots():
        checkpoint.load_snapshot(layout.step_folder(folder / layout.SNAPSHOTS, step))
    assert status.snapshot_step is None or status.snapshot_step in reader.snapshots()
    assert all(picture.path.is_file() for picture in reader.images())


def pruning(count: int, folder: Path) -> Tally:
    """Save checkpoints in a row, with calls that fail at random: two intact ones always stay."""
    tally, rng, fewest = Tally(), random.Random(17), 10**9
    with mock.patch("os.fsync"):
        for number in range(count):
            with tally.attempt(f"series {number}"):
                run = RunStore(folder / "runs").create(config(), name="x")
                fewest = min(fewest, _save_a_dozen(run, rng))
                shutil.rmtree(run)
    tally.notes.append(f"never fewer than {fewest} intact ones once two were saved")
    return tally


def _save_a_dozen(run: Path, rng: random.Random) -> int:
    """Save twelve checkpoints, damage some, pin some; return the fewest intact ones once there are two."""
    parent, saved, pinned, fewest = run / layout.CHECKPOINTS, set[int](), set[int](), 10**9
    for step in range(1, 13):
        writer = RunWriter(run, config(), threaded=False)  # a new attempt, which starts without state
        before = _intact_steps(parent)
        with inject_faults(FaultPlan(rng.randrange(1, 40), errno.EIO, persistent=rng.random() < 0.5)):
            writer.files.save_checkpoint(CheckpointReady(step, {"w": np.full(9, step)}, {"step": step}, "schedule"))
        writer.abandon()
        after = _intact_steps(parent)
        saved |= after
        assert len(after) >= min(2, len(before | after)), f"{sorted(before)} became {sorted(after)} at step {step}"
        assert max(after, default=0) >= max(before, default=0) and pinned <= after
        fewest = min(fewest, len(after)) if len(before) >= 2 else fewest
        unpinned = sorted(after - pinned)
        if unpinned and len(after) > 2 and rng.random() < 0.3:  # a damaged one must not count as one of the two
            bad = rng.choice(unpinned)
            path = layout.step_folder(parent, bad) / checkpoint.STATE_ARRAYS_FILE
            path.write_bytes(path.read_bytes()[:-1])
            pinned -= {bad}
        elif after and rng.random() < 0.1:
            pinned.add(max(after))
            retention.pin(run, max(after))
    return fewest


def _intact_steps(parent: Path) -> set[int]:
    intact = set()
    for step in retention.steps(parent):
        try:
            checkpoint.verify(layout.step_folder(parent, step))
        except CheckpointError:
            continue
        intact.add(step)
    return intact


CASES = (
    FaultCase(
        name="writes",
        fault="EIO and ENOSPC at each write, fsync, rename and commit of a run in turn, once or permanently",
        guarantee="the failure is reported, nothing is reported as saved that is not, all files are intact",
        full=10_000,
        short=60,
        run=failing_writes,
    ),
    FaultCase(
        name="pruning",
        fault="a dozen checkpoints in a row; system calls fail at random, some checkpoints are damaged or pinned",
        guarantee="the newest two intact checkpoints and all pinned ones stay",
        full=300,
        short=6,
        run=pruning,
    ),
)
