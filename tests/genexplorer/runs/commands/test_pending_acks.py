"""A setting is acknowledged once a checkpoint holds it, or after a second."""

from pathlib import Path

import numpy as np
import pytest

from genexplorer.runs.artifacts import file_writer
from genexplorer.runs.commands import control
from genexplorer.runs.commands.pending_acks import PATIENCE_S, PendingAcks
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
    hand.answers.owe("a", "set", 10)
    hand.answers.owe("b", "set", 20)
    hand.answers.settle(9)
    assert hand.given == []
    hand.answers.settle(15)
    assert hand.given == ["a"]
    hand.answers.settle(30)
    hand.answers.settle(30)
    assert hand.given == ["a", "b"]


def test_nobody_waits_long_for_a_slow_disk() -> None:
    hand = Hand()
    hand.answers.owe("a", "set", 10)
    hand.now += PATIENCE_S / 2
    hand.answers.settle_late()
    assert hand.given == []
    hand.now += PATIENCE_S / 2
    hand.answers.settle_late()
    assert hand.given == ["a"]


def test_a_setting_is_answered_when_its_checkpoint_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PendingAcks, "settle_late", lambda self: None)
    monkeypatch.setattr(file_writer.FileWriter, "submit", lambda self, job: waiting.append(job))
    waiting: list[file_writer.Job] = []
    with running_run(tmp_path, steps=3, pictures=False) as run:
        waiting.clear()
        sent = control.send(run.folder, Set("optim.lr", 0.1))
        (taken,) = run.writer.inbox.take()
        run.writer.record(CommandApplied(3, taken.id, "set", "optim.lr", 0.1))
        run.writer.record(CheckpointReady(3, {"w": np.ones(2)}, {"step": 3}, "schedule"))
        assert control.outcome(run.folder, sent) is None
        waiting[-1].run()
        answer = control.outcome(run.folder, sent)
        assert answer is not None and answer.applied and answer.step == 3
        with RunReader(run.folder) as reader:
            assert 3 in reader.checkpoints()
