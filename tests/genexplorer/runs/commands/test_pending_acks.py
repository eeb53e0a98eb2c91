"""A setting is acknowledged once a checkpoint holds it, or after a second."""

from pathlib import Path

import numpy as np
import pytest

from genexplorer.runs.artifacts import files
from genexplorer.runs.commands import control
from genexplorer.runs.commands.inbox import ACK_PATIENCE_S, PendingAcks
from genexplorer.runs.reader import RunReader
from tests.fixtures.fake_run import running_run
from trainers.events import CheckpointReady, CommandApplied, Set


class Acks:
    def __init__(self) -> None:
        self.now = 5.0
        self.released: list[str] = []
        self.pending = PendingAcks(lambda command_id, *_: self.released.append(command_id), lambda: self.now)


def test_pending_acks_are_released_by_their_or_a_later_checkpoint() -> None:
    acks = Acks()
    acks.pending.add("a", "set", 10)
    acks.pending.add("b", "set", 20)
    acks.pending.release(9)
    assert acks.released == []
    acks.pending.release(15)
    assert acks.released == ["a"]
    acks.pending.release(30)
    acks.pending.release(30)
    assert acks.released == ["a", "b"]


def test_overdue_acks_are_released_without_a_checkpoint() -> None:
    acks = Acks()
    acks.pending.add("a", "set", 10)
    acks.now += ACK_PATIENCE_S / 2
    acks.pending.release_overdue()
    assert acks.released == []
    acks.now += ACK_PATIENCE_S / 2
    acks.pending.release_overdue()
    assert acks.released == ["a"]


def test_a_setting_is_acknowledged_with_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PendingAcks, "release_overdue", lambda self: None)
    monkeypatch.setattr(files.FileWriter, "submit", lambda self, job: waiting.append(job))
    waiting: list[files.Job] = []
    with running_run(tmp_path, steps=3, pictures=False) as run:
        waiting.clear()
        sent = control.send(run.folder, Set("optim.lr", 0.1))
        (taken,) = run.writer.inbox.receive()
        run.writer.record(CommandApplied(3, taken.id, "set", "optim.lr", 0.1))
        run.writer.record(CheckpointReady(3, {"w": np.ones(2)}, {"step": 3}, "schedule"))
        assert control.read_ack(run.folder, sent) is None
        waiting[-1].run()
        answer = control.read_ack(run.folder, sent)
        assert answer is not None and answer.applied and answer.step == 3
        reader = RunReader(run.folder)
        assert 3 in reader.checkpoints()
