"""The worker's program in this process, with a stand-in for the training."""

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.workers import main as worker
from genexplorer.workers import worker_control
from tests.fixtures.fake_run import config, specs
from tests.fixtures.waiting import repeat_for, wait_until
from trainers.errors import DataError
from trainers.events import (
    CheckpointReady,
    Command,
    CommandApplied,
    Control,
    Event,
    Finished,
    Metrics,
    Pause,
    Phase,
    Resume,
    Started,
    Stop,
    Threads,
)
from trainers.storage import fault_injection

Script = Callable[[Control], Iterator[Event]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return RunStore(tmp_path).create(config(steps=100), name="test")


@pytest.fixture
def play(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Script], int]]:
    """Run the worker with a script in place of the training, on a machine where nothing else runs."""
    monkeypatch.setattr("genexplorer.cores.contention.reading", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS")
    before = {
        number: signal.getsignal(number) for number in (*worker_control._STOP_SIGNALS, signal.SIGHUP, signal.SIGINT)
    }

    def run(script: Script) -> int:
        fake_loop: Any = ModuleType("trainers.training.loop")
        fake_loop.train = lambda _, *, resume, control, changes, initial: script(control)
        monkeypatch.setitem(sys.modules, "trainers.training.loop", fake_loop)
        return worker.main([str(folder)])

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


def metrics(step: int) -> Metrics:
    return Metrics(step, step, {"train/elbo": -float(step)}, float(step), step / 100, None)


def beginning() -> Iterator[Event]:
    yield Phase(0, "loading")
    yield Started(0, specs(), 1, 100, "cpu", 1)
    yield metrics(1)


def commands(control: Control, wanted: type[Command]) -> list[Command]:
    """Poll until a command of this type arrives; return all commands."""
    received: list[Command] = []

    def poll() -> bool:
        received.extend(control.poll(1))
        return any(isinstance(command, wanted) for command in received)

    wait_until(poll, f"a command {wanted.__name__}", 20)
    return received


def test_a_training_that_ends_well(play: Callable[[Script], int], folder: Path) -> None:
    def script(_: Control) -> Iterator[Event]:
        yield from beginning()
        yield CheckpointReady(1, {}, {"step": 1}, "end")
        yield Finished(1, "succeeded")

    assert play(script) == 0
    reader = RunReader(folder)
    assert reader.status().state is State.SUCCEEDED and reader.latest()["train/elbo"].step == 1
    assert reader.checkpoints() == [1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "out of memory"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
            "out of memory",
        ),
        (RuntimeError("surprise\nwith \x1b[31mlines"), "RuntimeError: surprise"),
        (DataError("labels do not match", "use others"), "labels do not match: use others"),
    ],
)
def test_a_failure_is_reported_in_one_line(
    play: Callable[[Script], int], folder: Path, error: Exception, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def script(_: Control) -> Iterator[Event]:
        yield from beginning()
        raise error

    assert play(script) == 5
    reader = RunReader(folder)
    status = reader.status()
    assert status.state is State.FAILED and status.reason.startswith(said)
    assert reader.latest()["train/elbo"].step == 1 and reader.attempts()[0].reason == status.reason
    traced = "Traceback" in capfd.readouterr().err
    assert traced is not isinstance(error, DataError)


def test_a_training_that_just_stops_talking_has_failed(play: Callable[[Script], int], folder: Path) -> None:
    assert play(lambda _: beginning()) == 5
    assert RunReader(folder).status().reason == "the training ended without an error message"


def test_a_second_worker_is_turned_away(play: Callable[[Script], int], folder: Path) -> None:
    with KernelLock(folder / layout.LOCK) as lock:
        assert lock.acquire()
        assert play(lambda _: beginning()) == 7
    assert RunReader(folder).status().state is State.QUEUED


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGXCPU"])
def test_a_signal_stops_and_the_end_of_a_terminal_does_nothing(
    play: Callable[[Script], int], folder: Path, name: str
) -> None:
    def script(control: Control) -> Iterator[Event]:
        yield from beginning()
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGINT)
        assert control.poll(1) == []
        signal.raise_signal(signal.Signals[name])
        assert Stop() in commands(control, Stop)
        yield Finished(1, "stopped")

    assert play(script) == 0
    assert RunReader(folder).status().state is State.STOPPED


def test_a_full_disk_pauses_the_run_until_there_is_space(play: Callable[[Script], int], folder: Path) -> None:
    seen: list[str] = []

    def script(control: Control) -> Iterator[Event]:
        yield from beginning()
        with fault_injection.inject_faults(fault_injection.FaultPlan(1, 28, persistent=True)):
            yield metrics(2)
            commands(control, Pause)
            yield Phase(2, "paused")
            seen.append(RunReader(folder).status().reason)
        commands(control, Resume)
        yield Phase(2, "training")
        yield metrics(3)
        yield Finished(3, "stopped")

    assert play(script) == 0
    assert seen == ["disk full: cannot write metrics"]
    reader = RunReader(folder)
    assert reader.series("train/elbo").x.tolist() == [1, 2, 3]


