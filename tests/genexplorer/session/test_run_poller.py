"""RunPoller on folders written by the real writer."""

import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from genexplorer.errors import UserError
from genexplorer.runs import layout, settings
from genexplorer.runs.database import sqlite
from genexplorer.runs.record import ImageRef, State
from genexplorer.session.charts import charts
from genexplorer.session.run_poller import ALL_CHANGES, RunPoller
from tests.fixtures.fake_run import IMAGES_PER_S, FakeRun, running_run, write_run
from tests.fixtures.waiting import wait_until
from trainers.events import ON_RESUME, SettingChange


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs"), steps=1500)


def polled_until(followed: RunPoller, condition: Callable[[], bool]) -> frozenset[str]:
    """Poll until a condition is true; return the names of all changes."""
    changes = frozenset[str]()

    def poll() -> bool:
        nonlocal changes
        if condition():
            return True
        changes |= followed.poll()
        return False

    wait_until(poll)
    return changes


def test_the_first_poll_brings_everything_and_the_second_nothing(finished: Path) -> None:
    followed = RunPoller(finished)
    assert followed.status.name == "brave-fox"
    assert followed.poll() >= ALL_CHANGES - {"status"}
    assert followed.poll() == frozenset()
    assert followed.status.state is State.SUCCEEDED
    assert followed.config is not None
    assert followed.config.model.name == "vae"
    assert {"train/elbo", "test/elbo_ema"} <= set(followed.metric_specs)
    assert followed.latest["train/elbo"].step == 1500
    assert [chart.quantity for chart in charts(followed.metric_specs)][:3] == ["elbo", "recon", "kl"]
    assert followed.snapshots == sorted(followed.snapshots)
    assert [alert.code for alert in followed.alerts] == ["kl_dim_collapsed"]
    assert [(change.step, change.path) for change in followed.command_history] == [(1200, "optim.lr")]
    assert len(followed.log) > 0
    assert followed.error == ""


