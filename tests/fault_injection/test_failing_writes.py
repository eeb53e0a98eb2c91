"""The premises of the fault case `writes`: many positions, and a run that is complete without faults."""

from pathlib import Path

import pytest

from genexplorer.errors import CheckpointError
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.reader import RunReader
from genexplorer.runs.store import RunStore
from tests.fault_injection.writes import LAST, calls_of_a_run, check, record_a_run
from tests.fixtures.fake_run import config
from trainers.storage import checkpoint


@pytest.fixture(autouse=True)
def _without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


def test_recording_a_run_has_many_calls_that_can_fail(tmp_path: Path) -> None:
    assert calls_of_a_run(tmp_path) > 50


def test_without_faults_everything_is_saved(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(config(steps=LAST))
    record_a_run(folder)
    check(folder)
    reader = RunReader(folder)
    assert reader.checkpoints() == [2, 4] and reader.snapshots() == [2, 4] and len(reader.images()) == 2
    assert reader.status().reason == ""


def test_a_torn_checkpoint_is_never_resumed_from(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(config(steps=LAST))
    record_a_run(folder)
    newest = layout.step_folder(folder / layout.CHECKPOINTS, LAST) / checkpoint.STATE_ARRAYS_FILE
    original = newest.read_bytes()
    for length in (0, 1, 8, len(original) // 2, len(original) - 1):
        newest.write_bytes(original[:length])
        with pytest.raises(CheckpointError):
            checkpoint.verify(newest.parent)
        intact, damaged = retention.newest_complete(folder / layout.CHECKPOINTS, checkpoint.verify)
        assert intact is not None and layout.step_of(intact) == 2 and damaged == [LAST]
