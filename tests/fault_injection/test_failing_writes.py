"""A disk that refuses: what the proof of it stands on. The proof itself is in `writes`."""

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
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


def test_there_are_many_positions(tmp_path: Path) -> None:
    assert calls_of_a_run(tmp_path) > 50


def test_without_faults_all_is_there(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(config(steps=LAST))
    record_a_run(folder)
    check(folder)
    with RunReader(folder) as reader:
        assert reader.checkpoints() == [2, 4] and reader.snapshots() == [2, 4] and len(reader.pictures()) == 2
        assert reader.status().reason == ""


def test_a_torn_checkpoint_is_never_resumed_from(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(config(steps=LAST))
    record_a_run(folder)
    newest = layout.step_folder(folder / layout.CHECKPOINTS, LAST) / checkpoint.ARRAYS
    whole = newest.read_bytes()
    for length in (0, 1, 8, len(whole) // 2, len(whole) - 1):
        newest.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            checkpoint.verify(newest.parent)
        found, damaged = retention.newest_complete(folder / layout.CHECKPOINTS, checkpoint.verify)
        assert found is not None and layout.step_of(found) == 2 and damaged == [LAST]
