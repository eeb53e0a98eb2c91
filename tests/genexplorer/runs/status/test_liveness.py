import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from genexplorer import kernel_lock
from genexplorer.errors import RunStateError
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import layout
from genexplorer.runs.commands import control
from genexplorer.runs.record import State
from genexplorer.runs.status import heartbeat, process_id, run_status
from genexplorer.runs.status.heartbeat import Heartbeat, LiveRecord
from genexplorer.runs.status.process_id import ProcessId
from genexplorer.runs.status.run_status import (
    HeartbeatTracker,
    WorkerHealth,
    read_settled_status,
    read_status,
    worker_health,
)
from genexplorer.runs.store import RunStore
from genexplorer.session import formatting
from tests.fixtures.fake_run import config, running_run, write_run
from trainers.events import Phase, Stop


@dataclass
class Clocks:
    """A reader's clocks, moved by hand."""

    now: float = 1000.0
    wall: float = 2e9
    heartbeats: HeartbeatTracker = field(init=False)

    def __post_init__(self) -> None:
        self.heartbeats = HeartbeatTracker(lambda: self.now, lambda: self.wall)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def elsewhere(wall: float) -> LiveRecord:
    return LiveRecord(
        attempt=1, heartbeat=5, pid=os.getpid(), host="other", boot_id="other", state="running", updated=wall
    )


def here(**changes: object) -> LiveRecord:
    me = process_id.current()
    record = LiveRecord(attempt=1, heartbeat=5, state="running", host=me.host, boot_id=me.boot_id, pid=me.pid)
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def test_there_is_no_estimate_while_a_step_compiles(tmp_path: Path) -> None:
    with running_run(tmp_path, steps=50) as run:
        assert read_status(run.folder).seconds_left is not None
        run.writer.record(Phase(50, "compiling", "the training step"))
        run.writer.flush()
        status = read_status(run.folder)
        assert (status.phase, status.seconds_left) == ("compiling", None)
        assert formatting.time_left(status) == "compiling", "the same in all front ends"
        run.writer.record(Phase(50, "training"))
        run.writer.flush()
        assert read_status(run.folder).seconds_left is not None


def test_a_lock_is_queried_without_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not kernel_lock.is_held(path)
    with KernelLock(path) as lock:
        assert lock.acquire()
        assert kernel_lock.is_held(path) and kernel_lock.is_held(path)
        assert not KernelLock(path).acquire(patience_s=0)
    assert not kernel_lock.is_held(path)
    assert KernelLock(path).acquire(patience_s=0)


def test_the_flock_fallback_behaves_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_lock, "_HAS_OFD_LOCKS", False)
    test_a_lock_is_queried_without_taking_it(tmp_path)


def test_a_free_lock_on_this_machine_means_dead_at_once(tmp_path: Path, clocks: Clocks) -> None:
    assert worker_health(tmp_path, here(), clocks.heartbeats) is WorkerHealth.DEAD
    rebooted = here(boot_id="an earlier boot")
    assert worker_health(tmp_path, rebooted, clocks.heartbeats) is WorkerHealth.DEAD


def test_a_held_lock_without_heartbeats_means_not_responding(tmp_path: Path, clocks: Clocks) -> None:
    with KernelLock(tmp_path / layout.LOCK) as lock:
        assert lock.acquire()
        record = here()
        assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.ALIVE
        clocks.now += run_status.QUIET_AFTER_S + 0.1
        assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.QUIET
        clocks.now += 86_400
        assert (
            worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.QUIET
        )  # never Lost while the lock is held
        record.heartbeat += 1
        assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.ALIVE


def test_another_machine_is_monitored_by_heartbeat_and_the_readers_own_clock(tmp_path: Path, clocks: Clocks) -> None:
    record = elsewhere(clocks.wall)
    for _ in range(5):
        assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.ALIVE
        clocks.now += 2.0
        record.heartbeat += 1
    assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.ALIVE
    clocks.now += 4.0
    assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.QUIET
    clocks.now += 1.0
    assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.DEAD


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_no_jump_of_the_wall_clock_makes_a_run_lost(tmp_path: Path, clocks: Clocks, jump: float) -> None:
    record = elsewhere(clocks.wall)
    assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.ALIVE
    clocks.wall += jump
    clocks.now += 1.0
    record.heartbeat += 1
    assert worker_health(tmp_path, record, clocks.heartbeats) is WorkerHealth.ALIVE
    assert (
        worker_health(tmp_path, elsewhere(0.0), HeartbeatTracker(lambda: 0.0, lambda: 2e9)) is WorkerHealth.QUIET
    )  # never Lost at once


