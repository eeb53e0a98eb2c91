"""A disk that refuses at every position in turn: nothing is ever said to be saved that is not."""

import errno
import re
from pathlib import Path

import numpy as np
import pytest

from genexplorer.errors import CheckpointError
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from tests.fixtures.made_up_run import card, config, specs
from trainers import checkpoint
from trainers.durable import FaultPlan, injected
from trainers.events import Finished, Metrics, Pictures, SnapshotReady, Started, StateReady

LAST = 4


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan decides what fails before the real call, so that the real one need not be slow."""
    monkeypatch.setattr("os.fsync", lambda _: None)


def record_a_run(folder: Path) -> None:
    """Record a short run, with everything that is ever written."""
    writer = RunWriter(folder, config(steps=LAST), threaded=False)
    writer.record(Started(0, specs(), 1, LAST, "cpu", 1))
    for step in range(1, LAST + 1):
        writer.record(Metrics(step, step, {"train/elbo": -float(step)}, float(step), step / LAST, None))
        if step % 2 == 0:
            writer.record(SnapshotReady(step, {"w": np.full(2, step, np.float32)}, card(step)))
            writer.record(Pictures(step, "samples", np.zeros((1, 2, 2, 1), np.uint8), 1))
            reason = "end" if step == LAST else "schedule"
            writer.record(StateReady(step, {"w": np.full(2, step)}, {"step": step}, reason))  # type: ignore[arg-type]
    writer.record(Finished(LAST, "succeeded"))
    writer.close(patience_s=0)


def num_calls(tmp_path: Path) -> int:
    with injected(FaultPlan(0, 0)) as plan:
        record_a_run(RunStore(tmp_path / "count").create(config(steps=LAST)))
    return len(plan.calls)


def check(folder: Path) -> None:
    """Whatever failed: what is there is whole, and what is not there is not claimed."""
    with RunReader(folder) as reader:
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
        assert all(picture.path.is_file() for picture in reader.pictures())


@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_every_position(tmp_path: Path, error: int, for_good: bool) -> None:
    store = RunStore(tmp_path / "runs")
    positions = num_calls(tmp_path)
    assert positions > 50
    for position in range(1, positions + 1):
        folder = store.create(config(steps=LAST), name=f"{position}")
        with injected(FaultPlan(position, error, for_good=for_good)):
            try:
                record_a_run(folder)
            except OSError:  # it could not even begin, which the worker says and dies
                assert RunReader(folder).status().state is State.QUEUED
                continue
        check(folder)


def test_without_faults_all_is_there(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(config(steps=LAST))
    record_a_run(folder)
    check(folder)
    with RunReader(folder) as reader:
        assert reader.checkpoints() == [2, 4] and reader.snapshots() == [2, 4] and len(reader.pictures()) == 2
        assert reader.status().reason == ""


def test_a_torn_checkpoint_is_never_resumed_from(tmp_path: Path) -> None:
    from genexplorer.runs import retention

    folder = RunStore(tmp_path).create(config(steps=LAST))
    record_a_run(folder)
    newest = layout.step_folder(folder / layout.CHECKPOINTS, LAST) / checkpoint.ARRAYS
    whole = newest.read_bytes()
    for length in (0, 1, 8, len(whole) // 2, len(whole) - 1):
        newest.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            checkpoint.verify(newest.parent)
        found, damaged = retention.newest_whole(folder / layout.CHECKPOINTS, checkpoint.verify)
        assert found is not None and layout.step_of(found) == 2 and damaged == [LAST]
