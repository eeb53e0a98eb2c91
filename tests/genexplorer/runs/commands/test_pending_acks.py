"""A setting is acknowledged once a checkpoint holds it, or after a second."""

from pathlib import Path

import numpy as np
import pytest

from genexplorer.runs.artifacts import file_writer
from genexplorer.runs.commands import control
from genexplorer.runs.commands.inbox import ACK_PATIENCE_S, PendingAcks
from genexplorer.runs.reader import RunReader
from tests.fixtures.fake_run import running_run
from trainers.events import CheckpointReady, CommandApplied, Set


class Hand:
    def __init__(self) -> None:
        self.now = 5.0
        self.given: list[str] = []
        self.answers = PendingAcks(lambda command_id, *_: self.given.append(command_id), lambda: self.now)


def test_what_is_owed_is_given_with_its_state_or_a_later_one() -> None:
    hand = Hand()
    hand.answers.add("a", "set", 10)
    hand.answers.add("b", "set", 20)
    hand.answers.release(9)
    assert hand.given == []
    hand.answers.release(15)
    assert hand.given == ["a"]
    hand.answers.release(30)
    hand.answers.release(30)
    assert hand.given == ["a", "b"]


def test_nobody_waits_long_for_a_slow_disk() -> None:
    hand = Hand()
    hand.answers.add("a", "set", 10)
    hand.now += ACK_PATIENCE_S / 2
    hand.answers.release_overdue()
    assert hand.given == []
    hand.now += ACK_PATIENCE_S / 2
    hand.answers.release_overdue()
    assert hand.given == ["a"]


def test_a_setting_is_answered_when_its_checkpoint_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PendingAcks, "release_overdue", lambda self: None)
    monkeypatch.setattr(file_writer.FileWriter, "submit", lambda self, job: waiting.append(job))
    waiting: list[file_writer.Job] = []
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
        with RunReader(run.folder) as reader:
            assert 3 in reader.checkpoints()
