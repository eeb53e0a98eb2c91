"""Trainings in other runs folders are found through the state folder."""

import contextlib
from pathlib import Path

import pytest

from genexplorer import paths
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import active_runs, layout
from tests.fixtures.fake_run import write_run


def test_a_training_in_another_folder_is_named_until_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.STATE_VARIABLE, str(tmp_path / "state"))
    folder = write_run(tmp_path / "there", steps=2, state="running", pictures=False)
    with KernelLock(folder / layout.LOCK) as lock:
        assert lock.acquire()
        registration = active_runs.register(folder)
        line = active_runs.describe_others(tmp_path / "here")
        assert "brave-fox" in line and f"--runs-dir {tmp_path / 'there'}" in line
        assert active_runs.describe_others(tmp_path / "there") == ""
    assert registration is not None and registration.is_file()
    assert active_runs.describe_others(tmp_path / "here") == "" and not registration.exists()


def test_every_folder_with_trainings_has_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.STATE_VARIABLE, str(tmp_path / "state"))
    names = ["here", "there", "elsewhere"]
    folders = [write_run(tmp_path / name, steps=2, state="running", pictures=False) for name in names]
    with contextlib.ExitStack() as stack:
        for number, folder in enumerate(folders):
            assert stack.enter_context(KernelLock(folder / layout.LOCK)).acquire()
            path = active_runs.register(folder)
            assert path is not None
            path.rename(path.with_name(f"{number}.json"))  # as another process would name it
        line = active_runs.describe_others(tmp_path / "here")
        assert line.startswith("2 trainings are active in other runs folders")
        assert all(f"'genexplorer runs list --runs-dir {tmp_path / name}'" in line for name in names[1:])
