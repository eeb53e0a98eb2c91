import json
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import MetricValue, ReadPosition, State
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from tests.fixtures.fake_run import card, config, running_run, specs, write_run
from trainers.events import (
    Alert,
    CheckpointReady,
    CommandApplied,
    Finished,
    ImagesReady,
    Metrics,
    MetricSpec,
    Phase,
    SnapshotReady,
    Started,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return RunStore(tmp_path).create(config(steps=100), name="test")


@pytest.fixture
def writer(folder: Path) -> Iterator[RunWriter]:
    lock = KernelLock(folder / layout.LOCK)
    assert lock.acquire()
    writer = RunWriter(folder, config(steps=100), threaded=False)
    yield writer
    writer.close("stopped")
    lock.release()


def metrics(step: int, **values: float) -> Metrics:
    named = {name.replace("_", "/", 1): value for name, value in values.items()}
    return Metrics(step, step * 10, named, step * 0.5, step / 100, 3.0)


def test_a_queued_run_reads_as_empty(folder: Path) -> None:
    reader = RunReader(folder)
    delta = reader.read_new()
    assert delta.status.state is State.QUEUED and delta.latest == {} and delta.snapshots == ()
    assert len(reader.series("train/elbo").x) == 0
    assert (reader.metric_specs(), reader.latest(), reader.log(), reader.images(), reader.alerts()) == (
        {},
        {},
        [],
        [],
        [],
    )
    assert reader.config() == config(steps=100)


def test_everything_recorded_is_read_back(writer: RunWriter, folder: Path) -> None:
    images = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5, 1)
    for event in (
        Phase(0, "loading"),
        Started(0, specs(), 123, 100, "cpu", 2),
        Phase(0, "training"),
        metrics(1, train_elbo=-200.0, train_kl=1.0),
        metrics(2, train_elbo=-190.0, train_kl=2.0),
        SnapshotReady(2, {"w": np.ones(3, np.float32)}, card(2)),
        CheckpointReady(2, {"w": np.zeros(3)}, {"step": 2}, "schedule"),
        ImagesReady(2, "samples", images, 3),
        Alert(2, "warning", "kl_dim_collapsed", "KL of dimension 1\x1b[31m fell"),
        CommandApplied(2, "abc", "set", {"optim.lr": 0.5}),
    ):
        writer.record(event)
    reader = RunReader(folder)
    status = reader.status()
    assert (status.state, status.step, status.total_steps, status.device) == (State.RUNNING, 2, 100, "cpu")
    assert (status.primary_metric, status.primary_value) == ("train/elbo", -190.0)
    assert (status.num_alerts, status.snapshot_step, status.progress) == (1, 2, 0.02)
    assert reader.metric_specs() == {spec.name: spec for spec in specs()}
    assert reader.latest() == {"train/elbo": MetricValue(2, -190.0), "train/kl": MetricValue(2, 2.0)}
    assert reader.latest(at_step=1)["train/elbo"] == MetricValue(1, -200.0)
    assert reader.card() == card(2) and reader.snapshots() == [2] and reader.checkpoints() == [2]
    assert reader.alerts()[0].message == "KL of dimension 1 fell"
    change = reader.command_history()[0]
    assert (change.path, change.value, change.step) == ("optim.lr", 0.5, 2)
    picture = reader.images("samples")[0]
    assert (picture.columns, picture.rows, picture.tile_px) == (3, 2, (4, 5))
    png = np.asarray(Image.open(picture.path))
    assert np.array_equal(png[4:8, 5:10], images[4, :, :, 0])
    assert any("checkpoint 2 saved" in line.message for line in reader.log())
    for axis, last in (("step", 2.0), ("images", 20.0), ("time", 1.0)):
        series = reader.series("train/elbo", axis)  # type: ignore[arg-type]
        assert series.x[-1] == last and series.mean.tolist() == [-200.0, -190.0]


def test_nan_and_infinities_are_kept_as_such(writer: RunWriter, folder: Path) -> None:
    values = [1.0, math.nan, math.inf, -math.inf, 5.0]
    for step, value in enumerate(values, start=1):
        writer.record(metrics(step, train_loss=value))
    reader = RunReader(folder)
    for step, value in enumerate(values, start=1):
        found = reader.latest(at_step=step)["train/loss"].value
        assert found == value or (math.isnan(found) and math.isnan(value))
    series = reader.series("train/loss")
    assert series.special == (2, 3, 4)
    for axis in ("step", "images", "time"):
        on_axis = reader.series("train/loss", axis)
        assert on_axis.special_x == tuple(on_axis.x[1:4].tolist())
    np.testing.assert_array_equal(series.mean, [1.0, math.nan, math.nan, math.nan, 5.0])
    few = reader.series("train/loss", max_points=1)
    assert (few.mean[0], few.low[0], few.high[0]) == (3.0, 1.0, 5.0)