def test_a_second_sigterm_waits_for_no_disk(play: Callable[[Script], int], folder: Path) -> None:
    stack = contextlib.ExitStack()

    def script(control: Control) -> Iterator[Event]:
        yield from beginning()
        stack.enter_context(fault_injection.inject_faults(fault_injection.FaultPlan(1, 28, persistent=True)))
        yield CheckpointReady(1, {"w": np.zeros(3, np.float32)}, {"step": 1}, "end")
        terminator.start()
        yield Finished(1, "succeeded")

    def terminate() -> bool:
        if RunReader(folder).status().state is State.SUCCEEDED:
            return True
        os.kill(os.getpid(), signal.SIGTERM)  # again and again: two that arrive at once count as one
        return False

    def terminate_while_disk_is_full() -> None:
        with stack:  # a worker that waits for the disk would hang the test
            wait_until(lambda: "disk full" in RunReader(folder).status().reason, "the full disk is reported", 20)
            wait_until(terminate, "the run ends", 20)

    terminator = threading.Thread(target=terminate_while_disk_is_full)
    assert play(script) == 0
    terminator.join()
    status = RunReader(folder).status()
    assert status.state is State.SUCCEEDED and "could not be saved" in status.reason


def test_a_pause_by_the_user_outlasts_a_full_disk(play: Callable[[Script], int], folder: Path) -> None:
    from genexplorer.runs.commands import control as sending

    def poll_without_command(control: Control) -> bool:
        assert not control.poll(1)
        return True

    def script(control: Control) -> Iterator[Event]:
        yield from beginning()
        identity = sending.send(folder, Pause())
        assert commands(control, Pause) == [Pause(identity)]
        yield CommandApplied(1, identity, "pause")
        with fault_injection.inject_faults(fault_injection.FaultPlan(1, 28, persistent=True)):
            yield metrics(2)
            wait_until(lambda: poll_without_command(control) and RunReader(folder).status().reason)
        wait_until(lambda: poll_without_command(control) and not RunReader(folder).status().reason)
        sending.send(folder, Resume())
        assert len(commands(control, Resume)) == 1
        yield Finished(2, "stopped")

    assert play(script) == 0


def test_cores_are_shared_with_another_run_and_released_while_paused(
    play: Callable[[Script], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from genexplorer.cores import leases

    monkeypatch.setattr(leases, "num_cores", lambda: 4)
    monkeypatch.setattr(worker_control, "GROW_DELAY_S", 0.02)
    monkeypatch.setattr(worker_control, "POLL_S", 0.01)

    def script(control: Control) -> Iterator[Event]:
        yield from beginning()
        other = leases.CoreLease()
        assert other.acquire() == 2
        assert commands(control, Threads)[-1] == Threads(2)
        yield Phase(1, "paused")
        assert other.share() == 4
        yield Phase(1, "training")
        assert other.share() == 2
        other.release()
        assert commands(control, Threads)[-1] == Threads(4)
        yield Finished(1, "succeeded")

    assert play(script) == 0


@pytest.mark.parametrize("pinned", ["deterministic", "by the user"])
def test_others_adapt_to_threads_that_are_pinned(
    monkeypatch: pytest.MonkeyPatch, play: Callable[[Script], int], folder: Path, pinned: str
) -> None:
    from genexplorer.cores import leases
    from genexplorer.runs.commands import control as sending

    monkeypatch.setattr(worker_control, "POLL_S", 0.0)
    monkeypatch.setattr(worker_control, "GROW_DELAY_S", 0.0)
    monkeypatch.setattr(leases, "num_cores", lambda: 4)
    if pinned == "deterministic":
        values = json.loads((folder / layout.CONFIG).read_text())
        values["execution"]["deterministic"] = True
        (folder / layout.CONFIG).write_text(json.dumps(values))

    def script(control: Control) -> Iterator[Event]:
        other = leases.CoreLease()
        assert other.acquire() == 2
        yield Started(0, specs(), 1, 100, "cpu", 3 if pinned == "deterministic" else 4)
        yield metrics(1)
        if pinned == "by the user":
            identity = sending.send(folder, Threads(3))
            assert Threads(3, identity) in commands(control, Threads)
            yield CommandApplied(1, identity, "threads", {"threads": 3})
        assert other.share() == 1
        other.release()
        assert not [command for _ in range(20) for command in control.poll(1)]
        yield Finished(1, "succeeded")

    assert play(script) == 0
    assert RunReader(folder).status().threads == 3


def test_a_database_that_breaks_ends_the_run_visibly(play: Callable[[Script], int], folder: Path) -> None:
    def script(control: Control) -> Iterator[Event]:
        yield from beginning()
        yield Metrics(2, 2**70, {"train/elbo": 0.0}, 1.0, 0.0, None)  # more than SQLite can hold
        repeat_for(20, lambda: control.poll(2))  # ends early with the error of the writer

    assert play(script) == 5
    status = RunReader(folder).status()
    assert status.state is State.FAILED and "OverflowError" in status.reason
