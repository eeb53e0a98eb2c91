import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genexplorer.workers.container import lifetime_warning

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces of Linux")
ROOT = Path(__file__).resolve().parents[3]
PRINT = "from genexplorer.workers.container import lifetime_warning as f; print(f() or 'none')"


def fake_proc(folder: Path, first: str, parents: dict[int, int], namespace: str = "pid:[4026532179]") -> Path:
    """A process file system in which process 1 has a name and others have parents."""
    (folder / "self" / "ns").mkdir(parents=True)
    if namespace:
        (folder / "self" / "ns" / "pid").symlink_to(namespace)
    for pid, parent in {1: 0, **parents}.items():
        (folder / str(pid)).mkdir()
        (folder / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 1 1 0")
    (folder / "1" / "comm").write_text(f"{first}\n")
    return folder


@pytest.mark.parametrize("first", ["bash", "python3", "tini", "sh"])
def test_a_training_that_ends_with_its_container_is_foretold(tmp_path: Path, first: str) -> None:
    proc = fake_proc(tmp_path / "proc", first, {7: 1, 9: 7})
    warning = lifetime_warning(proc, (), 9)
    assert f"process 1 of this container is {first}" in warning and "--foreground" in warning and "\n" not in warning
    assert "this command is process 1" in lifetime_warning(proc, (), 1)


@pytest.mark.parametrize("first", ["systemd", "init", "s6-svscan"])
def test_a_container_that_lasts_like_a_machine_gives_no_alarm(tmp_path: Path, first: str) -> None:
    assert not lifetime_warning(fake_proc(tmp_path, first, {9: 1}), (), 9)


def test_there_is_no_alarm_on_a_machine_or_beside_process_1(tmp_path: Path) -> None:
    machine = fake_proc(tmp_path / "machine", "own-init", {9: 1}, "pid:[4026531836]")
    assert not lifetime_warning(machine, (tmp_path,), 9)
    executed = fake_proc(tmp_path / "executed", "sleep", {9: 0})  # as by docker exec
    assert not lifetime_warning(executed, (tmp_path,), 9)
    assert not lifetime_warning(tmp_path / "missing", (tmp_path,), 9)


def test_a_kernel_that_does_not_tell_is_a_container_with_a_marker(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path / "proc", "bash", {9: 1}, "")
    assert not lifetime_warning(proc, (tmp_path / "none",), 9)
    assert lifetime_warning(proc, (tmp_path,), 9)


@pytest.mark.parametrize("shell", [False, True])
def test_in_a_real_namespace(shell: bool) -> None:
    unshare = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs user namespaces")
    command = [sys.executable, "-c", PRINT]
    command = ["sh", "-c", '"$@"; exit $?', "sh", *command] if shell else command
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = subprocess.run([*unshare, *command], env=environment, capture_output=True, text=True, check=True).stdout
    assert ("process 1 of this container is sh" if shell else "this command is process 1") in output
