"""Real workers on tiny data: few, as each imports torch."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from genexplorer.errors import RunStateError, TrainingError, WorkerError
from genexplorer.runs import layout
from genexplorer.runs.commands import control
from genexplorer.runs.commands.control import Ack
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.status import heartbeat, process_id
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from genexplorer.session import actions
from genexplorer.workers import folder_watch, launcher
from tests.fixtures.waiting import wait_until
from trainers import presets
from trainers.events import Command, Pause, SaveNow, Set
from trainers.storage import checkpoint

pytestmark = pytest.mark.process
DONE = {State.SUCCEEDED, State.STOPPED, State.FAILED, State.LOST}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    store = RunStore(tmp_path / "runs with 'spaces' & $(hostile) names")
    yield store
    for run in store.list():
        if run.pid and run.state.active and process_id.start_of(run.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.pid, signal.SIGKILL)


def make(store: RunStore, *, steps: int = 100_000) -> Path:
    layers = {
        "schedule": {"steps": steps, "lr": "constant", "warmup_steps": 0},
        "data": {"limit": 256, "limit_test": 32},
        "model": {"hidden": [8]},
        "optim": {"batch_size": 16, "lr": 0.001},
        "execution": {"threads": 1, "eval_every": 100_000, "deterministic": True},
    }
    return store.create(presets.assemble("vae-2d", layers), name="tiny")


def applied(folder: Path, command: Command) -> Ack:
    identifier = control.send(folder, command)
    wait_until(lambda: control.read_ack(folder, identifier) is not None)
    answer = control.read_ack(folder, identifier)
    assert answer is not None
    return answer


def is_lost(status: RunStatus) -> bool:
    return status.state is State.LOST and "signal 9" in status.reason


def training(folder: Path, step: int = 5) -> RunStatus:
    reader = RunReader(folder)
    wait_until(lambda: reader.status().step >= step or reader.status().state in DONE)
    status = reader.status()
    assert status.state is State.RUNNING, status
    return status


def test_start_pause_set_resume_stop_resume(store: RunStore) -> None:
    folder = make(store)
    assert launcher.start(folder).state is State.RUNNING
    training(folder)
    with pytest.raises(RunStateError, match="already has a worker"):
        launcher.start(folder)
    assert applied(folder, Pause()).applied
    paused = launcher.wait(folder, {State.PAUSED})
    assert applied(folder, Set({"optim.lr": 0.0005})).applied
    assert "cannot be changed" in applied(folder, Set({"model.latent_dim": 3})).error
    assert applied(folder, SaveNow()).applied
    launcher.resume(folder)
    training(folder, paused.step + 5)
    launcher.stop(folder)
    stopped = launcher.wait(folder, DONE)
    assert stopped.state is State.STOPPED

    again = launcher.resume(folder)
    assert again.attempt == 2
    training(folder, stopped.step + 5)
    launcher.terminate(folder)
    ended = launcher.wait(folder, DONE)
    reader = RunReader(folder)
    assert ended.state is State.STOPPED and reader.checkpoints()[-1] == ended.step
    curve = reader.series("train/elbo", max_points=1_000_000)
    assert curve.x.tolist() == list(range(1, ended.step + 1))  # no step is missing, none is there twice
    rates = reader.series("train/lr", max_points=1_000_000).mean
    assert (rates[paused.step - 1], rates[-1]) == pytest.approx((0.001, 0.0005))
    assert [change.command for change in reader.command_history() if not change.error][:3] == [
        "pause",
        "set",
        "save_now",
    ]
    assert [attempt.outcome for attempt in reader.attempts()] == ["stopped", "stopped"]


def test_a_suspended_run_is_not_lost_but_a_killed_one_is(store: RunStore) -> None:
    folder = make(store)
    launcher.start(folder)
    status = training(folder)
    assert status.pid is not None
    reader = RunReader(folder)
    os.kill(status.pid, signal.SIGSTOP)
    wait_until(lambda: not reader.status().is_responding)
    assert reader.status().state is State.RUNNING
    os.kill(status.pid, signal.SIGCONT)
    wait_until(lambda: reader.status().is_responding)
    os.kill(status.pid, signal.SIGHUP)  # a closed terminal
    training(folder, reader.status().step + 5)
    wait_until(lambda: reader.latest().get("train/elbo") is not None)
    written = reader.latest()["train/elbo"].step
    os.kill(status.pid, signal.SIGKILL)
    # The limit is a documented guarantee.
    wait_until(lambda: is_lost(reader.status()), "shown as Lost with the signal", 5.0)
    assert reader.latest()["train/elbo"].step >= written
    wait_until(lambda: not psutil.pid_exists(status.pid or 0))
    assert not [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]
    with pytest.raises(RunStateError):
        control.send(folder, Pause())
    with pytest.raises(RunStateError):
        launcher.terminate(folder)


def _is_deleted(folder: Path) -> bool:
    """Delete a folder into which a worker may still write a last image; return whether it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_a_worker_whose_folder_is_deleted_or_moved_ends_and_makes_nothing_anew(store: RunStore) -> None:
    deleted, moved = make(store), make(store)
    for folder in (deleted, moved):
        launcher.start(folder)
    pids = [training(folder).pid or 0 for folder in (deleted, moved)]
    elsewhere = moved.rename(store.runs_dir.parent / "elsewhere")
    control.send(deleted, Pause())  # a paused worker notices too
    launcher.wait(deleted, {State.PAUSED})
    wait_until(lambda: _is_deleted(deleted))
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    assert list(store.runs_dir.iterdir()) == []
    status = read_status(elsewhere)
    assert (status.state, status.reason) == (State.FAILED, folder_watch.REASON)