def test_a_strangers_pid_is_not_the_worker(tmp_path: Path) -> None:
    stranger = ProcessId(process_id.host_name(), process_id.boot_id(), os.getpid(), start=12345)
    assert not process_id.is_alive(stranger)
    assert process_id.is_alive(process_id.current())
    assert not process_id.is_alive(
        ProcessId(process_id.host_name(), "other boot", os.getpid(), process_id.current().start)
    )
    folder = write_run(tmp_path, steps=2, state="lost", pictures=False)  # its pid is ours, its lock is free
    assert read_status(folder).state is State.LOST


def test_a_killed_run_is_lost_with_its_last_log_line(tmp_path: Path) -> None:
    with running_run(tmp_path, steps=5) as run:
        status = read_status(run.folder)
        assert (status.state, status.is_responding) == (State.RUNNING, True)
        (run.folder / layout.LOG).write_text("all is well\n\x1b[31mout of memory\x1b[0m\n\n")
    status = read_status(run.folder)
    assert (status.state, status.reason) == (State.LOST, "out of memory")


def test_a_run_that_ends_between_two_reads_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunStore(tmp_path).create(config())
    file = Heartbeat(folder / layout.LIVE)
    file.record = here()
    file.write()

    def ends_now(_: Path) -> bool:
        file.record.state = "succeeded"
        file.write()
        return False

    monkeypatch.setattr(kernel_lock, "is_held", ends_now)
    assert read_status(folder).state is State.SUCCEEDED


def test_a_run_copied_while_it_ran_is_lost_here_and_alive_there(tmp_path: Path) -> None:
    import shutil

    with running_run(tmp_path / "a", steps=5) as run:
        shutil.copytree(
            run.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "snapshots", "checkpoints", "pictures")
        )
        assert read_status(tmp_path / "copy").state is State.LOST
        assert read_status(run.folder).state is State.RUNNING
    assert heartbeat.read(tmp_path / "copy" / layout.LIVE) is not None


def active_elsewhere(tmp_path: Path, state: str = "running") -> tuple[Path, Heartbeat]:
    """Return a run whose last heartbeat, ten minutes ago, came from another machine."""
    folder = write_run(tmp_path, steps=2, state="stopped", pictures=False)
    file = Heartbeat(folder / layout.LIVE)
    file.record = replace(file.record, attempt=1, state=state, host="cluster-7", boot_id="other", reason="")
    file.write()
    return folder, file


@pytest.mark.parametrize("state", ["running", "paused", "stopping"])
def test_a_command_that_reads_once_finds_a_silent_worker_elsewhere_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(run_status, "LOST_AFTER_S", 0.1)
    folder, file = active_elsewhere(tmp_path, state)
    file.close()
    status = read_settled_status(folder, HeartbeatTracker())
    assert status.state is State.LOST and "cluster-7 sends no heartbeat" in status.reason
    store = RunStore(tmp_path)
    with pytest.raises(RunStateError, match="is lost; it has no worker"):
        control.send(folder, Stop())
    assert store.delete(folder).is_dir()


def test_a_worker_elsewhere_that_lives_is_neither_lost_nor_deleted(tmp_path: Path) -> None:
    folder, file = active_elsewhere(tmp_path)
    closed = threading.Event()

    def beat() -> None:
        while not closed.wait(0.02):
            file.write()

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        assert read_settled_status(folder, HeartbeatTracker()).state is State.RUNNING
        with pytest.raises(RunStateError, match="stop it first"):
            RunStore(tmp_path).delete(folder)
    finally:
        closed.set()
        thread.join()
        file.close()


def test_a_list_that_is_read_once_shows_silent_workers_elsewhere_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_status, "LOST_AFTER_S", 0.05)
    monkeypatch.setattr(run_status, "STALE_AFTER_S", -1.0)
    _, file = active_elsewhere(tmp_path)
    file.close()
    assert [run.state for run in RunStore(tmp_path).list_after_observing()] == [State.LOST]
