import sqlite3
from pathlib import Path

import numpy as np
import pytest

from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import MetricValue, State
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from tests.fixtures.fake_run import card, config, specs
from trainers.events import (
    Alert,
    CheckpointReady,
    CommandApplied,
    Finished,
    ImagesReady,
    Metrics,
    Phase,
    SnapshotReady,
    Started,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return RunStore(tmp_path).create(config(steps=100), name="test")


def attempt(folder: Path, first: int, last: int, value: float, *, outcome: str = "") -> RunWriter:
    writer = RunWriter(folder, config(steps=100), threaded=False)
    writer.record(Phase(first, "loading"))
    writer.record(Started(first, specs(), 1, 100, "cpu", 1))
    for step in range(first + 1, last + 1):
        writer.record(Metrics(step, step, {"train/elbo": value}, float(step), step / 100, None))
        if step % 5 == 0:
            writer.record(SnapshotReady(step, {"w": np.full(2, value, np.float32)}, card(step)))
            writer.record(CheckpointReady(step, {"w": np.full(2, value)}, {"step": step}, "schedule"))
            writer.record(ImagesReady(step, "samples", np.zeros((1, 2, 2, 1), np.uint8), 1))
    writer.record(Alert(last, "warning", f"code-{value}", "look"))
    writer.record(CommandApplied(last, "id", "set", {"optim.lr": value}))
    if outcome:
        writer.record(Finished(last, "stopped", ""))
        writer.close()
    else:
        writer.abandon()
    return writer


def test_a_new_attempt_supersedes_the_steps_after_its_start(folder: Path) -> None:
    attempt(folder, 0, 17, -1.0)
    attempt(folder, 10, 14, -2.0, outcome="stopped")
    reader = RunReader(folder)
    series = reader.series("train/elbo")
    assert series.x.tolist() == list(range(1, 15))
    assert series.mean.tolist() == [-1.0] * 10 + [-2.0] * 4
    assert reader.latest() == {"train/elbo": MetricValue(14, -2.0)}
    assert reader.snapshots() == [5, 10] and [p.step for p in reader.images()] == [5, 10]
    assert [alert.code for alert in reader.alerts()] == ["code--2.0"]
    assert [change.value for change in reader.command_history()] == [-2.0]
    status = reader.status()
    assert (status.attempt, status.num_alerts, status.state) == (2, 1, State.STOPPED)
    attempts = reader.attempts()
    assert [(row.number, row.first_step, row.outcome) for row in attempts] == [(1, 0, "lost"), (2, 10, "stopped")]
    assert attempts[0].ended is not None


def test_what_was_recorded_once_is_kept_aside(folder: Path) -> None:
    attempt(folder, 0, 17, -1.0)
    attempt(folder, 10, 12, -2.0, outcome="stopped")
    with sqlite3.connect(folder / layout.DATABASE) as connection:
        kept = connection.execute("SELECT attempt, step, value FROM superseded_scalars ORDER BY step").fetchall()
        assert kept == [(1, step, -1.0) for step in range(11, 18)]
        owners = connection.execute("SELECT step, attempt FROM ticks ORDER BY step").fetchall()
    assert owners == [(step, 1) for step in range(1, 11)] + [(11, 2), (12, 2)]


def test_a_poller_notices_that_an_attempt_steps_back(folder: Path) -> None:
    attempt(folder, 0, 17, -1.0)
    reader = RunReader(folder)
    before = reader.read_new()
    assert before.latest["train/elbo"].step == 17
    attempt(folder, 10, 10, -2.0)
    after = reader.read_new(before.cursor)
    assert after.new_points and after.latest["train/elbo"] == MetricValue(10, -1.0)
    assert after.cursor.attempt == 2 and after.snapshots == (5, 10)


def test_an_attempt_from_step_0_supersedes_everything(folder: Path) -> None:
    attempt(folder, 0, 7, -1.0)
    attempt(folder, 0, 3, -2.0, outcome="stopped")
    reader = RunReader(folder)
    assert reader.series("train/elbo").mean.tolist() == [-2.0] * 3
    assert reader.snapshots() == []


def test_an_attempt_that_dies_before_it_starts_supersedes_nothing(folder: Path) -> None:
    attempt(folder, 0, 7, -1.0)
    writer = RunWriter(folder, config(steps=100), threaded=False)
    writer.record(Phase(0, "loading"))
    writer.close("failed", "no data")
    reader = RunReader(folder)
    assert reader.latest() == {"train/elbo": MetricValue(7, -1.0)} and reader.snapshots() == [5]
    assert (reader.status().state, reader.status().reason) == (State.FAILED, "no data")
