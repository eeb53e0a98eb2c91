"""User actions return their outcome in one line; this process plays the worker."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from genexplorer.errors import WorkerError
from genexplorer.runs.commands import control
from genexplorer.runs.commands.inbox import Inbox
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from genexplorer.session import actions
from genexplorer.session.new_run import NewRunForm
from genexplorer.workers import launcher
from tests.fixtures.fake_run import running_run, write_run
from trainers.events import Command


@contextmanager
def worker(folder: Path, error: str = "") -> Iterator[list[Command]]:
    """Acknowledge every command, with or without an error."""
    received: list[Command] = []
    closed = threading.Event()
    inbox = Inbox(folder, read_status(folder).attempt)

    def listen() -> None:
        while not closed.wait(0.01):
            for command in inbox.receive():
                received.append(command)
                inbox.acknowledge(control.Ack(command.id, type(command).__name__.lower(), 1200, error))

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield received
    finally:
        closed.set()
        thread.join()


@pytest.mark.parametrize(
    ("act", "command", "line"),
    [
        (actions.pause, "Pause", "calm-owl paused at step 1,200"),
        (actions.pause_or_resume, "Pause", "calm-owl paused at step 1,200"),
        (actions.stop, "Stop", "calm-owl is stopping at step 1,200 and saves its state"),
    ],
)
def test_a_command_is_acknowledged_with_its_step(
    tmp_path: Path, act: Callable[[Path, Path], actions.ActionResult], command: str, line: str
) -> None:
    with running_run(tmp_path, steps=20) as run, worker(run.folder) as received:
        result = act(run.folder, tmp_path)
    assert (result.ok, result.message) == (True, line)
    assert [type(item).__name__ for item in received] == [command]


def test_a_refused_command_gives_the_reason(tmp_path: Path) -> None:
    with running_run(tmp_path, steps=20) as run, worker(run.folder, "it is stopping"):
        result = actions.pause(run.folder, tmp_path)
    assert (result.ok, str(result)) == (False, "calm-owl: it is stopping")


def test_a_worker_that_does_not_answer_in_time_is_reported(tmp_path: Path) -> None:
    with running_run(tmp_path, steps=20) as run:
        result = actions.pause(run.folder, tmp_path, timeout_s=0.05)
    assert not result.ok
    assert "has not replied" in result.message


@pytest.mark.parametrize("act", [actions.pause, actions.stop])
def test_a_command_needs_an_active_run(tmp_path: Path, act: Callable[[Path, Path], actions.ActionResult]) -> None:
    result = act(write_run(tmp_path, steps=20), tmp_path)
    assert not result.ok
    assert "brave-fox is succeeded" in result.message


@pytest.mark.parametrize("act", [actions.pause, actions.resume, actions.pause_or_resume, actions.stop, actions.delete])
def test_a_run_outside_the_runs_folder_is_read_only(
    tmp_path: Path, act: Callable[[Path, Path], actions.ActionResult]
) -> None:
    other = write_run(tmp_path / "other", steps=20, state="stopped")
    result = act(other, tmp_path / "runs")
    assert not result.ok and str(tmp_path / "runs") in str(result)
    assert other.is_dir() and not (other / "worker.lock").exists()


def test_a_complete_run_cannot_be_resumed(tmp_path: Path) -> None:
    result = actions.pause_or_resume(write_run(tmp_path, steps=20), tmp_path)
    assert str(result).startswith("brave-fox has finished: train longer: 'genexplorer runs extend ")


def test_delete_can_be_undone_and_refuses_live_runs(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=20)
    deleted = actions.delete(folder, tmp_path)
    assert (deleted.ok, deleted.message, folder.exists()) == (True, "brave-fox moved to the trash", False)
    assert deleted.folder is not None
    restored = actions.restore(deleted.folder)
    assert (restored.message, restored.folder) == ("brave-fox restored", folder)
    assert read_status(folder).state is State.SUCCEEDED
    assert not actions.restore(deleted.folder).ok
    with running_run(tmp_path, steps=20) as run:
        refused = actions.delete(run.folder, tmp_path)
        assert not refused.ok
        assert run.folder.exists()


def test_a_new_run_starts_or_reports_its_workers_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []

    def start(folder: Path, **_: object) -> RunStatus:
        started.append(folder)
        return RunStore(tmp_path).status(folder)

    monkeypatch.setattr(launcher, "start", start)
    result = actions.start_run(tmp_path, NewRunForm().validate(), name="my fox")
    assert (result.ok, result.message, result.folder) == (True, "my fox started", started[0])

    def die(folder: Path, **_: object) -> RunStatus:
        raise WorkerError("the worker died", "no space left on device")

    monkeypatch.setattr(launcher, "start", die)
    failed = actions.start_run(tmp_path, NewRunForm().validate())
    assert (failed.ok, str(failed)) == (False, "the worker died: no space left on device")
    assert failed.folder is not None


def test_a_disk_error_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    result = actions.start_run(tmp_path / "runs", NewRunForm().validate())
    assert not result.ok
    assert "\n" not in str(result)


def test_without_a_display_the_hint_is_an_image_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(variable, raising=False)
    result = actions.open_viewer(write_run(tmp_path, steps=20), tmp_path)
    assert not result.ok
    assert "no display" in result.message
    assert "genexplorer manifold brave-fox" in result.hint


class FakeViewer:
    def __init__(self, command: list[str], *, stderr: IO[bytes], **options: object) -> None:
        self._crashes = "fox" in command[-1]
        stderr.write(b"first\nQt is missing a library\n")

    def wait(self, timeout: float | None = None) -> int:
        if not self._crashes and timeout is not None:
            raise subprocess.TimeoutExpired("viewer", timeout)
        return int(self._crashes)


def test_a_viewer_that_crashes_at_startup_is_reported_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setattr(subprocess, "Popen", FakeViewer)
    result = actions.open_viewer(tmp_path / "fox", tmp_path)
    assert (result.ok, result.exit_code, result.message) == (
        False,
        9,
        "the viewer did not open: Qt is missing a library",
    )
    assert actions.open_viewer(None, tmp_path) == actions.ActionResult(True, "viewer opened")


def test_a_suspended_worker_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_run(tmp_path, steps=5) as run:
        asleep = replace(read_status(run.folder), is_responding=False)
        monkeypatch.setattr(control, "read_status", lambda folder: asleep)
        result = actions.pause(run.folder, tmp_path, timeout_s=1e9)  # not the time limit ends the wait
    assert not result.ok
    assert "does not respond" in result.message