def test_a_cursor_brings_only_what_is_new(writer: RunWriter, folder: Path) -> None:
    writer.record(Started(0, specs(), 1, 100, "cpu", 1))
    writer.record(metrics(1, train_elbo=-3.0, train_kl=1.0))
    reader = RunReader(folder)
    first = reader.read_new()
    assert set(first.latest) == {"train/elbo", "train/kl"} and len(first.metric_specs) == len(specs())
    nothing = reader.read_new(first.cursor)
    assert not (nothing.new_points or nothing.latest or nothing.metric_specs or nothing.log or nothing.images)
    writer.record(metrics(2, train_elbo=-2.0))
    writer.record(Alert(2, "info", "code", "look"))
    writer.record(metrics(3, other_new=7.0))
    second = reader.read_new(nothing.cursor)
    assert second.new_points and second.latest == {"train/elbo": MetricValue(2, -2.0), "other/new": MetricValue(3, 7.0)}
    assert [alert.message for alert in second.alerts] == ["look"] and [line.message for line in second.log] == ["look"]
    assert second.command_history == ()
    assert reader.read_new(ReadPosition()).latest.keys() >= {"train/elbo", "train/kl", "other/new"}


def test_states_follow_phases_and_the_end(writer: RunWriter, folder: Path) -> None:
    reader = RunReader(folder)
    for phase, state in (("training", State.RUNNING), ("paused", State.PAUSED), ("training", State.RUNNING)):
        writer.record(Phase(1, phase))  # type: ignore[arg-type]
        assert reader.status().state is state
    writer.record(Finished(7, "failed", "the loss is not finite"))
    assert reader.status().state is State.STOPPING
    writer.close()
    status = reader.status()
    assert (status.state, status.reason, status.step) == (State.FAILED, "the loss is not finite", 7)
    assert status.ended is not None and status.seconds_left is None
    attempt = reader.attempts()[0]
    assert (attempt.outcome, attempt.reason) == ("failed", "the loss is not finite")
    with sqlite3.connect(folder / layout.DATABASE) as connection:
        states = [row[0] for row in connection.execute("SELECT state FROM transitions ORDER BY id")]
    assert states == ["running", "paused", "running", "stopping", "failed"]


def test_after_the_end_the_database_is_one_file(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=20)
    assert not list(folder.glob("metrics.sqlite-*"))
    with sqlite3.connect(folder / layout.DATABASE) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_reader_never_blocks_the_writer_nor_the_end(tmp_path: Path) -> None:
    with running_run(tmp_path, steps=50, pictures=False) as run:
        reader = RunReader(run.folder)
        cursor = ReadPosition()
        for _ in range(20):
            run.advance(5)
            cursor = reader.read_new(cursor).cursor
            reader.series("train/elbo")
            assert run.writer.committer.problem == ""
        run.end()
        assert reader.status().state is State.SUCCEEDED
    assert not list(run.folder.glob("metrics.sqlite-*"))


def test_undeclared_and_hostile_metrics_are_shown_literally(writer: RunWriter, folder: Path) -> None:
    bad = MetricSpec("x/\x1b[31mred", "[bold]", "\u202etitle", "\x07", "higher", "objective")
    writer.record(Started(0, (bad,), 1, None, "cpu\x1b[0m", 1))
    writer.record(metrics(1, plain=1.0))
    reader = RunReader(folder)
    spec = next(iter(reader.metric_specs().values()))
    assert (spec.name, spec.quantity, spec.title, spec.unit) == ("x/red", "[bold]", "title", "")
    assert reader.latest() == {"plain": MetricValue(1, 1.0)}
    assert reader.status().device == "cpu"


def test_no_text_of_a_card_reaches_a_terminal_unchecked(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=10, pictures=False)
    reader = RunReader(folder)
    place = layout.step_folder(folder / layout.SNAPSHOTS, reader.snapshots()[-1]) / layout.CARD
    told = json.loads(place.read_bytes())
    told["title"] = told["data"]["name"] = "a\x1b]0;title\x07b\u202e"
    told["abilities"]["sample"]["how"] = "two\nlines\x9b31m"
    place.write_text(json.dumps(told))
    card = reader.card()
    assert (card.title, card.data.name, card.capability("sample").how) == ("ab", "ab", "two lines")


def test_the_fake_run_has_all_that_front_ends_need(tmp_path: Path) -> None:
    reader = RunReader(write_run(tmp_path, steps=1300))
    delta = reader.read_new()
    assert delta.status.state is State.SUCCEEDED and delta.status.primary_metric == "test/elbo_ema"
    assert {picture.kind for picture in delta.images} == {"samples", "reconstructions", "manifold"}
    assert delta.alerts and delta.command_history and delta.log and delta.snapshots[0] == 0
    assert all(picture.path.is_file() for picture in delta.images)
    assert set(delta.latest) == {spec.name for spec in specs()}