def test_a_resume_ends_when_the_run_trains_and_names_the_step_of_its_checkpoint(store: RunStore) -> None:
    folder = make(store)
    launcher.start(folder)
    training(folder)
    saved = applied(folder, SaveNow()).step
    wait_until(lambda: saved in RunReader(folder).checkpoints())
    status = training(folder, saved + 20)
    os.kill(status.pid or 0, signal.SIGKILL)
    wait_until(lambda: read_status(folder).state is State.LOST)
    saved = RunReader(folder).checkpoints()[-1]
    result = actions.resume(folder, store.runs_dir)
    assert (result.ok, result.message) == (True, f"tiny resumed at step {saved:,}")
    # A stop whose checkpoint cannot be saved is a failure; without checkpoints, the next attempt starts anew.
    shutil.rmtree(folder / layout.CHECKPOINTS)
    stopped = actions.stop(folder, store.runs_dir, wait_for_state=True)
    assert not stopped.ok and stopped.exit_code and "could not be saved" in str(stopped)
    assert "a resume restarts at step 0" in str(stopped)
    assert actions.resume(folder, store.runs_dir).message == "tiny restarted at step 0: it has no complete checkpoint"
    assert actions.stop(folder, store.runs_dir, wait_for_state=True).ok


def test_a_resume_without_its_data_fails(store: RunStore, tmp_path: Path) -> None:
    folder = make(store)
    launcher.start(folder)
    training(folder)
    assert actions.stop(folder, store.runs_dir, wait_for_state=True).ok
    path = folder / layout.CONFIG
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "data": {**values["data"], "name": str(tmp_path / "missing")}}))
    result = actions.resume(folder, store.runs_dir)
    assert not result.ok and result.exit_code == TrainingError.exit_code
    assert str(tmp_path / "missing") in str(result)


def test_a_strangers_pid_is_never_signalled(store: RunStore) -> None:
    folder = make(store)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        file = heartbeat.Heartbeat(folder / layout.LIVE)
        me = process_id.current()
        file.record = heartbeat.LiveRecord(
            attempt=1, state="running", host=me.host, boot_id=me.boot_id, pid=stranger.pid, start=1
        )
        file.write()
        assert RunReader(folder).status().state is State.LOST
        with pytest.raises(RunStateError):
            launcher.terminate(folder)
        assert stranger.poll() is None
        stranger.communicate(b"\n")
        assert stranger.returncode == 0


def test_of_several_starters_exactly_one_runs(store: RunStore) -> None:
    folder = make(store)
    command = [sys.executable, "-m", "genexplorer.workers.main", str(folder)]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        wait_until(lambda: sum(worker.poll() is None for worker in workers) == 1)
        training(folder)
        alive = [worker for worker in workers if worker.poll() is None]
        assert len(alive) == 1 and alive[0].pid == RunReader(folder).status().pid
        assert [worker.returncode for worker in workers if worker not in alive] == [7, 7, 7]
        assert RunReader(folder).status().attempt == 1
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def test_a_worker_that_crashes_at_the_start_is_reported_with_its_log(store: RunStore) -> None:
    folder = make(store)
    (folder / layout.DATABASE).write_bytes(b"not a database" * 1000)
    with pytest.raises(WorkerError, match="damaged"):
        launcher.start(folder)


def test_a_run_resumed_under_deterministic_equals_the_uninterrupted_one(store: RunStore) -> None:
    whole, broken = make(store, steps=700), make(store, steps=700)
    launcher.start(whole)
    launcher.start(broken)
    training(broken, 3)
    launcher.stop(broken)
    assert launcher.wait(broken, DONE).state is State.STOPPED
    launcher.resume(broken)
    states = []
    for folder in (whole, broken):
        assert launcher.wait(folder, DONE).state is State.SUCCEEDED
        states.append(checkpoint.load(layout.step_folder(folder / layout.CHECKPOINTS, 700)))
    assert states[0].arrays.keys() == states[1].arrays.keys()
    for name, array in states[0].arrays.items():
        np.testing.assert_array_equal(array, states[1].arrays[name], err_msg=name)
    curves = [RunReader(folder).series("train/elbo", max_points=700).mean for folder in (whole, broken)]
    np.testing.assert_array_equal(curves[0], curves[1])
