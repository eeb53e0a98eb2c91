"""A worker notices that its run folder is gone."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from genexplorer.runs import layout
from genexplorer.runs.status.heartbeat import Heartbeat
from genexplorer.workers import folder_watch
from genexplorer.workers.folder_watch import FolderWatch


def rename(folder: Path) -> None:
    folder.rename(folder.with_name("other"))


def replace(folder: Path) -> None:
    rename(folder)
    shutil.copytree(folder.with_name("other"), folder)


def remove_file(folder: Path) -> None:
    (folder / layout.LIVE).unlink()


@pytest.mark.parametrize("change", [shutil.rmtree, rename, replace, remove_file])
def test_a_folder_that_is_gone_is_noticed_and_the_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(folder_watch, "POLL_S", 0.005)
    monkeypatch.setattr(folder_watch, "EXIT_TIMEOUT_S", 0.005)
    folder = tmp_path / "run"
    folder.mkdir()
    heartbeat = Heartbeat(folder / layout.LIVE)
    missing, exited = threading.Event(), threading.Event()
    watch = FolderWatch(folder, heartbeat.fd, missing.set, exited.set)
    heartbeat.write()
    assert not missing.wait(0.05)
    change(folder)
    assert missing.wait(10) and exited.wait(10)
    watch.close()
    heartbeat.close()


def test_a_closed_watch_does_nothing(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / layout.LIVE)
    calls: list[int] = []
    watch = FolderWatch(tmp_path, heartbeat.fd, lambda: calls.append(1), lambda: calls.append(2))
    watch.close()
    heartbeat.close()
    assert not calls