def test_curves_are_read_once_until_there_are_new_points(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = RunPoller(finished)
    followed.poll()
    curve = followed.series("train/elbo", max_points=50)
    assert 10 < len(curve.x) <= 50
    assert np.isfinite(curve.mean).all()
    assert followed.series("train/elbo", max_points=50) is curve
    assert followed.series("train/elbo", "time", 50).x_axis == "time"
    assert len(followed.series("no/such", max_points=50).x) == 0


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Count how often a database is opened."""
    counted = Mock(side_effect=sqlite.open_for_reading)
    monkeypatch.setattr(sqlite, "open_for_reading", counted)
    return counted


def test_several_curves_open_the_database_once(finished: Path, tmp_path: Path, opened: Mock) -> None:
    run = RunPoller(finished)
    several = run.series_of(["train/elbo", "train/kl", "nothing"], max_points=50)
    assert opened.call_count == 1 and len(several["nothing"].x) == 0
    assert several["train/kl"] is run.series("train/kl", max_points=50) and len(several["train/elbo"].x) > 10
    broken = shutil.copytree(finished, tmp_path / "broken")
    (broken / layout.DATABASE).write_bytes(b"no database")
    run = RunPoller(broken)
    assert len(run.series_of(["train/elbo"])["train/elbo"].x) == 0 and run.error


def test_a_block_of_reads_opens_the_database_once_and_reports_damage(
    finished: Path, tmp_path: Path, opened: Mock
) -> None:
    run = RunPoller(finished)
    with run.open_database():
        assert run.poll() >= ALL_CHANGES - {"status"}
        assert len(run.series("train/elbo").x) and run.values_at(10) and run.series_of(["train/kl"])
    assert opened.call_count == 1
    rotten = shutil.copytree(finished, tmp_path / "rotten")
    content = bytearray((rotten / layout.DATABASE).read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)  # its first pages say that all is well
    (rotten / layout.DATABASE).write_bytes(content)
    run = RunPoller(rotten)
    with run.open_database():
        run.poll()
    assert run.status.state is State.DAMAGED and "cannot be read" in run.status.reason


def test_values_at_an_earlier_step(finished: Path) -> None:
    followed = RunPoller(finished)
    followed.poll()
    early, now = followed.values_at(10), followed.values_at(None)
    assert early["train/elbo"] < now["train/elbo"]
    assert now["train/elbo"] == followed.latest["train/elbo"].value
    assert followed.card(10).step == 10
    assert followed.card().step == followed.snapshots[-1]
    with pytest.raises(UserError):
        followed.card(11)
    values = [followed.image_at("manifold", step) for step in (None, 60, 0)]
    assert [ref.step for ref in values if isinstance(ref, ImageRef)] == [1500, 50, 0]
    assert followed.image_at("portrait") is None


def test_a_step_is_converted_to_other_axes(finished: Path) -> None:
    followed = RunPoller(finished)
    assert followed.x_at(700, "time") is None
    followed.poll()
    assert followed.x_at(700) == 700
    images = followed.x_at(700, "images")
    assert images == pytest.approx(700 * 128, rel=0.01)
    seconds = followed.x_at(700, "time")
    assert seconds == pytest.approx(700 * 128 / IMAGES_PER_S, rel=0.01)


def test_an_active_run_reports_changes_and_the_loss_of_its_worker(tmp_path: Path) -> None:
    with running_run(tmp_path, steps=300) as run:
        followed = RunPoller(run.folder)
        polled_until(followed, lambda: followed.status.state is State.RUNNING and bool(followed.latest))
        curve = followed.series("train/elbo")
        last = len(curve.x)
        run.advance(100)
        run.writer.flush()
        calls = polled_until(
            followed,
            lambda: (
                followed.latest["train/elbo"].step == followed.status.step == 400
                and followed.images["samples"][-1].step == followed.snapshots[-1] == 400
            ),
        )
        assert {"metrics", "snapshots", "images", "status"} <= calls
        assert len(followed.series("train/elbo").x) > last
    calls = polled_until(followed, lambda: followed.status.state is State.LOST)
    assert "status" in calls


def test_a_queued_run_is_empty(tmp_path: Path) -> None:
    followed = RunPoller(write_run(tmp_path, state="queued"))
    followed.poll()
    assert followed.status.state is State.QUEUED
    assert (followed.latest, followed.snapshots, followed.values_at(5), followed.log_tail()) == ({}, [], {}, "")
    with pytest.raises(UserError):
        followed.card()


def test_watching_touches_the_run_only_while_it_is_active(tmp_path: Path) -> None:
    with running_run(tmp_path, steps=20) as run:
        followed = RunPoller(run.folder)
        watch = run.folder / layout.CONTROL / layout.WATCH
        followed.poll()
        assert not watch.exists()
        followed.watching = True
        followed.poll()
        assert watch.exists()
        watch.unlink()
        followed.poll()
        assert not watch.exists()  # about once a second, not at every poll
        followed.watcher_idle = True
        followed.poll()
        assert watch.with_name(layout.WATCH_IDLE).exists() and not watch.exists()
    polled_until(followed, lambda: followed.status.state is State.LOST)
    followed._reported_at = -1e9
    followed.poll()
    assert not watch.exists()


def test_a_damaged_folder_is_a_problem_and_keeps_the_last_state(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=60)
    followed = RunPoller(folder)
    followed.poll()
    shutil.rmtree(folder)
    assert "status" in followed.poll()
    assert followed.status.state is State.DAMAGED or followed.error
    assert followed.latest["train/elbo"].step == 60
    assert len(followed.series("train/recon").x) == 0


def test_a_read_error_is_a_problem_until_the_next_success(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = RunPoller(finished)
    followed.poll()

    def fail(cursor: object) -> None:
        raise OSError(5, "Input/output error\x1b[31m")

    monkeypatch.setattr(followed._reader, "read_new", fail)
    assert followed.poll() == {"status"}
    assert "Input/output error" in followed.error
    assert "\x1b" not in followed.error
    assert followed.poll() == frozenset()
    monkeypatch.undo()
    assert followed.poll() == {"status"}
    assert followed.error == ""


def test_a_new_attempt_is_read_from_the_start(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=1300, state="stopped")
    followed = RunPoller(folder)
    followed.poll()
    assert [change.step for change in followed.command_history] == [1200]
    again = FakeRun(folder, 1300)  # from step 0: what came after is superseded
    again.advance(20)
    again.end("stopped")
    assert followed.poll() == ALL_CHANGES
    assert followed.status.attempt == 2
    assert followed.command_history == []
    assert followed.latest["train/elbo"].step == 20
    assert len(followed.series("train/elbo").x) <= 20


def test_settings_are_those_of_a_step(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=300, state="stopped", pictures=False)
    followed = RunPoller(folder)
    followed.poll()
    start = followed.config
    assert start is not None and followed.config_at() is start, "nothing was changed"
    settings.write_changes(
        folder,
        [
            SettingChange(100, {"model.beta": 4.0}),
            SettingChange(200, {"model.beta": 2.0, "optim.lr": 1e-4}),
            SettingChange(ON_RESUME, {"model.beta": 9.0}),
        ],
    )
    assert followed.poll() == {"settings"} and followed.poll() == frozenset()

    def beta(step: int | None) -> float:
        config = followed.config_at(step)
        assert config is not None
        return float(config.model_options().beta)

    assert [beta(step) for step in (99, 100, 199, 200, None)] == [1, 4, 4, 2, 2]
    assert followed.config is start, "as it was started"
    assert followed.config_at(150) is followed.config_at(160) is not followed.config_at()
    assert [change.step for change in followed.changes] == [100, 200, ON_RESUME]


def test_damaged_changes_are_an_error_and_the_configuration_stays(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=30, pictures=False)
    followed = RunPoller(folder)
    followed.poll()
    (folder / layout.CHANGES).write_text('{"changes": [{"step": 1, "values": {"model.beta": []}}]}')
    assert followed.poll() == {"status"} and followed.poll() == {"status"}
    assert "changes.json" in followed.error and followed.config_at() is followed.config
    settings.write_changes(folder, [SettingChange(1, {"optim.no_such": 1})])
    followed.poll()
    assert followed.config_at() is None and "no_such" in followed.error
