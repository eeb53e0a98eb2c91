"""What keys do, told in one line; workers are played by this process."""

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
    """Obey every command, or refuse it with an error."""
    heard: list[Command] = []
    ended = threading.Event()
    inbox = control.Inbox(folder, read_status(folder).attempt)

    def listen() -> None:
        while not ended.wait(0.01):
            for command in inbox.take():
                heard.append(command)
                inbox.acknowledge(control.Ack(command.id, type(command).__name__.lower(), 1200, error))

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield heard
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("act", "command", "line"),
    [
        (actions.pause, "Pause", "calm-owl pauses at step 1,200"),
        (actions.pause_or_resume, "Pause", "calm-owl pauses at step 1,200"),
        (actions.stop, "Stop", "calm-owl stops at step 1,200 and saves its state"),
    ],
)
def test_a_command_is_obeyed_and_told(
    tmp_path: Path, act: Callable[[Path, Path], actions.Outcome], command: str, line: str
) -> None:
    with running_run(tmp_path, steps=20) as run, worker(run.folder) as heard:
        outcome = act(run.folder, tmp_path)
    assert (outcome.ok, outcome.line) == (True, line)
    assert [type(one).__name__ for one in heard] == [command]


def test_a_command_that_is_refused_says_why(tmp_path: Path) -> None:
    with running_run(tmp_path, steps=20) as run, worker(run.folder, "it is stopping"):
        outcome = actions.pause(run.folder, tmp_path)
    assert (outcome.ok, str(outcome)) == (False, "calm-owl cannot: it is stopping")


def test_a_worker_that_does_not_obey_in_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "OBEY_S", 0.05)
    with running_run(tmp_path, steps=20) as run:
        outcome = actions.pause(run.folder, tmp_path)
    assert not outcome.ok
    assert "did not obey" in outcome.line


@pytest.mark.parametrize("act", [actions.pause, actions.stop])
def test_nobody_is_alive_to_obey(tmp_path: Path, act: Callable[[Path, Path], actions.Outcome]) -> None:
    outcome = act(write_run(tmp_path, steps=20), tmp_path)
    assert not outcome.ok
    assert "brave-fox is succeeded" in outcome.line


@pytest.mark.parametrize("act", [actions.pause, actions.resume, actions.pause_or_resume, actions.stop, actions.delete])
def test_a_run_from_elsewhere_is_only_read(tmp_path: Path, act: Callable[[Path, Path], actions.Outcome]) -> None:
    sent = write_run(tmp_path / "sent", steps=20, state="stopped")
    outcome = act(sent, tmp_path / "runs")
    assert not outcome.ok and str(tmp_path / "runs") in str(outcome)
    assert sent.is_dir() and not (sent / "worker.lock").exists()


def test_a_complete_run_cannot_be_resumed(tmp_path: Path) -> None:
    outcome = actions.pause_or_resume(write_run(tmp_path, steps=20), tmp_path)
    assert str(outcome) == "brave-fox is complete: start a longer run to train on"


def test_delete_can_be_undone_and_refuses_live_runs(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=20)
    deleted = actions.delete(folder, tmp_path)
    assert (deleted.ok, deleted.line, folder.exists()) == (True, "brave-fox is in the trash", False)
    assert deleted.folder is not None
    restored = actions.restore(deleted.folder)
    assert (restored.line, restored.folder) == ("brave-fox is back", folder)
    assert read_status(folder).state is State.SUCCEEDED
    assert not actions.restore(deleted.folder).ok
    with running_run(tmp_path, steps=20) as run:
        refused = actions.delete(run.folder, tmp_path)
        assert not refused.ok
        assert run.folder.exists()


def test_a_new_run_is_started_or_told_with_its_workers_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []

    def start(folder: Path, **_: object) -> RunStatus:
        started.append(folder)
        return RunStore(tmp_path).status(folder)

    monkeypatch.setattr(launcher, "start", start)
    outcome = actions.start_run(tmp_path, NewRunForm().validate(), name="my fox")
    assert (outcome.ok, outcome.line, outcome.folder) == (True, "my fox trains", started[0])

    def die(folder: Path, **_: object) -> RunStatus:
        raise WorkerError("the worker died", "no space left on device")

    monkeypatch.setattr(launcher, "start", die)
    failed = actions.start_run(tmp_path, NewRunForm().validate())
    assert (failed.ok, str(failed)) == (False, "the worker died: no space left on device")
    assert failed.folder is not None


def test_a_disk_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    outcome = actions.start_run(tmp_path / "runs", NewRunForm().validate())
    assert not outcome.ok
    assert "\n" not in str(outcome)


def test_without_a_display_the_viewer_says_what_to_do_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(variable, raising=False)
    outcome = actions.open_viewer(write_run(tmp_path, steps=20), tmp_path)
    assert not outcome.ok
    assert "no display" in outcome.line
    assert "genexplorer manifold brave-fox" in outcome.hint


class FakeViewer:
    def __init__(self, command: list[str], *, stderr: IO[bytes], **options: object) -> None:
        self._falls = "fox" in command[-1]
        stderr.write(b"first\nQt is missing a library\n")

    def wait(self, timeout: float | None = None) -> int:
        if not self._falls and timeout is not None:
            raise subprocess.TimeoutExpired("viewer", timeout)
        return int(self._falls)


def test_a_viewer_that_falls_at_once_is_told_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setattr(subprocess, "Popen", FakeViewer)
    outcome = actions.open_viewer(tmp_path / "fox", tmp_path)
    assert (outcome.ok, outcome.line) == (False, "the viewer did not open: Qt is missing a library")
    assert actions.open_viewer(None, tmp_path) == actions.Outcome(True, "the viewer opens")


def test_a_worker_that_is_suspended_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_run(tmp_path, steps=5) as run:
        asleep = replace(read_status(run.folder), answering=False)
        monkeypatch.setattr(actions, "read_status", lambda folder: asleep)
        monkeypatch.setattr(actions, "OBEY_S", 1e9)  # without the look at it, this test would not end
        told = actions.pause(run.folder, tmp_path)
    assert not told.ok
    assert "does not answer" in told.line
